"""What `/metrics` says of one resource, taken from its status: a few numbers, kept instead of it. Pure.

Read from the status and nothing else, so the gauges are back as soon as the operator is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import TypeVar

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import Result, SyncStatus
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import judging_run

PER_RESOURCE = {
    "socratasync_suspended": "Whether spec.suspend is true.",
    "socratasync_last_success_timestamp_seconds": "When the last good run ended.",
    "socratasync_last_failure_timestamp_seconds": "When the last failed run ended.",
    "socratasync_last_synced_since_timestamp_seconds": "Where the next update starts.",
    "socratasync_next_run_timestamp_seconds": "When the next run is due, jitter included.",
    "socratasync_expected_interval_seconds": "The longest ordinary pause between two runs.",
    "socratasync_last_run_succeeded": "Whether the last run that ended was good.",
}
PER_DATASET = {
    "socratasync_dataset_source_rows": "Rows that the source counts.",
    "socratasync_dataset_target_rows": "Rows of the dataset in the target.",
    "socratasync_dataset_left_out_rows": "Rows of the dataset without a key of their own.",
    "socratasync_dataset_shared_keys": "Keys of the dataset that rows of other datasets have.",
    "socratasync_dataset_source_updated_timestamp_seconds": "When the source last changed.",
    "socratasync_dataset_synced_through_timestamp_seconds": "Up to where the dataset is in step.",
    "socratasync_dataset_frozen_columns": "Columns that keep old values, as it fills them no more.",
}

Numbers = tuple[float | None, ...]
Labels = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gauges:
    """``numbers`` are in the order of ``PER_RESOURCE``, each dataset's in that of ``PER_DATASET``."""

    info: Labels
    numbers: Numbers
    conditions: tuple[Labels, ...]
    datasets: tuple[tuple[str, Numbers], ...]


def read_gauges(resource: Resource, now: datetime) -> Gauges:
    """The gauges of a resource as it stands."""
    status, spec = resource.status, resource.spec
    gap = resource.schedule.longest_gap(now).total_seconds() if resource.schedule else None
    return Gauges(
        info=_shared((spec.domain, spec.mode, spec.schedule or "") if spec else ("", "", "")),
        numbers=(
            float(spec.suspend) if spec else None,
            _seconds(status.last_successful_time),
            _seconds(status.last_failure_time),
            _seconds(status.last_synced_since),
            _seconds(status.next_schedule_time),
            gap,
            _succeeded(status),
        ),
        conditions=_shared(tuple((each.type, each.status) for each in status.conditions or ())),
        datasets=tuple(_dataset(dataset) for dataset in status.datasets or ()),
    )


@lru_cache(maxsize=4096)
def _shared(labels: T) -> T:
    """One object for all resources with these labels, which saves memory: most of a fleet has the same."""
    return labels


def _dataset(dataset: DatasetStatus) -> tuple[str, Numbers]:
    return intern(dataset.id), (
        _number(dataset.source_rows),
        _number(dataset.rows.target if dataset.rows else None),
        _number(dataset.left_out),
        _number(dataset.shared),
        _seconds(dataset.source_updated_at),
        _seconds(dataset.last_synced_since),
        _number(dataset.frozen_column_count),
    )


def _succeeded(status: SyncStatus) -> float | None:
    run = judging_run(status)
    if run is None or run.result in (None, Result.LOST):
        return None
    return float(run.result.is_good)


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _number(count: int | None) -> float | None:
    return None if count is None else float(count)
