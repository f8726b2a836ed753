"""What to do next for one resource: the first rule that applies. Pure; the clock is an argument.

After a crash the same is decided again, from the same status and the same Jobs, until the result is in
the status. So every rule must be right also when its action is half done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from socratasync.api.spec import SyncSpec
from socratasync.controller.action import Action, Capacity, Kind, Missed
from socratasync.controller.next_run import next_run
from socratasync.controller.observed.due import Slots, read_slots
from socratasync.controller.observed.job import ObservedJob, active_job
from socratasync.controller.observed.memory import (
    has_recorded,
    known_away,
    settled_through,
    unanswered,
)
from socratasync.controller.observed.reasons import (
    POD_NOT_STARTING,
    REPLACING,
    WAITING_FOR_CAPACITY,
    WAITING_FOR_RETRY,
)
from socratasync.controller.observed.resource import Asked, Resource, spec_hash
from socratasync.controller.observed.retry import Retry, planned_retry
from socratasync.controller.observed.worker import Away, WorkerSeen
from socratasync.times import write_duration, write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a rule may look at. ``jobs`` are this resource's own, oldest first; ``seen`` is how the worker
    of the active one stands, None if nobody has looked just now."""

    resource: Resource
    jobs: Sequence[ObservedJob]
    now: datetime
    capacity: Capacity
    slots: Slots
    retry: Retry | None
    unanswered: Asked
    seen: WorkerSeen | None


Rule = Callable[[Situation], Action | None]


def decide(
    resource: Resource,
    jobs: Sequence[ObservedJob],
    now: datetime,
    capacity: Capacity,
    seen: WorkerSeen | None = None,
) -> Action:
    """The one thing to do next. ``jobs`` must be the Jobs owned by this resource, freshly listed; ``seen``
    is a fresh look at the active one's pods, None if there was none."""
    slots = read_slots(resource, now)
    situation = Situation(
        resource=resource,
        jobs=sorted(jobs, key=lambda job: job.age),
        now=now,
        capacity=capacity,
        slots=slots,
        retry=planned_retry(resource, slots),
        unanswered=unanswered(resource),
        seen=seen,
    )
    actions = (rule(situation) for rule in RULES)
    return next(action for action in actions if action is not None)


def a_finished_run_is_recorded(at: Situation) -> Action | None:
    """Before anything else: its result may change what comes next."""
    finished = (
        job for job in at.jobs if not job.is_active and not has_recorded(at.resource.status, job)
    )
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
        cancelled=job.deleting and at.unanswered.cancel is not None,
    )


def a_vanished_run_is_recorded(at: Situation) -> Action | None:
    """The status knows of a run whose Job is gone: cancelled if that was asked for, else lost."""
    active = at.resource.status.active_run
    if active is None or any(job.uid == active.uid for job in at.jobs):
        return None
    reason, message = _idle(at)
    return Action(
        kind=Kind.RECORD_GONE,
        reason=reason,
        message=message,
        settled=settled_through(at.resource, at.now),
        next_due=at.slots.next_due,
        cancelled=at.unanswered.cancel is not None,
    )


def an_active_run_is_cancelled_on_demand(at: Situation) -> Action | None:
    """A Job that is being deleted already needs no second request."""
    job = active_job(at.jobs)
    if job is None or job.deleting or at.unanswered.cancel is None:
        return None
    return _of_active(at, job, Kind.CANCEL, None)


def a_run_that_does_no_work_makes_way(at: Situation) -> Action | None:
    """A run whose worker is not at work must not keep its own repair waiting.

    Noted before it is done: the sentence must outlive the Job, whenever the operator is killed.
    """
    job, seen = active_job(at.jobs), at.seen
    if job is None or job.deleting or seen is None or seen.away is None:
        return None
    wanted = _why_another_is_wanted(at, job)
    if wanted is None:
        return None
    noted = known_away(at.resource.status)
    if noted and noted.reason == REPLACING:
        return _of_active(at, job, Kind.CANCEL, noted)
    message = (
        f"run {job.name} makes way for another, since {wanted} while its worker was not at work: "
        f"{seen.away.message}"
    )
    return _of_active(at, job, Kind.NOTE, Away(reason=REPLACING, message=message))


def a_run_that_does_not_start_in_time_is_ended(at: Situation) -> Action | None:
    """Noted before it is done, for the same reason."""
    job, seen, spec = active_job(at.jobs), at.seen, at.resource.spec
    if job is None or job.deleting or spec is None:
        return None
    if seen is None or seen.away is None or seen.starting_since is None:
        return None
    limit = timedelta(seconds=spec.job.start_deadline_seconds)
    if at.now - seen.starting_since < limit:
        return None
    noted = known_away(at.resource.status)
    message = f"{seen.away.message}; given up after {write_duration(limit)} (spec.job.startDeadlineSeconds)"
    is_noted = noted is not None and noted.reason == POD_NOT_STARTING
    kind = Kind.CANCEL if is_noted else Kind.NOTE
    return _of_active(at, job, kind, Away(reason=POD_NOT_STARTING, message=message))


