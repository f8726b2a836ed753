"""A client behind the wiretap meets the real API server, and the faults that a test asks for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.controlplane import CommandFailed, ControlPlane
from tests.cluster.processes import wait_until
from tests.cluster.wiretap import Call, Wiretap


@pytest.fixture
def wiretap(control_plane: ControlPlane) -> Iterator[Wiretap]:
    with Wiretap(control_plane) as tap:
        yield tap


@pytest.fixture
def client(control_plane: ControlPlane, wiretap: Wiretap, namespace: str) -> Iterator[Api]:
    """A client that may do anything in its namespace, behind the wiretap."""
    grant_namespace_admin(control_plane, namespace)
    token = control_plane.token_for("default", namespace=namespace)
    api = Api(wiretap.url, ca=control_plane.ca, token=token)
    yield api
    api.close()


def grant_namespace_admin(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl(
        "create",
        "rolebinding",
        "all",
        "--clusterrole=admin",
        f"--serviceaccount={namespace}:default",
        f"--namespace={namespace}",
    )


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}


def test_calls_reach_the_real_server_and_are_noted(
    client: Api, wiretap: Wiretap, namespace: str
) -> None:
    client.create(config_map("one"), namespace=namespace)

    assert client.get("ConfigMap", "one", namespace=namespace)["data"] == {"a": "1"}
    assert [call.method for call in wiretap.calls] == ["POST", "GET"]
    assert [call.writes for call in wiretap.calls] == [True, False]


def test_a_call_refused_before_has_no_effect_and_one_refused_after_has(
    api: Api, client: Api, wiretap: Wiretap, namespace: str
) -> None:
    def refuse(_: Call) -> None:
        raise ConnectionError("the network broke here")

    wiretap.before = refuse
    with pytest.raises(Exception, match="the network broke here"):
        client.create(config_map("never"), namespace=namespace)
    wiretap.before = lambda _: None
    wiretap.after = refuse
    with pytest.raises(Exception, match="the network broke here"):
        client.create(config_map("unheard"), namespace=namespace)

    assert api.find("ConfigMap", "never", namespace=namespace) is None
    assert api.find("ConfigMap", "unheard", namespace=namespace) is not None


def test_a_cut_breaks_a_watch_and_the_client_may_come_back(
    control_plane: ControlPlane, wiretap: Wiretap, namespace: str
) -> None:
    grant_namespace_admin(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for("default", namespace=namespace, url=wiretap.url)
    command: list[str | Path] = [
        programs.find("api")["kubectl"],
        "--kubeconfig",
        kubeconfig,
        "get",
        "cm",
        "-w",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as watching:
        wait_until(lambda: wiretap.watches, timeout_s=20, what="a watch")
        assert wiretap.cut() >= 1
        watching.wait(timeout=20)

    assert "kube-root-ca.crt" in control_plane.kubectl("get", "cm", kubeconfig=kubeconfig)


def test_a_server_that_is_away_is_a_503_not_a_made_up_answer(
    own_control_plane: ControlPlane,
) -> None:
    with Wiretap(own_control_plane) as tap:
        kubeconfig = own_control_plane.kubeconfig_for("default", namespace="default", url=tap.url)
        own_control_plane.stop_api_server()
        with pytest.raises(CommandFailed):
            own_control_plane.kubectl("get", "cm", kubeconfig=kubeconfig)
        own_control_plane.start_api_server()
        assert "v1.3" in own_control_plane.kubectl("version", kubeconfig=kubeconfig)
