"""Holds a worker in mid-download for as long as a test needs: the simulated Socrata stops sending."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal


class Held:
    """A download that stops in the middle of a page, until ``let_go``."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._free = threading.Event()

    def wait_reached(self, timeout_s: float = 90) -> None:
        """Returns once a worker is in mid-page. Fails if none comes."""
        assert self._reached.wait(timeout_s), "no worker came to the page that is held"

    def let_go(self) -> None:
        """The page goes on."""
        self._free.set()

    def stop_here(self) -> None:
        """What the portal does at that point."""
        self._reached.set()
        self._free.wait(timeout=300)


@contextmanager
def held_download(portal: Portal, *, after_pages: int) -> Iterator[Held]:
    """The page after so many is sent up to its middle; let go at the latest when the block ends."""
    held = Held()
    portal.faults.add(Fault.doing_midway(held.stop_here), on="rows", after=after_pages)
    try:
        yield held
    finally:
        held.let_go()
