"""What is wrong with a sync so that people are to be told, and what ends it, as its status says. Pure.

A status says how things stand, and says it at every look. Whether that is news is the outbox's to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from socratasync.api.news_status import OpenTrouble, Trouble
from socratasync.api.notify import Occasion
from socratasync.api.status import Condition, SyncStatus
from socratasync.api.status_words import Result
from socratasync.contract.report import shorten
from socratasync.controller.observed.memory import find, is_condition_true
from socratasync.controller.observed.reasons import JOB_REFUSED, POD_NOT_STARTING
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    READY,
    SCHEMA_IN_SYNC,
    SOURCE_FRESH,
    SUCCESSORS_LOADED,
)

_CONDITIONS: Final[dict[Occasion, str]] = {
    "Stale": FRESH,
    "SourceFrozen": SOURCE_FRESH,
    "Successor": SUCCESSORS_LOADED,
    "SchemaChanged": SCHEMA_IN_SYNC,
    "RowCountMismatch": DATA_VERIFIED,
}
"""Troubles that a condition tells of all alone."""

_LOST = "ResultLost"
_MESSAGE_CHARACTERS = 600


def troubles(resource: Resource, status: SyncStatus, now: datetime) -> dict[Occasion, Trouble]:
    """What is wrong, and may be told. ``status`` is the resource's next one."""
    return {trouble.occasion: trouble for trouble in _troubles(resource, status, now)}


def is_over(trouble: OpenTrouble, resource: Resource, status: SyncStatus) -> bool:
    """Whether what was wrong is well again. What cannot be known any more, such as of a sync that was suspended,
    is not over."""
    match trouble.occasion:
        case "Invalid":
            return resource.problem is None
        case "Failure":
            return is_condition_true(status, READY) and _has_run_well_since(trouble, status)
    kind = _CONDITIONS.get(trouble.occasion)
    return kind is not None and is_condition_true(status, kind)


def _has_run_well_since(trouble: OpenTrouble, status: SyncStatus) -> bool:
    """Ready alone does not say: while a run waits for its pod, or its Job is refused, it may be True for the last one."""
    last = status.last_run
    good = last is not None and last.result is not None and last.result.is_good
    return good and last is not None and last.uid != trouble.run


def _troubles(resource: Resource, status: SyncStatus, now: datetime) -> Iterator[Trouble]:
    if problem := resource.problem:
        yield _trouble("Invalid", problem.reason, problem.message, now)
    elif failure := _failure(status, now):
        yield failure
    for occasion, kind in _CONDITIONS.items():
        condition = find(status, kind)
        if condition is not None and condition.status == "False":
            yield _of(occasion, condition)


def _failure(status: SyncStatus, now: datetime) -> Trouble | None:
    """Why the sync is not loaded: its pod does not start, or how its last run ended."""
    return _no_start(status, now) or _bad_end(status)


def _no_start(status: SyncStatus, now: datetime) -> Trouble | None:
    active = status.active_run
    if active is None or active.reason != POD_NOT_STARTING:
        return None
    if active.news_from is not None and now < active.news_from:
        return None
    return _trouble("Failure", POD_NOT_STARTING, active.message or "", active.start or now)


def _bad_end(status: SyncStatus) -> Trouble | None:
    ready = find(status, READY)
    if ready is None or not (ready.status == "False" or ready.reason == _LOST):
        return None
    if ready.reason != JOB_REFUSED and _may_heal(status):
        return None
    return _of("Failure", ready)


def _may_heal(status: SyncStatus) -> bool:
    """Whether the first failure of a row is about to be made up for, or just is."""
    last = status.last_run
    if last is None or last.result is not Result.FAILED or status.consecutive_failures != 1:
        return False
    active = status.active_run
    return status.next_retry_time is not None or (active is not None and active.only is None)


def _of(occasion: Occasion, condition: Condition) -> Trouble:
    return _trouble(occasion, condition.reason, condition.message, condition.last_transition_time)


def _trouble(occasion: Occasion, reason: str, message: str, since: datetime) -> Trouble:
    return Trouble(
        occasion=occasion,
        reason=shorten(reason, 64),
        message=shorten(message, _MESSAGE_CHARACTERS),
        since=since.replace(microsecond=0),
    )
