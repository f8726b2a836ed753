"""The tables of schema ``socratasync`` in the target database: runs, watermarks, checkpoints.

They live beside the data so that a merge, its watermark and its run record commit together; no
other place could promise that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from socratasync.api.source import Interface
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import TargetBusy
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.table_lock import RunLock
from socratasync.process.redact import mask_values

_SQL = load("bookkeeping")

_Row = TypeVar("_Row", bound="Checkpoint | Known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a stage is filled, and what the source said when filling began (``source``, which also holds
    what was noted on the way)."""

    stage: str
    run: str
    fingerprint: str
    started_at: datetime
    source: dict[str, Any]
    last_id: str | None = None
    rows: int = 0
    bytes: int = 0
    archived_bytes: int = 0
    replica_as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outranked:
    """A dataset's rows that the target does not hold: ``left_out`` for having no key, or the key of another
    row of the dataset; ``shared`` for having the key of another dataset's row; ``owed``: the row that had
    their key is gone, and the next run reads them anew."""

    dataset: str
    left_out: int = 0
    shared: int = 0
    owed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run as it was recorded; ``ok`` is None while it runs, or if it was lost."""

    run: str
    mode: str
    started_at: datetime
    finished_at: datetime | None
    ok: bool | None
    report: dict[str, Any] | None


def stage_name(target: str, dataset: str) -> str:
    """The dataset's stage table: readable, and its own for every target."""
    digest = hashlib.sha256(f"{target}/{dataset}".encode()).hexdigest()[:12]
    return f"stage_{dataset.replace('-', '_')}_{digest}"


def new_table_name(target: str) -> str:
    """The table that a run fills before it becomes the target."""
    return f"new_{hashlib.sha256(target.encode()).hexdigest()[:12]}"


def in_ascii(text: str) -> str:
    """The text with all other characters written out, such as ``\\u2019``: the only ones that every
    server encoding has."""
    return text.encode("ascii", "backslashreplace").decode()


def _jsonb(value: object) -> Jsonb:
    """As letters, not as escapes of theirs, which PostgreSQL takes only where it knows what its bytes mean:
    not in a database of SQL_ASCII."""
    return Jsonb(value, dumps=partial(json.dumps, ensure_ascii=False))


