"""Instants and durations as text: the one reader and the one writer of each. Pure.

An instant is written as RFC 3339 in UTC, such as ``2026-11-23T07:00:00Z``: whole seconds in a status, as
Kubernetes writes them, milliseconds in a report, as Socrata does.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Literal, overload

Precision = Literal["auto", "seconds", "milliseconds", "microseconds"]
"""``auto`` writes what there is: no fraction, or six digits of it."""


def read_instant(text: str) -> datetime:
    """An RFC 3339 text → an aware datetime in UTC. Raises ``ValueError``, for a bare local time, too."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return at.astimezone(UTC)


def is_within_reach(at: datetime) -> bool:
    """Whether the moment is one in every zone, and a few days around it are, too: years 2 to 9998."""
    return MINYEAR < at.year < MAXYEAR


def instant_or_none(text: object) -> datetime | None:
    """The instant in UTC; None for whatever is not one."""
    try:
        return read_instant(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


@overload
def write_instant(at: datetime, precision: Precision = ...) -> str: ...
@overload
def write_instant(at: None, precision: Precision = ...) -> None: ...
@overload
def write_instant(at: datetime | None, precision: Precision = ...) -> str | None: ...
def write_instant(at: datetime | None, precision: Precision = "auto") -> str | None:
    """An aware datetime → RFC 3339 in UTC, digits beyond the precision cut off; None for None."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def read_duration(text: str) -> timedelta:
    """``1d12h``, ``90m``, ``36h`` → a timedelta."""
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return timedelta(**{units[unit]: int(number) for number, unit in parts})


def write_duration(duration: timedelta) -> str:
    """The shortest way to write a duration of whole seconds, largest unit first: ``36h`` is ``1d12h``."""
    left = int(duration.total_seconds())
    written = ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        written += f"{count}{unit}" if count else ""
    return written or "0s"
