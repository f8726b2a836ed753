"""A cluster that speaks IPv6 alone: the operator, its probes and metrics, and the plugin."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.aio import client
from kubernetes.aio.config import incluster_config
from tests.cluster.conftest import install_crd, make_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.running import ACCOUNT, ROOT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.skipped import needs_ipv6

from socratasync.controller.cluster.client import Cluster

pytestmark = needs_ipv6

PLUGIN = "from socratasync.cli.kubectl.main import main; main()"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane whose API server listens at an address of IPv6 and at no other."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("ipv6") / "plane", address="::1")
    try:
        install_crd(plane)
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def home(plane: ControlPlane) -> str:
    name = make_namespace(plane)
    allow_in_namespace(plane, name)
    return name


def test_a_run_is_carried_out_and_told_of(plane: ControlPlane, home: str, tmp_path: Path) -> None:
    kubeconfig = plane.kubeconfig_for(ACCOUNT, namespace=home)
    with (
        Kubelet(plane) as kubelet,
        RunningOperator(kubeconfig, tmp_path / "operator.log", [home]) as operator,
    ):
        sync = Sync(plane.api, kubelet, home)
        sync.apply()
        status = sync.succeed(sync.started())
        ready = fetched(f"http://[::1]:{operator.health_port}/readyz")
        metrics = fetched(f"http://[::1]:{operator.metrics_port}/metrics")
    told = subprocess.run(
        [sys.executable, "-c", PLUGIN, "status", "-n", home],
        env={
            "KUBECONFIG": str(plane.kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert status["phase"] == "Synced"
    assert ready == "ok\n"
    assert "socratasync_operator_build_info{" in metrics
    assert "la-311" in told.stdout, told.stderr


def test_a_pod_finds_the_api_server_by_its_bare_address(
    plane: ControlPlane, home: str, tmp_path: Path
) -> None:
    """As ``load_credentials`` does within a pod: KUBERNETES_SERVICE_HOST has no brackets."""
    token = tmp_path / "token"
    token.write_text(plane.token_for(ACCOUNT, namespace=home))
    port = plane.url.rpartition(":")[2]
    environ = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": port}

    async def ask() -> bool:
        credentials = client.Configuration()
        loader = incluster_config.InClusterConfigLoader(str(token), str(plane.ca), environ=environ)  # type: ignore[no-untyped-call]
        loader.load_and_set(credentials)  # type: ignore[no-untyped-call]
        cluster = Cluster(credentials)
        try:
            return await cluster.serves_syncs()
        finally:
            await cluster.close()

    assert asyncio.run(ask())


def fetched(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return str(answer.read().decode())
