"""How long each part of a request may take, and what ends it where a socket's own time-out does not.

A socket's time-out counts from byte to byte, so it never comes for a server that sends one byte a minute.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType

from socratasync.api.source import TimeoutsSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. The first four are ``spec.source.timeouts``; ``answer`` is for the body of a small answer,
    ``refusal`` for that of an answer which is not data, whose status says enough, ``question`` for the headers of an
    answer that one can do without."""

    connect: float = 10.0
    first_byte: float = 660.0
    silence: float = 120.0
    page: float = 1800.0
    answer: float = 300.0
    refusal: float = 10.0
    question: float = 60.0

    @classmethod
    def of(cls, spec: TimeoutsSpec) -> Timeouts:
        """As a manifest says."""
        return cls(
            connect=spec.connect.total_seconds(),
            first_byte=spec.first_byte.total_seconds(),
            silence=spec.silence.total_seconds(),
            page=spec.page.total_seconds(),
        )

    def for_a_question(self) -> Timeouts:
        """The same where nobody waits longer than ``question`` for an answer to begin."""
        return replace(self, first_byte=min(self.first_byte, self.question))


class Deadline:
    """Calls ``cut`` in a thread of its own if the block goes on for more than so many seconds. ``cut`` is to
    wake up who waits in the block, and may fail: then there was nobody to wake."""

    def __init__(self, seconds: float, cut: Callable[[], object]) -> None:
        self.is_over = False
        self._cut = cut
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.is_over = True
        with contextlib.suppress(Exception):
            self._cut()

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
