"""The next status of a resource: (resource, what was done, now) → status. Pure.

It is written whole and once. In two writes, a crash between them could leave a run that is recorded
and yet active, or a request that is answered and yet open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from socratasync.api.dataset_status import RowCounts
from socratasync.api.status import ActiveRun, LastRun, Progress, SyncStatus
from socratasync.api.status_words import Result
from socratasync.contract.report_text import Report
from socratasync.controller.action import Action
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.in_use import carried_out
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import active_uid, written_schedule
from socratasync.controller.observed.reasons import WAITING_FOR_RETRY
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.retry import read_retry
from socratasync.controller.observed.worker import Away
from socratasync.controller.status.condition_types import merge
from socratasync.controller.status.conditions import judge, phase
from socratasync.controller.status.interfaces import next_notices
from socratasync.controller.status.loaded import after_an_end, before_a_start
from socratasync.controller.status.outbox import next_news
from socratasync.controller.status.records import (
    active_run,
    dataset_records,
    kept_counts,
    kept_target,
    last_run,
    measured,
    oldest_watermark,
    with_run,
)
from socratasync.controller.status.successors import next_successors


def next_status(
    resource: Resource,
    action: Action,
    now: datetime,
    *,
    outcome: Outcome | None = None,
    progress: Progress | None = None,
) -> SyncStatus:
    """The status after ``action``.

    ``action.job`` is the Job that is or was run (for START: the one that was created); ``outcome`` comes
    with a run that has ended. Doing the same again gives the same status.
    """
    status = _with_schedule(resource, action)
    status = _with_answers(status, resource, action)
    if action.job is not None:
        status = _with_active_run(status, action.job, action.away, progress)
    if outcome is not None:
        status = _with_ended_run(status, resource, outcome)
    elif resource.spec is not None and status.datasets is not None:
        status = _with_datasets(_with_successors(status, resource, None), resource, None)
    retry = read_retry(replace(resource, status=status), now)
    status = replace(status, next_retry_time=retry.due if retry else None)
    if retry and outcome is not None:
        action = replace(action, reason=WAITING_FOR_RETRY, message=retry.sentence)
    conditions = merge(
        resource.status.conditions or (),
        judge(resource, action, status, now),
        resource.generation,
        now,
    )
    status = replace(status, conditions=conditions, phase=phase(resource, action, status))
    return replace(status, news=next_news(resource, status, now))


def _with_schedule(resource: Resource, action: Action) -> SyncStatus:
    """The status so far, with where the schedule stands now."""
    status = resource.status
    if resource.spec is None:
        return replace(status, observed_generation=resource.generation, next_schedule_time=None)
    missed = action.missed.count if action.missed else 0
    return replace(
        status,
        observed_generation=resource.generation,
        observed_schedule=written_schedule(resource),
        slots_settled_through=action.settled,
        next_schedule_time=action.next_due,
        missed_runs=(status.missed_runs or 0) + missed if missed else status.missed_runs,
    )


def _with_answers(status: SyncStatus, resource: Resource, action: Action) -> SyncStatus:
    """Tokens that were refused, or whose cancelling is over, are handled."""
    asked = resource.asked
    if action.refused:
        status = replace(
            status,
            last_handled_reconcile_at=asked.run or status.last_handled_reconcile_at,
            last_handled_full_at=asked.full_token or status.last_handled_full_at,
        )
    if action.refusal:
        status = replace(status, last_handled_full_at=asked.full_token)
    return replace(status, last_handled_cancel_at=asked.cancel) if action.cancelled else status


def _with_active_run(
    status: SyncStatus, job: ObservedJob, away: Away | None, progress: Progress | None
) -> SyncStatus:
    """The run is the active one. At first sight its Job says what it was started for."""
    known = status.active_run
    if known is not None and active_uid(status) == job.uid:
        return replace(status, active_run=active_run(job, progress or known.progress, away))
    if job.only is not None:
        return replace(
            status,
            active_run=active_run(job, progress, away),
            last_handled_full_at=job.full or status.last_handled_full_at,
        )
    return replace(
        before_a_start(status),
        active_run=active_run(job, progress, away),
        loaded_spec_hash=job.fingerprint or status.loaded_spec_hash,
        last_handled_reconcile_at=job.requested or status.last_handled_reconcile_at,
        last_handled_full_at=job.full or status.last_handled_full_at,
        last_schedule_time=job.slot or status.last_schedule_time,
    )


def _with_ended_run(status: SyncStatus, resource: Resource, outcome: Outcome) -> SyncStatus:
    """The active run is the last one, or the last one-off run."""
    run = last_run(status.active_run or ActiveRun(), outcome)
    if run.only is not None:
        return _with_ended_one_off(status, resource, outcome, run)
    status = replace(
        after_an_end(status, outcome.result),
        active_run=None,
        last_run=run,
        history=with_run(status.history or (), run),
        rows=_rows(status.rows, outcome),
        table=measured(status.table, outcome.report),
    )
    if outcome.result.is_good:
        status = replace(status, last_successful_time=run.end, consecutive_failures=0)
    elif outcome.result is Result.FAILED:
        failures = (status.consecutive_failures or 0) + 1
        status = replace(status, last_failure_time=run.end, consecutive_failures=failures)
    status = _with_successors(status, resource, outcome)
    status = _with_datasets(status, resource, outcome, run)
    return _with_notices(status, outcome.report, outcome.ended) if outcome.report else status


def _with_ended_one_off(
    status: SyncStatus, resource: Resource, outcome: Outcome, run: LastRun
) -> SyncStatus:
    """What it loaded is told, dataset by dataset; how the sync stands is up to runs of all that the spec says."""
    told = outcome.report.rows if outcome.report else None
    status = replace(
        status,
        active_run=None,
        last_one_off=run,
        history=with_run(status.history or (), run),
        rows=kept_counts(status.rows, told),
        table=measured(status.table, outcome.report),
    )
    return _with_datasets(status, resource, outcome, run)


def _with_successors(status: SyncStatus, resource: Resource, outcome: Outcome | None) -> SyncStatus:
    """The datasets that follow, and which of them are adopted: that makes them datasets in use."""
    report, at = (outcome.report, outcome.ended.replace(microsecond=0)) if outcome else (None, None)
    successors = next_successors(resource.spec, status.successors, report, at)
    return replace(status, successors=successors)


def _with_datasets(
    status: SyncStatus, resource: Resource, outcome: Outcome | None, run: LastRun | None = None
) -> SyncStatus:
    """The datasets in use, and where the next update of all of them starts. ``run``: the one that has ended."""
    report = outcome.report if outcome else None
    spec = carried_out(resource.spec, status) if resource.spec else None
    datasets = dataset_records(spec, status.datasets or (), report, run)
    since = oldest_watermark(datasets)
    if (datasets, since) == (status.datasets, status.last_synced_since):
        return status
    return replace(status, datasets=datasets or None, last_synced_since=since)


def _with_notices(status: SyncStatus, report: Report, ended: datetime) -> SyncStatus:
    known, at = status.source_notices or (), ended.replace(microsecond=0)
    notices = next_notices(known, status.datasets or (), report, at)
    return replace(status, source_notices=notices or None)


def _rows(known: RowCounts | None, outcome: Outcome) -> RowCounts | None:
    """The run's counts, none if its report is lost; what the table held stays until counted again."""
    told = outcome.report.rows if outcome.report else None
    return kept_target(known, told or RowCounts())
