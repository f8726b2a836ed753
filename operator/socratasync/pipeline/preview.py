"""What a run would do, found out by asking and never by writing.

The database is asked in sessions that PostgreSQL itself keeps from writing; the source is asked
what the run would ask, for one small page of each dataset, by which the bytes are estimated and
values tried, and which rows share a key. Plans, strategies and the table's definition are the run's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import BadValue, SyncError
from socratasync.pipeline.columns import Column, is_computed_region
from socratasync.pipeline.merge.strategy import Strategy, choose
from socratasync.pipeline.merge.table import definition
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.following import Followed, follow, plan_followed
from socratasync.pipeline.plan.index_plan import IndexPlan, foresee
from socratasync.pipeline.plan.keys import SharedKeys, find_shared
from socratasync.pipeline.plan.model import Before, DatasetPlan
from socratasync.pipeline.plan.partitions import partition_statements
from socratasync.pipeline.plan.planner import plan_all
from socratasync.pipeline.plan.target_state import TargetState, check_rights, look
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.stage.changeover import check_all
from socratasync.pipeline.stage.sample import NO_ROWS, Sample, take_sample
from socratasync.pipeline.stage.trial import Tried, try_page
from socratasync.pipeline.target import adoptions, catalog, refresh_sql
from socratasync.pipeline.target.adoptions import Adoption
from socratasync.pipeline.target.catalog import MaterializedView, Target
from socratasync.pipeline.target.connection import FIRST_WITH_MERGE_RETURNING, Connections
from socratasync.pipeline.target.migrations import bookkeeping_exists
from socratasync.pipeline.target.partitions import Partitioned

SAMPLE_ROWS = 1000
"""Enough for gzip to be as good as on whole pages, to within a tenth or so."""

HIDDEN = "the portal hides it"
NOT_CHOSEN = "spec.target.fields does not name it"
COMPUTED = "it is a computed region, and spec.source.computedRegions is not true"
NO_COLUMN = "the table has no such column, and spec.target.onSchemaChange is Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The database as it is. ``view_error``: what a run would say of a view that it cannot refresh. ``connections``:
    by which to look up rows of it, where a dataset goes over to another interface."""

    state: TargetState
    views: tuple[MaterializedView, ...] = ()
    view_error: SyncError | None = None
    connections: Connections | None = None
    adopted: tuple[Adoption, ...] = ()
    sql_is_new: bool = False
    """Whether the manifest's SQL would be run though no row changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPreview:
    """What would be done with one dataset. ``rows``: to be read. ``estimated_bytes``: over the wire,
    compressed, from a sample; exact when the sample is all there is. ``strategy``: how they would be
    merged, should no key of theirs prove to be in the table already. ``left_out``: the fields that would not be loaded, and why. ``shared``:
    the rows that share a key; None where nobody was asked. ``tried``: what the rows of the sample came to; None if none were tried. ``refused``: what
    the run will fail with, though it can be planned."""

    plan: DatasetPlan
    rows: int
    estimated_bytes: int
    strategy: Strategy | None
    left_out: Mapping[str, str]
    shared: SharedKeys | None = None
    tried: Tried | None = None
    refused: SyncError | None = None

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
    followed: Followed | None = None
    indexes: IndexPlan = field(default_factory=IndexPlan)

    @property
    def failures(self) -> list[tuple[str, SyncError]]:
        """Dataset id and error, of those that would fail."""
        errors = (
            (d, o if isinstance(o, SyncError) else o.refused) for d, o in self.datasets.items()
        )
        return [(dataset, error) for dataset, error in errors if error]

    @property
    def statements(self) -> list[str]:
        """Those by which the run would make the table, or complete it, partitions by dataset included."""
        plans = [o.plan for o in self.datasets.values() if isinstance(o, DatasetPreview)]
        target = self.found.state.target
        return [*definition(target, plans), *partition_statements(self.partitioned, plans)]

    @property
    def partitioned(self) -> Partitioned | None:
        """How the table takes rows, where it need not take all."""
        return self.found.state.partitioned


def find(connections: Connections, spec: SyncSpec) -> Found:
    """Read the target, its bookkeeping and the views. Raises ``SyncError``, ``PermissionDenied`` for rights that
    a run would lack."""
    with connections.connect(read_only=True) as connection:
        check_rights(connection, spec)
        target = f"{spec.target.schema_}.{spec.target.table}"
        has_runs = bookkeeping_exists(connection)
        found = Found(
            state=look(connection, spec),
            connections=connections,
            adopted=adoptions.read(connection, target) if has_runs else (),
            sql_is_new=has_runs and refresh_sql.is_new(connection, target, spec.refresh.sql_digest),
        )
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
    told: Callable[[str], str] = str,
) -> Preview:
    """Plan every dataset as a run would, ask for a sample of each, and try its values. ``told`` masks secrets."""
    resets = spec.resets(mode)
    try:
        followed, planned = plan_followed(
            follow(spec, source, found.adopted, resets=resets),
            lambda whole: plan_all(whole, source, found.state, mode=mode, since=since, now=now),
        )
    except SyncError as exc:
        return Preview(found=found, mode=mode, datasets={}, error=exc)
    spec, plans = followed.spec, planned.plans
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
        {
            dataset: partial(_preview, source, found, spec, told, plan, resets)
            for dataset, plan in plans.items()
        },
        at_once=spec.parallelism,
        stopping=stopping,
    )
    indexes = foresee(found.connections, spec, found.state.target, plans.values())
    return Preview(
        found=found,
        mode=mode,
        datasets=datasets,
        error=found.view_error or indexes.error,
        followed=followed,
        indexes=indexes,
    )


def _preview(
    source: Source,
    found: Found,
    spec: SyncSpec,
    told: Callable[[str], str],
    plan: DatasetPlan | SyncError,
    resets: bool,
) -> DatasetPreview:
    if isinstance(plan, SyncError):
        raise plan
    if plan.nothing_to_do:
        return DatasetPreview(
            plan=plan, rows=0, estimated_bytes=0, strategy=None, left_out=_left_out(spec, plan)
        )
    rows = source.count(plan.dataset, soql.count(plan.condition))
    sample = take_sample(source, plan, SAMPLE_ROWS) if rows else NO_ROWS
    tried = _tried(found, spec, told, plan, sample) if rows else None
    return DatasetPreview(
        plan=plan,
        rows=rows,
        estimated_bytes=round(sample.wire_bytes * rows / max(1, min(rows, SAMPLE_ROWS))),
        strategy=choose(plan, rows, resets=resets),
        left_out=_left_out(spec, plan),
        shared=find_shared(source, plan) if rows else None,
        tried=tried,
        refused=BadValue(tried.refusal)
        if tried and tried.refusal and plan.on_bad_value == "Fail"
        else None,
    )


def _left_out(spec: SyncSpec, plan: DatasetPlan) -> dict[str, str]:
    loaded = {column.whole for column in plan.shape.columns}
    why = NOT_CHOSEN if spec.target.fields else NO_COLUMN
    fields = [column.field for column in plan.source if column.field not in loaded]
    whys = {f: COMPUTED if _is_unwanted_region(spec, f) else why for f in fields}
    by_why = dict(sorted(whys.items(), key=lambda item: item[1] == COMPUTED))
    return by_why | dict.fromkeys(plan.hidden, HIDDEN)


def _is_unwanted_region(spec: SyncSpec, name: str) -> bool:
    return is_computed_region(name) and not spec.source.computed_regions


def _tried(
    found: Found,
    spec: SyncSpec,
    told: Callable[[str], str],
    plan: DatasetPlan,
    sample: Sample,
) -> Tried | None:
    """What became of the sample's rows; None where there is no database to try them in."""
    if found.connections is None:
        return None
    try:
        with found.connections.connect(read_only=True) as connection:
            return try_page(
                connection,
                plan,
                sample.page,
                most=SAMPLE_ROWS,
                target=found.state.target,
                chosen=spec.target.fields,
                types=spec.target.types,
                told=told,
            )
    except SyncError as exc:  # a run that meets no odd value would do without
        return Tried(rows=0, untried=exc.message)
