"""The run that answers what is open: a request, the first load, a changed spec, a one-off request, a slot, a retry.
Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from socratasync.api.one_off import mode_of
from socratasync.api.spec import Mode, SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.api.status_words import Trigger
from socratasync.controller.action import RunToStart
from socratasync.controller.observed.due import Slots
from socratasync.controller.observed.labels import asked_job_name, slot_job_name
from socratasync.controller.observed.memory import find, newest_ended, unanswered
from socratasync.controller.observed.one_off import OneOff, read_one_off
from socratasync.controller.observed.reasons import JOB_REFUSED, REPLACED, WAITING_FOR_CAPACITY
from socratasync.controller.observed.resource import Resource, fingerprint, is_loaded, spec_hash
from socratasync.controller.observed.retry import Retry
from socratasync.controller.observed.verdict import owes_full_run, wants_another_run

LATE = timedelta(minutes=2)
"""A slot whose run starts so much later than it could have is called a catch-up: the operator was down."""

_AFTER_ONE_OFF = (Trigger.SCHEDULE, Trigger.CATCH_UP, Trigger.RETRY, None)
"""What a one-off run that somebody waits for may come before. What the spec says now is loaded first: a one-off run
loads a part of that."""

_WAITS = (WAITING_FOR_CAPACITY, JOB_REFUSED)
"""Reasons by which the status says that a slot was seen in time, and could not be run yet."""


def next_run(
    resource: Resource, spec: SyncSpec, slots: Slots, retry: Retry | None, now: datetime
) -> RunToStart | None:
    """The run to start now; None if nothing is open. ``spec`` and ``retry`` are the resource's."""
    trigger = _trigger(resource, spec, slots, retry, now)
    one_off = unanswered(resource).one_off or _replaced(resource, spec)
    if one_off and trigger in _AFTER_ONE_OFF:
        return _one_off_run(resource, spec, one_off, now)
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


def _replaced(resource: Resource, spec: SyncSpec) -> OneOff | None:
    """The one-off run that made way for another without having done its work, if the spec still takes it."""
    last = resource.status.last_one_off
    if last is None or last.reason != REPLACED:
        return None
    one_off = read_one_off(last.only or "", "")
    return one_off if one_off and not one_off.refusal(spec) else None


def _one_off_run(resource: Resource, spec: SyncSpec, one_off: OneOff, now: datetime) -> RunToStart:
    """It answers nothing but its own request: neither a slot nor what the spec says is loaded by it."""
    last = resource.status.last_one_off
    return RunToStart(
        job=asked_job_name(
            resource.key.name,
            resource.uid,
            Trigger.FULL,
            one_off.token,
            fingerprint(spec),
            (last.job if last else None) or "",
        ),
        trigger=Trigger.FULL,
        mode=mode_of(one_off.selection, "full"),
        fingerprint=fingerprint(spec),
        spec_hash=spec_hash(spec),
        due=now,
        full=one_off.token or None,
        selection=one_off.selection,
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
    last = newest_ended(status)
    ended = last.end if last else None
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
