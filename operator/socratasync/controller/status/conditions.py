"""How a sync stands: its conditions and its phase, from the records in its status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from socratasync.controller.action import Action, Kind, Trigger
from socratasync.controller.jobs.outcome import Result
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    LAST_SYNC_SUCCEEDED,
    READY,
    SCHEMA_IN_SYNC,
    STALLED,
    SUSPENDED,
    SYNCHRONIZING,
    Condition,
    Truth,
    truth,
)
from socratasync.errors import NEEDS_A_PERSON
from socratasync.times import instant_or_none, write_duration, write_instant

JOB_REFUSED = "JobRefused"
"""The API server would not take the Job: a quota, a policy, or a bad pod template."""

POD_NOT_STARTING = "PodNotStarting"
"""A run is active and its pod is not: a missing secret, an image that cannot be pulled, no node."""


def standing(
    resource: Resource, action: Action, status: Mapping[str, Any], now: datetime
) -> list[Condition]:
    """All conditions that are to be present, given the records of ``status``."""
    fresh = read_freshness(resource, status, now)
    found = [
        _ready(resource, action, status),
        _synchronizing(action, status),
        _last_sync_succeeded(status),
        fresh.condition if fresh else None,
        _data_verified(resource, status),
        _schema_in_sync(status),
        _suspended(resource, status),
        _stalled(resource, action, status),
    ]
    return [condition for condition in found if condition is not None]


def phase(resource: Resource, action: Action, status: Mapping[str, Any]) -> str:
    """All of it in one word."""
    if status.get("activeRun"):
        return "Syncing"
    if resource.problem:
        return "Invalid"
    if resource.spec is not None and resource.spec.suspend:
        return "Suspended"
    if action.reason == JOB_REFUSED:
        return "Failed"
    judged = judging_run(status)
    if judged is None or action.reason == "WaitingForCapacity":
        return "Pending"
    return "Synced" if Result(judged["result"]).is_good else "Failed"


def judging_run(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest ended run that says something about the data: one that was cancelled does not."""
    runs = [status.get("lastRun") or {}, *(status.get("history") or [])]
    return next((r for r in runs if r.get("result") not in (None, Result.CANCELLED)), None)


def _ready(resource: Resource, action: Action, status: Mapping[str, Any]) -> Condition:
    if resource.problem:
        return _condition(READY, "False", resource.problem.reason, resource.problem.message)
    if action.reason == JOB_REFUSED:
        return _condition(READY, "False", JOB_REFUSED, action.message)
    run = judging_run(status)
    if run is None:
        return _condition(READY, "Unknown", "NoRunYet", "no run has ended yet")
    return _condition(READY, _good(run), run["reason"], _message(run))


def _good(run: Mapping[str, Any]) -> Truth:
    if run["result"] == Result.LOST:
        return "Unknown"
    return truth(Result(run["result"]).is_good)


def _message(run: Mapping[str, Any]) -> str:
    """A run's own words; history keeps only the reason."""
    return str(run.get("message") or f"run {run['job']} ended: {run['reason']}")


def _synchronizing(action: Action, status: Mapping[str, Any]) -> Condition:
    active = "True" if status.get("activeRun") else "False"
    if action.kind is Kind.REJECT:
        return _condition(
            SYNCHRONIZING, "False", action.reason, "no runs until the spec is corrected"
        )
    return _condition(SYNCHRONIZING, truth(active == "True"), action.reason, action.message)


def _last_sync_succeeded(status: Mapping[str, Any]) -> Condition:
    run = status.get("lastRun")
    if not run:
        return _condition(LAST_SYNC_SUCCEEDED, "Unknown", "NoRunYet", "no run has ended yet")
    return _condition(LAST_SYNC_SUCCEEDED, _good(run), run["reason"], _message(run))


def _data_verified(resource: Resource, status: Mapping[str, Any]) -> Condition:
    if resource.spec is not None and resource.spec.verify.row_count == "Off":
        return _condition(
            DATA_VERIFIED,
            "Unknown",
            "VerificationOff",
            "spec.verify.rowCount is Off: nobody counts",
        )
    datasets = status.get("datasets") or []
    wrong = [d["id"] for d in datasets if d.get("verified") is False]
    if wrong or (status.get("lastRun") or {}).get("reason") == "RowCountMismatch":
        which = f" of {', '.join(wrong)}" if wrong else ""
        return _condition(
            DATA_VERIFIED,
            "False",
            "RowCountMismatch",
            f"the rows{which} are not as many as the source counts; "
            "see status.datasets, and run once with the annotation socratasync.dev/full",
        )
    if datasets and all(d.get("verified") is True for d in datasets):
        return _condition(
            DATA_VERIFIED, "True", "RowCountsMatch", "rows agree with the source's count"
        )
    return _condition(DATA_VERIFIED, "Unknown", "NotCounted", "the rows have not been counted yet")


def _schema_in_sync(status: Mapping[str, Any]) -> Condition:
    datasets = status.get("datasets") or []
    drifted = [d["id"] for d in datasets if d.get("schemaInSync") is False]
    if drifted or (status.get("lastRun") or {}).get("reason") == "SchemaChanged":
        which = f" of {', '.join(drifted)}" if drifted else ""
        return _condition(
            SCHEMA_IN_SYNC,
            "False",
            "SchemaChanged",
            f"the source's columns{which} are not those of the target; "
            "see the last run's warnings and spec.target.onSchemaChange",
        )
    if datasets and all(d.get("schemaInSync") is True for d in datasets):
        return _condition(SCHEMA_IN_SYNC, "True", "ColumnsMatch", "columns are as agreed")
    return _condition(
        SCHEMA_IN_SYNC, "Unknown", "NotCompared", "no run has compared the columns yet"
    )


def _suspended(resource: Resource, status: Mapping[str, Any]) -> Condition | None:
    if resource.spec is None:
        return next(
            (
                _condition(SUSPENDED, c["status"], c["reason"], c["message"])
                for c in status.get("conditions") or []
                if c["type"] == SUSPENDED
            ),
            None,
        )
    if resource.spec.suspend:
        return _condition(SUSPENDED, "True", "Suspended", "spec.suspend is true: no new runs")
    return _condition(SUSPENDED, "False", "NotSuspended", "runs are started as they are due")


def _stalled(resource: Resource, action: Action, status: Mapping[str, Any]) -> Condition | None:
    if resource.problem:
        return _condition(STALLED, "True", resource.problem.reason, resource.problem.message)
    run = judging_run(status)
    active = status.get("activeRun") or {}
    hopeful = active and active.get("trigger") not in (Trigger.SCHEDULE, Trigger.CATCH_UP)
    if run is None or hopeful or Result(run["result"]).is_good:
        return None
    if status.get("lastRun", {}).get("exitCode") in NEEDS_A_PERSON:
        return _condition(
            STALLED, "True", run["reason"], f"another run would fail the same way: {_message(run)}"
        )
    if resource.schedule is None and not active and action.reason != "WaitingForCapacity":
        return _condition(
            STALLED,
            "True",
            run["reason"],
            "there is no schedule, so no further try; set the annotation socratasync.dev/requestedAt "
            f"to run again. {_message(run)}",
        )
    return None


def _condition(kind: str, status: Truth, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


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
    succeeded = instant_or_none(status.get("lastSuccessfulTime"))
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
            message=f"the last good run ended at {write_instant(succeeded, 'seconds')}; "
            f"{'more' if stale else 'not more'} than {allowed} ago",
        )
    return Freshness(condition=condition, turns=None if stale else expires)
