"""The run that answers what is open: a request, the first load, a changed spec, a slot. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from socratasync.api.spec import SyncSpec
from socratasync.api.status import Trigger
from socratasync.controller.action import RunToStart
from socratasync.controller.observed.due import Slots
from socratasync.controller.observed.labels import asked_job_name, slot_job_name
from socratasync.controller.observed.memory import unanswered
from socratasync.controller.observed.resource import Resource, fingerprint, is_loaded

LATE = timedelta(minutes=2)
"""A slot whose run starts later than this is called a catch-up: the operator was down, or at its limits."""


def next_run(resource: Resource, spec: SyncSpec, slots: Slots, now: datetime) -> RunToStart | None:
    """The run to start now; None if nothing is open. ``spec`` is the resource's."""
    trigger = _trigger(resource, spec, slots, now)
    if trigger is None:
        return None
    return RunToStart(
        job=_job_name(resource, spec, trigger, slots),
        trigger=trigger,
        mode="full" if trigger is Trigger.FULL else spec.mode,
        fingerprint=fingerprint(spec),
        due=_due(resource, trigger, slots, now),
        slot=slots.open,
        requested=resource.asked.run,
        full=resource.asked.full,
    )


def _trigger(resource: Resource, spec: SyncSpec, slots: Slots, now: datetime) -> Trigger | None:
    asked, loaded = unanswered(resource), resource.status.loaded_spec_hash
    if asked.full:
        return Trigger.FULL
    if asked.run:
        return Trigger.MANUAL
    if loaded is None:
        return Trigger.CREATION
    if not is_loaded(spec, loaded):
        return Trigger.SPEC_CHANGE
    if slots.open is not None:
        late = now - resource.due(slots.open) > LATE
        return Trigger.CATCH_UP if late else Trigger.SCHEDULE
    return None


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
