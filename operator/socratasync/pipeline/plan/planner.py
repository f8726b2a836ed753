"""Looks at source and target before a run and plans each dataset; reads only.

``plan`` shows the outcome, ``run`` carries it out. A dataset that cannot be planned does not keep
the others from it: its error stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from socratasync.api.selection import Range
from socratasync.api.source import DatasetSpec, Interface
from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import Misconfigured, SyncError
from socratasync.pipeline.columns import PROVENANCE, Column
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.about import name_of, told
from socratasync.pipeline.plan.additions import added, lacking
from socratasync.pipeline.plan.drift import Agreement, agree, common_types
from socratasync.pipeline.plan.forms import Sending, find_sending, mixed_forms
from socratasync.pipeline.plan.frozen import Frozen, find_frozen
from socratasync.pipeline.plan.geometry import (
    as_geometry,
    check_geometry,
    check_postgis,
    has_points,
)
from socratasync.pipeline.plan.given_types import check_loaded
from socratasync.pipeline.plan.model import DatasetPlan, KeepsNewer, Load, Shape, Snapshot
from socratasync.pipeline.plan.obstacles import check_additions, check_obstacles
from socratasync.pipeline.plan.partitions import for_dataset
from socratasync.pipeline.plan.replaced import find_metadata
from socratasync.pipeline.plan.selection import select_columns
from socratasync.pipeline.plan.snapshot import take_snapshot
from socratasync.pipeline.plan.target_state import TargetState, check_table
from socratasync.pipeline.plan.time_zone import in_zone
from socratasync.pipeline.plan.unnamed import Unnamed
from socratasync.pipeline.plan.watermark import (
    choose_load,
    find_watermark,
    keeps_newer,
    must_start_over,
    nothing_changed,
)
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.bookkeeping import Known, new_table_name, stage_name

T = TypeVar("T")
Planned = DatasetPlan | SyncError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """What was found, and the plans, or errors, in the order of the manifest."""

    state: TargetState
    plans: dict[str, Planned]

    @property
    def refused(self) -> bool:
        """Whether the manifest and the target fit no dataset, so that nothing is to be touched."""
        return all(isinstance(plan, Misconfigured) for plan in self.plans.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What the plans of one run have in common. ``described``: dataset id → its metadata and the
    columns of it that the manifest loads."""

    spec: SyncSpec
    source: Source
    state: TargetState
    mode: Mode
    since: datetime | None
    only: Range | None
    now: datetime
    described: Mapping[str, _Described | SyncError]
    table: Mapping[str, str]
    """The columns and types of a new target, provenance aside."""
    sending: Sending


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    metadata: Metadata
    columns: tuple[Column, ...]


def plan_all(
    spec: SyncSpec,
    source: Source,
    state: TargetState,
    *,
    mode: Mode,
    since: datetime | None,
    now: datetime,
    only: Range | None = None,
) -> Plans:
    """Plan every dataset that the manifest selects; ``only``: to read a range of it. Raises ``TargetMismatch`` or ``PermissionDenied``
    where the target can take none of them, ``InvalidSpec`` for a type of a column that none loads; what is wrong with
    one dataset stands in its place."""
    check_table(state.target, spec.target.key)
    check_postgis(spec.target, state)
    check_obstacles(state.target, state.around, resets=spec.resets(mode))
    source.go_on({dataset: known.api for dataset, known in state.known.items()})
    described = _each(spec, source, lambda dataset: _describe(spec, source, state, dataset))
    columns = {d: each.columns for d, each in described.items() if isinstance(each, _Described)}
    if len(columns) == len(spec.datasets):  # of others nobody knows what they load
        known = [each.columns for each in state.known.values()]
        check_loaded(spec.target.types, list(columns.values()), known)
    question = _Question(
        spec=spec,
        source=source,
        state=state,
        mode=mode,
        since=since,
        only=only,
        now=now,
        described=described,
        table=common_types(columns.values()),
        sending=find_sending(state.known, columns, resets=spec.resets(mode)),
    )
    return Plans(state=state, plans=_each(spec, source, partial(_plan, question)))


def _each(
    spec: SyncSpec, source: Source, action: Callable[[DatasetSpec], T]
) -> dict[str, T | SyncError]:
    tasks = {dataset.id: partial(action, dataset) for dataset in spec.selected_datasets()}
    return in_parallel(tasks, at_once=spec.parallelism, stopping=source.stopping)


def _describe(
    spec: SyncSpec, source: Source, state: TargetState, dataset: DatasetSpec
) -> _Described:
    known = state.known.get(dataset.id)
    metadata = find_metadata(source, dataset.id, known)
    columns = select_columns(
        metadata.columns,
        fields=spec.target.fields,
        mapping=dataset.columns,
        provenance=spec.target.provenance,
        dataset=dataset.id,
        known=known.columns.get("source", {}) if known else {},
        types=spec.target.types,
        unnamed=Unnamed(
            computed_regions=spec.source.computed_regions,
            points=has_points(spec.target, state),
            typed=spec.target.types,
            target=state.target,
            filled=state.filled,
        ),
    )
    return _Described(metadata=metadata, columns=as_geometry(columns, spec.target, state))


