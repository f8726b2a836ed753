"""How a sync stands: its conditions and its phase, from the records in its status. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import LastRun, Phase, Result, RunSummary, SyncStatus, Trigger, Truth
from socratasync.contract.report import listed
from socratasync.controller.action import Action, Kind
from socratasync.controller.observed.reasons import JOB_REFUSED, WAITING_FOR_CAPACITY
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import is_good, judging_run
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    LAST_SYNC_SUCCEEDED,
    READY,
    SCHEMA_IN_SYNC,
    STALLED,
    SUSPENDED,
    SYNCHRONIZING,
    Finding,
    find,
    truth,
)
from socratasync.errors import NEEDS_A_PERSON
from socratasync.times import write_duration, write_instant


def judge(resource: Resource, action: Action, status: SyncStatus, now: datetime) -> list[Finding]:
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


def phase(resource: Resource, action: Action, status: SyncStatus) -> Phase:
    """All of it in one word."""
    if status.active_run:
        return Phase.SYNCING
    if resource.problem:
        return Phase.INVALID
    if resource.spec is not None and resource.spec.suspend:
        return Phase.SUSPENDED
    if action.reason == JOB_REFUSED:
        return Phase.FAILED
    judged = judging_run(status)
    if judged is None or action.reason == WAITING_FOR_CAPACITY:
        return Phase.PENDING
    return Phase.SYNCED if is_good(judged) else Phase.FAILED


def _ready(resource: Resource, action: Action, status: SyncStatus) -> Finding:
    if resource.problem:
        return _finding(READY, "False", resource.problem.reason, resource.problem.message)
    if action.reason == JOB_REFUSED:
        return _finding(READY, "False", JOB_REFUSED, action.message)
    run = judging_run(status)
    if run is None:
        return _finding(READY, "Unknown", "NoRunYet", "no run has ended yet")
    return _finding(READY, _truth(run), _reason(run), _message(run))


def _truth(run: RunSummary) -> Truth:
    if run.result in (None, Result.LOST):
        return "Unknown"
    return truth(is_good(run))


def _reason(run: RunSummary) -> str:
    return run.reason or run.result or "Unknown"


def _message(run: RunSummary) -> str:
    """A run's own words; history keeps only the reason."""
    said = run.message if isinstance(run, LastRun) else None
    return said or f"run {run.job} ended: {_reason(run)}"


def _synchronizing(action: Action, status: SyncStatus) -> Finding:
    if action.kind is Kind.REJECT:
        return _finding(
            SYNCHRONIZING, "False", action.reason, "no runs until the spec is corrected"
        )
    return _finding(
        SYNCHRONIZING, truth(status.active_run is not None), action.reason, action.message
    )


def _last_sync_succeeded(status: SyncStatus) -> Finding:
    run = status.last_run
    if run is None:
        return _finding(LAST_SYNC_SUCCEEDED, "Unknown", "NoRunYet", "no run has ended yet")
    return _finding(LAST_SYNC_SUCCEEDED, _truth(run), _reason(run), _message(run))


def _data_verified(resource: Resource, status: SyncStatus) -> Finding:
    if resource.spec is not None and resource.spec.verify.row_count == "Off":
        return _finding(
            DATA_VERIFIED,
            "Unknown",
            "VerificationOff",
            "spec.verify.rowCount is Off: nobody counts",
        )
    datasets = status.datasets or ()
    wrong = [_counts_of(each) for each in datasets if each.verified is False]
    if wrong or _last_reason(status) == "RowCountMismatch":
        which = f": {'; '.join(wrong)}" if wrong else ""
        return _finding(
            DATA_VERIFIED,
            "False",
            "RowCountMismatch",
            f"rows are not as many as the source counts{which}. status.lastRun.warnings says what helps",
        )
    if datasets and all(each.verified for each in datasets):
        return _finding(
            DATA_VERIFIED, "True", "RowCountsMatch", "rows agree with the source's count"
        )
    return _finding(DATA_VERIFIED, "Unknown", "NotCounted", "the rows have not been counted yet")


