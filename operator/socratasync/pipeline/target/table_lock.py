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


class TableLock:
    """Shared between the threads of a run."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._changed = threading.Condition()
        self._beside = 0
        self._alone = False
        self._want_to_be_alone = 0

    @contextmanager
    def beside(self) -> Iterator[None]:
        """While others, too, may be ``beside``, and nobody is ``alone`` or waits to be. Raises
        ``Terminated``."""
        with self._changed:
            while not self._may_be_beside():
                self._wait()
            self._beside += 1
        try:
            yield
        finally:
            self.leave_beside()

    def try_beside(self) -> bool:
        """Be ``beside`` from now on, if that may be at once; ``leave_beside`` ends it."""
        with self._changed:
            granted = self._may_be_beside()
            self._beside += granted
            return granted

    def leave_beside(self) -> None:
        """End what ``try_beside`` granted."""
        with self._changed:
            self._beside -= 1
            self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else has a turn. Raises ``Terminated``."""
        with self._changed:
            self._want_to_be_alone += 1
            try:
                while self._beside or self._alone:
                    self._wait()
                self._alone = True
            finally:
                self._want_to_be_alone -= 1
        try:
            yield
        finally:
            self._leave_alone()

    @contextmanager
    def try_alone(self) -> Iterator[bool]:
        """``alone``, if that may be at once; says whether it may."""
        with self._changed:
            granted = self._may_be_beside() and not self._beside
            if granted:
                self._alone = True
        try:
            yield granted
        finally:
            if granted:
                self._leave_alone()

    def _leave_alone(self) -> None:
        with self._changed:
            self._alone = False
            self._changed.notify_all()

    def _may_be_beside(self) -> bool:
        return not self._alone and not self._want_to_be_alone

    def _wait(self) -> None:
        self._changed.wait(_LOOK_UP_S)
        if self._stopping.is_set():
            raise Terminated