def an_active_run_is_followed(at: Situation) -> Action | None:
    """One run at a time: everything else waits, whatever is asked for meanwhile."""
    job = active_job(at.jobs)
    if job is None:
        return None
    if at.seen is None or job.deleting:
        return _of_active(at, job, Kind.FOLLOW, known_away(at.resource.status))
    return _of_active(at, job, Kind.FOLLOW, None if at.seen.ordinary else at.seen.away)


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
    reason, message = _idle(at)
    return Action(
        kind=Kind.WAIT,
        reason=reason,
        message=message,
        settled=at.slots.settled,
        refused=bool(at.unanswered.run or at.unanswered.full_token),
        cancelled=at.unanswered.cancel is not None,
    )


def a_one_off_run_of_nothing_is_refused(at: Situation) -> Action | None:
    """What is not understood, or not in the spec, must not stand for everything, nor for what comes to fit it later."""
    one_off = at.unanswered.one_off
    refusal = one_off.refusal(_spec(at)) if one_off else ""
    if not refusal:
        return None
    reason, message = _idle(at)
    return Action(
        kind=Kind.WAIT,
        reason=reason,
        message=message,
        settled=at.slots.settled,
        next_due=at.slots.next_due,
        refusal=refusal,
    )


def whatever_is_due_is_started(at: Situation) -> Action | None:
    """One run answers everything that is open at its start; a full one if any of it asks for that. A one-off run
    answers itself alone."""
    run = next_run(at.resource, _spec(at), at.slots, at.retry, at.now)
    if run is None:
        return None
    if not at.capacity.free:
        return _wait(at, WAITING_FOR_CAPACITY, at.capacity.message)
    slots = at.slots
    return Action(
        kind=Kind.START,
        reason="SyncInProgress",
        message=f"run {run.job} is in progress",
        run=run,
        settled=max(slots.settled, run.slot) if run.slot else slots.settled,
        next_due=slots.next_due,
        missed=_too_late(slots) or (_superseded(slots) if run.slot else None),
        cancelled=at.unanswered.cancel is not None,
    )


def otherwise_the_schedule_is_waited_for(at: Situation) -> Action:
    """Nothing is open."""
    return _wait(at, *_idle(at))


RULES: tuple[Rule, ...] = (
    a_finished_run_is_recorded,
    a_vanished_run_is_recorded,
    an_active_run_is_cancelled_on_demand,
    a_run_that_does_no_work_makes_way,
    a_run_that_does_not_start_in_time_is_ended,
    an_active_run_is_followed,
    an_unreadable_spec_starts_nothing,
    a_suspended_resource_starts_nothing,
    a_one_off_run_of_nothing_is_refused,
    whatever_is_due_is_started,
    otherwise_the_schedule_is_waited_for,
)


def _idle(at: Situation) -> tuple[str, str]:
    """Reason and message of doing nothing now."""
    resource, next_due = at.resource, at.slots.next_due
    if resource.problem:
        return resource.problem.reason, resource.problem.message
    if _spec(at).suspend:
        return "Suspended", "suspended: no new runs until spec.suspend is false"
    if at.retry is not None:
        return WAITING_FOR_RETRY, at.retry.sentence
    if next_due is None:
        ended = "the schedule names no further time"
        never = "no schedule: the next run comes with a change of the spec or on request"
        return "NoSchedule", never if resource.schedule is None else ended
    return "WaitingForSchedule", f"the next run is due at {write_instant(next_due)}"


def _wait(at: Situation, reason: str, message: str) -> Action:
    return Action(
        kind=Kind.WAIT,
        reason=reason,
        message=message,
        settled=at.slots.settled,
        next_due=at.slots.next_due,
        missed=_too_late(at.slots),
        cancelled=at.unanswered.cancel is not None,
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


def _of_active(at: Situation, job: ObservedJob, kind: Kind, away: Away | None) -> Action:
    """An action on the active run; without ``away`` it is said to be in progress, or being stopped."""
    stopping = job.deleting or kind is Kind.CANCEL
    state = "being stopped" if stopping else "in progress"
    plain = "Cancelling" if stopping else "SyncInProgress"
    return Action(
        kind=kind,
        reason=away.reason if away else plain,
        message=away.message if away else f"run {job.name} is {state}",
        job=job,
        away=away,
        settled=_settled_by(at, job),
        next_due=at.slots.next_due,
    )


def _why_another_is_wanted(at: Situation, job: ObservedJob) -> str | None:
    """What was changed or asked for since the Job was made; None while nothing could take its place."""
    spec, new = at.resource.spec, at.unanswered
    if spec is None or spec.suspend:
        return None
    if new.full not in (None, job.full) or new.run not in (None, job.requested):
        return "a run was asked for"
    if job.spec_hash not in (None, spec_hash(spec)):
        return "the spec changed"
    return None


def _spec(at: Situation) -> SyncSpec:
    assert at.resource.spec is not None, "rules before this one turn unreadable specs away"
    return at.resource.spec
