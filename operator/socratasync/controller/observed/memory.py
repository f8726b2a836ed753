"""What the status remembers that decisions need. Pure.

The status is the operator's only memory: killed at any moment, it decides the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource
from socratasync.times import instant_or_none


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """``settled``: slots up to here are run, missed or dropped, and never looked at again.
    ``recorded``: uids of the Jobs whose results are in."""

    settled: datetime | None
    schedule: str | None
    fingerprint: str | None
    requested: str | None
    full: str | None
    cancelled: str | None
    active_job: str | None
    active_uid: str | None
    last_job: str | None
    last_created: datetime | None
    recorded: frozenset[str]
    suspended: bool

    def has_recorded(self, job: ObservedJob) -> bool:
        """Whether the Job's result is in the status. A Job older than the last one recorded counts as
        recorded: runs follow each other, and history forgets the oldest."""
        older = self.last_created is not None and job.created < self.last_created
        return job.uid in self.recorded or (older and job.uid != self.active_uid)


def read_memory(status: Mapping[str, Any]) -> Memory:
    """The memory in a resource's status; of an empty status an empty one."""
    last, active = status.get("lastRun") or {}, status.get("activeRun") or {}
    runs = [last, *(status.get("history") or [])]
    return Memory(
        settled=instant_or_none(status.get("slotsSettledThrough")),
        schedule=status.get("observedSchedule"),
        fingerprint=status.get("loadedSpecHash"),
        requested=status.get("lastHandledReconcileAt"),
        full=status.get("lastHandledFullAt"),
        cancelled=status.get("lastHandledCancelAt"),
        active_job=active.get("job"),
        active_uid=active.get("uid"),
        last_job=last.get("job"),
        last_created=instant_or_none(last.get("createdAt")),
        recorded=frozenset(run["uid"] for run in runs if run.get("uid")),
        suspended=is_condition_true(status, "Suspended"),
    )


def is_condition_true(status: Mapping[str, Any], kind: str) -> bool:
    """Whether the condition is there and True."""
    return any(
        condition.get("type") == kind and condition.get("status") == "True"
        for condition in status.get("conditions") or []
    )


def written_schedule(resource: Resource) -> str:
    """The schedule as the status remembers it: any edit of it makes another text."""
    spec = resource.spec
    if spec is None or spec.schedule is None:
        return ""
    return f"{spec.schedule} {spec.time_zone}"


def settled_through(resource: Resource, memory: Memory, now: datetime) -> datetime:
    """Slots later than this may still be run.

    A resumed resource and an edited schedule count from now on: what was missed before is not made
    up for. A new resource counts from its creation.
    """
    if resource.spec is None:
        return memory.settled or resource.created
    resumed = memory.suspended and not resource.spec.suspend
    edited = memory.schedule is not None and memory.schedule != written_schedule(resource)
    if resumed or edited:
        return now
    return memory.settled or resource.created