def _counts_of(dataset: DatasetStatus) -> str:
    """The dataset with those of its counts that are known."""
    counts = {
        "at the source": dataset.source_rows,
        "in the table": dataset.rows.target if dataset.rows else None,
        "left out for having no key of their own": dataset.left_out or None,
        "under keys of other datasets' rows": dataset.shared or None,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count is not None)
    return f"{dataset.id} ({told})" if told else dataset.id


def _last_reason(status: SyncStatus) -> str | None:
    return status.last_run.reason if status.last_run else None


def _schema_in_sync(status: SyncStatus) -> Finding:
    datasets = status.datasets or ()
    frozen = [each for each in datasets if each.frozen_column_count]
    drifted = [each.id for each in datasets if each.schema_in_sync is False and each not in frozen]
    wrong = []
    if drifted or _last_reason(status) == "SchemaChanged":
        which = f" of {', '.join(drifted)}" if drifted else ""
        wrong.append(
            f"the source's columns{which} are not those of the target; "
            "see the last run's warnings and spec.target.onSchemaChange"
        )
    if frozen:
        wrong.append(
            "columns of the table keep old values, since their datasets fill them no more; map a renamed "
            "one with datasets[].columns, drop one that no dataset fills, or list it in "
            f"datasets[].frozenColumns. These are {listed([*map(_frozen_of, frozen)], 10)}"
        )
    if wrong:
        return _finding(SCHEMA_IN_SYNC, "False", "SchemaChanged", ". Also, ".join(wrong))
    if datasets and all(each.schema_in_sync for each in datasets):
        return _finding(SCHEMA_IN_SYNC, "True", "ColumnsMatch", "columns are as agreed")
    return _finding(SCHEMA_IN_SYNC, "Unknown", "NotCompared", "no run has compared the columns yet")


def _frozen_of(dataset: DatasetStatus) -> str:
    """A dataset's frozen columns; a report that was too long has told of their number alone."""
    names, count = (dataset.frozen_columns or ())[:5], dataset.frozen_column_count or 0
    if not names:
        return f"{count} of {dataset.id}"
    besides = f" and {count - len(names)} more" if count > len(names) else ""
    return f"{', '.join(names)}{besides} of {dataset.id}"


def _suspended(resource: Resource, status: SyncStatus) -> Finding | None:
    if resource.spec is None:
        known = find(status, SUSPENDED)
        return _finding(SUSPENDED, known.status, known.reason, known.message) if known else None
    if resource.spec.suspend:
        return _finding(SUSPENDED, "True", "Suspended", "spec.suspend is true: no new runs")
    return _finding(SUSPENDED, "False", "NotSuspended", "runs are started as they are due")


def _stalled(resource: Resource, action: Action, status: SyncStatus) -> Finding | None:
    if resource.problem:
        return _finding(STALLED, "True", resource.problem.reason, resource.problem.message)
    run = judging_run(status)
    active = status.active_run
    hopeful = active and active.trigger not in (Trigger.SCHEDULE, Trigger.CATCH_UP)
    if run is None or hopeful or status.next_retry_time or is_good(run):
        return None
    if status.last_run and status.last_run.exit_code in NEEDS_A_PERSON:
        return _finding(
            STALLED, "True", _reason(run), f"another run would fail the same way: {_message(run)}"
        )
    if resource.schedule is None and not active and action.reason != WAITING_FOR_CAPACITY:
        return _finding(
            STALLED,
            "True",
            _reason(run),
            "there is no schedule, so no further try; set the annotation socratasync.dev/requestedAt "
            f"to run again. {_message(run)}",
        )
    return None


def _finding(kind: str, status: Truth, reason: str, message: str) -> Finding:
    return Finding(type=kind, status=status, reason=reason, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The condition, and when it turns if no run ends before; None when time alone changes nothing."""

    condition: Finding
    turns: datetime | None


def read_freshness(resource: Resource, status: SyncStatus, now: datetime) -> Freshness | None:
    """None without a maxLag."""
    if resource.spec is None or resource.spec.freshness is None:
        return None
    lag = resource.spec.freshness.max_lag
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
