"""How the entry of a resource is taken from its status, and the little that it has of the spec. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.spec import SyncSpec
from socratasync.api.status import ActiveRun, Condition, LastRun, RunSummary, SyncStatus
from socratasync.api.status_words import Phase, Result
from socratasync.controller.observed.in_use import datasets_in_use
from socratasync.controller.observed.memory import find, is_condition_true
from socratasync.controller.observed.reasons import WAITING_FOR_CAPACITY, WAITING_TO_RETRY
from socratasync.controller.observed.resource import Resource
from socratasync.controller.page.entry import (
    ACTIVE_RUN,
    Active,
    Dataset,
    Entry,
    Run,
    Trouble,
    readable,
)
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    INTERFACE_SUPPORTED,
    LAST_SYNC_SUCCEEDED,
    READY,
    RECONCILING,
    SCHEMA_IN_SYNC,
    SOURCE_FRESH,
    STALLED,
    SUSPENDED,
    SYNCHRONIZING,
)

_FIRST: Final = (
    STALLED,
    READY,
    LAST_SYNC_SUCCEEDED,
    FRESH,
    DATA_VERIFIED,
    SCHEMA_IN_SYNC,
    SOURCE_FRESH,
)
"""The order in which conditions are told: the one that says most of what to do comes first; others follow."""
_NO_TROUBLE: Final = (SUSPENDED, SYNCHRONIZING, RECONCILING, INTERFACE_SUPPORTED)
"""What these say is neither good nor bad. That an interface ends some day is a warning."""


def read_entry(resource: Resource) -> Entry:
    """What is told of a resource as its status says it stands."""
    status, spec = resource.status, resource.spec
    troubles, suspended = tuple(_troubles(status)), _is_suspended(resource)
    datasets = tuple(_datasets(resource))
    changes = [each.source_updated_at for each in datasets if each.source_updated_at]
    return Entry(
        namespace=resource.key.namespace,
        name=resource.key.name,
        phase=status.phase or Phase.PENDING,
        domain=readable(spec.domain) if spec else None,
        table=_table(spec) if spec else None,
        schedule=_schedule(resource),
        suspended=suspended,
        needs_attention=bool(troubles) and not suspended,
        troubles=troubles,
        warnings=tuple(map(readable, _warnings(status))),
        last_success=status.last_successful_time,
        last_failure=status.last_failure_time,
        consecutive_failures=status.consecutive_failures,
        source_updated_at=max(changes, default=None),
        next_run=status.next_schedule_time,
        next_retry=status.next_retry_time,
        rows=status.rows.target if status.rows else None,
        active=_active(status.active_run) if status.active_run else None,
        runs=tuple(map(_run, status.history or ())),
        datasets=datasets,
    )


def _troubles(status: SyncStatus) -> Iterator[Trouble]:
    """What is wrong, each sentence once: a failed run is told by three conditions."""
    told: list[str] = []
    active = status.active_run
    if active is not None and active.reason not in (None, WAITING_TO_RETRY):
        yield _trouble(ACTIVE_RUN, active.reason or "", active.message or "", active.start)
        told.append(active.message or active.reason or "")
    for found in sorted(status.conditions or (), key=_place):
        if not _is_bad(found, status.last_run) or any(found.message in one for one in told):
            continue
        told.append(found.message)
        yield _trouble(found.type, found.reason, found.message, found.last_transition_time)


def _place(condition: Condition) -> int:
    return _FIRST.index(condition.type) if condition.type in _FIRST else len(_FIRST)


def _is_bad(condition: Condition, last: LastRun | None) -> bool:
    """A sync that waits for its turn is not in trouble, and who has the turn is not for everybody to read."""
    if condition.type == LAST_SYNC_SUCCEEDED and last is not None:
        return last.result in (Result.FAILED, Result.LOST)  # who cancelled one knows
    if condition.type in _NO_TROUBLE or condition.reason == WAITING_FOR_CAPACITY:
        return False
    return condition.status == ("True" if condition.type == STALLED else "False")


def _trouble(kind: str, reason: str, message: str, since: datetime | None) -> Trouble:
    return Trouble(condition=kind, reason=readable(reason), message=readable(message), since=since)


def _warnings(status: SyncStatus) -> Iterator[str]:
    supported = find(status, INTERFACE_SUPPORTED)
    if supported is not None and supported.status == "False":
        yield supported.message
    yield from (status.last_run.warnings if status.last_run else None) or ()


def _is_suspended(resource: Resource) -> bool:
    if resource.spec is not None:
        return resource.spec.suspend
    return is_condition_true(resource.status, SUSPENDED)


def _table(spec: SyncSpec) -> str:
    target = spec.target
    return readable(
        target.table if target.schema_ == "public" else f"{target.schema_}.{target.table}"
    )


def _schedule(resource: Resource) -> str | None:
    spec = resource.spec
    if spec is None:
        return readable(resource.status.observed_schedule or "") or None
    return readable(f"{spec.schedule} {spec.time_zone}") if spec.schedule else None


def _datasets(resource: Resource) -> Iterator[Dataset]:
    """Those that the spec selects, in its order; those that the status knows while there is none to be read."""
    known = {each.id: each for each in resource.status.datasets or ()}
    if resource.spec is None:
        yield from (_dataset(each.id, each.year, each) for each in known.values())
        return
    for wanted in datasets_in_use(resource.spec, resource.status):
        yield _dataset(wanted.id, wanted.year, known.get(wanted.id))


def _dataset(id_: str, year: int | None, seen: DatasetStatus | None) -> Dataset:
    if seen is None:
        return Dataset(id=readable(id_), year=year)
    error = seen.error
    return Dataset(
        id=readable(id_),
        year=year,
        api=readable(seen.api) if seen.api else None,
        source_rows=seen.source_rows,
        target_rows=seen.rows.target if seen.rows else None,
        left_out=seen.left_out,
        source_updated_at=seen.source_updated_at,
        synced_since=seen.last_synced_since,
        frozen_columns=seen.frozen_column_count,
        reason=readable(error.reason) if error and error.reason else None,
        message=readable(error.message) if error and error.message else None,
    )


def _active(run: ActiveRun) -> Active:
    progress = run.progress
    return Active(
        start=run.start,
        trigger=run.trigger,
        step=readable(progress.stage) if progress and progress.stage else None,
        rows=progress.rows if progress else None,
        total=progress.total if progress else None,
        percent=progress.percent if progress else None,
        waits=readable(run.reason) if run.reason else None,
    )


def _run(run: RunSummary) -> Run:
    rows, good = run.rows, run.result is not None and run.result.is_good
    return Run(
        start=run.start,
        end=run.end,
        trigger=run.trigger,
        only=readable(run.only) if run.only else None,
        result=run.result,
        reason=readable(run.reason) if run.reason and not good else None,
        downloaded=rows.downloaded if rows else None,
        inserted=rows.inserted if rows else None,
        updated=rows.updated if rows else None,
        deleted=rows.deleted if rows else None,
    )
