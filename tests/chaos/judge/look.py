"""The database as it is at one moment, and all that is known of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from tests.chaos.history import Chronicle
from tests.chaos.setting import Setting
from tests.chaos.world import World
from tests.postgres.conftest import Row

from socratasync.contract.report import DatasetReport, RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The database at one moment. The target's rows by key, and by key what changes whenever a row is
    written; ``columns`` is empty where there is no table. Of the bookkeeping: ``runs`` by name, ``datasets``,
    ``owed``, the (dataset, ``:id``) of rows that the next run brings back, and ``stages``, tables and
    checkpoints, that are there."""

    rows: dict[str, Row] = field(default_factory=dict)
    prints: dict[str, Any] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    runs: dict[str, Row] = field(default_factory=dict)
    datasets: list[Row] = field(default_factory=list)
    owed: frozenset[tuple[str, str]] = frozenset()
    stages: list[Row] = field(default_factory=list)

    def keys_of(self, dataset: str) -> set[str]:
        """Keys whose row is of the dataset."""
        return {key for key, row in self.rows.items() if owner(row) == dataset}

    @property
    def untold(self) -> set[str]:
        """Runs that changed rows which views and hooks have not seen."""
        return {name for name, row in self.runs.items() if row["changed"] and not row["refreshed"]}


_ROWS = "SELECT xmin::text AS xmin, ctid::text AS ctid, * FROM public.parks"
_RUNS = "SELECT run, finished_at, ok, changed, refreshed, report FROM socratasync.runs"
_DATASETS = "SELECT dataset, synced_since, columns FROM socratasync.datasets"
_OWED = "SELECT dataset, socrata_id FROM socratasync.outranked WHERE owed"
_STAGES = """
SELECT relname::text AS name FROM pg_class WHERE relname LIKE 'stage%' AND relkind = 'r'
UNION ALL SELECT stage FROM socratasync.checkpoints
"""


def look(dsn: str, key: str) -> Look:
    """The database as it is now, by one connection: this is done twice for each run."""
    options = "-c datestyle=ISO -c timezone=UTC"
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row, options=options) as connection:
        rows, columns = _all(connection, _ROWS)
        runs, _ = _all(connection, _RUNS)
        datasets, _ = _all(connection, _DATASETS)
        owed, _ = _all(connection, _OWED)
        stages, _ = _all(connection, _STAGES)
    return Look(
        prints={row[key]: (row.pop("xmin"), row.pop("ctid")) for row in rows},
        rows={row[key]: row for row in rows},
        columns=frozenset(columns),
        runs={row["run"]: row for row in runs},
        datasets=datasets,
        owed=frozenset((row["dataset"], row["socrata_id"]) for row in owed),
        stages=stages,
    )


def _all(connection: psycopg.Connection[Row], query: LiteralString) -> tuple[list[Row], list[str]]:
    """The answer and its columns; nothing where there is no such table."""
    try:
        cursor = connection.execute(query)
    except psycopg.errors.UndefinedTable:
        return [], []
    return cursor.fetchall(), [column.name for column in cursor.description or []]


def owner(row: Row) -> str | None:
    """The dataset that a row of the target came from."""
    found: str | None = row.get("socrata_dataset")
    return found


@dataclass(slots=True)
class Claim:
    """What is known of a dataset: ``since``, the oldest state that the next run may have seen (one
    that goes on with the stage of an earlier one saw more); ``all_from``, the state from which on
    everything was read, since the last full run began."""

    since: int = 0
    all_from: int = 0
    is_open: bool = False
    """Whether a run is under way, or the last one did not bring the dataset in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """One run, from outside. ``report``: None of a run that was killed. ``still``: whether no dataset
    changed since the oldest state that it may have read. ``lies``: whether the source may have lied. ``destroyed``:
    whether somebody destroyed rows of the target meanwhile."""

    world: World
    setting: Setting
    before: Look
    after: Look
    claims: dict[str, Claim]
    report: RunReport | None
    mode: str
    still: bool
    lies: bool
    destroyed: bool

    @property
    def chronicles(self) -> dict[str, Chronicle]:
        """The histories of the datasets."""
        return self.world.chronicles

    @property
    def destroys(self) -> bool:
        """Whether the manifest lets rows go that are gone at the source."""
        return "prune" in self.mode or self.mode == "reset"

    @property
    def told(self) -> dict[str, DatasetReport]:
        """The datasets that the report says are in."""
        if self.report is None or self.report.terminated:
            return {}
        return {d.id: d for d in self.report.datasets if d.result != "Failed"}

    def warned(self, dataset: str, words: str) -> bool:
        """Whether a warning names the dataset and has these words."""
        assert self.report is not None
        return any(dataset in w and words in w for w in self.report.warnings)
