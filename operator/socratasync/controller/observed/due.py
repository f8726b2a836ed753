"""Which slot of its schedule a resource is to run now, and which it is too late for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from socratasync.controller.observed.memory import settled_through
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.schedule import Passed, stable_jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Where the schedule stands: slots up to ``settled`` are done with, ``open`` is to be run, and
    ``superseded`` older ones with it. ``too_late``: slots past spec.startingDeadlineSeconds."""

    settled: datetime
    open: datetime | None = None
    superseded: int = 0
    too_late: Passed | None = None
    next_due: datetime | None = None


def read_slots(resource: Resource, now: datetime) -> Slots:
    """The newest slot that is due and not settled, unless it is too late for it."""
    settled = settled_through(resource, now)
    spec, schedule = resource.spec, resource.schedule
    if spec is None or schedule is None or spec.suspend:
        return Slots(settled=settled)
    jitter = stable_jitter(resource.uid, spec.jitter_seconds)
    first = schedule.after(settled)
    if first is None or first > now - jitter:
        return Slots(settled=settled, next_due=first + jitter if first else None)
    passed = schedule.passed(settled, now - jitter) or Passed(newest=first, older=0)
    following = schedule.after(passed.newest)
    next_due = following + jitter if following else None
    deadline = spec.starting_deadline_seconds
    if deadline is not None and now - (passed.newest + jitter) > timedelta(seconds=deadline):
        return Slots(settled=passed.newest, too_late=passed, next_due=next_due)
    return Slots(settled=settled, open=passed.newest, superseded=passed.older, next_due=next_due)
