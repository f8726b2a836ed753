"""Whether the data is younger than ``spec.freshness.maxLag``, and until when. Pure.

It counts from the last good run, not from the source's last change: a dataset that nobody edits is
in step for as long as somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from socratasync.api.times import write_duration
from socratasync.controller import instants
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import FRESH, Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The condition, and when it turns if no run ends before; None when time alone changes nothing."""

    condition: Condition
    turns: datetime | None


def read_freshness(
    resource: Resource, status: Mapping[str, Any], now: datetime
) -> Freshness | None:
    """None without a maxLag."""
    if resource.spec is None or resource.spec.freshness is None:
        return None
    lag = resource.spec.freshness.max_lag
    allowed = write_duration(lag)
    succeeded = instants.read(status.get("lastSuccessfulTime"))
    expires = (succeeded or resource.created) + lag
    stale = now >= expires
    if succeeded is None:
        condition = Condition(
            type=FRESH,
            status="False" if stale else "Unknown",
            reason="NeverSynced",
            message=f"no run has succeeded yet; spec.freshness.maxLag is {allowed}",
        )
    else:
        condition = Condition(
            type=FRESH,
            status="False" if stale else "True",
            reason="Stale" if stale else "Fresh",
            message=f"the last good run ended at {instants.write(succeeded)}; "
            f"{'more' if stale else 'not more'} than {allowed} ago",
        )
    return Freshness(condition=condition, turns=None if stale else expires)
