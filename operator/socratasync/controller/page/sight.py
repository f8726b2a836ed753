"""Of when it is what the page says, and whether this operator has anything to say. Pure.

The operator's memory is as of the Kubernetes API's last answer. One that stands by, or has just begun, remembers
nothing: a page of it would look like a cluster without syncs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from socratasync.controller.health import Health

STANDS_BY: Final = (
    "This operator stands by while another one works, and knows nothing of the syncs. "
    "Ask again: the next answer may come from the other one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """``now``: when the page is made. ``seen``: when the Kubernetes API last answered. ``out_of_date``: why it is
    not known how things stand now; empty while it is."""

    now: datetime
    seen: datetime | None = None
    out_of_date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSight:
    """Why this operator knows of no sync, as a sentence."""

    sentence: str
    stands_by: bool = False


def look(health: Health, now: datetime) -> Sight | NoSight:
    """What the operator can say now."""
    trouble = health.why_not_ready()
    if health.watching:
        return Sight(now=now, seen=health.answered, out_of_date=trouble or "")
    if health.stood_by is not None:
        return NoSight(sentence=STANDS_BY, stands_by=True)
    return NoSight(sentence=f"The operator has not read the syncs yet ({trouble}). Ask again soon.")
