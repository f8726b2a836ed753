"""What the page calls things: ages, times, counts, and how a sync stands in a word. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from socratasync.api.status_words import Phase
from socratasync.controller.page.entry import ACTIVE_RUN, Entry, Trouble
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    LAST_SYNC_SUCCEEDED,
    READY,
    SCHEMA_IN_SYNC,
    SOURCE_FRESH,
    STALLED,
)

Tone = Literal["good", "bad", "busy", "still"]

_DAY_S: Final = 86_400
_UNITS: Final = (("d", _DAY_S), ("h", 3_600), ("min", 60), ("s", 1))

_TROUBLES: Final = {
    ACTIVE_RUN: "A run cannot start",
    STALLED: "Nothing happens until somebody acts",
    READY: "Not ready",
    LAST_SYNC_SUCCEEDED: "The last run failed",
    FRESH: "No good run for too long",
    SOURCE_FRESH: "The source stands still",
    DATA_VERIFIED: "Rows differ from the source",
    SCHEMA_IN_SYNC: "The source's columns changed",
}
_RESULT_LOST: Final = "ResultLost"
_IN_A_WORD: Final = {
    FRESH: "Overdue",
    SOURCE_FRESH: "Source stands still",
    DATA_VERIFIED: "Rows differ",
    SCHEMA_IN_SYNC: "Columns changed",
}
_PHASES: Final = {
    Phase.PENDING: "Waiting",
    Phase.SYNCING: "Loading",
    Phase.SYNCED: "In step",
    Phase.FAILED: "Failed",
    Phase.SUSPENDED: "Suspended",
    Phase.INVALID: "Invalid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a sync stands: a word, and the tone in which it is said."""

    word: str
    tone: Tone


def headline(trouble: Trouble) -> str:
    """What a trouble is headed by."""
    if trouble.reason == _RESULT_LOST:
        return "Nobody knows how the last run ended"
    return _TROUBLES.get(trouble.condition, f"{trouble.condition} is False")


def standing(entry: Entry) -> Standing:
    """In a word. A sync whose last run was good may be in trouble all the same, and is not called in step then."""
    word = _PHASES[entry.phase]
    if entry.phase is Phase.SYNCED and entry.troubles:
        word = _IN_A_WORD.get(entry.troubles[0].condition, "Needs attention")
    return Standing(word=word, tone=_tone(entry))


def _tone(entry: Entry) -> Tone:
    if entry.phase is Phase.SYNCING:
        return "busy"
    if entry.needs_attention:
        return "bad"
    return "good" if entry.phase is Phase.SYNCED else "still"


def span(seconds: float) -> str:
    """A duration in its two largest units: ``2 d 3 h``, ``4 min 12 s``, ``0 s``."""
    left = max(0, int(seconds))
    place = next((at for at, (_, size) in enumerate(_UNITS) if left >= size), len(_UNITS) - 1)
    told: list[str] = []
    for unit, size in _UNITS[place : place + 2]:
        count, left = divmod(left, size)
        told += [f"{count} {unit}"] if count or not told else []
    return " ".join(told)


def ago(at: datetime, now: datetime) -> str:
    """How long ago, or in how long, by the coarsest unit that tells: ``3 hours ago``, ``in 2 days``."""
    away = abs(now - at)
    if away < timedelta(minutes=1):
        return "just now" if at <= now else "in a moment"
    text = _coarse(away)
    return f"{text} ago" if at <= now else f"in {text}"


def _coarse(away: timedelta) -> str:
    """Minutes up to two hours, hours up to two days, then days."""
    for unit, size, least in (("day", _DAY_S, 2), ("hour", 3_600, 2), ("minute", 60, 1)):
        count = int(away.total_seconds()) // size
        if count >= least:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "1 minute"


def when(at: datetime) -> str:
    """A moment for people, in UTC: ``2026-11-30 07:00 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def number(count: int | None) -> str:
    """A count with its thousands set apart, or a dash."""
    return "\N{EN DASH}" if count is None else f"{count:,}"


def many(count: int, one: str, more: str) -> str:
    """``1 sync``, ``1,200 syncs``."""
    return f"{count:,} {one if count == 1 else more}"
