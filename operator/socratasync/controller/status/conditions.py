"""How a sync stands: its conditions and its phase, from the records in its status. Pure."""

from __future__ import annotations

from datetime import datetime

from socratasync.api.status import ActiveRun, LastRun, RunSummary, SyncStatus, Truth
from socratasync.api.status_words import Phase, Result, Trigger
from socratasync.contract.report import listed, shorten
from socratasync.controller.action import Action, Kind
from socratasync.controller.observed.in_use import datasets_in_use
from socratasync.controller.observed.memory import find, unanswered
from socratasync.controller.observed.reasons import (
    JOB_REFUSED,
    POD_NOT_STARTING,
    WAITING_FOR_CAPACITY,
)
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import is_good, wants_another_run
from socratasync.controller.status.advice import how_to_run_again
from socratasync.controller.status.condition_types import (
    LAST_SYNC_SUCCEEDED,
    READY,
    RECONCILING,
    STALLED,
    SUSPENDED,
    SYNCHRONIZING,
    Finding,
    finding,
    truth,
)
from socratasync.controller.status.freshness import read_freshness
from socratasync.controller.status.interfaces import interface_supported
from socratasync.controller.status.loaded import (
    is_started,
    is_synced,
    judging_run_of_spec,
)
from socratasync.controller.status.source_freshness import read_source_freshness
from socratasync.controller.status.successors import successors_loaded
from socratasync.controller.status.verdicts import data_verified, schema_in_sync
from socratasync.errors import NEEDS_A_PERSON

_ROOM_FOR_ADVICE = 480
"""Characters of a run's message, after which there is room for a command with the longest names."""


def judge(resource: Resource, action: Action, status: SyncStatus, now: datetime) -> list[Finding]:
    """All conditions that are to be present, given the records of ``status``."""
    fresh = read_freshness(resource, status, now)
    source = read_source_freshness(resource, status, now)
    stalled = _stalled(resource, action, status)
    found = [
        _ready(resource, action, status),
        None if stalled else _reconciling(resource, action, status),
        _synchronizing(action, status),
        _last_sync_succeeded(status),
        fresh.condition if fresh else None,
        source.condition if source else None,
        successors_loaded(resource, status),
        data_verified(resource, status),
        schema_in_sync(resource, status),
        interface_supported(resource, status),
        _suspended(resource, status),
        stalled,
    ]
    return [condition for condition in found if condition is not None]


def phase(resource: Resource, action: Action, status: SyncStatus) -> Phase:
    """All of it in one word."""
    if status.active_run:
        not_at_work = status.active_run.reason == POD_NOT_STARTING
        return Phase.PENDING if not_at_work else Phase.SYNCING
    if resource.problem:
        return Phase.INVALID
    if _is_suspended(resource):
        return Phase.SUSPENDED
    if _refusal(resource, action):
        return Phase.FAILED
    run = judging_run_of_spec(resource, status)
    if run is None or action.reason == WAITING_FOR_CAPACITY:
        return Phase.PENDING
    return Phase.SYNCED if is_good(run) else Phase.FAILED


def _ready(resource: Resource, action: Action, status: SyncStatus) -> Finding | None:
    if resource.problem:
        return finding(READY, "False", resource.problem.reason, resource.problem.message)
    if refusal := _refusal(resource, action):
        return finding(READY, "False", JOB_REFUSED, refusal)
    run = judging_run_of_spec(resource, status)
    if run is None and _is_at_rest(resource, status):
        return None
    if run is None:
        standing = finding(READY, "Unknown", *_nothing_loaded(resource, status))
    else:
        standing = finding(READY, _truth(run), _reason(run), _message(run))
    return _while_not_at_work(standing, status.active_run)


def _nothing_loaded(resource: Resource, status: SyncStatus) -> tuple[str, str]:
    """Reason and message while no run of what the spec says now has ended."""
    if status.last_run is None:
        return "NoRunYet", "no run has ended yet"
    return "NotLoadedYet", _what_is_not_loaded(resource, status)


def _what_is_not_loaded(resource: Resource, status: SyncStatus) -> str:
    """With the datasets in use that no run has loaded under any spec."""
    loaded = {each.id for each in status.datasets or () if each.last_synced_since}
    selected = datasets_in_use(resource.spec, status) if resource.spec else ()
    new = [dataset.id for dataset in selected if dataset.id not in loaded]
    besides = f"; never loaded before: {listed(new, 10)}" if new else ""
    return f"no run has loaded yet what the spec says now{besides}"


def _while_not_at_work(standing: Finding, active: ActiveRun | None) -> Finding:
    """A run whose worker is not at work changes nothing of the data; but why is the news to be told."""
    if active is None or active.reason is None:
        return standing
    message = f"{active.message or active.reason}. Until it runs: {standing.message}"
    return finding(READY, standing.status, active.reason, message)


