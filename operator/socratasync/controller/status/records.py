"""Runs as the status tells them: the active one, the last one, the last ten in short. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from socratasync.api.spec import SyncSpec
from socratasync.api.status import HISTORY, RowCounts
from socratasync.contract.report import shorten
from socratasync.contract.report_text import DatasetResult, Failure, Report
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.times import instant_or_none, write_duration, write_instant

_WARNINGS = 20
_WARNING_CHARACTERS = 500
_SUMMARY = ("job", "uid", "trigger", "mode", "start", "end", "duration", "result", "reason", "rows")


def present(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what is None: a status says nothing rather than null."""
    return {name: value for name, value in record.items() if value is not None}


def active_run(job: ObservedJob, progress: Mapping[str, Any] | None) -> dict[str, Any]:
    """``status.activeRun``. ``start`` is when the Job was created; a pod may come later."""
    return present(
        {
            "job": job.name,
            "uid": job.uid,
            "trigger": job.trigger,
            "mode": job.mode,
            "start": write_instant(job.created, "seconds"),
            "scheduledAt": write_instant(job.slot, "seconds"),
            "generation": job.generation,
            "progress": progress,
        }
    )


def last_run(active: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """``status.lastRun`` of a run that was told as ``active`` and has ended."""
    report = outcome.report
    start = instant_or_none(active.get("start"))
    return present(
        {
            **{name: active.get(name) for name in ("job", "uid", "trigger", "mode")},
            "scheduledAt": active.get("scheduledAt"),
            "generation": active.get("generation"),
            "createdAt": active.get("start"),
            "start": active.get("start"),
            "end": write_instant(outcome.ended, "seconds"),
            "duration": _duration(start, outcome.ended),
            "result": outcome.result.value,
            "reason": outcome.reason,
            "message": outcome.message,
            "exitCode": outcome.exit_code,
            **(_told(report) if report else {}),
        }
    )


def with_run(history: list[dict[str, Any]], run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``status.history`` with one run more, newest first; a run that is in it already stays once."""
    others = [entry for entry in history if entry.get("uid") != run.get("uid")]
    summary = {name: run[name] for name in _SUMMARY if name in run}
    return [summary, *others][:HISTORY]


def row_counts(rows: RowCounts | None) -> dict[str, int] | None:
    """Row counts that are known; None if there are none."""
    return dict(rows.as_manifest()) or None if rows else None


def _duration(start: datetime | None, end: datetime) -> str | None:
    return write_duration(max(end - start, end - end)) if start else None


def _told(report: Report) -> dict[str, Any]:
    """What the run itself told."""
    warnings = [shorten(text, _WARNING_CHARACTERS) for text in report.warnings[:_WARNINGS]]
    return {
        "rows": row_counts(report.rows),
        "bytes": report.bytes,
        "seconds": dict(report.seconds.as_manifest()) or None if report.seconds else None,
        "warnings": warnings or None,
    }


_ERROR_CHARACTERS = 500


def dataset_records(
    spec: SyncSpec | None,
    known: Iterable[Mapping[str, Any]],
    report: Report | None,
) -> list[dict[str, Any]]:
    """``status.datasets``: those in use, in the manifest's order; without a readable spec, those known."""
    before = {dataset["id"]: dict(dataset) for dataset in known}
    reported = {dataset.id: dataset for dataset in report.datasets} if report else {}
    if spec is None:
        years = {dataset.id: dataset.year for dataset in reported.values()}
        years |= {id_: dataset.get("year") for id_, dataset in before.items()}
        in_use = list(years.items())
    else:
        in_use = [(dataset.id, dataset.year) for dataset in spec.selected_datasets()]
    return [
        _overlaid({**before.get(id_, {}), **present({"id": id_, "year": year})}, reported.get(id_))
        for id_, year in in_use
    ]


def _overlaid(known: dict[str, Any], said: DatasetResult | None) -> dict[str, Any]:
    if said is None:
        return known
    news = {
        "lastSyncedSince": write_instant(said.last_synced_since, "seconds"),
        "sourceRows": said.source_rows,
        "sourceUpdatedAt": write_instant(said.source_updated_at, "seconds"),
        "rows": _rows(known.get("rows"), said.rows),
        "verified": said.verified,
        "schemaInSync": said.schema_in_sync,
        "error": said.error and _error(said.error),
    }
    # An error goes with the next run that has none, a verdict with one in which nobody counted.
    over = {"error"} | ({"verified"} if said.error is None else set())
    return {**{n: v for n, v in known.items() if n not in over}, **present(news)}


def _error(error: Failure) -> dict[str, str]:
    return {"reason": error.reason, "message": shorten(error.message, _ERROR_CHARACTERS)}


def _rows(known: Mapping[str, int] | None, said: RowCounts | None) -> dict[str, int] | None:
    """The run's counts; what the table holds stays known if the run did not count it."""
    counts = row_counts(said)
    return (
        {**{n: c for n, c in (known or {}).items() if n == "target"}, **counts} if counts else None
    )


def oldest_watermark(datasets: Iterable[Mapping[str, Any]]) -> str | None:
    """Where the next update starts; None while a dataset has no watermark."""
    marks = [instant_or_none(dataset.get("lastSyncedSince")) for dataset in datasets]
    known = [mark for mark in marks if mark]
    return write_instant(min(known), "seconds") if known and len(known) == len(marks) else None
