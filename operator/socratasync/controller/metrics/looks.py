"""The operator's own work, counted: how long its looks at resources take, which fail, and when one last went well.

Only what went well proves that the operator works. While looks fail, a listing that succeeds proves nothing, for
other rights are needed for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from socratasync import __version__
from socratasync.controller.cluster.errors import (
    Conflict,
    JobRefused,
    NotThere,
    Refused,
    Unreachable,
)
from socratasync.controller.metrics.text import (
    Family,
    Histogram,
    counter,
    gauge,
    histogram,
    written,
)
from socratasync.controller.observed.resource import Key

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)

INTERNAL_ERROR: Final = "InternalError"
_REASONS = {kind: kind.__name__ for kind in (Conflict, JobRefused, NotThere, Refused, Unreachable)}


class Looks:
    """Looks at one resource, and listings of all."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._seconds = Histogram(_SECONDS)
        self._went_well = 0.0
        self._failures = dict.fromkeys((*_REASONS.values(), INTERNAL_ERROR), 0.0)
        self._failing: set[Key] = set()

    @contextmanager
    def at(self, key: Key) -> Iterator[None]:
        """One look at a resource."""
        started = time.monotonic()
        try:
            yield
        except Exception as exc:
            self._failed(exc)
            if not isinstance(
                exc, Conflict | JobRefused
            ):  # the next look, or a person, settles these
                self._failing.add(key)
            raise
        else:
            self._failing.discard(key)
            self._went_well = self._now().timestamp()
        finally:
            self._seconds.observe(time.monotonic() - started)

    @contextmanager
    def at_all(self) -> Iterator[None]:
        """One listing of all resources."""
        try:
            yield
        except Exception as exc:
            self._failed(exc)
            raise
        if not self._failing:
            self._went_well = self._now().timestamp()

    @property
    def failing(self) -> frozenset[Key]:
        """Resources of which the last look failed."""
        return frozenset(self._failing)

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._failing.discard(key)

    def families(self) -> Iterator[Family]:
        """What a scrape tells of them."""
        yield gauge(
            "socratasync_operator_build_info",
            "Always 1; the operator's version is a label.",
            [(written(version=__version__), 1.0)],
        )
        yield gauge(
            "socratasync_operator_last_reconcile_timestamp_seconds",
            "When a look at a resource last went well, or a listing while none fails.",
            [("", self._went_well)],
        )
        yield histogram(
            "socratasync_operator_reconcile_duration_seconds",
            "One look at one resource.",
            [("", self._seconds)],
        )
        yield counter(
            "socratasync_operator_reconcile_failures_total",
            "Looks at one resource, or listings of all, that failed.",
            [(written(reason=reason), count) for reason, count in self._failures.items()],
        )

    def _failed(self, exc: Exception) -> None:
        kinds = (_REASONS[kind] for kind in type(exc).__mro__ if kind in _REASONS)
        self._failures[next(kinds, INTERNAL_ERROR)] += 1