class Ledger:
    """The bookkeeping of one target table and one run, on one connection."""

    def __init__(
        self, connection: Connection, target: str, run: str, lock: RunLock | None = None
    ) -> None:
        self._connection = connection
        self.target = target
        self.run = run
        self._lock = lock

    def on(self, connection: Connection) -> Ledger:
        """The same ledger, written through another connection: the one whose transaction merges. The
        target's lock stays with the first."""
        return Ledger(connection, self.target, self.run, self._lock)

    @property
    def _words(self) -> dict[str, Any]:
        return {"target": self.target, "run": self.run}

    def begin(self, mode: str) -> dict[str, DatasetReport]:
        """Record the start. Returns what this run had already merged: a retried pod's earlier work."""
        row = self._connection.execute(_SQL["begin_run"], {**self._words, "mode": mode}).fetchone()
        assert row is not None
        return {dataset: DatasetReport.from_dict(data) for dataset, data in row[0].items()}

    def record_merge(self, report: DatasetReport) -> None:
        """The run's record of one dataset; in the merging transaction. Raises ``TargetBusy`` if the
        target's lock was lost meanwhile: another run may be at work."""
        assert self._lock is not None, "who merges holds the target's lock"
        self._lock.check(self._connection)
        self._connection.execute(
            _SQL["record_merge"],
            {
                **self._words,
                "dataset": report.id,
                "result": _jsonb(report.as_dict()),
                "changed": report.rows.changed > 0,
            },
        )

    def record_watermark(self, known: Known) -> None:
        """How far the dataset is in; in the merging transaction."""
        words = known.as_dict()
        self._connection.execute(
            _SQL["record_watermark"], {**self._words, **words, "columns": _jsonb(words["columns"])}
        )

    def record_columns(self, dataset: str, columns: Mapping[str, Mapping[str, str]]) -> None:
        """Which columns the dataset has and had; for a dataset that is in."""
        words = {**self._words, "dataset": dataset, "columns": _jsonb(columns)}
        self._connection.execute(_SQL["record_columns"], words)

    def record_left_out(self, dataset: str, rows: int) -> None:
        """How many of the dataset's rows cannot be in the target."""
        words = {**self._words, "dataset": dataset, "rows": rows}
        self._connection.execute(_SQL["record_left_out"], words)

    def forget_other_datasets(self, datasets: list[str]) -> None:
        """Only these datasets are still in the table."""
        words = {**self._words, "datasets": datasets}
        self._connection.execute(_SQL["forget_other_datasets"], words)

    def known(self) -> dict[str, Known]:
        """Dataset id → how far it is in."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_SQL["read_datasets"], self._words).fetchall()
        return {row["dataset"]: Known.from_dict(row) for row in rows}

    def has_outranked(self) -> bool:
        """Whether there is the book of rows that the target does not hold: an older release made none."""
        row = self._connection.execute(_SQL["has_outranked"]).fetchone()
        return bool(row and row[0])

    def owed(self) -> dict[str, tuple[str, ...]]:
        """Dataset id → ``:id``s of its rows that are to be read anew, since the row that stood for them
        is gone."""
        if not self.has_outranked():
            return {}
        rows = self._connection.execute(_SQL["read_owed"], self._words).fetchall()
        return {dataset: tuple(ids) for dataset, ids in rows}

    def outranked(self) -> dict[str, Outranked]:
        """Dataset id → its rows that the target does not hold, counted; of those that have any."""
        with self._connection.cursor(row_factory=class_row(Outranked)) as cursor:
            rows = cursor.execute(_SQL["count_outranked"], self._words).fetchall()
        return {row.dataset: row for row in rows}

    def outranked_ids(self, dataset: str, limit: int) -> list[str]:
        """``:id``s of rows of the dataset that the target does not hold."""
        words = {**self._words, "dataset": dataset, "limit": limit}
        return [
            row[0] for row in self._connection.execute(_SQL["read_outranked"], words).fetchall()
        ]

    def forget_rows(self, dataset: str, ids: list[str]) -> None:
        """These rows are no more at the source."""
        words = {**self._words, "dataset": dataset, "ids": ids}
        self._connection.execute(_SQL["forget_rows"], words)

    def shares_keys(self, dataset: str) -> bool:
        """Whether a row of the dataset and one of another dataset are known to have one key."""
        words = {**self._words, "dataset": dataset}
        row = self._connection.execute(_SQL["shares_keys"], words).fetchone()
        return bool(row and row[0])

    def forget_dataset(self, dataset: str) -> None:
        """Every row of the dataset is judged anew; in the merging transaction."""
        self._connection.execute(_SQL["forget_dataset"], {**self._words, "dataset": dataset})

    def forget_outranked(self) -> None:
        """The target was emptied, by this transaction or by somebody before the run."""
        self._connection.execute(_SQL["forget_outranked"], self._words)

    def refresh_is_pending(self) -> bool:
        """Whether something was merged that views and hooks have not seen, by this run or before."""
        row = self._connection.execute(_SQL["refresh_is_pending"], self._words).fetchone()
        return bool(row and row[0])

    def mark_refreshed(self) -> None:
        """Views and hooks have seen everything that was merged."""
        self._connection.execute(_SQL["mark_refreshed"], self._words)

    def finish(self, report: RunReport) -> None:
        """The run's outcome and whole report; old runs are forgotten."""
        told: object = report.as_dict()
        if self._connection.info.parameter_status("server_encoding") != "UTF8":
            told = mask_values(told, in_ascii)
        words = {**self._words, "ok": report.ok, "report": _jsonb(told)}
        self._connection.execute(_SQL["finish_run"], words)
        self._connection.execute(_SQL["forget_old_runs"], self._words)

    def past_runs(self, limit: int) -> list[PastRun]:
        """The last runs, newest first."""
        with self._connection.cursor(row_factory=class_row(PastRun)) as cursor:
            return cursor.execute(_SQL["read_runs"], {**self._words, "limit": limit}).fetchall()

    # -- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self, stage: str) -> Checkpoint | None:
        """How far the stage is filled; None if there is none."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(_SQL["read_checkpoint"], {"stage": stage}).fetchone()
        return None if row is None else _by_name(Checkpoint, row)

    def start_checkpoint(
        self, stage: str, fingerprint: str, started_at: datetime, source: dict[str, Any]
    ) -> None:
        """An empty stage, owned by this run."""
        self._connection.execute(
            _SQL["start_checkpoint"],
            {
                "stage": stage,
                "run": self.run,
                "fingerprint": fingerprint,
                "started_at": started_at,
                "source": _jsonb(source),
            },
        )

    def adopt_checkpoint(self, stage: str) -> None:
        """This run goes on with the stage."""
        self._connection.execute(_SQL["adopt_checkpoint"], {"stage": stage, "run": self.run})

    def advance_checkpoint(
        self,
        stage: str,
        *,
        last_id: str,
        rows: int,
        bytes_: int,
        archived_bytes: int,
        replica_as_of: datetime | None,
        noted: Mapping[str, Any],
    ) -> None:
        """One more page; in the transaction that copied it. ``noted``: what ``source`` is to hold from now on,
        too. Raises ``TargetBusy`` if another run has taken the stage over."""
        words = {
            "stage": stage,
            "run": self.run,
            "last_id": last_id,
            "rows": rows,
            "bytes": bytes_,
            "archived_bytes": archived_bytes,
            "replica_as_of": replica_as_of,
            "noted": _jsonb(noted),
        }
        if self._connection.execute(_SQL["advance_checkpoint"], words).rowcount != 1:
            raise TargetBusy(f"another run has taken over the loading of {self.target}")

    def drop_checkpoint(self, stage: str) -> None:
        """The stage is gone."""
        self._connection.execute(_SQL["drop_checkpoint"], {"stage": stage})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How far a dataset is in, as the bookkeeping has it. ``columns``: ``source`` (field → type, all
    of them), ``loaded`` (target column → field), and what older releases do not note: ``frozen`` (as
    ``loaded``: what was loaded once), ``provenance`` (column → type; nothing while it is switched off) and
    what ``read_by``, ``called`` and ``plan.about`` write."""

    dataset: str
    year: int | None
    watermark_column: str
    watermark: datetime | None
    synced_since: datetime | None
    source_rows: int | None
    rows_updated_at: datetime | None
    columns: dict[str, dict[str, str]]
    query: str
    left_out: int = 0

    @property
    def api(self) -> Interface:
        """The interface that its rows came by."""
        return "SODA3" if self.columns.get("interface", {}).get("rows") == "SODA3" else "SODA2"

    @property
    def name(self) -> str | None:
        """What the portal called it when it was last read; None if no release noted that yet."""
        return self.columns.get("dataset", {}).get("name")

    def as_dict(self) -> dict[str, Any]:
        """As the bookkeeping row."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Known:
        """From the bookkeeping row, which has more columns."""
        return _by_name(cls, row)


FIRST_INTERFACE: Final = "SODA2"
"""Releases that knew no other one noted none."""


def read_by(api: Interface) -> dict[str, dict[str, str]]:
    """The part of ``Known.columns`` that tells by which interface rows came."""
    return {} if api == FIRST_INTERFACE else {"interface": {"rows": api}}


def called(name: str) -> dict[str, dict[str, str]]:
    """The part of ``Known.columns`` that tells what the portal calls the dataset: by it one that was replaced is
    found again."""
    return {"dataset": {"name": name}} if name else {}


def _by_name(kind: type[_Row], row: Mapping[str, Any]) -> _Row:
    """The row of a bookkeeping of any version: columns that came later than this program are left
    out, and fields whose columns are still to come have their defaults."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in row.items() if name in names})
