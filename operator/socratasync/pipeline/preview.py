"""What a run would do, found out by asking and never by writing.

The database is asked in sessions that PostgreSQL itself keeps from writing; the source is asked
what the run would ask, and for one small page of each dataset, to estimate the bytes. Plans and
strategies are decided by the run's own functions.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import SyncError
from socratasync.pipeline.columns import Column
from socratasync.pipeline.merge.strategy import Strategy, choose
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.model import Before, DatasetPlan
from socratasync.pipeline.plan.planner import plan_all
from socratasync.pipeline.plan.target_state import TargetState, check_rights, look
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.stage.changeover import check_all
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.catalog import MaterializedView, Target
from socratasync.pipeline.target.connection import FIRST_WITH_MERGE_RETURNING, Connections

SAMPLE_ROWS = 1000
"""Enough for gzip to be as good as on whole pages, to within a tenth or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The database as it is. ``view_error``: what a run would say of a view that it cannot refresh. ``connections``:
    by which to look up rows of it, where a dataset goes over to another interface."""

    state: TargetState
    views: tuple[MaterializedView, ...] = ()
    view_error: SyncError | None = None
    connections: Connections | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPreview:
    """What would be done with one dataset. ``rows``: to be read. ``estimated_bytes``: over the wire,
    compressed, from a sample; exact when the sample is all there is. ``strategy``: how they would be
    merged, should no key of theirs prove to be in the table already."""

    plan: DatasetPlan
    rows: int
    estimated_bytes: int
    strategy: Strategy | None

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


def find(connections: Connections, spec: SyncSpec) -> Found:
    """Read the target, its bookkeeping and the views. Raises ``SyncError``, ``PermissionDenied`` for rights that
    a run would lack."""
    with connections.connect(read_only=True) as connection:
        check_rights(connection, spec)
        found = Found(state=look(connection, spec), connections=connections)
        if not found.state.target.exists:
            return found  # nor are its views: a run that makes the table leaves them out
        try:
            views = catalog.read_views(connection, spec.refresh.materialized_views)
            return replace(found, views=tuple(views))
        except SyncError as exc:
            return replace(found, view_error=exc)


def nothing_there(spec: SyncSpec) -> Found:
    """The database before there is one: it will be the embedded PostgreSQL, which is a new one."""
    target = Target(schema=spec.target.schema_, table=spec.target.table)
    before = Before(exists=False, rows=0, server_version=FIRST_WITH_MERGE_RETURNING)
    return Found(state=TargetState(target=target, before=before))


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
        plans = plan_all(spec, source, found.state, mode=mode, since=since, now=now).plans
    except SyncError as exc:
        return Preview(found=found, mode=mode, datasets={}, error=exc)
    resets = spec.resets(mode)
    if found.connections:
        plans = check_all(
            found.connections,
            source,
            plans,
            at_once=spec.parallelism,
            resets=resets,
            compares=False,
        )
    datasets = in_parallel(
        {dataset: partial(_preview, source, plan, resets) for dataset, plan in plans.items()},
        at_once=spec.parallelism,
        stopping=stopping,
    )
    return Preview(found=found, mode=mode, datasets=datasets, error=found.view_error)


def _preview(source: Source, plan: DatasetPlan | SyncError, resets: bool) -> DatasetPreview:
    if isinstance(plan, SyncError):
        raise plan
    if plan.nothing_to_do:
        return DatasetPreview(plan=plan, rows=0, estimated_bytes=0, strategy=None)
    rows = source.count(plan.dataset, soql.count(plan.condition))
    return DatasetPreview(
        plan=plan,
        rows=rows,
        estimated_bytes=_estimate(source, plan, rows),
        strategy=choose(plan, rows, resets=resets),
    )


def _estimate(source: Source, plan: DatasetPlan, rows: int) -> int:
    """Bytes over the wire for so many rows, from the first ``SAMPLE_ROWS`` of them."""
    if rows == 0:
        return 0
    query = soql.rows(plan.shape.columns, where=plan.condition, after=None, limit=SAMPLE_ROWS)

    def sample() -> int:
        with source.rows(plan.dataset, query) as stream:
            for _ in stream:
                pass
            return stream.wire_bytes

    sampled = source.by_either(lambda: source.retrying(sample))
    return round(sampled * rows / min(rows, SAMPLE_ROWS))
