"""Two machines and the wire between them, which can be cut: packets are dropped then, and nobody is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.e2e.network import entered
from tests.skipped import NOT_ROOT

SERVER, WORKER = "10.90.0.1", "10.90.0.2"
NOBODYS = "02:00:00:00:00:99"


class Wire:
    """Each machine is a network namespace, so that its addresses are nobody else's."""

    def __init__(self, name: str) -> None:
        self._ends = {SERVER: f"{name}-server", WORKER: f"{name}-worker"}

    def at(self, address: str) -> AbstractContextManager[None]:
        """This thread, and what it starts, are on that machine for that long."""
        return entered(self._ends[address])

    def cut(self) -> None:
        """From now on, packets go to a card that nobody has: as when a machine lost its power."""
        for here, there in ((SERVER, WORKER), (WORKER, SERVER)):
            self._ip(here, f"neigh replace {there} lladdr {NOBODYS} dev wire nud permanent")

    def mend(self) -> None:
        """The machines find each other again."""
        for here, there in ((SERVER, WORKER), (WORKER, SERVER)):
            self._ip(here, f"neigh delete {there} dev wire")

    def _ip(self, address: str, command: str) -> None:
        _run(f"ip -n {self._ends[address]} {command}")

    def _make(self) -> None:
        for end in self._ends.values():
            _run(f"ip netns add {end}")
        server, worker = self._ends.values()
        _run(f"ip -n {server} link add wire type veth peer name wire netns {worker}")
        for address in self._ends:
            self._ip(address, f"address add {address}/24 dev wire")
            self._ip(address, "link set lo up")
            self._ip(address, "link set wire up")

    def _remove(self) -> None:
        for end in self._ends.values():
            subprocess.run(f"ip netns delete {end}".split(), check=False, capture_output=True)


@contextmanager
def wire() -> Iterator[Wire]:
    """Two machines, for as long as the block lasts."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip(NOT_ROOT)
    made = Wire(f"socratasync-{uuid.uuid4().hex[:8]}")
    try:
        made._make()
        yield made
    finally:
        made._remove()


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, text=True)
