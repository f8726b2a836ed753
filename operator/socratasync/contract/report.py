"""What a run did, as one JSON object, version 1: the termination message, standard output, the
bookkeeping row and the operator's status all carry this. Pure.

Kubernetes cuts a termination message at 4,096 bytes, in the middle of a word; a report that is
too long sheds its least needed parts instead.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from socratasync.errors import SyncError
from socratasync.times import instant_or_none, write_instant

TERMINATION_MESSAGE_BYTES = 4096
MESSAGE_CHARACTERS = 500


@dataclass(slots=True, kw_only=True)
class Rows:
    """Row counts. ``downloaded`` = inserted + updated + unchanged + those left out; ``target`` is
    what the table (or the dataset's share of it) holds afterwards, None when not counted."""

    downloaded: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    target: int | None = None

    @property
    def changed(self) -> int:
        """Rows of the target that were written or removed."""
        return self.inserted + self.updated + self.deleted

    def as_dict(self) -> dict[str, int | None]:
        """The counts under their names in the report."""
        return {
            "downloaded": self.downloaded,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "target": self.target,
        }


@dataclass(slots=True, kw_only=True)
class DatasetReport:
    """What became of one dataset. ``result``: Synced, NoChange or Failed. ``verified``: whether its
    rows were counted against the source's own count; None when nobody counted."""

    id: str
    year: int | None = None
    mode: str = "update"
    result: str = "Synced"
    rows: Rows = field(default_factory=Rows)
    duplicates: int = 0
    source_rows: int | None = None
    source_updated_at: datetime | None = None
    last_synced_since: datetime | None = None
    error: SyncError | None = None
    strategy: str | None = None
    verified: bool | None = None
    schema_in_sync: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The dataset's entry in the report."""
        return {
            "id": self.id,
            "year": self.year,
            "mode": self.mode,
            "result": self.result,
            "rows": self.rows.as_dict(),
            "duplicates": self.duplicates,
            "sourceRows": self.source_rows,
            "sourceUpdatedAt": write_instant(self.source_updated_at, "milliseconds"),
            "lastSyncedSince": write_instant(self.last_synced_since, "milliseconds"),
            "strategy": self.strategy,
            "verified": self.verified,
            "schemaInSync": self.schema_in_sync,
            "error": error_dict(self.error),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DatasetReport:
        """Read back what ``as_dict`` wrote for a dataset that went well."""
        return cls(
            id=data["id"],
            year=data["year"],
            mode=data["mode"],
            result=data["result"],
            rows=Rows(**data["rows"]),
            duplicates=data["duplicates"],
            source_rows=data["sourceRows"],
            source_updated_at=instant_or_none(data["sourceUpdatedAt"]),
            last_synced_since=instant_or_none(data["lastSyncedSince"]),
            strategy=data["strategy"],
            verified=data["verified"],
            schema_in_sync=data["schemaInSync"],
        )


@dataclass(slots=True, kw_only=True)
class RunReport:
    """The whole run. ``error`` is what failed outside of any one dataset."""

    run: str
    mode: str
    datasets: list[DatasetReport] = field(default_factory=list)
    target_rows: int | None = None
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: SyncError | None = None
    terminated: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything that the manifest asks for is in the target and refreshed."""
        return self.failure is None and not self.terminated

    @property
    def failure(self) -> SyncError | None:
        """The error that decides the exit code: the run's own, else the datasets' together."""
        return self.error or summarise((d.id, d.error) for d in self.datasets if d.error)

    @property
    def exit_code(self) -> int:
        """Sysexits; 143 after SIGTERM."""
        if self.terminated:
            return 143
        return self.failure.exit_code if self.failure else 0

    @property
    def rows(self) -> Rows:
        """The sums over all datasets, and the rows in the whole target."""
        return total((d.rows for d in self.datasets), self.target_rows)

    @property
    def last_synced_since(self) -> datetime | None:
        """Where the next update starts: the oldest of the datasets; None while one has none."""
        bounds = [d.last_synced_since for d in self.datasets]
        known = [bound for bound in bounds if bound]
        return min(known) if known and len(known) == len(bounds) else None

    def as_dict(self) -> dict[str, Any]:
        """The report, complete."""
        error = error_dict(self.failure)
        if self.terminated and error is None:
            error = {"reason": "Terminated", "message": "stopped by SIGTERM; nothing half-written"}
        return {
            "v": 1,
            "run": self.run,
            "ok": self.ok,
            "mode": self.mode,
            "rows": self.rows.as_dict(),
            "datasets": [dataset.as_dict() for dataset in self.datasets],
            "lastSyncedSince": write_instant(self.last_synced_since, "milliseconds"),
            "bytes": self.bytes,
            "seconds": {stage: round(spent, 3) for stage, spent in self.seconds.items()},
            "warnings": self.warnings,
            "error": error,
        }


def summarise(failures: Iterable[tuple[str, SyncError]]) -> SyncError | None:
    """One error for several datasets' failures.

    While any of them may pass on a retry, the run asks for one (exit 75): datasets that are in
    are not loaded again. Otherwise the first one decides.
    """
    failed = list(failures)
    if not failed:
        return None
    leading = next((e for _, e in failed if e.exit_code == 75), failed[0][1])
    if len(failed) == 1:
        return leading
    sentence = "; ".join(f"{dataset}: {error.message}" for dataset, error in failed)
    return type(leading)(f"{len(failed)} datasets failed. {sentence}")


def total(parts: Iterable[Rows], target: int | None) -> Rows:
    """The counts added up."""
    summed = Rows(target=target)
    for part in parts:
        summed.downloaded += part.downloaded
        summed.inserted += part.inserted
        summed.updated += part.updated
        summed.unchanged += part.unchanged
        summed.deleted += part.deleted
    return summed


def error_dict(error: SyncError | None) -> dict[str, str] | None:
    """Reason and message, the message cut to a length that leaves room for the rest."""
    if error is None:
        return None
    return {"reason": error.reason, "message": shorten(error.message, MESSAGE_CHARACTERS)}


def shorten(text: str, characters: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def encode(report: dict[str, Any]) -> str:
    """One line of compact JSON that any UTF-8 stream takes: half a character becomes ``?``."""
    text = json.dumps(report, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def fit(report: dict[str, Any], limit: int = TERMINATION_MESSAGE_BYTES) -> str:
    """The report as JSON of at most ``limit`` bytes: what is told elsewhere goes first."""
    for shed in _SHEDDING:
        if _fits(report, limit):
            return encode(report)
        report = shed(report)
    if not _fits(report, limit):
        report = _fewer_datasets(report, limit)
    return encode(report)


def _fits(report: dict[str, Any], limit: int) -> bool:
    return len(encode(report).encode()) <= limit


def _short_messages(report: dict[str, Any]) -> dict[str, Any]:
    return {
        **report,
        "warnings": [shorten(w, 120) for w in report["warnings"][:5]],
        "datasets": [
            {
                **d,
                "error": d["error"]
                and {**d["error"], "message": shorten(d["error"]["message"], 80)},
            }
            for d in report["datasets"]
        ],
    }


def _no_warnings(report: dict[str, Any]) -> dict[str, Any]:
    count = len(report["warnings"])
    return {**report, "warnings": [f"{count} warnings; see the log"] if count else []}


def _few_fields(report: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "year", "rows", "sourceRows", "lastSyncedSince", "verified", "schemaInSync")
    return {
        **report,
        "datasets": [
            {
                **{k: d[k] for k in kept},
                "error": d["error"] and {"reason": d["error"]["reason"], "message": ""},
            }
            for d in report["datasets"]
        ],
    }


def _nonzero_rows(report: dict[str, Any]) -> dict[str, Any]:
    return {
        **report,
        "datasets": [
            {**d, "rows": {k: v for k, v in d["rows"].items() if v}} for d in report["datasets"]
        ],
    }


def _short_error(report: dict[str, Any]) -> dict[str, Any]:
    error = report["error"]
    short = error and {**error, "message": shorten(error["message"], 200)}
    return {**report, "run": shorten(report["run"], 253), "error": short}


def _fewer_datasets(report: dict[str, Any], limit: int) -> dict[str, Any]:
    """As many datasets as fit, those that failed before those that did not; the rest is left out, and
    said to be."""
    datasets: list[dict[str, Any]] = report["datasets"]
    first_failed = sorted(range(len(datasets)), key=lambda n: (not datasets[n]["error"], n))

    def keeping(count: int) -> dict[str, Any]:
        kept = [datasets[n] for n in sorted(first_failed[:count])]
        return {**report, "datasets": kept, "datasetsLeftOut": len(datasets) - count}

    most = bisect.bisect_right(
        range(len(datasets) + 1), 0, key=lambda count: 0 if _fits(keeping(count), limit) else 1
    )
    return keeping(max(0, most - 1))


_SHEDDING = (_short_messages, _no_warnings, _few_fields, _nonzero_rows, _short_error)
