"""A namespace for each row of a table of causes, and one operator for all of them: their minutes pass side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.conftest import make_namespace
from tests.cluster.controlplane import ControlPlane
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace


@contextmanager
def rooms_for(control_plane: ControlPlane, names: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """The namespaces, by name of the row; gone when the block ends."""
    made = {name: make_namespace(control_plane) for name in names}
    yield made
    for namespace in made.values():
        control_plane.api.delete("Namespace", namespace)


@contextmanager
def operator_of_rooms(
    control_plane: ControlPlane, rooms: Mapping[str, str], folder: Path
) -> Iterator[RunningOperator]:
    """An operator that may work in these namespaces, and has places for all their runs at once."""
    home, *_ = rooms.values()
    for room in rooms.values():
        allow_in_namespace(control_plane, room, account_in=home)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=home)
    many = ["--max-active-runs=100", "--max-active-runs-per-domain=100"]
    with RunningOperator(kubeconfig, folder / "operator.log", [*rooms.values()], many) as running:
        yield running
