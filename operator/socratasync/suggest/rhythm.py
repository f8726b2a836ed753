"""How often a dataset changes, and for how long it may stand still before somebody should look. Pure.

The days are those on which rows of today changed last. A row that changed twice has left its first day, so what is seen
is never livelier than the dataset is: an alarm comes too late rather than without a cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

FEWEST_DAYS = 6
"""Of change, before a rhythm is believed."""

LEAST = timedelta(days=4)
"""A long weekend without a change is no news of anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """``usual``: days between two changes, half the time. ``max_age``: what is proposed as
    ``freshness.sourceMaxAge``; None where the dataset has stood still for longer already, or nothing is known."""

    usual: float | None
    max_age: timedelta | None
    reason: str


def find_rhythm(days: Sequence[date], changed_at: datetime | None, now: datetime) -> Rhythm:
    """The rhythm of days of change (ascending, each once) and of the last change of all."""
    if len(days) < FEWEST_DAYS:
        return Rhythm(usual=None, max_age=None, reason=_unknown(days))
    gaps = sorted((after - before).days for before, after in pairwise(days))
    usual = float(median(gaps))
    age = max(LEAST, timedelta(days=math.ceil(max(3 * usual, 2 * _ninth_tenth(gaps)))))
    newest = changed_at or datetime.combine(days[-1], datetime.min.time(), now.tzinfo)
    told = f"Rows changed on {len(days)} days since {days[0]}, {_every(usual)} at the median."
    if now - newest > age:
        still = f"The last change was on {newest.date()}, so it seems to be finished; {age.days}d would be the limit."
        return Rhythm(usual=usual, max_age=None, reason=f"{told} {still}")
    return Rhythm(usual=usual, max_age=age, reason=told)


def _ninth_tenth(gaps: Sequence[int]) -> int:
    """The gap that nine of ten do not exceed: weekends count, the one long outage of a portal does not."""
    return gaps[math.ceil(len(gaps) * 0.9) - 1]


def _every(usual: float) -> str:
    return "daily" if usual <= 1 else f"every {usual:g} days"


def _unknown(days: Sequence[date]) -> str:
    if len(days) == 1:
        return (
            f"All rows say that they changed on {days[0]}, as where a dataset is replaced as a whole: how often that "
            "happens is not told."
        )
    return "Too little is known of when it changes to propose how long it may stand still."
