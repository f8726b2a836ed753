"""Looks at source and target before a run and plans each dataset; reads only.

``plan`` shows the outcome, ``run`` carries it out. A dataset that cannot be planned does not keep
the others from it: its error stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from socratasync.api.source import DatasetSpec
from socratasync.api.spec import SyncSpec
from socratasync.errors import SyncError
from socratasync.pipeline.columns import PROVENANCE, Column
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.drift import Agreement, agree, common_types
from socratasync.pipeline.plan.model import DatasetPlan, Load, Mode, Shape, Snapshot
from socratasync.pipeline.plan.selection import select_columns
from socratasync.pipeline.plan.watermark import (
    CLOCKS_DIFFER_BY,
    choose_load,
    find_watermark,
    nothing_changed,
)
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Metadata, Source
from socratasync.pipeline.target.bookkeeping import Known, stage_name
from socratasync.pipeline.target.catalog import Target

T = TypeVar("T")
Planned = DatasetPlan | SyncError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """The plans, or errors, in the order of the manifest; ``table`` is the columns (name, type) that a
    new target would have."""

    plans: dict[str, Planned]
    table: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A dataset's metadata, and the columns of it that the manifest loads."""

    metadata: Metadata
    columns: tuple[Column, ...]


def survey(
    spec: SyncSpec,
    source: Source,
    target: Target,
    known: Mapping[str, Known],
    *,
    mode: Mode,
    since: datetime | None,
    now: datetime,
) -> Plans:
    """Plan every dataset that the manifest selects."""
    datasets = spec.selected_datasets()
    described = _each(spec, source, datasets, lambda d: _describe(spec, source, d))
    types = common_types(d.columns for d in described.values() if isinstance(d, Described))

    def plan(dataset: DatasetSpec) -> DatasetPlan:
        found = described[dataset.id]
        if isinstance(found, SyncError):
            raise found
        return _plan(
            spec, dataset, found, source, target, known.get(dataset.id), types, mode, since, now
        )

    return Plans(plans=_each(spec, source, datasets, plan), table=tuple(types.items()))


def _each(
    spec: SyncSpec,
    source: Source,
    datasets: Sequence[DatasetSpec],
    action: Callable[[DatasetSpec], T],
) -> dict[str, T | SyncError]:
    tasks = {dataset.id: partial(action, dataset) for dataset in datasets}
    return in_parallel(tasks, at_once=spec.parallelism, stopping=source.stopping)


def _describe(spec: SyncSpec, source: Source, dataset: DatasetSpec) -> Described:
    metadata = source.metadata(dataset.id)
    columns = select_columns(
        metadata.columns,
        fields=spec.target.fields,
        mapping=dataset.columns,
        provenance=spec.target.provenance,
        dataset=dataset.id,
    )
    return Described(metadata=metadata, columns=columns)


def _plan(
    spec: SyncSpec,
    dataset: DatasetSpec,
    described: Described,
    source: Source,
    target: Target,
    known: Known | None,
    types: Mapping[str, str],
    mode: Mode,
    since: datetime | None,
    now: datetime,
) -> DatasetPlan:
    metadata = described.metadata
    agreement = agree(
        dataset=dataset.id,
        columns=described.columns,
        source=metadata.columns,
        known=known.columns["source"] if known else None,
        target=target,
        types=types,
        chosen=spec.target.fields,
        key=spec.target.key,
        provenance=spec.target.provenance,
        policy=spec.target.on_schema_change,
    )
    watermark = find_watermark(spec.source.watermark, dataset.columns, metadata.columns)
    load = choose_load(
        mode=mode,
        known=known,
        asked_since=since,
        watermark=watermark,
        columns=agreement.columns,
        where=dataset.where,
        lacking=_lacking(spec, target, agreement),
    )
    snapshot = _snapshot(spec, dataset, metadata, source, watermark, now)
    return DatasetPlan(
        dataset=dataset.id,
        year=dataset.year,
        shape=_shape(spec, dataset, target, agreement.columns, keeps_newer=not load.full),
        load=load,
        where=dataset.where,
        watermark=watermark,
        snapshot=snapshot,
        source=metadata.columns,
        add=agreement.add,
        known=known,
        warnings=agreement.warnings + _load_warnings(dataset, known, load),
        schema_in_sync=agreement.in_sync,
        nothing_to_do=nothing_changed(known, load, snapshot, watermark),
    )


def _lacking(spec: SyncSpec, target: Target, agreement: Agreement) -> list[str]:
    """Columns that an existing target must get, and that are then empty in every row."""
    if not target.exists:
        return []
    provenance = PROVENANCE if spec.target.provenance else {}
    return [name for name, _ in agreement.add] + [n for n in provenance if target.column(n) is None]


def _shape(
    spec: SyncSpec,
    dataset: DatasetSpec,
    target: Target,
    columns: tuple[Column, ...],
    *,
    keeps_newer: bool,
) -> Shape:
    return Shape(
        schema=target.schema,
        table=target.table,
        stage=stage_name(target.name, dataset.id),
        dataset=dataset.id,
        columns=columns,
        key=tuple(spec.target.key),
        provenance=spec.target.provenance,
        keeps_newer=keeps_newer,
    )


def _snapshot(
    spec: SyncSpec,
    dataset: DatasetSpec,
    metadata: Metadata,
    source: Source,
    watermark: soql.Watermark,
    now: datetime,
) -> Snapshot:
    """The source as it is now. The newest change is asked for before the count and the count before
    the rows, so that whatever happens in between is read again next time, never missed."""
    latest = source.first(
        dataset.id, soql.newest(watermark, dataset.where, now + timedelta(days=1))
    ).get("newest")
    return Snapshot(
        rows=source.count(dataset.id, soql.count(dataset.where)),
        newest=_believable(soql.parse_timestamp(latest), watermark, now) if latest else None,
        rows_updated_at=metadata.rows_updated_at,
        taken_at=now,
    )


def _believable(newest: datetime, watermark: soql.Watermark, now: datetime) -> datetime:
    """The newest change, unless the portal's clock was ahead when it was stamped. Dates that people
    keep may lie ahead by right."""
    return min(newest, now + CLOCKS_DIFFER_BY) if watermark.field == soql.UPDATED_AT else newest


def _load_warnings(dataset: DatasetSpec, known: Known | None, load: Load) -> tuple[str, ...]:
    if load.advances:
        return ()
    return (f"dataset {dataset.id}: {load.why}",)
