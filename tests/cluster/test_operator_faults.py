"""The operator of a whole cluster, when the API server goes away, watches break and the kind is late."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import programs
from tests.cluster.api import Api, condition_of
from tests.cluster.conftest import install_crd, make_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.rights import granted, used
from tests.cluster.running import ACCOUNT, RunningOperator, allow_everywhere
from tests.cluster.syncs import Sync, report
from tests.cluster.whole_life import live
from tests.cluster.wiretap import Wiretap

from socratasync.api.crd import CRD_NAME
from socratasync.controller.watch import KIND_GONE


@pytest.fixture(scope="module")
def home(own_control_plane: ControlPlane) -> str:
    """Where the operator's ServiceAccount lives, with the shipped ClusterRole."""
    name = make_namespace(own_control_plane)
    allow_everywhere(own_control_plane, name)
    return name


@pytest.fixture
def node(own_control_plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(own_control_plane) as played:
        yield played


@pytest.fixture
def sync(own_control_plane: ControlPlane, node: Kubelet) -> Iterator[Sync]:
    where = make_namespace(own_control_plane)
    yield Sync(own_control_plane.api, node, where)
    # Before the namespace: it would hold pods back that no node confirms to have stopped. By force, for after
    # a restart of the API server its own garbage collector takes half a minute.
    gone = ["socratasyncs,jobs,pods", "--all", "--force", "--grace-period=0"]
    own_control_plane.kubectl("delete", *gone, f"--namespace={where}")
    api = own_control_plane.api
    wait_until(lambda: not api.list("Job", namespace=where), timeout_s=90, what="Jobs to go")
    api.delete("Namespace", where)


def operator_of(
    plane: ControlPlane, home: str, tmp_path: Path, *flags: str, url: str = ""
) -> RunningOperator:
    kubeconfig = plane.kubeconfig_for(ACCOUNT, namespace=home, url=url)
    return RunningOperator(kubeconfig, tmp_path / "operator.log", flags=flags)


def test_an_api_server_that_restarts_during_a_run_costs_nothing(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with operator_of(own_control_plane, home, tmp_path) as operator:
        sync.apply()
        job = sync.started()
        own_control_plane.stop_api_server()
        assert operator.probe("healthz") == 200
        own_control_plane.start_api_server()
        status = sync.succeed(job)

        assert status["lastRun"]["result"] == "Succeeded"
        sync.edit(datasets=[{"id": "pvft-t768"}])
        sync.started(2)
        assert operator.is_running, operator.words()


def test_a_cut_watch_is_taken_up_again(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with (
        Wiretap(own_control_plane) as tap,
        operator_of(own_control_plane, home, tmp_path, url=tap.url) as operator,
    ):
        wait_until(lambda: len(tap.watches) >= 2, timeout_s=30, what="watches")
        tap.cut()
        sync.apply()
        job = sync.started()
        wait_until(lambda: len(tap.watches) >= 4, timeout_s=30, what="watches again")
        tap.cut()
        status = sync.succeed(job)

        assert status["phase"] == "Synced"
        assert operator.probe("readyz") == 200


def test_cluster_wide_what_is_granted_is_what_is_used_and_no_more(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with (
        Wiretap(own_control_plane) as tap,
        operator_of(own_control_plane, home, tmp_path, url=tap.url),
    ):
        live(sync, tap)

    assert granted(own_control_plane, ACCOUNT, home=home, where=sync.namespace) == used(tap.calls)


def test_it_waits_for_the_custom_resource_and_warns_of_it(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    crd = "customresourcedefinition/socratasyncs.socratasync.dev"
    own_control_plane.kubectl("delete", crd)
    operator = operator_of(own_control_plane, home, tmp_path)
    operator.start()
    try:
        wait_until(lambda: " WARNING " in operator.words(), timeout_s=60, what="a warning")
        assert operator.probe("readyz") == 503
        assert operator.probe("healthz") == 200
        install_crd(own_control_plane)
        operator.wait_ready()
        sync.apply()
        sync.started()
    finally:
        install_crd(own_control_plane)
        assert operator.stop() == 0


def test_it_ends_on_sigterm_while_a_run_goes_on_and_the_next_one_takes_it_up(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with operator_of(own_control_plane, home, tmp_path) as first:
        sync.apply()
        job = sync.started()
        assert first.stop() == 0, first.words()
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.kubelet.succeeded(pod, namespace=sync.namespace, message=report(job))

    with operator_of(own_control_plane, home, tmp_path) as second:
        status = sync.ended(job)
        assert status["lastRun"]["result"] == "Succeeded"
        where = f'name="{sync.name}",namespace="{sync.namespace}"'
        assert f"socratasync_last_run_succeeded{{{where}}} 1.0" in second.metrics()


def test_gauges_are_back_after_a_restart(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with operator_of(own_control_plane, home, tmp_path):
        sync.apply()
        sync.succeed(sync.started())
    with operator_of(own_control_plane, home, tmp_path) as again:
        wait_until(lambda: sync.namespace in again.metrics(), timeout_s=20, what="series")
        scrape = again.metrics()

    where = f'dataset="rq3b-xjk8",name="{sync.name}",namespace="{sync.namespace}"'
    assert f"socratasync_dataset_target_rows{{{where}}} 100.0" in scrape
    assert 'type="Ready"' in scrape


def test_runs_of_one_domain_wait_for_each_other_in_order_and_say_so(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    flags = ("--max-active-runs-per-domain=1",)
    others = [Sync(sync.api, sync.kubelet, sync.namespace, name=f"la-{n}") for n in range(2)]
    elsewhere = Sync(sync.api, sync.kubelet, sync.namespace, name="nyc")
    with operator_of(own_control_plane, home, tmp_path, *flags):
        sync.apply()
        job = sync.started()
        others[0].apply()
        waiting = others[0].until(lambda s: s.get("phase") == "Pending" and s.get("conditions"))
        told = condition_of({"status": waiting}, "Synchronizing")
        assert (told["status"], told["reason"]) == ("False", "WaitingForCapacity")
        assert "data.lacity.org" in told["message"]
        others[1].apply()
        others[1].until(lambda s: s.get("conditions"))
        elsewhere.apply(domain="data.cityofnewyork.us")
        elsewhere.started()

        sync.succeed(job)
        next_job = others[0].started()
        assert others[1].jobs() == []
        others[0].succeed(next_job)
        others[1].started()


def test_the_limits_outlive_a_restart_and_a_run_that_cannot_start_holds_no_place(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    second, third = (
        Sync(sync.api, sync.kubelet, sync.namespace, name=name) for name in ("second", "third")
    )
    with operator_of(own_control_plane, home, tmp_path, "--max-active-runs=1"):
        sync.apply()
        job = sync.started()
        second.apply()
        pod = sync.kubelet.next_pod(job, namespace=sync.namespace)
        sync.kubelet.bind(pod, namespace=sync.namespace)
        why = {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}
        sync.kubelet.held_up(pod, namespace=sync.namespace, **why)
        following = second.started()
    third.apply()
    with operator_of(own_control_plane, home, tmp_path, "--max-active-runs=1"):
        waiting = third.until(lambda s: condition_of({"status": s}, "Synchronizing"))
        told = condition_of({"status": waiting}, "Synchronizing")
        assert f"{sync.namespace}/second" in told["message"]
        assert third.jobs() == []
        second.succeed(following)
        third.started()


def follow(advice: str, plane: ControlPlane, home: Path) -> None:
    """Types what the operator says, where kubectl and our programs are on the PATH."""
    places = [Path(sys.executable).parent, programs.find("api")["kubectl"].parent]
    path = os.pathsep.join([*map(str, places), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(home), "KUBECONFIG": str(plane.kubeconfig)}
    subprocess.run(["bash", "-o", "pipefail", "-c", advice], env=environment, check=True)


def test_a_kind_that_is_deleted_is_told_of_and_waited_for(
    own_control_plane: ControlPlane, home: str, sync: Sync, tmp_path: Path
) -> None:
    with operator_of(own_control_plane, home, tmp_path, "--log-format=json") as operator:
        own_control_plane.kubectl("delete", "crd", CRD_NAME)
        assert operator.wait_ended() == 1, "Kubernetes starts it again"
        lines = [json.loads(line) for line in operator.log.read_text().splitlines()]
        assert [line["msg"] for line in lines if line["level"] == "error"] == [KIND_GONE]
        assert not any("trace" in line for line in lines)

        operator.start()
        word = re.compile(r'is not installed; whoever may install it runs: ([^"]+)"')
        advice = wait_until(lambda: word.search(operator.words()), timeout_s=30, what="a word")
        assert operator.probe("readyz") == 503
        assert operator.probe("healthz") == 200
        follow(advice[1], own_control_plane, tmp_path)
        operator.wait_ready()
        sync.apply()
        sync.started()


def test_it_may_do_nothing_that_it_does_not_need(
    own_control_plane: ControlPlane, home: str
) -> None:
    api: Api = own_control_plane.api_as(ACCOUNT, namespace=home)
    denied = [
        ("", "secrets", "get"),
        ("", "configmaps", "get"),
        ("", "pods", "create"),
        ("", "pods", "delete"),
        ("", "namespaces", "list"),
        ("batch", "jobs", "patch"),
        ("socratasync.dev", "socratasyncs", "patch"),
        ("socratasync.dev", "socratasyncs", "delete"),
        ("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    ]
    try:
        for group, resource, verb in denied:
            review = {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "spec": {
                    "resourceAttributes": {"group": group, "resource": resource, "verb": verb}
                },
            }
            path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            assert api.call("POST", path, review)["status"]["allowed"] is False, (resource, verb)
    finally:
        api.close()
