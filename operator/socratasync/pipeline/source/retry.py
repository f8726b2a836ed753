"""How often and how long to wait before asking a troubled source again. Pure arithmetic.

Waits double, and a random share of up to a half is taken off each, because many pods behind one
address share Socrata's anonymous quota: waits that agree would collide again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BELIEVED = 86_400.0
"""Seconds: a server that asks for more than a day has its clock or its units wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """``attempts`` tries in all; waits in seconds grow from ``first_wait`` to ``longest_wait``."""

    attempts: int = 7
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0

    def within(self, attempts: int) -> RetryPolicy:
        """The same with at most so many tries, for who would rather know than wait."""
        return replace(self, attempts=min(self.attempts, attempts))

    def wait_before(
        self,
        attempt: int,
        retry_after: float | None = None,
        chance: Callable[[], float] = random.random,
    ) -> float | None:
        """Seconds to wait after failed try number ``attempt`` (from 1); None: give up.

        A ``Retry-After`` is honoured to the second where it is longer than our own wait, unless it is longer
        than a run should wait. One that is shorter is no reason to ask in a hurry.
        """
        if attempt >= self.attempts:
            return None
        doublings = min(attempt - 1, 32)  # beyond any wait; a float holds no 2 ** 1024
        step: float = min(self.longest_wait, self.first_wait * 2**doublings)
        own = step * (0.5 + chance() / 2)
        if retry_after is None or retry_after <= own:
            return own
        return retry_after if retry_after <= self.longest_retry_after else None


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a ``Retry-After`` header, given as seconds or as an HTTP date; None if unreadable, or
    beyond ``BELIEVED``: that is a mistake, and nothing to wait for."""
    seconds = _seconds(value.strip(), now) if value else None
    return seconds if seconds is None or seconds <= BELIEVED else None


def _seconds(value: str, now: datetime) -> float | None:
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, OverflowError):
        return None
