"""What a run did, as one JSON object, version 1: standard output, the bookkeeping row and, by way of
``report_text``, the operator's status carry this. Pure.

Secrets are masked here, once: whatever leaves a report as text has gone through its ``redact``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.contract.notices import NOTICE_CHARACTERS, Notice, written
from socratasync.contract.successors import Successor, written_successors
from socratasync.errors import SyncError, Terminated, TryAgain
from socratasync.times import instant_or_none, write_instant

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
        return {name: getattr(self, name) for name in ROW_COUNTS}


ROW_COUNTS = tuple(count.name for count in fields(Rows))
"""The names of the counts, in the order in which they are told."""

ROWS_MOVED = tuple(name for name in ROW_COUNTS if name != "target")
"""Those of them that add up, from dataset to dataset and from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """Bytes on disk: of the table with its large values, and of its indexes."""

    bytes: int
    index_bytes: int

    def as_dict(self) -> dict[str, int]:
        """The bytes under their names in the report."""
        return {"bytes": self.bytes, "indexBytes": self.index_bytes}


@dataclass(slots=True, kw_only=True)
class DatasetReport:
    """What became of one dataset. ``result``: Synced, NoChange or Failed. ``verified``: whether its
    rows were counted and agree with the source's own count; None when nobody counted.

    ``duplicates`` were left out by this run. ``left_out``: all of its rows that the target does not hold for
    having no key, or that of another of its rows; ``shared``: keys of its rows that rows of other datasets
    have. None when nobody counted. ``frozen_columns``: see ``plan/frozen``, without those that the manifest
    accepts; None, as ``schema_in_sync``, when nobody compared. ``api``: the interface that this run read it by;
    None if it was never asked. ``api_changed``: why this run went over to that one, for people; None if it did not.
    """

    id: str
    year: int | None = None
    mode: str = "update"
    result: str = "Synced"
    rows: Rows = field(default_factory=Rows)
    duplicates: int = 0
    bad_values: BadValues = NO_BAD_VALUES
    left_out: int | None = None
    shared: int | None = None
    source_rows: int | None = None
    source_updated_at: datetime | None = None
    last_synced_since: datetime | None = None
    error: SyncError | None = None
    strategy: str | None = None
    verified: bool | None = None
    schema_in_sync: bool | None = None
    frozen_columns: tuple[str, ...] | None = None
    api: str | None = None
    api_changed: str | None = None

    def as_dict(self, told: Callable[[str], str] = str) -> dict[str, Any]:
        """The dataset's entry in the report; ``told`` makes of an error's message what may be told."""
        return {
            "id": self.id,
            "year": self.year,
            "mode": self.mode,
            "result": self.result,
            "rows": self.rows.as_dict(),
            "duplicates": self.duplicates,
            "badValues": self.bad_values.as_dict() if self.bad_values.found else None,
            "leftOut": self.left_out,
            "shared": self.shared,
            "sourceRows": self.source_rows,
            "sourceUpdatedAt": write_instant(self.source_updated_at, "milliseconds"),
            "lastSyncedSince": write_instant(self.last_synced_since, "milliseconds"),
            "strategy": self.strategy,
            "verified": self.verified,
            "schemaInSync": self.schema_in_sync,
            "frozenColumns": None if (frozen := self.frozen_columns) is None else list(frozen),
            "frozenColumnCount": None if frozen is None else len(frozen),
            "api": self.api,
            "apiChanged": None
            if self.api_changed is None
            else shorten(told(self.api_changed), MESSAGE_CHARACTERS),
            "error": error_dict(self.error, told),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DatasetReport:
        """Read back what ``as_dict`` wrote for a dataset that went well, in this release or the one before."""
        frozen = data.get("frozenColumns")
        return cls(
            id=data["id"],
            year=data["year"],
            mode=data["mode"],
            result=data["result"],
            rows=Rows(**data["rows"]),
            duplicates=data["duplicates"],
            bad_values=BadValues.from_dict(data.get("badValues")),
            left_out=data.get("leftOut"),
            shared=data.get("shared"),
            source_rows=data["sourceRows"],
            source_updated_at=instant_or_none(data["sourceUpdatedAt"]),
            last_synced_since=instant_or_none(data["lastSyncedSince"]),
            strategy=data["strategy"],
            verified=data["verified"],
            schema_in_sync=data["schemaInSync"],
            frozen_columns=None if frozen is None else tuple(frozen),
            api=data.get("api"),
            api_changed=data.get("apiChanged"),
        )


@dataclass(slots=True, kw_only=True)
class RunReport:
    """The whole run. ``error`` is what failed outside of any one dataset. ``redact`` masks secrets in
    everything that is told. ``counted_at``: when the rows of the target were counted, by this run or by an earlier one
    after which nobody wrote to it. ``only``: what a one-off run was limited to. ``notices``: what the portal says about the
    end of its interfaces. ``successors``: datasets that follow those of the manifest; None where nobody could look.
    ``table``: how large the target is; None where nobody measured."""

    run: str
    mode: str
    only: str | None = None
    datasets: list[DatasetReport] = field(default_factory=list)
    target_rows: int | None = None
    counted_at: datetime | None = None
    table: TableSize | None = None
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    successors: list[Successor] | None = None
    error: SyncError | None = None
    terminated: bool = False
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether everything that the manifest asks for is in the target and refreshed."""
        return self.failure is None and not self.terminated

    @property
    def failure(self) -> SyncError | None:
        """The error that decides the exit code: the run's own, else the datasets' together. Masked."""
        error = self.error or summarise((d.id, d.error) for d in self.datasets if d.error)
        return self.shown(error) if error else None

    @property
    def exit_code(self) -> int:
        """Sysexits; 143 after SIGTERM."""
        if self.terminated:
            return Terminated.exit_code
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

    def shown(self, error: SyncError) -> SyncError:
        """The error with its message as it may be told."""
        told = copy.copy(error)
        told.message = self.told(error.message)
        told.args = (told.message,)
        return told

    def told(self, text: str) -> str:
        """The text as it may be told: masked, and without what JSON or a database cannot hold."""
        return storable(self.redact(text))

    def _notice(self, text: str) -> str:
        return shorten(self.told(text), NOTICE_CHARACTERS)

    def as_dict(self) -> dict[str, Any]:
        """The report, complete, as it may be told. Only what others wrote is masked: a password that is
        also a word of ours must not make the report unreadable."""
        error = error_dict(self.failure)
        if self.terminated and error is None:
            error = {"reason": "Terminated", "message": "stopped by SIGTERM; nothing half-written"}
        return {
            "v": 1,
            "run": storable(self.run),
            "ok": self.ok,
            "mode": self.mode,
            "only": self.only,
            "rows": self.rows.as_dict(),
            "datasets": [dataset.as_dict(self.told) for dataset in self.datasets],
            "lastSyncedSince": write_instant(self.last_synced_since, "milliseconds"),
            "countedAt": write_instant(self.counted_at, "seconds"),
            "table": self.table.as_dict() if self.table else None,
            "bytes": self.bytes,
            "seconds": {step: round(spent, 3) for step, spent in self.seconds.items()},
            "warnings": [self.told(warning) for warning in self.warnings],
            "notices": written(self.notices, self._notice),
            "successors": None
            if self.successors is None
            else written_successors(self.successors, self.told),
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
    leading = next((e for _, e in failed if e.exit_code == TryAgain.exit_code), failed[0][1])
    if len(failed) == 1:
        return leading
    sentence = "; ".join(f"{dataset}: {error.message}" for dataset, error in failed)
    return type(leading)(f"{len(failed)} datasets failed. {sentence}")


def total(parts: Iterable[Rows], target: int | None) -> Rows:
    """The counts added up."""
    told = list(parts)
    return Rows(
        target=target, **{name: sum(getattr(part, name) for part in told) for name in ROWS_MOVED}
    )


def error_dict(error: SyncError | None, told: Callable[[str], str] = str) -> dict[str, str] | None:
    """Reason and message, masked by ``told`` and then cut to a length that leaves room for the rest."""
    if error is None:
        return None
    return {"reason": error.reason, "message": shorten(told(error.message), MESSAGE_CHARACTERS)}


def shorten(text: str, characters: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= characters else f"{text[: max(0, characters - 1)]}…"[:characters]


def listed(names: Sequence[str], most: int) -> str:
    """The names for a sentence; of more than ``most``, the first ones and how many there are besides."""
    told, besides = ", ".join(names[:most]), len(names) - most
    return f"{told} and {besides} more" if besides > 0 else told


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with NUL, which PostgreSQL takes in no text, and halves of characters, which no UTF-8
    holds, written out as ``\\x00`` and ``\\ud800``."""
    return _UNSTORABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
