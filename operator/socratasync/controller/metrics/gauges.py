"""What `/metrics` says of one resource, taken from its status: a few numbers, kept instead of it. Pure.

Read from the status and nothing else, so the gauges are back as soon as the operator is. While a spec cannot be
read, what the status remembers of it counts: a sync whose series went would be missed by no alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import TypeVar

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import Condition, SyncStatus
from socratasync.api.status_parts import TableSize
from socratasync.api.status_words import Result
from socratasync.controller.metrics.expected import success_due
from socratasync.controller.metrics.text import written
from socratasync.controller.observed.memory import find, known_schedule
from socratasync.controller.observed.reasons import (
    JOB_REFUSED,
    POD_NOT_STARTING,
    WAITING_FOR_CAPACITY,
    WAITING_TO_RETRY,
)
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import judging_run
from socratasync.controller.status.condition_types import READY, STALLED, SUSPENDED, SYNCHRONIZING
from socratasync.controller.status.successors import waiting

PER_RESOURCE = {
    "socratasync_suspended": "Whether spec.suspend is true.",
    "socratasync_last_success_timestamp_seconds": "When the last good run ended.",
    "socratasync_last_failure_timestamp_seconds": "When the last failed run ended.",
    "socratasync_last_synced_since_timestamp_seconds": "Where the next update starts.",
    "socratasync_next_run_timestamp_seconds": "When the next run is due, jitter included.",
    "socratasync_expected_interval_seconds": "The longest ordinary pause between two runs.",
    "socratasync_success_due_timestamp_seconds": "When the sync is stale if no run succeeds before.",
    "socratasync_last_run_succeeded": "Whether the last run that ended was good.",
    "socratasync_active_run_start_timestamp_seconds": "When the run under way was started.",
    "socratasync_run_stuck": "Whether a run is wanted and cannot start.",
    "socratasync_source_max_age_seconds": "How long the source may stand still.",
    "socratasync_table_bytes": "Bytes of the target table without its indexes.",
    "socratasync_index_bytes": "Bytes of the target table's indexes.",
    "socratasync_successors_waiting": "Datasets that follow those of the spec and are not loaded.",
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

SOURCE_INFO = "socratasync_dataset_source_info"

ACTIVE, RETRYING, STUCK, WAITING = RUN_STATES = ("Active", "Retrying", "Stuck", "Waiting")

_A_MOMENT = timedelta(minutes=1)

Numbers = tuple[float | None, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gauges:
    """``numbers`` are in the order of ``PER_RESOURCE``, each dataset's in that of ``PER_DATASET``. Labels are
    as ``text.written`` writes them; ``reasons`` has those conditions that tell of trouble. ``interfaces``: each dataset
    with the interface that it is read by, if that is known. ``run`` is one of ``RUN_STATES`` or empty."""

    info: str
    numbers: Numbers
    conditions: tuple[str, ...]
    reasons: tuple[str, ...]
    datasets: tuple[tuple[str, Numbers], ...]
    interfaces: tuple[str, ...]
    run: str
    scheduled: bool
    notifies: bool


def read_gauges(resource: Resource, now: datetime) -> Gauges:
    """The gauges of a resource as it stands."""
    status, schedule = resource.status, known_schedule(resource)
    due, run = success_due(schedule, status) if schedule else None, _run(status, now)
    return Gauges(
        info=_shared(_info(resource)),
        numbers=(
            _suspended(resource),
            _seconds(status.last_successful_time),
            _seconds(status.last_failure_time),
            _seconds(status.last_synced_since),
            _seconds(status.next_schedule_time),
            schedule.longest_gap(now).total_seconds() if schedule else None,
            _seconds(due),
            _succeeded(status),
            _seconds(status.active_run.start if status.active_run else None),
            float(run == STUCK),
            _source_max_age(resource),
            *_table_bytes(status),
            _successors_waiting(resource),
        ),
        conditions=_shared(
            tuple(written(type=each.type, status=each.status) for each in status.conditions or ())
        ),
        reasons=_shared(
            tuple(
                written(type=each.type, reason=each.reason)
                for each in status.conditions or ()
                if _is_trouble(each)
            )
        ),
        datasets=tuple(_dataset(dataset) for dataset in status.datasets or ()),
        interfaces=tuple(
            intern(written(dataset=each.id, api=each.api))
            for each in status.datasets or ()
            if each.api
        ),
        run=run,
        scheduled=schedule is not None,
        notifies=bool(resource.audience.channels),
    )


def _run(status: SyncStatus, now: datetime) -> str:
    """Where the run that is wanted now stands; empty if none is.

    After one that never started the next is taken for stuck, too, until it has had a moment to show that it is
    not: between the tries of a night an alert does not come and go.
    """
    told = [find(status, kind) for kind in (READY, SYNCHRONIZING)]
    reasons = {each.reason for each in told if each is not None}
    active, never_started = status.active_run, _never_started(status)
    if active is not None and active.reason == WAITING_TO_RETRY:
        return RETRYING
    if active is not None and active.reason is None:
        is_new = active.start is None or now - active.start < _A_MOMENT
        return STUCK if never_started and is_new else ACTIVE
    if active is not None or never_started or JOB_REFUSED in reasons:
        return STUCK
    return WAITING if WAITING_FOR_CAPACITY in reasons else ""


def _never_started(status: SyncStatus) -> bool:
    return status.last_run is not None and status.last_run.reason == POD_NOT_STARTING


@lru_cache(maxsize=4096)
def _shared(labels: T) -> T:
    """One object for all resources with these labels, which saves memory: most of a fleet has the same."""
    return labels


def _info(resource: Resource) -> str:
    spec = resource.spec
    if spec is None:
        schedule = (resource.status.observed_schedule or "").rpartition(" ")[0]
        return written(domain="", mode="", schedule=schedule)
    return written(domain=spec.domain, mode=spec.mode, schedule=spec.schedule or "")


def _suspended(resource: Resource) -> float | None:
    if resource.spec is not None:
        return float(resource.spec.suspend)
    known = find(resource.status, SUSPENDED)
    return float(known.status == "True") if known else None


def _source_max_age(resource: Resource) -> float | None:
    freshness = resource.spec.freshness if resource.spec else None
    limit = freshness.source_max_age if freshness else None
    return limit.total_seconds() if limit else None


def _table_bytes(status: SyncStatus) -> tuple[float | None, float | None]:
    """Of the table and of its indexes; None before a run has measured them."""
    table = status.table or TableSize()
    return _number(table.bytes), _number(table.index_bytes)


def _successors_waiting(resource: Resource) -> float | None:
    """None where nobody looks for any, or no run has yet."""
    if resource.status.successors is None or not (resource.spec and resource.spec.follow):
        return None
    return float(len(waiting(resource.status)))


def _is_trouble(condition: Condition) -> bool:
    if condition.type in (SUSPENDED, SYNCHRONIZING):
        return False
    return condition.status == ("True" if condition.type == STALLED else "False")


def _dataset(dataset: DatasetStatus) -> tuple[str, Numbers]:
    return intern(written(dataset=dataset.id)), (
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