def _plan(question: _Question, dataset: DatasetSpec) -> DatasetPlan:
    described = question.described[dataset.id]
    if isinstance(described, SyncError):
        raise described
    spec, state, metadata = question.spec, question.state, described.metadata
    known = state.known.get(dataset.id)
    owed = () if question.only else state.owed.get(dataset.id, ())
    frozen = _frozen(question, dataset, described, known)
    agreement = _agreement(question, dataset, described, known, frozen)
    watermark = find_watermark(spec.source.watermark, dataset.columns, metadata.columns)
    check_additions(state.target, state.around, added(spec.target, state.target, agreement))
    for_dataset(state.partitioned, dataset.id)  # which may refuse it
    empty = lacking(spec.target, state.target, agreement, known)
    load = choose_load(
        mode=question.mode,
        known=known,
        asked_since=question.since,
        only=question.only,
        watermark=watermark,
        columns=agreement.columns,
        where=dataset.where,
        lacking=empty,
        owed=owed,
    )
    newer = keeps_newer(load, watermark, question.now)
    starts_over = must_start_over(known, agreement.columns, dataset.where, empty)
    api, snapshot = _snapshot(question, dataset, metadata, watermark)
    return DatasetPlan(
        dataset=dataset.id,
        year=dataset.year,
        shape=_shape(question, dataset, agreement.columns, keeps_newer=newer),
        load=load,
        where=dataset.where,
        watermark=watermark,
        snapshot=snapshot,
        source_updated_at=metadata.rows_updated_at,
        last_change=metadata.rows_updated_at if metadata.tells_every_change else None,
        source=metadata.columns,
        hidden=metadata.hidden,
        name=name_of(metadata, utf8=state.utf8),
        description=metadata.description,
        about=told(spec, metadata, agreement.columns, known, utf8=state.utf8),
        before=state.before,
        api=api,
        table=_new_table(question),
        new_datasets=tuple(d for d in question.described if d not in state.known),
        add=agreement.add,
        known=known,
        on_bad_value=spec.target.on_bad_value,
        warnings=_warnings(question, dataset, agreement, load),
        schema_in_sync=agreement.in_sync,
        owed=owed,
        frozen=frozen,
        starts_over=starts_over,
        row_triggers=state.around.row_triggers,
        nothing_to_do=not owed
        and nothing_changed(known, load, snapshot, watermark)
        and not _hides_changes(question.source, dataset, metadata),
    )


def _frozen(
    question: _Question, dataset: DatasetSpec, described: _Described, known: Known | None
) -> Frozen:
    target = question.spec.target
    return find_frozen(
        known.columns if known else None,
        described.columns,
        described.metadata.columns,
        question.state.target,
        accepted=dataset.frozen_columns,
        chosen=target.fields,
        empties=question.spec.resets(question.mode),
    )


def _agreement(
    question: _Question,
    dataset: DatasetSpec,
    described: _Described,
    known: Known | None,
    frozen: Frozen,
) -> Agreement:
    target = question.spec.target
    agreement = agree(
        dataset=dataset.id,
        columns=described.columns,
        source=described.metadata.columns,
        known=known.columns["source"] if known else None,
        frozen=frozen,
        mapped=dataset.columns.values(),
        target=question.state.target,
        types=question.table,
        chosen=target.fields,
        given=target.types,
        called=question.state.types,
        key=target.key,
        provenance=target.provenance,
        policy=target.on_schema_change,
    )
    agreement = check_geometry(dataset.id, agreement, target, question.state)
    zone = question.spec.source.time_zone
    return in_zone(dataset.id, agreement, instants=question.state.instants, zone=zone)


def _new_table(question: _Question) -> tuple[tuple[str, str], ...]:
    provenance = PROVENANCE if question.spec.target.provenance else {}
    return (*question.table.items(), *provenance.items())


def _shape(
    question: _Question,
    dataset: DatasetSpec,
    columns: tuple[Column, ...],
    *,
    keeps_newer: KeepsNewer | None,
) -> Shape:
    spec, target = question.spec, question.state.target
    grows = not target.exists and spec.target.provenance and not spec.resets(question.mode)
    return Shape(
        schema=target.schema,
        table=target.table,
        stage=stage_name(target.name, dataset.id),
        dataset=dataset.id,
        columns=columns,
        key=tuple(spec.target.key),
        provenance=spec.target.provenance,
        keeps_newer=keeps_newer,
        in_two=target.kind == "p" or bool(question.state.around.row_triggers),
        new_table=new_table_name(target.name) if grows else None,
    )


def _snapshot(
    question: _Question, dataset: DatasetSpec, metadata: Metadata, watermark: soql.Watermark
) -> tuple[Interface, Snapshot]:
    known = question.state.known.get(dataset.id)
    return take_snapshot(
        question.source,
        dataset,
        watermark=watermark,
        counts=question.spec.counts_rows(question.mode),
        rows_updated_at=metadata.rows_updated_at,
        now=question.now,
        loaded_before=known is not None and known.query == dataset.where,
    )


def _hides_changes(source: Source, dataset: DatasetSpec, metadata: Metadata) -> bool:
    """Whether rows may change and nothing tells of it: neither they say when they did nor the portal."""
    if metadata.tells_every_change:
        return False
    undated = soql.both(dataset.where, soql.undated(soql.Watermark()))
    return source.has_rows(dataset.id, undated)


def _warnings(
    question: _Question, dataset: DatasetSpec, agreement: Agreement, load: Load
) -> tuple[str, ...]:
    described, target = question.described[dataset.id], question.spec.target
    said = [described.metadata.warning] if isinstance(described, _Described) else []
    said += agreement.warnings
    said += mixed_forms(
        dataset.id,
        sending=question.sending,
        columns=agreement.columns,
        target=question.state.target,
        chosen={**target.fields, **target.types},
    )
    if not (load.advances or load.only):
        said.append(f"dataset {dataset.id}: {load.why}")
    return tuple(filter(None, said))
