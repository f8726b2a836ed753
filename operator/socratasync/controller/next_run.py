"""The run that answers what is open: a request, the first load, a changed spec, a slot, a retry. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from socratasync.api.spec import Mode, SyncSpec
from socratasync.api.status import SyncStatus, Trigger
from socratasync.controller.action import RunToStart
from socratasync.controller.observed.due import Slots
from socratasync.controller.observed.labels import asked_job_name, slot_job_name
from socratasync.controller.observed.memory import find, unanswered
from socratasync.controller.observed.reasons import JOB_REFUSED, WAITING_FOR_CAPACITY
from socratasync.controller.observed.resource import Resource, fingerprint, is_loaded, spec_hash
from socratasync.controller.observed.retry import Retry
from socratasync.controller.observed.verdict import owes_full_run, wants_another_run

LATE = timedelta(minutes=2)
"""A slot whose run starts so much later than it could have is called a catch-up: the operator was down."""

_WAITS = (WAITING_FOR_CAPACITY, JOB_REFUSED)
"""Reasons by which the status says that a slot was seen in time, and could not be run yet."""


def next_run(
    resource: Resource, spec: SyncSpec, slots: Slots, retry: Retry | None, now: datetime
) -> RunToStart | None:
    """The run to start now; None if nothing is open. ``spec`` and ``retry`` are the resource's."""
    trigger = _trigger(resource, spec, slots, retry, now)
    if trigger is None:
        return None
    retried = retry if trigger is Trigger.RETRY else None
    return RunToStart(
        job=_job_name(resource, spec, trigger, slots),
        trigger=trigger,
        mode=_mode(resource.status, spec, trigger),
        fingerprint=fingerprint(spec),
        spec_hash=spec_hash(spec),
        due=retried.due if retried else _due(resource, trigger, slots, now),
        retry=retried.number if retried else None,
        slot=slots.open,
        requested=resource.asked.run,
        full=resource.asked.full,
    )


def _trigger(
    resource: Resource, spec: SyncSpec, slots: Slots, retry: Retry | None, now: datetime
) -> Trigger | None:
    asked, loaded = unanswered(resource), resource.status.loaded_spec_hash
    if asked.full:
        return Trigger.FULL
    if asked.run:
        return Trigger.MANUAL
    if loaded is None:
        return Trigger.CREATION
    if not is_loaded(spec, loaded) or wants_another_run(spec, resource.status):
        return Trigger.SPEC_CHANGE
    if slots.open is not None:
        missed = _was_missed(resource.status, resource.due(slots.open), now)
        return Trigger.CATCH_UP if missed else Trigger.SCHEDULE
    if retry is not None and now >= retry.due:
        return Trigger.RETRY
    return None


def _was_missed(status: SyncStatus, due: datetime, now: datetime) -> bool:
    """Whether nobody looked when the slot could have been run: when it was due, or when the run before it had
    ended. One that waits for a place, or for its Job to be accepted, was seen: the status says so."""
    waiting = find(status, "Synchronizing")
    after = status.next_schedule_time
    if waiting and waiting.reason in _WAITS and (after is None or due < after):
        return False
    ended = status.last_run.end if status.last_run else None
    return now - max(due, ended or due) > LATE


def _mode(status: SyncStatus, spec: SyncSpec, trigger: Trigger) -> Mode:
    """A retry does what the failed run was to do; a full run that was asked for stays owed until one is good."""
    again = trigger in (Trigger.RETRY, Trigger.SPEC_CHANGE)
    if trigger is Trigger.FULL or (again and owes_full_run(status)):
        return "full"
    retried = status.last_run.mode if trigger is Trigger.RETRY and status.last_run else None
    return retried or spec.mode


def _job_name(resource: Resource, spec: SyncSpec, trigger: Trigger, slots: Slots) -> str:
    """One name for one run, however often it is decided: of its slot, or of what it answers.

    The last run is part of the latter, for the same may be asked again.
    """
    if trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP) and slots.open is not None:
        return slot_job_name(resource.key.name, slots.open)
    asked, last = resource.asked, resource.status.last_run
    return asked_job_name(
        resource.key.name,
        resource.uid,
        trigger,
        asked.full or "",
        asked.run or "",
        fingerprint(spec),
        (last.job if last else None) or "",
    )


def _due(resource: Resource, trigger: Trigger, slots: Slots, now: datetime) -> datetime:
    if trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP) and slots.open is not None:
        return resource.due(slots.open)
    return resource.created if trigger is Trigger.CREATION else now
