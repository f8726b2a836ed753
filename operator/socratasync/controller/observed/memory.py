"""What the status remembers that decisions need. Pure.

The status is the operator's only memory: killed at any moment, it decides the same again.
"""

from __future__ import annotations

from datetime import datetime

from socratasync.api.status import Condition, LastRun, SyncStatus
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Asked, Resource
from socratasync.controller.observed.schedule import Schedule, read_schedule
from socratasync.controller.observed.worker import Away
from socratasync.errors import InvalidSchedule


def recorded_runs(status: SyncStatus) -> set[str]:
    """The uids of the Jobs whose results the status tells."""
    runs = [status.last_run, status.last_one_off, *(status.history or ())]
    return {run.uid for run in runs if run and run.uid}


def newest_ended(status: SyncStatus) -> LastRun | None:
    """The run that ended last, be it a one-off run."""
    one_off, newest = status.last_one_off, (status.history or (None,))[0]
    is_newest = one_off is not None and newest is not None and newest.uid == one_off.uid
    return one_off if is_newest else status.last_run


def has_recorded(status: SyncStatus, job: ObservedJob) -> bool:
    """Whether the Job's result is in the status.

    Runs follow each other, and history forgets the oldest: so a Job that is older than the last run
    counts as recorded, unless it is the active one.
    """
    if job.uid in recorded_runs(status):
        return True
    last = newest_ended(status)
    newest = last.created_at if last else None
    return newest is not None and job.created < newest and job.uid != active_uid(status)


def active_uid(status: SyncStatus) -> str | None:
    """The uid of the Job that the status calls active."""
    return status.active_run.uid if status.active_run else None


def known_away(status: SyncStatus, job: ObservedJob | None = None) -> Away | None:
    """Why the active run's worker is not at work, as the status says since the last look; None if the active
    run is not of this Job."""
    run = status.active_run
    if run is None or not run.reason or (job is not None and run.uid != job.uid):
        return None
    return Away(reason=run.reason, message=run.message or "", news_from=run.news_from)


def find(status: SyncStatus, kind: str) -> Condition | None:
    """A condition of a status by its type."""
    return next((each for each in status.conditions or () if each.type == kind), None)


def is_condition_true(status: SyncStatus, kind: str) -> bool:
    """Whether the condition is there and True."""
    found = find(status, kind)
    return found is not None and found.status == "True"


def unanswered(resource: Resource, status: SyncStatus | None = None) -> Asked:
    """What annotations ask for and the status has not answered yet: the resource's, or the next one."""
    asked, status = resource.asked, status or resource.status

    def new(token: str | None, handled: str | None) -> str | None:
        return None if token == handled else token

    full = new(asked.full_token, status.last_handled_full_at)
    return Asked(
        run=new(asked.run, status.last_handled_reconcile_at),
        full=full and asked.full,
        one_off=asked.one_off if full else None,
        cancel=new(asked.cancel, status.last_handled_cancel_at),
    )


def written_schedule(resource: Resource) -> str:
    """The schedule as the status remembers it: any edit of it makes another text."""
    spec = resource.spec
    if spec is None or spec.schedule is None:
        return ""
    return f"{spec.schedule} {spec.time_zone}"


def known_schedule(resource: Resource) -> Schedule | None:
    """The resource's schedule; while its spec cannot be read, the one that the status remembers."""
    if resource.spec is not None:
        return resource.schedule
    fields, _, zone = (resource.status.observed_schedule or "").rpartition(" ")
    try:
        return read_schedule(fields, zone) if fields else None
    except InvalidSchedule:  # somebody else's writing
        return None


def settled_through(resource: Resource, now: datetime) -> datetime:
    """Slots later than this may still be run.

    A resumed resource and an edited schedule count from now on: what was missed before is not made
    up for. A new resource counts from its creation.
    """
    status = resource.status
    settled = status.slots_settled_through or resource.created
    if resource.spec is None:
        return settled
    resumed = is_condition_true(status, "Suspended") and not resource.spec.suspend
    edited = status.observed_schedule not in (None, written_schedule(resource))
    return now if resumed or edited else settled
