"""Whose turn it is to write the target: several at once that only add rows, or one that does more.

Datasets with keys in common would otherwise wait for each other's rows, in different orders, until
PostgreSQL finds the deadlock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from socratasync.errors import Terminated

_LOOK_UP_S = 0.2


class Turns:
    """Shared between the threads of a run."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._changed = threading.Condition()
        self._beside = 0
        self._alone = False

    @contextmanager
    def beside(self) -> Iterator[None]:
        """While others, too, may be ``beside``, and nobody is ``alone``. Raises ``Terminated``."""
        with self._changed:
            while self._alone:
                self._wait()
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else has a turn. Raises ``Terminated``."""
        with self._changed:
            while self._alone or self._beside:
                self._wait()
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    def _wait(self) -> None:
        self._changed.wait(_LOOK_UP_S)
        if self._stopping.is_set():
            raise Terminated
