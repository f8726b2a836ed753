"""Runs and datasets as the status tells them: the active run, the last one, the last ten in short. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

from socratasync.api.spec import SyncSpec
from socratasync.api.status import (
    HISTORY,
    ActiveRun,
    DatasetStatus,
    LastRun,
    Progress,
    RowCounts,
    RunError,
    RunSummary,
    StageSeconds,
)
from socratasync.contract.report import shorten
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.times import instant_or_none, write_duration

T = TypeVar("T")

_WARNINGS = 20
_MESSAGE_CHARACTERS = 500


def active_run(job: ObservedJob, progress: Progress | None) -> ActiveRun:
    """``status.activeRun``. ``start`` is when the Job was created; a pod may come later."""
    return ActiveRun(
        job=job.name,
        uid=job.uid,
        trigger=job.trigger,
        mode=job.mode,
        start=job.created,
        scheduled_at=job.slot,
        generation=job.generation,
        progress=progress,
    )


def last_run(active: ActiveRun, outcome: Outcome) -> LastRun:
    """``status.lastRun`` of a run that was told as ``active`` and has ended."""
    report = outcome.report or {}
    ended = outcome.ended.replace(microsecond=0)
    return LastRun(
        job=active.job,
        uid=active.uid,
        trigger=active.trigger,
        mode=active.mode,
        scheduled_at=active.scheduled_at,
        generation=active.generation,
        created_at=active.start,
        start=active.start,
        end=ended,
        duration=_duration(active.start, ended),
        result=outcome.result,
        reason=outcome.reason,
        message=outcome.message,
        exit_code=outcome.exit_code,
        rows=row_counts(report.get("rows")),
        bytes=_count(report.get("bytes")),
        seconds=_seconds(report.get("seconds")),
        warnings=_warnings(report.get("warnings")),
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
    report: Mapping[str, Any] | None,
) -> tuple[DatasetStatus, ...]:
    """``status.datasets``: those in use, in the manifest's order; without a readable spec, those known."""
    before = {dataset.id: dataset for dataset in known}
    reported = {d["id"]: d for d in (report or {}).get("datasets") or [] if d.get("id")}
    if spec is None:
        told = [DatasetStatus(id=id_, year=d.get("year")) for id_, d in reported.items()]
        in_use = [*known, *(each for each in told if each.id not in before)]
    else:
        in_use = [
            _of_year(before.get(dataset.id) or DatasetStatus(id=dataset.id), dataset.year)
            for dataset in spec.selected_datasets()
        ]
    return tuple(_overlaid(dataset, reported.get(dataset.id)) for dataset in in_use)


def _of_year(known: DatasetStatus, year: int | None) -> DatasetStatus:
    return known if year in (known.year, None) else replace(known, year=year)


def _duration(start: datetime | None, end: datetime) -> str | None:
    return write_duration(max(end - start, end - end)) if start else None


# What the worker's report says


def _overlaid(known: DatasetStatus, said: Mapping[str, Any] | None) -> DatasetStatus:
    """What is known of the dataset, with what the report says of it; what it leaves out stays known."""
    if said is None:
        return known
    error = _error(said.get("error"))
    verified = said.get("verified", known.verified)
    return replace(
        known,
        last_synced_since=instant_or_none(said.get("lastSyncedSince")) or known.last_synced_since,
        source_rows=_or(_count(said.get("sourceRows")), known.source_rows),
        source_updated_at=instant_or_none(said.get("sourceUpdatedAt")) or known.source_updated_at,
        rows=_dataset_rows(known.rows, said.get("rows")),
        # A dataset that failed was not counted anew; one that went well and was not, is not verified.
        verified=_or(verified, known.verified) if error else verified,
        schema_in_sync=_or(said.get("schemaInSync"), known.schema_in_sync),
        error=error,
    )


def _or(said: T | None, known: T | None) -> T | None:
    return known if said is None else said


def _error(said: Mapping[str, Any] | None) -> RunError | None:
    if not said:
        return None
    return RunError(
        reason=str(said.get("reason") or "Failed"),
        message=shorten(str(said.get("message") or ""), _MESSAGE_CHARACTERS),
    )


def _dataset_rows(known: RowCounts | None, said: Any) -> RowCounts | None:
    """The run's counts; what the table holds stays known if the run did not count it."""
    counts = row_counts(said)
    if counts is None:
        return known
    if counts.target is None and known is not None:
        return replace(counts, target=known.target)
    return counts


def row_counts(said: Any) -> RowCounts | None:
    """Row counts that are known; None if there are none."""
    if not isinstance(said, Mapping):
        return None
    counts = RowCounts(**{each.name: _count(said.get(each.name)) for each in fields(RowCounts)})
    return None if counts == RowCounts() else counts


def _count(said: Any) -> int | None:
    """The count if it is one; the CRD takes nothing else, and a status must stay writable."""
    return said if isinstance(said, int) and said >= 0 else None


def _seconds(said: Any) -> StageSeconds | None:
    if not isinstance(said, Mapping):
        return None
    spent = {each.name: said.get(each.name) for each in fields(StageSeconds)}
    known = {name: s for name, s in spent.items() if isinstance(s, int | float) and s >= 0}
    return StageSeconds(**known) if known else None


def _warnings(said: Any) -> tuple[str, ...] | None:
    if not isinstance(said, list):
        return None
    return tuple(shorten(str(text), _MESSAGE_CHARACTERS) for text in said[:_WARNINGS]) or None
