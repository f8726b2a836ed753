"""How many requests may be under way at once to one domain, and until when all must wait.

Pods behind one address share Socrata's anonymous quota, so a 429 pauses every download of a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from socratasync.errors import Terminated


class Throttle:
    """Slots for requests, and one pause for all of them. Shared between threads."""

    def __init__(self, requests_at_once: int, stopping: threading.Event) -> None:
        self._slots = threading.BoundedSemaphore(requests_at_once)
        self._stopping = stopping
        self._resume_at = 0.0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the slots, once no pause is in force. Raises ``Terminated``."""
        with self._slots:
            while (left := self._resume_at - time.monotonic()) > 0:
                self.sleep(left)  # another thread may lengthen the pause meanwhile
            yield

    def pause(self, seconds: float) -> None:
        """Nobody starts a request for so long."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is being stopped. Raises ``Terminated``."""
        if self._stopping.wait(max(0.0, seconds)):
            raise Terminated
