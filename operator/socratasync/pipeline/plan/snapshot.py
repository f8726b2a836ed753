"""The source as it is before the first row is read: its newest change, its rows, and who says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from socratasync.api.source import DatasetSpec, Interface
from socratasync.errors import InvalidSpec, SchemaChanged
from socratasync.pipeline.plan.model import DatasetPlan, Snapshot
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source


def take_snapshot(
    source: Source,
    dataset: DatasetSpec,
    *,
    watermark: soql.Watermark,
    counts: bool,
    rows_updated_at: datetime | None,
    now: datetime,
    loaded_before: bool,
) -> tuple[Interface, Snapshot]:
    """The rows that the manifest selects, and the interface that answered. ``loaded_before``: whether rows were
    loaded by this very condition. Raises ``InvalidSpec`` for a condition that names a column which there never was."""
    look = partial(
        _look, source, dataset.id, watermark=watermark, rows_updated_at=rows_updated_at, now=now
    )
    try:
        return look(where=dataset.where, counts=counts)
    except SchemaChanged as exc:
        if not dataset.where or loaded_before:
            raise
        look(where=None, counts=False)  # raises where it is not the condition that is wrong
        raise InvalidSpec(f"spec.datasets[].where: {exc.message}") from exc


def seen_anew(plan: DatasetPlan, source: Source, now: datetime) -> DatasetPlan:
    """The plan for a dataset that is read by another interface from now on."""
    api, snapshot = _look(
        source,
        plan.dataset,
        where=plan.where,
        watermark=plan.watermark,
        counts=plan.snapshot.rows is not None,
        rows_updated_at=plan.snapshot.rows_updated_at,
        now=now,
    )
    return replace(plan, api=api, snapshot=snapshot, nothing_to_do=False)


def _look(
    source: Source,
    dataset: str,
    *,
    where: str | None,
    watermark: soql.Watermark,
    counts: bool,
    rows_updated_at: datetime | None,
    now: datetime,
) -> tuple[Interface, Snapshot]:
    """The source as it is now, and the interface that all of it came by. The newest change is asked for before the
    count and the count before the rows, so that whatever happens in between is read again next time, never missed."""
    latest = soql.newest(watermark, where, now + timedelta(days=1))

    def ask() -> tuple[Interface, Snapshot]:
        newest = source.newest(dataset, latest)
        api = source.interface(dataset)
        rows = source.count(dataset, soql.count(where), by=api) if counts else None
        return api, Snapshot(
            rows=rows, newest=newest, rows_updated_at=rows_updated_at, taken_at=now
        )

    return source.by_either(ask)
