"""Whether the last good run is recent enough, and when that turns by time alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from socratasync.api.status import SyncStatus
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import FRESH, Finding
from socratasync.times import write_duration, write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The condition, and when it turns if no run ends before; None when time alone changes nothing."""

    condition: Finding
    turns: datetime | None


def read_freshness(resource: Resource, status: SyncStatus, now: datetime) -> Freshness | None:
    """None without a maxLag."""
    freshness = resource.spec.freshness if resource.spec else None
    if freshness is None or freshness.max_lag is None:
        return None
    lag = freshness.max_lag
    allowed = write_duration(lag)
    succeeded = status.last_successful_time
    expires = (succeeded or resource.created) + lag
    stale = now >= expires
    if succeeded is None:
        condition = Finding(
            type=FRESH,
            status="False" if stale else "Unknown",
            reason="NeverSynced",
            message=f"no run has succeeded yet; spec.freshness.maxLag is {allowed}",
        )
    else:
        condition = Finding(
            type=FRESH,
            status="False" if stale else "True",
            reason="Stale" if stale else "Fresh",
            message=f"the last good run ended at {write_instant(succeeded, 'seconds')}; "
            f"{'more' if stale else 'not more'} than {allowed} ago",
        )
    return Freshness(condition=condition, turns=None if stale else expires)
