"""What tests against a real Kubernetes API share: the control plane, a namespace each, a kubelet.

A test that restarts or breaks the control plane asks for ``own_control_plane``; it is not shared.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.api import Api, Refused
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.sharing import shared_control_plane

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "socratasyncs.yaml"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """The run's control plane, with the custom resource installed from crds/."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{uuid.uuid4().hex}"
    with shared_control_plane(run[:12]) as plane:
        install_crd(plane)
        yield plane


@pytest.fixture(scope="module")
def own_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that a test module may restart and break, with the custom resource."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("cluster") / "plane")
    try:
        install_crd(plane)
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def api(control_plane: ControlPlane) -> Api:
    """The shared control plane's API, as an administrator."""
    return control_plane.api


@pytest.fixture
def new_namespace(control_plane: ControlPlane) -> Iterator[Callable[[], str]]:
    """Makes namespaces that admit restricted pods only, as a careful cluster does; all go after."""
    made: list[str] = []

    def make() -> str:
        made.append(make_namespace(control_plane))
        return made[-1]

    yield make
    for name in made:
        control_plane.api.delete("Namespace", name)


@pytest.fixture
def namespace(new_namespace: Callable[[], str]) -> str:
    """A fresh namespace for one test."""
    return new_namespace()


@pytest.fixture
def kubelet(control_plane: ControlPlane) -> Iterator[Kubelet]:
    """A node that the test plays: it runs no containers, it says what became of them."""
    with Kubelet(control_plane) as played:
        yield played


def make_namespace(plane: ControlPlane, *, level: str = "restricted") -> str:
    """A namespace under that Pod Security level, once its ServiceAccount is there."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    labels = {"pod-security.kubernetes.io/enforce": level}
    plane.api.create({"kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    plane.api.wait_for("ServiceAccount", "default", lambda _: True, namespace=name)
    return name


def install_crd(plane: ControlPlane) -> None:
    """Installs or updates the custom resource, and returns once the API server serves it."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    # Not `kubectl wait`: it gives up on a definition so new that it has no conditions yet.
    wait_until(lambda: _is_served(plane), timeout_s=30, what="socratasyncs to be served")


def _is_served(plane: ControlPlane) -> bool:
    try:
        plane.api.list("SocrataSync")
    except Refused as exc:
        if exc.code in (404, 429, 503):  # unknown, its storage being set up, no handler yet
            return False
        raise
    return True
