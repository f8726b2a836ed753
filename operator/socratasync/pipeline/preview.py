"""What a run would do, found out by asking and never by writing.

The database is asked in sessions that PostgreSQL itself keeps from writing; the source is asked
what the run would ask, and for one small page of each dataset, to estimate the bytes.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from psycopg import sql

from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import SyncError
from socratasync.pipeline.columns import Column
from socratasync.pipeline.merge import strategy
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.drift import check_table
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.planner import survey
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target import catalog, connection, migrations
from socratasync.pipeline.target.bookkeeping import Known, Ledger
from socratasync.pipeline.target.catalog import MaterializedView, Target
from socratasync.pipeline.target.connection import Connection, Connections

SAMPLE_ROWS = 1000
"""Enough for gzip to be as good as on whole pages, to within a tenth or so."""

READ_ONLY = "SET default_transaction_read_only = on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The database as it is. ``rows``: about as many are in the target. ``version``: the server's,
    None when there is no server yet."""

    target: Target
    known: Mapping[str, Known]
    empty: bool = True
    rows: int = 0
    version: int | None = None
    views: tuple[MaterializedView, ...] = ()
    view_error: SyncError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPreview:
    """What would be done with one dataset. ``rows``: to be read. ``estimated_bytes``: over the wire,
    compressed, from a sample; exact when the sample is all there is."""

    plan: DatasetPlan
    rows: int
    estimated_bytes: int
    strategy: strategy.Strategy | None

    @property
    def load(self) -> str:
        """``full``, ``update`` or ``none``."""
        if self.plan.nothing_to_do:
            return "none"
        return "full" if self.plan.load.full else "update"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that would be loaded."""
        return self.plan.shape.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would do: per dataset a preview, or the error that it would end with."""

    found: Found
    mode: Mode
    datasets: Mapping[str, DatasetPreview | SyncError]
    error: SyncError | None = None

    @property
    def failures(self) -> list[tuple[str, SyncError]]:
        """Dataset id and error, of those that would fail."""
        return [(d, o) for d, o in self.datasets.items() if isinstance(o, SyncError)]


def look(connections: Connections, spec: SyncSpec) -> Found:
    """Read the target, its bookkeeping and the views. Raises ``SyncError``."""
    with connections.connect() as connection:
        connection.execute(READ_ONLY)
        target = catalog.read_target(connection, spec.target.schema_, spec.target.table)
        catalog.check_types(connection, spec.target.fields)
        rows = _rows(connection, target)
        found = Found(
            target=target,
            known=read_known(connection, target.name),
            empty=rows == 0,
            rows=rows,
            version=connection.info.server_version,
        )
        if not target.exists:
            return found  # nor are its views: a run that makes the table leaves them out
        try:
            views = [catalog.read_view(connection, n) for n in spec.refresh.materialized_views]
        except SyncError as exc:
            return dataclasses.replace(found, view_error=exc)
        return dataclasses.replace(found, views=tuple(views))


def _rows(connection: Connection, target: Target) -> int:
    """As PostgreSQL estimates; counted where it does not know. 0 means empty."""
    if target.kind not in ("r", "p"):
        return 0
    table = sql.Identifier(target.schema, target.table)
    if catalog.is_empty(connection, table):
        return 0
    return target.estimate or catalog.count(connection, catalog.count_rows(table))


def nothing_there(spec: SyncSpec) -> Found:
    """The database before there is one."""
    return Found(target=Target(schema=spec.target.schema_, table=spec.target.table), known={})


def read_known(connection: Connection, target: str) -> dict[str, Known]:
    """How far each dataset is in; nothing where nothing was ever loaded. Raises ``SyncError``."""
    if not migrations.bookkeeping_exists(connection):
        return {}
    return Ledger(connection, target, "").known()


def preview(
    spec: SyncSpec,
    source: Source,
    found: Found,
    *,
    mode: Mode,
    since: datetime | None,
    now: datetime,
    stopping: threading.Event,
) -> Preview:
    """Plan every dataset as a run would, and ask for a sample of each."""
    try:
        check_table(found.target, spec.target.key)
    except SyncError as exc:
        return Preview(found=found, mode=mode, datasets={}, error=exc)
    plans = survey(spec, source, found.target, _known(found), mode=mode, since=since, now=now).plans
    look_closer = partial(_preview, spec, source, found, spec.target.reset and mode == "full")
    datasets = in_parallel(
        {dataset: partial(look_closer, plan) for dataset, plan in plans.items()},
        at_once=spec.parallelism,
        stopping=stopping,
    )
    return Preview(found=found, mode=mode, datasets=datasets, error=found.view_error)


def _known(found: Found) -> Mapping[str, Known]:
    """What a run would go on from: it, too, forgets what it knew of a table that was emptied since."""
    forgotten = found.empty and any(known.source_rows != 0 for known in found.known.values())
    return {} if forgotten else found.known


def _preview(
    spec: SyncSpec, source: Source, found: Found, resets: bool, plan: DatasetPlan | SyncError
) -> DatasetPreview:
    if isinstance(plan, SyncError):
        raise plan
    if plan.nothing_to_do:
        return DatasetPreview(plan=plan, rows=0, estimated_bytes=0, strategy=None)
    counted = source.first(plan.dataset, soql.count(plan.condition))["source_rows"]
    rows = int(counted)
    way = strategy.Strategy.REPLACE
    if not resets:
        way = strategy.choose(
            exists=found.target.exists,
            empty=found.empty,
            staged_rows=rows,
            target_rows=found.rows,
            server_version=found.version or connection.FIRST_WITH_MERGE_ACTION,
        )
    return DatasetPreview(
        plan=plan, rows=rows, estimated_bytes=_estimate(source, plan, rows), strategy=way
    )


def _estimate(source: Source, plan: DatasetPlan, rows: int) -> int:
    """Bytes over the wire for so many rows, from the first ``SAMPLE_ROWS`` of them."""
    if rows == 0:
        return 0
    parameters = soql.rows(plan.shape.columns, where=plan.condition, after=None, limit=SAMPLE_ROWS)

    def sample() -> int:
        with source.rows(plan.dataset, parameters) as stream:
            for _ in stream:
                pass
            return stream.wire_bytes

    return round(source.retrying(sample) * rows / min(rows, SAMPLE_ROWS))
