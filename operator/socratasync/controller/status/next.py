"""The next status of a resource: (status, what was done, now) → status. Pure.

It is written whole and once: what is done with and what is still open never stand in two writes that
a crash could come between.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from socratasync.api.status import Progress
from socratasync.controller.action import Action
from socratasync.controller.jobs.outcome import Outcome, Result
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import written_schedule
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import merge
from socratasync.controller.status.conditions import phase, standing
from socratasync.controller.status.records import (
    active_run,
    dataset_records,
    last_run,
    oldest_watermark,
    present,
    row_counts,
    with_run,
)
from socratasync.times import write_instant


def next_status(
    resource: Resource,
    action: Action,
    now: datetime,
    *,
    outcome: Outcome | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The status after ``action``.

    ``action.job`` is the Job that is or was run (for START: the one that was created); ``outcome`` comes
    with a run that has ended. Doing the same again gives the same status.
    """
    status = dict(resource.status)
    status["observedGeneration"] = resource.generation
    _settle_slots(status, resource, action)
    _answer_requests(status, resource, action)
    if action.job is not None:
        _take_up(status, action.job, progress.as_manifest() if progress else None)
    if outcome is not None:
        _record(status, resource, outcome)
    elif resource.spec is not None and "datasets" in status:
        _narrow_datasets(status, resource)
    status["conditions"] = merge(
        resource.status.get("conditions") or [],
        standing(resource, action, status, now),
        resource.generation,
        now,
    )
    status["phase"] = phase(resource, action, status)
    return present(status)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch from ``old`` to ``new``; empty if nothing changed."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if before == value:
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            patch[name] = difference(before, value)
        else:
            patch[name] = value
    return patch


def _settle_slots(status: dict[str, Any], resource: Resource, action: Action) -> None:
    if resource.spec is None:
        status["nextScheduleTime"] = None
        return
    status["observedSchedule"] = written_schedule(resource)
    if resource.schedule is not None:
        status["slotsSettledThrough"] = write_instant(action.settled, "seconds")
    status["nextScheduleTime"] = write_instant(action.next_due, "seconds")
    if action.missed:
        status["missedRuns"] = status.get("missedRuns", 0) + action.missed.count


def _answer_requests(status: dict[str, Any], resource: Resource, action: Action) -> None:
    asked = resource.asked
    if action.refused:
        status["lastHandledReconcileAt"] = asked.run or status.get("lastHandledReconcileAt")
        status["lastHandledFullAt"] = asked.full or status.get("lastHandledFullAt")
    if action.cancelled:
        status["lastHandledCancelAt"] = asked.cancel


def _take_up(status: dict[str, Any], job: ObservedJob, progress: Mapping[str, Any] | None) -> None:
    """The run is the active one. At first sight its Job says what it was started for."""
    known = status.get("activeRun") or {}
    if known.get("uid") == job.uid:
        status["activeRun"] = active_run(job, progress or known.get("progress"))
        return
    status["activeRun"] = active_run(job, progress)
    status["loadedSpecHash"] = job.fingerprint or status.get("loadedSpecHash")
    status["lastHandledReconcileAt"] = job.requested or status.get("lastHandledReconcileAt")
    status["lastHandledFullAt"] = job.full or status.get("lastHandledFullAt")
    if job.slot:
        status["lastScheduleTime"] = write_instant(job.slot, "seconds")


def _record(status: dict[str, Any], resource: Resource, outcome: Outcome) -> None:
    """The active run is the last one."""
    run = last_run(status.pop("activeRun", None) or {}, outcome)
    ended = write_instant(outcome.ended, "seconds")
    if outcome.result.is_good:
        status["lastSuccessfulTime"] = ended
        status["consecutiveFailures"] = 0
    elif outcome.result is Result.FAILED:
        status["lastFailureTime"] = ended
        status["consecutiveFailures"] = status.get("consecutiveFailures", 0) + 1
    status["lastRun"] = run
    status["history"] = with_run(status.get("history") or [], run)
    status["datasets"] = (
        dataset_records(resource.spec, status.get("datasets") or [], outcome.report) or None
    )
    status["lastSyncedSince"] = oldest_watermark(status["datasets"] or [])
    status["rows"] = _rows(status.get("rows"), outcome)


def _rows(known: Mapping[str, Any] | None, outcome: Outcome) -> dict[str, int] | None:
    """The run's counts, none if its report is lost; what the table held stays until counted again."""
    target = present({"target": (known or {}).get("target")})
    return {**target, **(row_counts(outcome.report.rows if outcome.report else None) or {})} or None


def _narrow_datasets(status: dict[str, Any], resource: Resource) -> None:
    status["datasets"] = dataset_records(resource.spec, status["datasets"], None) or None
    status["lastSyncedSince"] = oldest_watermark(status["datasets"] or [])
