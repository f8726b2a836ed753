"""When a resource is to be looked at again, if nothing of it changes before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from socratasync.api.status import SyncStatus
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.reasons import WAITING_FOR_CAPACITY
from socratasync.controller.observed.resource import Resource
from socratasync.controller.runs import LOOK_EVERY
from socratasync.controller.status.freshness import read_freshness
from socratasync.controller.status.next import next_status
from socratasync.controller.status.patch import status_patch
from socratasync.controller.status.source_freshness import read_source_freshness

LOOK_AT_QUEUE = timedelta(minutes=10)
"""Between two looks at a resource that waits for capacity: so old gets what its message says of others.
When a place is free for it, it is looked at at once."""


def needs_step_at(
    resource: Resource, jobs: Sequence[ObservedJob], now: datetime
) -> datetime | None:
    """When something is to be done for a resource that has these Jobs: now, for a run that is overdue since
    when it was due; later; or (None) not before it changes."""
    action = decide(resource, jobs, now, Capacity())
    if action.run is not None:
        return min(action.run.due, now)
    if action.kind not in (Kind.WAIT, Kind.REJECT):
        return now
    if status_patch(resource, next_status(resource, action, now)):
        return now
    return look_again_at(resource, action, resource.status, now)


def look_again_at(
    resource: Resource, action: Action, status: SyncStatus, now: datetime
) -> datetime | None:
    """The earliest moment at which time alone changes something."""
    by_time = (read_freshness(resource, status, now), read_source_freshness(resource, status, now))
    moments = [each.turns for each in by_time if each]
    if action.kind in (Kind.FOLLOW, Kind.START, Kind.CANCEL):
        moments.append(now + LOOK_EVERY)
    else:
        moments += [action.next_due, _later(status.next_retry_time, now)]
    if action.reason == WAITING_FOR_CAPACITY:
        moments.append(now + LOOK_AT_QUEUE)
    return earliest(*moments)


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of those that are; None if none is."""
    return min((moment for moment in moments if moment), default=None)


def _later(moment: datetime | None, now: datetime) -> datetime | None:
    """A retry that is due and waits for a place is woken when there is one."""
    return moment if moment and moment > now else None
