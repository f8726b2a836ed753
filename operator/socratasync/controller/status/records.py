"""Runs and datasets as the status tells them: the active run, the last one, the last ten in short. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import TypeVar

from socratasync.api.dataset_status import FROZEN_COLUMNS, DatasetStatus, RowCounts, RunError
from socratasync.api.spec import SyncSpec
from socratasync.api.status import HISTORY, ActiveRun, LastRun, Progress, RunSummary
from socratasync.api.status_parts import StageSeconds, TableSize
from socratasync.contract.report import shorten
from socratasync.contract.report_text import DatasetResult, Failure, Report
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.worker import Away
from socratasync.times import write_duration

T = TypeVar("T")

_WARNINGS = 20
_MESSAGE_CHARACTERS = 500


def active_run(job: ObservedJob, progress: Progress | None, away: Away | None = None) -> ActiveRun:
    """``status.activeRun``. ``start`` is when the Job was created; a pod may come later. ``away``: why the worker
    is not at work."""
    return ActiveRun(
        job=job.name,
        uid=job.uid,
        trigger=job.trigger,
        mode=job.mode,
        only=job.only,
        start=job.created,
        scheduled_at=job.slot,
        generation=job.generation,
        spec_hash=job.spec_hash,
        retry=job.retry,
        progress=progress,
        reason=away.reason if away else None,
        message=away.message if away else None,
        news_from=away.news_from if away else None,
    )


def last_run(active: ActiveRun, outcome: Outcome) -> LastRun:
    """``status.lastRun`` of a run that was told as ``active`` and has ended."""
    report = outcome.report
    ended = outcome.ended.replace(microsecond=0)
    return LastRun(
        job=active.job,
        uid=active.uid,
        trigger=active.trigger,
        mode=active.mode,
        only=active.only,
        scheduled_at=active.scheduled_at,
        generation=active.generation,
        spec_hash=active.spec_hash,
        retry=active.retry,
        created_at=active.start,
        start=active.start,
        end=ended,
        duration=_duration(active.start, ended),
        result=outcome.result,
        reason=outcome.reason,
        message=outcome.message,
        exit_code=outcome.exit_code,
        rows=counted(report.rows) if report else None,
        bytes=report.bytes if report else None,
        seconds=_seconds(report) if report else None,
        warnings=_warnings(report) if report else None,
    )


def with_run(history: Sequence[RunSummary], run: LastRun) -> tuple[RunSummary, ...]:
    """``status.history`` with one run more, newest first; a run that is in it already stays once."""
    summary = RunSummary(**{each.name: getattr(run, each.name) for each in fields(RunSummary)})
    others = [entry for entry in history if entry.uid != run.uid]
    return (summary, *others)[:HISTORY]


def oldest_watermark(datasets: Sequence[DatasetStatus]) -> datetime | None:
    """Where the next update starts; None while a dataset has no watermark."""
    known = [each.last_synced_since for each in datasets if each.last_synced_since]
    return min(known) if known and len(known) == len(datasets) else None


def dataset_records(
    spec: SyncSpec | None,
    known: Sequence[DatasetStatus],
    report: Report | None,
    run: LastRun | None,
) -> tuple[DatasetStatus, ...]:
    """``status.datasets``: those in use, in the manifest's order; without a readable spec, those known.
    ``run``: the one whose report it is."""
    before = {dataset.id: dataset for dataset in known}
    reported = {dataset.id: dataset for dataset in report.datasets} if report else {}
    if spec is None:
        told = [DatasetStatus(id=each.id, year=each.year) for each in reported.values()]
        in_use = [*known, *(each for each in told if each.id not in before)]
    else:
        in_use = [
            _of_year(before.get(dataset.id) or DatasetStatus(id=dataset.id), dataset.year)
            for dataset in spec.selected_datasets()
        ]
    return tuple(_overlaid(dataset, reported.get(dataset.id), run) for dataset in in_use)


def _of_year(known: DatasetStatus, year: int | None) -> DatasetStatus:
    return known if year in (known.year, None) else replace(known, year=year)


def _duration(start: datetime | None, end: datetime) -> str | None:
    return write_duration(max(end - start, end - end)) if start else None


# What the worker's report says


def _overlaid(
    known: DatasetStatus, said: DatasetResult | None, run: LastRun | None
) -> DatasetStatus:
    """What is known of the dataset, with what the report says of it; what it leaves out stays known."""
    if said is None:
        return known
    started, is_one_off = (run.start, run.only is not None) if run else (None, False)
    return replace(
        known,
        last_synced_since=said.last_synced_since or known.last_synced_since,
        source_rows=_either(said.source_rows, known.source_rows),
        api=said.api or known.api,
        left_out=_either(said.left_out, known.left_out),
        shared=_either(said.shared, known.shared),
        source_updated_at=said.source_updated_at or known.source_updated_at,
        source_asked_at=started if said.source_updated_at else known.source_asked_at,
        rows=kept_target(known.rows, said.rows) if counted(said.rows) else known.rows,
        # A verdict goes with the next run in which nobody counted, unless that run failed, or read but a range.
        verified=_either(said.verified, known.verified if said.error or is_one_off else None),
        schema_in_sync=_either(said.schema_in_sync, known.schema_in_sync),
        frozen_columns=_either(_frozen(said), known.frozen_columns),
        frozen_column_count=_either(said.frozen_column_count, known.frozen_column_count),
        bad_values=said.bad_values,  # of this run, or of none
        error=_error(said.error) if said.error else None,
    )


def _frozen(said: DatasetResult) -> tuple[str, ...] | None:
    """The frozen columns that are named. A report too long to name any does not say that there are none."""
    if not said.frozen_columns and said.frozen_column_count:
        return None
    return said.frozen_columns and said.frozen_columns[:FROZEN_COLUMNS]


def _either(said: T | None, known: T | None) -> T | None:
    return known if said is None else said


def _error(error: Failure) -> RunError:
    return RunError(reason=error.reason, message=shorten(error.message, _MESSAGE_CHARACTERS))


def counted(rows: RowCounts | None) -> RowCounts | None:
    """The counts; None if there is none among them."""
    return None if rows == RowCounts() else rows


def kept_target(known: RowCounts | None, said: RowCounts | None) -> RowCounts | None:
    """A run's counts. What the table holds stays known if the run did not count it."""
    if said is not None and said.target is None and known is not None:
        said = replace(said, target=known.target)
    return counted(said)


def kept_counts(known: RowCounts | None, said: RowCounts | None) -> RowCounts | None:
    """The counts of an earlier run, with what the table holds after a later one that was limited."""
    if said is None or said.target is None:
        return known
    return replace(known or RowCounts(), target=said.target)


def measured(known: TableSize | None, report: Report | None) -> TableSize | None:
    """How large the table is; what an earlier run found, if this one did not measure it."""
    said = report.table if report else None
    if said is None or said.bytes is None:
        return known
    return TableSize(bytes=said.bytes, index_bytes=said.index_bytes)


def _warnings(report: Report) -> tuple[str, ...] | None:
    texts = report.warnings[:_WARNINGS]
    return tuple(shorten(text, _MESSAGE_CHARACTERS) for text in texts) or None


def _seconds(report: Report) -> StageSeconds | None:
    return None if report.seconds == StageSeconds() else report.seconds
