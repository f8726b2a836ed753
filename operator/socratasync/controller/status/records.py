"""Runs as the status tells them: the active one, the last one, the last ten in short. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from socratasync.api.spec import SyncSpec
from socratasync.contract.report import shorten
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.times import instant_or_none, write_duration, write_instant

HISTORY = 10

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
    report = outcome.report or {}
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
            "rows": row_counts(report.get("rows")),
            "bytes": whole(report.get("bytes")),
            "seconds": _seconds(report.get("seconds")),
            "warnings": _warnings(report.get("warnings")),
        }
    )


def with_run(history: list[dict[str, Any]], run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``status.history`` with one run more, newest first; a run that is in it already stays once."""
    others = [entry for entry in history if entry.get("uid") != run.get("uid")]
    summary = {name: run[name] for name in _SUMMARY if name in run}
    return [summary, *others][:HISTORY]


def row_counts(rows: Any) -> dict[str, int] | None:
    """Row counts that are known; None if there are none."""
    if not isinstance(rows, Mapping):
        return None
    names = ("downloaded", "inserted", "updated", "unchanged", "deleted", "target")
    return {name: count for name in names if (count := whole(rows.get(name))) is not None} or None


def whole(count: Any) -> int | None:
    """The count if it is one; the CRD takes nothing else, and a status must stay writable."""
    return count if isinstance(count, int) and count >= 0 else None


def _duration(start: datetime | None, end: datetime) -> str | None:
    return write_duration(max(end - start, end - end)) if start else None


def _seconds(seconds: Any) -> dict[str, float] | None:
    if not isinstance(seconds, Mapping):
        return None
    stages = ("download", "stage", "merge", "refresh")
    return {
        stage: spent
        for stage in stages
        if isinstance(spent := seconds.get(stage), int | float) and spent >= 0
    } or None


def _warnings(warnings: Any) -> list[str] | None:
    if not isinstance(warnings, list):
        return None
    return [shorten(str(text), _WARNING_CHARACTERS) for text in warnings[:_WARNINGS]] or None


_ERROR_CHARACTERS = 500


def dataset_records(
    spec: SyncSpec | None,
    known: Iterable[Mapping[str, Any]],
    report: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """``status.datasets``: those in use, in the manifest's order; without a readable spec, those known."""
    before = {dataset["id"]: dict(dataset) for dataset in known}
    reported = {d["id"]: d for d in (report or {}).get("datasets") or [] if d.get("id")}
    if spec is None:
        in_use: list[tuple[str, int | None]] = [
            (id_, (before.get(id_) or reported.get(id_) or {}).get("year"))
            for id_ in dict.fromkeys([*before, *reported])
        ]
    else:
        in_use = [(dataset.id, dataset.year) for dataset in spec.selected_datasets()]
    return [
        _overlaid({**before.get(id_, {}), **present({"id": id_, "year": year})}, reported.get(id_))
        for id_, year in in_use
    ]


def _overlaid(known: dict[str, Any], said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return known
    error = said.get("error")
    news = {
        "lastSyncedSince": _instant(said.get("lastSyncedSince")),
        "sourceRows": whole(said.get("sourceRows")),
        "sourceUpdatedAt": _instant(said.get("sourceUpdatedAt")),
        "rows": _rows(known.get("rows"), said.get("rows")),
        "verified": said.get("verified"),
        "schemaInSync": said.get("schemaInSync"),
    }
    overlaid = {**known, **present(news)}
    if error:
        message = shorten(str(error.get("message") or ""), _ERROR_CHARACTERS)
        overlaid["error"] = {"reason": str(error.get("reason") or "Failed"), "message": message}
    else:
        overlaid.pop("error", None)
        if "verified" in said and said["verified"] is None:
            overlaid.pop("verified", None)
    return overlaid


def _rows(known: Any, said: Any) -> dict[str, int] | None:
    """The run's counts; what the table holds stays known if the run did not count it."""
    counts = row_counts(said)
    if counts is None:
        return None
    target = {"target": known["target"]} if isinstance(known, Mapping) and "target" in known else {}
    return {**target, **counts}


def _instant(text: Any) -> str | None:
    return write_instant(instant_or_none(text), "seconds")


def oldest_watermark(datasets: Iterable[Mapping[str, Any]]) -> str | None:
    """Where the next update starts; None while a dataset has no watermark."""
    marks = [instant_or_none(dataset.get("lastSyncedSince")) for dataset in datasets]
    known = [mark for mark in marks if mark]
    return write_instant(min(known), "seconds") if known and len(known) == len(marks) else None
