"""Which Kubernetes Events a change of the status is worth: transitions only, never states. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from socratasync.api.manifest import API_VERSION, KIND
from socratasync.api.status import ActiveRun, Condition, RunSummary, SyncStatus
from socratasync.api.status_words import Result
from socratasync.contract.report import shorten
from socratasync.controller.action import Action
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.memory import find, newest_ended
from socratasync.controller.observed.reasons import (
    JOB_REFUSED,
    POD_NOT_STARTING,
    WAITING_FOR_CAPACITY,
    WAITING_FOR_RETRY,
    WAITING_TO_RETRY,
)
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import (
    DATA_VERIFIED,
    FRESH,
    INTERFACE_SUPPORTED,
    READY,
    SCHEMA_IN_SYNC,
    SOURCE_FRESH,
    SUSPENDED,
    SYNCHRONIZING,
)
from socratasync.controller.status.interfaces import changes, new_notices
from socratasync.controller.status.successors import (
    SUCCESSOR_ADOPTED,
    SUCCESSOR_FOUND,
    new_ones,
    sentence,
)
from socratasync.times import write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What `kubectl describe` shows.

    ``about`` makes the event's name. It is known before the status is written, and differs from one
    transition to the next: so a transition that is told twice, because the operator was killed before
    it wrote the status, is one event.
    """

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    about: str


COMPONENT = "socratasync"

_MESSAGE_CHARACTERS = 1000
"""The API takes 1,024 bytes."""

_ENDS: Mapping[Result, tuple[Literal["Normal", "Warning"], str]] = {
    Result.SUCCEEDED: ("Normal", "SyncSucceeded"),
    Result.NO_CHANGE: ("Normal", "SyncSucceeded"),
    Result.FAILED: ("Warning", "SyncFailed"),
    Result.CANCELLED: ("Normal", "SyncCancelled"),
    Result.LOST: ("Warning", "ResultLost"),
}

_TURNS: Mapping[tuple[str, str], tuple[Literal["Normal", "Warning"], str]] = {
    (SUSPENDED, "True"): ("Normal", "Suspended"),
    (SUSPENDED, "False"): ("Normal", "Resumed"),
    (FRESH, "False"): ("Warning", "Stale"),
    (FRESH, "True"): ("Normal", "Fresh"),
    (SOURCE_FRESH, "False"): ("Warning", "SourceFrozen"),
    (SOURCE_FRESH, "True"): ("Normal", "SourceFresh"),
    (DATA_VERIFIED, "False"): ("Warning", "RowCountMismatch"),
    (SCHEMA_IN_SYNC, "False"): ("Warning", "SchemaChanged"),
}
"""Transitions of conditions that are told, by the status that the condition then has."""

_TRUE_AFTER_UNKNOWN = ("Fresh", "SourceFresh")
"""Told after bad news only."""

_WAITS: Mapping[str, Literal["Normal", "Warning"]] = {
    WAITING_FOR_CAPACITY: "Normal",
    WAITING_FOR_RETRY: "Normal",
    POD_NOT_STARTING: "Warning",
    WAITING_TO_RETRY: "Warning",
}

_EACH = (WAITING_FOR_RETRY, WAITING_TO_RETRY)
"""Reasons of which each message is told, for every try is one of its own."""

INTERFACE_CHANGED = "SourceInterfaceChanged"
DEPRECATED = "SourceDeprecated"

_REFUSED = ("InvalidSpec", "InvalidSchedule", JOB_REFUSED)


def transitions(
    old: SyncStatus, new: SyncStatus, action: Action, outcome: Outcome | None
) -> list[Event]:
    """The events of one change from ``old`` to ``new`` status."""
    found: list[Event | None] = [
        _start(old, new, outcome),
        _end(new, outcome),
        _missed(action),
        _refused(new, action),
        _problem(old, new),
        _waiting(old, new),
        _deprecated(old, new),
    ]
    told = [event for event in found if event is not None]
    told += _changed_interfaces(old, new, outcome)
    told += _successors(old, new)
    reasons = {outcome.reason if outcome else None}
    return told + [e for e in _turns(old, new) if e.reason not in reasons]


def event_object(event: Event, resource: Resource, now: datetime) -> dict[str, Any]:
    """The Event as the core API takes it, in the resource's namespace."""
    digest = hashlib.sha256(
        "\0".join((resource.uid, event.reason, event.about)).encode()
    ).hexdigest()
    moment = write_instant(now, "seconds")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{resource.key.name}.{digest[:16]}",
            "namespace": resource.key.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": resource.key.namespace,
            "name": resource.key.name,
            "uid": resource.uid,
            "resourceVersion": resource.version,
        },
        "type": event.type,
        "reason": event.reason,
        "message": shorten(event.message, _MESSAGE_CHARACTERS),
        "action": event.reason,
        "count": 1,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
    }


def _end(new: SyncStatus, outcome: Outcome | None) -> Event | None:
    if outcome is None:
        return None
    kind, reason = _ENDS[outcome.result]
    message = outcome.message
    if outcome.result is Result.FAILED:
        message = f"{outcome.reason}: {message}"
    return Event(type=kind, reason=reason, message=message, about=_uid(newest_ended(new)))


