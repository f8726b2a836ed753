"""When runs are due: cron slots in a time zone, across daylight saving, with a stable jitter. Pure.

A *slot* is the instant that the schedule names; it is *due* the object's jitter later. Slots follow
Debian's cron: a time that the clocks skip comes right after the gap, a time that they repeat comes
once. All instants given and returned are aware and in UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from socratasync.api.times import cron_fields
from socratasync.errors import InvalidSchedule

COUNTED_AT_MOST = 100
"""After months of downtime the exact number of missed slots helps nobody."""

_WINDOWS = tuple(timedelta(days=days) for days in (1 / 24, 1, 32, 366, 5 * 366))
"""How far back the newest slot is looked for, nearest first: it is found after a few steps, whether the
schedule is one of minutes or of years."""


_WEEK, _GAPS = timedelta(days=7), 9
"""How far ahead the longest pause is looked for: over a weekend, and over nine pauses of a rare schedule."""

_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)
"""Any day will do to find out that a schedule names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The newest slot of a stretch of time, and how many older ones lie in it (at most 100 counted)."""

    newest: datetime
    older: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Five cron fields in a zone. Made by ``read_schedule``."""

    fields: str
    zone: ZoneInfo

    def after(self, at: datetime) -> datetime | None:
        """The first slot later than ``at``; None if there is none within cronsim's fifty years."""
        return _after(self, at)

    def after_near(self, at: datetime, slot: datetime | None) -> datetime | None:
        """The same as ``after``. ``slot`` is one that lies perhaps just before: then nothing is searched for, since
        the one after it is known from other resources."""
        following = self.after(slot) if slot is not None and slot <= at else None
        return following if following is not None and following > at else self.after(at)

    def before(self, slot: datetime) -> datetime | None:
        """The newest slot earlier than ``slot``; None if there is none within five years."""
        return _before(self, slot)

    def passed(self, after: datetime, until: datetime) -> Passed | None:
        """The newest slot later than ``after`` and not later than ``until``."""
        newest = self._newest(after, until)
        if newest is None:
            return None
        older = sum(1 for _ in islice(self._until(after, newest), COUNTED_AT_MOST))
        return Passed(newest=newest, older=older)

    def longest_gap(self, at: datetime) -> timedelta:
        """The longest pause between the slots of the week that begins today, ten at least: longer silence is
        unusual."""
        return _longest_gap(self, at.replace(hour=0, minute=0, second=0, microsecond=0))

    def _newest(self, after: datetime, until: datetime) -> datetime | None:
        for window in _WINDOWS:
            start = max(after, until - window)
            newest = None
            for slot in self._slots(start):
                if slot > until:
                    break
                newest = slot
            if newest is not None or start == after:
                return newest
        return None

    def _until(self, after: datetime, end: datetime) -> Iterator[datetime]:
        for slot in self._slots(after):
            if slot >= end:
                return
            yield slot

    def _slots(self, after: datetime) -> Iterator[datetime]:
        """Slots later than ``after``.

        In the hour that the clocks repeat, cronsim may begin with an instant before ``after``: it knows
        the local time only, and takes it for the first of the two.
        """
        last = after
        for tick in CronSim(self.fields, after.astimezone(self.zone)):
            slot = tick.astimezone(UTC)
            if slot > last:
                last = slot
                yield slot


@lru_cache(maxsize=4096)
def read_schedule(schedule: str, time_zone: str) -> Schedule:
    """A manifest's ``schedule`` and ``timeZone``. Raises ``InvalidSchedule`` with what to write."""
    fields = cron_fields(schedule.strip())
    if len(fields.split()) != 5:
        raise InvalidSchedule(
            f"spec.schedule: {schedule!r} must have five fields (minute hour day month weekday), "
            'such as "0 7 * * *", or be a macro such as @daily'
        )
    read = Schedule(fields, _read_zone(time_zone))
    try:
        if read.after(_ANY_DAY) is None:
            raise InvalidSchedule(f"spec.schedule: {schedule!r} names a day that never comes")
    except CronSimError as exc:
        raise InvalidSchedule(
            f'spec.schedule: {schedule!r} cannot be read ({exc}); write five fields, such as "0 7 * * *"'
        ) from exc
    return read


def _read_zone(time_zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as exc:
        raise InvalidSchedule(
            f"spec.timeZone: {time_zone!r} is not a zone that this operator knows; "
            "write an IANA name, such as America/Los_Angeles"
        ) from exc


@lru_cache(maxsize=4096)  # most of a fleet shares its schedule, and the last slot of it
def _after(schedule: Schedule, at: datetime) -> datetime | None:
    return next(schedule._slots(at), None)


@lru_cache(maxsize=4096)
def _before(schedule: Schedule, slot: datetime) -> datetime | None:
    return schedule._newest(slot - _WINDOWS[-1], slot - timedelta(seconds=1))


@lru_cache(maxsize=4096)
def _longest_gap(schedule: Schedule, at: datetime) -> timedelta:
    longest = timedelta(0)
    for number, (earlier, later) in enumerate(pairwise(schedule._slots(at)), start=1):
        longest = max(longest, later - earlier)
        if number >= _GAPS and later - at > _WEEK:
            break
    return longest


def stable_jitter(uid: str, jitter_seconds: int) -> timedelta:
    """A delay of 0 … ``jitter_seconds``: always the same for one object, spread over all of them."""
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")
    return timedelta(seconds=share % (jitter_seconds + 1))
