"""SIGTERM and SIGINT end a run cleanly, within seconds, whatever it is doing.

The first signal raises ``Terminated`` in the main thread, which rolls back and releases the lock.
Some calls cannot be interrupted (a slow source, a server that is gone). After ``GRACE_S`` the process
ends all the same; PostgreSQL sees its connections close, and rolls back by itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from socratasync.errors import Terminated

GRACE_S = 4.0
"""Seconds. A pod has 30 by default, but whoever stops a run should not wait for that long."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Whether a signal came, and which. ``stopping`` is set at the first one."""

    def __init__(self, last_words: Callable[[int], None]) -> None:
        self.stopping = threading.Event()
        self.exit_code: int | None = None
        """128 + the signal's number; None if none came yet."""
        self._last_words = last_words
        self._raising = True

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle a signal. A second Ctrl-C ends the process at once; other repeats are ignored."""
        if self.exit_code is not None:
            if number == signal.SIGINT:
                leave(self.exit_code)
            return
        self.exit_code = 128 + number
        self.stopping.set()
        threading.Thread(target=self._end_late, name="last-words", daemon=True).start()
        if self._raising:
            raise Terminated

    def too_late(self) -> None:
        """Say that the work is done: a signal no longer raises, but ends the process after ``GRACE_S``."""
        self._raising = False

    def _end_late(self) -> None:
        threading.Event().wait(GRACE_S)  # a process that ends sooner ends this thread, too
        assert self.exit_code is not None
        with contextlib.suppress(Exception):
            self._last_words(self.exit_code)
        leave(self.exit_code)


@contextlib.contextmanager
def interruptible(last_words: Callable[[int], None] = lambda _: None) -> Iterator[Interruption]:
    """Handle both signals while the block runs, in the main thread.

    ``last_words`` is called with the exit code, in another thread, when the block does not end
    within ``GRACE_S`` of the signal.
    """
    interruption = Interruption(last_words)
    before = {number: signal.signal(number, interruption.receive) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(code: int) -> None:
    """End the process now, without waiting for its threads, which may wait for a slow source."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