def _reconciling(resource: Resource, action: Action, status: SyncStatus) -> Finding | None:
    if resource.problem or is_synced(resource, status) or _is_at_rest(resource, status):
        return None
    message = f"{_what_is_not_loaded(resource, status)}. Now: {action.message}"
    return finding(RECONCILING, "True", action.reason, message)


def _is_suspended(resource: Resource) -> bool:
    return resource.spec is not None and resource.spec.suspend


def _is_at_rest(resource: Resource, status: SyncStatus) -> bool:
    """Suspended, and no run that was started before goes on."""
    return _is_suspended(resource) and status.active_run is None


def _refusal(resource: Resource, action: Action) -> str | None:
    """Why the API server does not take the Job of the run that is due.

    Such a run has no slot and may have to wait for one: it has not been taken for all that.
    """
    if action.reason == JOB_REFUSED:
        return action.message
    known = find(resource.status, READY)
    if known is None or known.reason != JOB_REFUSED or action.reason != WAITING_FOR_CAPACITY:
        return None
    return known.message


def _truth(run: RunSummary) -> Truth:
    if run.result in (None, Result.LOST):
        return "Unknown"
    return truth(is_good(run))


def _reason(run: RunSummary) -> str:
    return run.reason or run.result or "Unknown"


def _message(run: RunSummary) -> str:
    """A run's own words; history keeps only the reason."""
    said = run.message if isinstance(run, LastRun) else None
    return said or f"run {run.job} ended: {_reason(run)}"


def _synchronizing(action: Action, status: SyncStatus) -> Finding:
    if action.kind is Kind.REJECT:
        return finding(SYNCHRONIZING, "False", action.reason, "no runs until the spec is corrected")
    return finding(
        SYNCHRONIZING, truth(status.active_run is not None), action.reason, action.message
    )


def _last_sync_succeeded(status: SyncStatus) -> Finding:
    run = status.last_run
    if run is None:
        return finding(LAST_SYNC_SUCCEEDED, "Unknown", "NoRunYet", "no run has ended yet")
    return finding(LAST_SYNC_SUCCEEDED, _truth(run), _reason(run), _message(run))


def _suspended(resource: Resource, status: SyncStatus) -> Finding | None:
    if resource.spec is None:
        known = find(status, SUSPENDED)
        return finding(SUSPENDED, known.status, known.reason, known.message) if known else None
    if resource.spec.suspend:
        return finding(SUSPENDED, "True", "Suspended", "spec.suspend is true: no new runs")
    return finding(SUSPENDED, "False", "NotSuspended", "runs are started as they are due")


def _stalled(resource: Resource, action: Action, status: SyncStatus) -> Finding | None:
    if resource.problem:
        return finding(STALLED, "True", resource.problem.reason, resource.problem.message)
    if _is_mended_by_the_next_run(resource, status):
        return None
    run = judging_run_of_spec(resource, status) or _cancelled_run(resource, status.last_run)
    if run is None or is_good(run):
        return None
    said = shorten(_message(run), _ROOM_FOR_ADVICE)
    if isinstance(run, LastRun) and run.exit_code in NEEDS_A_PERSON:
        why = f"another run would fail the same way: {said}"
    elif _comes_by_itself(resource, action, status):
        return None
    else:
        why = f"nothing tries it again by itself: {said}"
    return finding(STALLED, "True", _reason(run), f"{why}. {_how_to_go_on(resource)}")


def _is_mended_by_the_next_run(resource: Resource, status: SyncStatus) -> bool:
    """Whether somebody has done something about it: the run for that is active, or due."""
    active = _whole_run(status)
    if active is not None:
        return active.trigger not in (Trigger.SCHEDULE, Trigger.CATCH_UP)
    if resource.spec is None or resource.spec.suspend:
        return False
    edited = not is_started(resource, status) or wants_another_run(resource.spec, status)
    return edited or _is_asked_for(resource, status)


def _whole_run(status: SyncStatus) -> ActiveRun | None:
    """The active run, unless it is a one-off run, which mends nothing of what others left."""
    active = status.active_run
    return active if active is not None and active.only is None else None


def _is_asked_for(resource: Resource, status: SyncStatus) -> bool:
    asked = unanswered(resource, status)
    return bool(asked.run or asked.full)


def _cancelled_run(resource: Resource, run: LastRun | None) -> LastRun | None:
    """The last run, if somebody stopped it. A suspended resource rests, with or without it."""
    stopped = run is not None and run.result is Result.CANCELLED
    return run if stopped and not _is_suspended(resource) else None


def _comes_by_itself(resource: Resource, action: Action, status: SyncStatus) -> bool:
    if _whole_run(status) is not None:
        return True
    if _is_suspended(resource):
        return False
    waits = action.reason == WAITING_FOR_CAPACITY or status.next_retry_time is not None
    return waits or resource.schedule is not None


def _how_to_go_on(resource: Resource) -> str:
    first = "spec.suspend is true, so set it to false first. " if _is_suspended(resource) else ""
    return (
        f"{first}An edit of the spec that mends it starts a run; after what is mended elsewhere, this does: "
        f"{how_to_run_again(resource.key)}"
    )
