"""When the schedule lets one expect the next good run to have ended, if all goes on as it did. Pure.

From the status alone, so that it is known of a spec that can no longer be read, and after a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from socratasync.api.status import SyncStatus
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.schedule import Schedule
from socratasync.controller.status.condition_types import SUSPENDED


def success_due(schedule: Schedule, status: SyncStatus) -> datetime | None:
    """When two slots have had their time and the sync is stale; None if none ever succeeded.

    That is two slots on from the last good run, as long after the second as that run ended after its own, and
    no later than the third: twice the interval, in the schedule's own time. Nights and weekends count for
    nothing, and neither does a suspension.
    """
    since = _since(status)
    if since is None:
        return None
    first = schedule.after_near(since, status.slots_settled_through)
    second = schedule.after(first) if first else None
    if first is None or second is None:
        return None
    own, third = schedule.before(first), schedule.after(second)
    late = since - own if own else timedelta(0)
    return second + min(late, third - second) if third else second + late


def _since(status: SyncStatus) -> datetime | None:
    """The last good run's end, or when the sync was resumed if that is later."""
    succeeded, suspended = status.last_successful_time, find(status, SUSPENDED)
    if succeeded is None or suspended is None or suspended.status != "False":
        return succeeded
    return max(succeeded, suspended.last_transition_time)
