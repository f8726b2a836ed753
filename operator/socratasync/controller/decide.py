"""What to do next for one resource: the first rule that applies. Pure; the clock is an argument.

Whatever is decided is decided again after a crash, from the same status and the same Jobs, until its
result is in the status. So every rule must hold of a world in which its action was half done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus, Trigger
from socratasync.controller.action import Action, Capacity, Kind, Missed, RunToStart
from socratasync.controller.observed.due import Slots, read_slots
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.labels import asked_job_name, slot_job_name
from socratasync.controller.observed.memory import active_uid, has_recorded, settled_through
from socratasync.controller.observed.resource import Resource, fingerprint
from socratasync.times import write_instant

LATE = timedelta(minutes=2)
"""A slot that starts later than this is called a catch-up; less is the operator's ordinary haste."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a rule may look at. ``jobs`` are this object's own, oldest first."""

    resource: Resource
    jobs: Sequence[ObservedJob]
    now: datetime
    capacity: Capacity
    slots: Slots

    @property
    def status(self) -> SyncStatus:
        """What is remembered of the resource."""
        return self.resource.status

    @property
    def is_cancel_open(self) -> bool:
        """Whether a cancel was asked for that is not handled yet."""
        return _is_new(self.resource.asked.cancel, self.status.last_handled_cancel_at)


Rule = Callable[[Situation], Action | None]


def decide(
    resource: Resource,
    jobs: Sequence[ObservedJob],
    now: datetime,
    capacity: Capacity,
) -> Action:
    """The one thing to do next. ``jobs`` must be the Jobs owned by this resource, freshly listed."""
    situation = Situation(
        resource=resource,
        jobs=sorted(jobs, key=lambda job: (job.created, job.name)),
        now=now,
        capacity=capacity,
        slots=read_slots(resource, now),
    )
    actions = (rule(situation) for rule in RULES)
    return next(action for action in actions if action is not None)


def a_finished_run_is_recorded(at: Situation) -> Action | None:
    """Before anything else: its result may change what comes next."""
    finished = (job for job in at.jobs if not job.is_active and not has_recorded(at.status, job))
    job = next(finished, None)
    if job is None:
        return None
    reason, message = _idle(at)
    return Action(
        kind=Kind.RECORD,
        reason=reason,
        message=message,
        job=job,
        settled=_settled_by(at, job),
        next_due=at.slots.next_due,
        cancelled=job.deleting and at.is_cancel_open,
    )


def a_vanished_run_is_recorded(at: Situation) -> Action | None:
    """The status knows of a run whose Job is gone: cancelled if that was asked for, else lost."""
    uid = active_uid(at.status)
    if uid is None or any(job.uid == uid for job in at.jobs):
        return None
    reason, message = _idle(at)
    return Action(
        kind=Kind.RECORD_GONE,
        reason=reason,
        message=message,
        settled=settled_through(at.resource, at.now),
        next_due=at.slots.next_due,
        cancelled=at.is_cancel_open,
    )


def an_active_run_is_cancelled_on_demand(at: Situation) -> Action | None:
    """A Job that is being deleted already needs no second request."""
    job = _active(at.jobs)
    if job is None or job.deleting or not at.is_cancel_open:
        return None
    return Action(
        kind=Kind.CANCEL,
        reason="Cancelling",
        message=f"run {job.name} is being stopped",
        job=job,
        settled=_settled_by(at, job),
        next_due=at.slots.next_due,
    )


def an_active_run_is_followed(at: Situation) -> Action | None:
    """One run at a time: everything else waits, whatever is asked for meanwhile."""
    job = _active(at.jobs)
    if job is None:
        return None
    stopping = job.deleting
    return Action(
        kind=Kind.FOLLOW,
        reason="Cancelling" if stopping else "SyncInProgress",
        message=f"run {job.name} is {'being stopped' if stopping else 'in progress'}",
        job=job,
        settled=_settled_by(at, job),
        next_due=at.slots.next_due,
    )


def an_unreadable_spec_starts_nothing(at: Situation) -> Action | None:
    """Requests stay open: they are answered once the spec is repaired."""
    problem = at.resource.problem
    if problem is None:
        return None
    return Action(
        kind=Kind.REJECT, reason=problem.reason, message=problem.message, settled=at.slots.settled
    )


def a_suspended_resource_starts_nothing(at: Situation) -> Action | None:
    """Requests are refused, for a run that comes days after its request helps nobody."""
    if not _spec(at).suspend:
        return None
    asked, status = at.resource.asked, at.status
    refused = _is_new(asked.run, status.last_handled_reconcile_at) or _is_new(
        asked.full, status.last_handled_full_at
    )
    reason, message = _idle(at)
    return Action(
        kind=Kind.WAIT,
        reason=reason,
        message=message,
        settled=at.slots.settled,
        refused=refused,
        cancelled=at.is_cancel_open,
    )


def whatever_is_due_is_started(at: Situation) -> Action | None:
    """One run answers everything that is open at its start; a full one if any of it asks for that."""
    run = next_run(at)
    if run is None:
        return None
    if not at.capacity.free:
        return _wait(at, "WaitingForCapacity", at.capacity.message)
    slots = at.slots
    return Action(
        kind=Kind.START,
        reason="SyncInProgress",
        message=f"run {run.job} is in progress",
        run=run,
        settled=max(slots.settled, run.slot) if run.slot else slots.settled,
        next_due=slots.next_due,
        missed=_too_late(slots) or _superseded(slots),
        cancelled=at.is_cancel_open,
    )


def otherwise_the_schedule_is_waited_for(at: Situation) -> Action:
    """Nothing is open."""
    return _wait(at, *_idle(at))


RULES: tuple[Rule, ...] = (
    a_finished_run_is_recorded,
    a_vanished_run_is_recorded,
    an_active_run_is_cancelled_on_demand,
    an_active_run_is_followed,
    an_unreadable_spec_starts_nothing,
    a_suspended_resource_starts_nothing,
    whatever_is_due_is_started,
    otherwise_the_schedule_is_waited_for,
)


def next_run(at: Situation) -> RunToStart | None:
    """The run that answers what is open: requests, the first load, a changed spec, a slot."""
    resource, slots, spec = at.resource, at.slots, _spec(at)
    trigger = _trigger(at)
    if trigger is None:
        return None
    asked = resource.asked
    print_ = fingerprint(spec)
    by_slot = trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP) and slots.open is not None
    return RunToStart(
        job=(
            slot_job_name(resource.key.name, slots.open)
            if by_slot and slots.open
            else asked_job_name(
                resource.key.name,
                resource.uid,
                trigger,
                asked.full or "",
                asked.run or "",
                print_,
                (at.status.last_run.job if at.status.last_run else None) or "",
            )
        ),
        trigger=trigger,
        mode="full" if trigger is Trigger.FULL else spec.mode,
        fingerprint=print_,
        due=_due(at, trigger),
        slot=slots.open,
        requested=asked.run,
        full=asked.full,
    )


def _trigger(at: Situation) -> Trigger | None:
    resource, status, slots = at.resource, at.status, at.slots
    if _is_new(resource.asked.full, status.last_handled_full_at):
        return Trigger.FULL
    if _is_new(resource.asked.run, status.last_handled_reconcile_at):
        return Trigger.MANUAL
    if status.loaded_spec_hash is None:
        return Trigger.CREATION
    if status.loaded_spec_hash != fingerprint(_spec(at)):
        return Trigger.SPEC_CHANGE
    if slots.open is not None:
        late = at.now - resource.due(slots.open) > LATE
        return Trigger.CATCH_UP if late else Trigger.SCHEDULE
    return None


def _due(at: Situation, trigger: Trigger) -> datetime:
    if trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP) and at.slots.open is not None:
        return at.resource.due(at.slots.open)
    return at.resource.created if trigger is Trigger.CREATION else at.now


def _idle(at: Situation) -> tuple[str, str]:
    """Reason and message of doing nothing now."""
    resource, next_due = at.resource, at.slots.next_due
    if resource.problem:
        return resource.problem.reason, resource.problem.message
    if _spec(at).suspend:
        return "Suspended", "suspended: no new runs until spec.suspend is false"
    if resource.schedule is None:
        return (
            "NoSchedule",
            "no schedule: the next run comes with a change of the spec or on request",
        )
    if next_due is None:
        return "NoSchedule", "the schedule names no further time"
    return "WaitingForSchedule", f"the next run is due at {write_instant(next_due, 'seconds')}"


def _wait(at: Situation, reason: str, message: str) -> Action:
    return Action(
        kind=Kind.WAIT,
        reason=reason,
        message=message,
        settled=at.slots.settled,
        next_due=at.slots.next_due,
        missed=_too_late(at.slots),
        cancelled=at.is_cancel_open,
    )


def _too_late(slots: Slots) -> Missed | None:
    passed = slots.too_late
    if passed is None:
        return None
    return Missed(newest=passed.newest, count=passed.older + 1, reason="StartingDeadlineExceeded")


def _superseded(slots: Slots) -> Missed | None:
    if slots.open is None or not slots.superseded:
        return None
    return Missed(newest=slots.open, count=slots.superseded, reason="Superseded")


def _settled_by(at: Situation, job: ObservedJob) -> datetime:
    """A Job that the status does not know yet settles its own slot."""
    settled = settled_through(at.resource, at.now)
    return max(settled, job.slot) if job.slot else settled


def _active(jobs: Sequence[ObservedJob]) -> ObservedJob | None:
    return next((job for job in jobs if job.is_active), None)


def _is_new(token: str | None, handled: str | None) -> bool:
    return token is not None and token != handled


def _spec(at: Situation) -> SyncSpec:
    assert at.resource.spec is not None, "rules before this one turn unreadable specs away"
    return at.resource.spec