def _start(old: SyncStatus, new: SyncStatus, outcome: Outcome | None) -> Event | None:
    """A run is told of when the status first names it, even if it is over by then."""
    run = newest_ended(new) if outcome else new.active_run
    if run is None or _uid(run) == _uid(old.active_run):
        return None
    return Event(
        type="Normal",
        reason="SyncStarted",
        message=f"created Job {run.job} ({run.trigger}, mode {run.mode}{_limits(run)})",
        about=_uid(run),
    )


def _limits(run: RunSummary | ActiveRun) -> str:
    return f", only {run.only}" if run.only else ""


def _missed(action: Action) -> Event | None:
    missed = action.missed
    if missed is None or missed.reason == "Superseded":
        return None
    slots = "1 scheduled time was" if missed.count == 1 else f"{missed.count} scheduled times were"
    return Event(
        type="Warning",
        reason="MissSchedule",
        message=f"{slots} missed, the last at {missed.newest.isoformat()}: "
        "too late for spec.startingDeadlineSeconds",
        about=missed.newest.isoformat(),
    )


def _refused(new: SyncStatus, action: Action) -> Event | None:
    if not action.refused and not action.refusal:
        return None
    return Event(
        type="Warning",
        reason="RunRefused",
        message=f"the one-off run is refused: {action.refusal}"
        if action.refusal
        else "suspended: the requested run is refused; set spec.suspend to false and ask again",
        about=f"{new.last_handled_reconcile_at} {new.last_handled_full_at}",
    )


def _problem(old: SyncStatus, new: SyncStatus) -> Event | None:
    before, now = find(old, READY), find(new, READY)
    if now is None or now.reason not in _REFUSED:
        return None
    if before and (before.reason, before.message) == (now.reason, now.message):
        return None
    return Event(
        type="Warning",
        reason=now.reason,
        message=now.message,
        about=f"{now.observed_generation} {now.message}",
    )


def _waiting(old: SyncStatus, new: SyncStatus) -> Event | None:
    before, now = find(old, SYNCHRONIZING), find(new, SYNCHRONIZING)
    if now is None or now.reason not in _WAITS:
        return None
    each = now.reason in _EACH
    if before and before.reason == now.reason and not (each and before.message != now.message):
        return None
    told = now.message if each else _since(before)
    return Event(
        type=_WAITS[now.reason],
        reason=now.reason,
        message=now.message,
        about=f"{_uid(new.active_run)} {told}",
    )


def _changed_interfaces(old: SyncStatus, new: SyncStatus, outcome: Outcome | None) -> list[Event]:
    """Normal: nothing is wrong with it, and nobody has to do anything."""
    report = outcome.report if outcome else None
    return [
        Event(
            type="Normal",
            reason=INTERFACE_CHANGED,
            message=change.sentence,
            about=f"{_uid(newest_ended(new))} {change.sentence}",
        )
        for change in changes(old, new, report)
    ]


def _successors(old: SyncStatus, new: SyncStatus) -> list[Event]:
    """Each is told once when it is found, and once when it is adopted. Normal: what the spec names is loaded."""
    found, adopted = new_ones(old, new)
    told = [(each, SUCCESSOR_FOUND, "not loaded: ") for each in found]
    told += [
        (each, SUCCESSOR_ADOPTED, "loaded from now on, as spec.follow says: ") for each in adopted
    ]
    return [
        Event(
            type="Normal",
            reason=reason,
            message=f"{what}{sentence(each)}",
            about=f"{each.id} {write_instant(each.adopted_at or each.found_at, 'seconds')}",
        )
        for each, reason, what in told
    ]


def _deprecated(old: SyncStatus, new: SyncStatus) -> Event | None:
    """A notice is told once; while it stands, only another one is."""
    told = new_notices(old, new)
    condition = find(new, INTERFACE_SUPPORTED)
    if not told or condition is None:
        return None
    return Event(
        type="Warning",
        reason=DEPRECATED,
        message=condition.message,
        about=" ".join(f"{n.interface} {n.text} {n.date} {n.since}" for n in told),
    )


def _turns(old: SyncStatus, new: SyncStatus) -> list[Event]:
    turned = []
    for condition in new.conditions or ():
        before = find(old, condition.type)
        told = _TURNS.get((condition.type, condition.status))
        if told is None or not _is_turn(before, condition, told[1]):
            continue
        turned.append(
            Event(
                type=told[0],
                reason=told[1],
                message=condition.message,
                about=f"{condition.status} since {_since(before)}",
            )
        )
    return turned


def _is_turn(before: Condition | None, now: Condition, told: str) -> bool:
    """A condition's first appearance is a transition only if it is bad news. Fresh and SourceFresh are Unknown
    until a run tells more; that they are True then is no news either, nor that what was created suspended is so."""
    if before is None:
        return told not in ("Resumed", "Suspended", *_TRUE_AFTER_UNKNOWN)
    if told in _TRUE_AFTER_UNKNOWN and before.status == "Unknown":
        return False
    return before.status != now.status


def _since(condition: Condition | None) -> str | None:
    return write_instant(condition.last_transition_time, "seconds") if condition else None


def _uid(run: RunSummary | ActiveRun | None) -> str:
    return (run.uid if run else None) or ""
