"""The operator may do what it does and nothing else: what the API server grants is what the wiretap hears."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.rights import NEEDED, Right, granted, used
from tests.cluster.running import ACCOUNT, RunningOperator, allow_everywhere, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.cluster.whole_life import live
from tests.cluster.wiretap import Call, Wiretap


def test_in_one_namespace_what_is_granted_is_what_is_used_and_no_more(
    control_plane: ControlPlane, namespace: str, api: Api, kubelet: Kubelet, tmp_path: Path
) -> None:
    allow_in_namespace(control_plane, namespace)
    with Wiretap(control_plane) as tap:
        kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace, url=tap.url)
        with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]):
            live(Sync(api, kubelet, namespace), tap)

    assert granted(control_plane, ACCOUNT, home=namespace, where=namespace) == used(tap.calls)
    assert granted(control_plane, ACCOUNT, home=namespace, where="default") == set()
    assert used(tap.calls) == NEEDED


def test_cluster_wide_the_same_is_granted_in_every_namespace(
    control_plane: ControlPlane, namespace: str
) -> None:
    role = allow_everywhere(control_plane, namespace)
    try:
        for where in (namespace, "default", "kube-system"):
            assert granted(control_plane, ACCOUNT, home=namespace, where=where) == NEEDED
    finally:
        control_plane.kubectl("delete", f"clusterrolebinding/{role}", f"clusterrole/{role}")


@pytest.mark.parametrize(
    ("method", "path", "query", "right"),
    [
        ("GET", "/api/v1/pods", "limit=5", Right("list", "", "pods")),
        ("GET", "/api/v1/namespaces/a/pods", "watch=true", Right("watch", "", "pods")),
        ("GET", "/api/v1/namespaces/a/pods/b/log", "", Right("get", "", "pods/log")),
        ("GET", "/apis/batch/v1/namespaces/a/jobs/b", "", Right("get", "batch", "jobs")),
        (
            "DELETE",
            "/apis/batch/v1/namespaces/a/jobs",
            "",
            Right("deletecollection", "batch", "jobs"),
        ),
        ("GET", "/api/v1/namespaces/a", "", Right("get", "", "namespaces")),
        ("GET", "/api/v1/namespaces", "", Right("list", "", "namespaces")),
        ("GET", "/apis/batch/v1", "", None),
        ("GET", "/version", "", None),
    ],
)
def test_a_call_needs_its_right(method: str, path: str, query: str, right: Right | None) -> None:
    assert used([Call(method=method, path=path, query=query)]) == ({right} if right else set())
