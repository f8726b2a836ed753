"""Schedules, zones, instants and durations, as a manifest writes them.

The API server checks their form, and with CEL's time functions that zones and dates exist. Python
checks them again by what will use them: cronsim for schedules, the tz database for zones.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import Field, StrictStr

from socratasync.api.rules import Rule, Written
from socratasync.times import read_duration, read_instant, write_duration, write_instant

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Names for common schedules → the five fields that they stand for."""


def _cron_field(number: str) -> str:
    item = rf"([*]|({number})(-({number}))?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


_CRON = "[ ]+".join(
    _cron_field(number)
    for number in (
        "[0-5]?[0-9]",
        "[01]?[0-9]|2[0-3]",
        "0?[1-9]|[12][0-9]|3[01]|L",
        "0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC",
        "[0-7](#[1-5])?|SUN|MON|TUE|WED|THU|FRI|SAT",
    )
)
CRON_SHAPE = rf"^(?i:{'|'.join(MACROS)}|{_CRON})$"
"""Read alike by RE2 (the API server) and by Python."""

ZONE_SHAPE = "^(UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)+)$"
INSTANT_SHAPE = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
DURATION_SHAPE = "^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?$"


def matches(shape: str, text: str) -> bool:
    """Whether the text matches, as CEL would say: for Python, ``$`` also matches before a last newline."""
    found = re.search(shape, text)
    return found is not None and not text.endswith("\n")


def cron_fields(schedule: str) -> str:
    """The five fields of a schedule: macros spelled out."""
    return MACROS.get(schedule.lower(), schedule)


@lru_cache(maxsize=4096)  # read again with every event of every resource
def cron_occurs(schedule: str) -> bool:
    """Whether cronsim can read the schedule, and it ever occurs (30 February does not)."""
    try:
        next(CronSim(cron_fields(schedule), datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return False
    return True


def zone_exists(name: str) -> bool:
    """Whether the tz database knows the zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


def instant_exists(text: str) -> bool:
    """Whether the calendar has such a day."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_EDGES = "^(0000|0001|9999)-"
"""Years in which a moment may be none in another zone: no clock of ours, nor CEL's, can hold it."""


Schedule = Annotated[
    StrictStr,
    Field(min_length=1, max_length=128),
    Rule(
        message="must not set a zone with TZ= or CRON_TZ=; write it in spec.timeZone",
        holds=lambda text: "TZ=" not in text,
        cel="!self.contains('TZ=')",
    ),
    Rule(
        message='must be five cron fields, such as "0 7 * * *" (minute hour day month weekday), '
        "or one of @hourly, @daily, @weekly, @monthly, @yearly",
        holds=lambda text: matches(CRON_SHAPE, text),
        cel=f"self.contains('TZ=') || self.matches('{CRON_SHAPE}')",
    ),
    Rule(
        message="never comes round: there is no such day, or a range runs backwards; correct it",
        holds=cron_occurs,
    ),
]

_ZONE = "must be an IANA time zone, such as America/Los_Angeles or Etc/UTC"
TimeZone = Annotated[
    StrictStr,
    Field(min_length=1, max_length=64),
    Rule(
        message=_ZONE,
        holds=lambda text: matches(ZONE_SHAPE, text) and zone_exists(text),
        # For an unknown zone the expression fails, and the API server refuses then, too.
        cel=f"self.matches('{ZONE_SHAPE}') && "
        "timestamp('2024-01-01T00:00:00Z').getFullYear(self) > 2000",
    ),
]

Instant = Annotated[
    datetime,
    Written(
        read=read_instant,
        write=write_instant,
        kind=datetime,
        max_length=35,
        rules=(
            Rule(
                message="must be a moment with its zone, such as 2024-01-01T00:00:00Z "
                "or 2024-01-01T00:00:00-08:00",
                holds=lambda text: (
                    isinstance(text, str)
                    and matches(INSTANT_SHAPE, text)
                    and (matches(_EDGES, text) or instant_exists(text))
                ),
                cel=f"self.matches('{INSTANT_SHAPE}') && "
                f"(self.matches('{_EDGES}') || timestamp(self).getFullYear() > 0)",
            ),
            Rule(
                message="must lie in the years 2 to 9998; take it out for all that there is",
                holds=lambda text: not matches(_EDGES, text),
                cel=f"!self.matches('{_EDGES}')",
            ),
        ),
    ),
]

Duration = Annotated[
    timedelta,
    Written(
        read=read_duration,
        write=write_duration,
        kind=timedelta,
        max_length=32,
        rules=(
            Rule(
                message="must be a duration above zero, such as 36h, 90m or 1d12h",
                holds=lambda text: (
                    isinstance(text, str)
                    and matches(DURATION_SHAPE, text)
                    and matches("[1-9]", text)
                ),
                cel=f"self.matches('{DURATION_SHAPE}') && self.matches('[1-9]')",
            ),
        ),
    ),
]

TIMEOUT_SHAPE = "^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$"
"""A duration without days: CEL's own durations know none, and can then be compared with a bound."""


def up_to(longest: str) -> Written:
    """A duration from one second to ``longest``, for ``Annotated[timedelta, …]``."""

    def holds(text: Any) -> bool:
        if not (isinstance(text, str) and text and matches(TIMEOUT_SHAPE, text)):
            return False
        return timedelta(seconds=1) <= read_duration(text) <= read_duration(longest)

    rule = Rule(
        message=f"must be a duration from 1s to {longest}, such as 30s, 5m or 1m30s",
        holds=holds,
        cel=f"self.size() > 0 && self.matches('{TIMEOUT_SHAPE}') && "
        f"duration(self) >= duration('1s') && duration(self) <= duration('{longest}')",
    )
    return Written(
        read=read_duration, write=_without_days, kind=timedelta, max_length=16, rules=(rule,)
    )


def _without_days(duration: timedelta) -> str:
    hours, rest = divmod(duration, timedelta(hours=1))
    written = f"{hours}h" if hours else ""
    return written + (write_duration(rest) if rest or not written else "")
