"""All that each rule says, field by field: what conditions, the schedule and the answers are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import ActiveRun, LastRun, SyncStatus
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource, fingerprint

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]

NOW = at("2026-11-23T06:00")
SETTLED, DUE = at("2026-11-22T07:00"), at("2026-11-23T07:00")
WAITING = "the next run is due at 2026-11-23T07:00:00Z"


@pytest.fixture(name="idle")
def _idle(resource: MakeResource) -> Callable[..., Resource]:
    """A sync that is loaded and waits for seven o'clock, with these differences."""

    def make(*, active: str = "", loads: bool = True, **more: Any) -> Resource:
        spec = resource().spec
        assert spec is not None
        status = SyncStatus(
            loaded_spec_hash=fingerprint(spec) if loads else "another",
            observed_schedule="0 7 * * * Etc/UTC",
            slots_settled_through=SETTLED,
            last_run=LastRun(job="la-311-0", uid="uid-of-la-311-0", created_at=SETTLED),
            active_run=ActiveRun(job=active, uid=active) if active else None,
        )
        return resource(status=status, **more)

    return make


def decided(resource: Resource, *jobs: ObservedJob, capacity: Capacity | None = None) -> Action:
    return decide(resource, jobs, NOW, capacity or Capacity())


CANCEL = {"cancelAt": "1"}


@pytest.mark.parametrize(
    ("deleting", "asked", "cancelled"),
    [(True, CANCEL, True), (True, {}, False), (False, CANCEL, False), (False, {}, False)],
)
def test_a_finished_run_was_cancelled_if_that_was_asked_for_and_its_job_is_being_deleted(
    idle: MakeResource, job: MakeJob, deleting: bool, asked: dict[str, str], cancelled: bool
) -> None:
    done = job("la-311-9", "Failed", deleting=deleting)

    assert decided(idle(asked=asked), done) == Action(
        kind=Kind.RECORD,
        reason="WaitingForSchedule",
        message=WAITING,
        job=done,
        settled=SETTLED,
        next_due=DUE,
        cancelled=cancelled,
    )


@pytest.mark.parametrize(("asked", "cancelled"), [(CANCEL, True), ({}, False)])
def test_a_vanished_run_leaves_the_schedule_as_it_was(
    idle: MakeResource, asked: dict[str, str], cancelled: bool
) -> None:
    assert decided(idle(active="la-311-9", asked=asked)) == Action(
        kind=Kind.RECORD_GONE,
        reason="WaitingForSchedule",
        message=WAITING,
        settled=SETTLED,
        next_due=DUE,
        cancelled=cancelled,
    )


@pytest.mark.parametrize(
    ("deleting", "asked", "kind", "reason", "words"),
    [
        (False, {}, Kind.FOLLOW, "SyncInProgress", "run la-311-9 is in progress"),
        (True, {}, Kind.FOLLOW, "Cancelling", "run la-311-9 is being stopped"),
        (False, CANCEL, Kind.CANCEL, "Cancelling", "run la-311-9 is being stopped"),
        (True, CANCEL, Kind.FOLLOW, "Cancelling", "run la-311-9 is being stopped"),
    ],
)
def test_an_active_run_settles_its_own_slot_and_nothing_is_due_before_the_next(
    idle: MakeResource,
    job: MakeJob,
    deleting: bool,
    asked: dict[str, str],
    kind: Kind,
    reason: str,
    words: str,
) -> None:
    active = job("la-311-9", slot="2026-11-22T08:00:00Z", deleting=deleting)

    assert decided(idle(asked=asked), active) == Action(
        kind=kind,
        reason=reason,
        message=words,
        job=active,
        settled=at("2026-11-22T08:00"),
        next_due=DUE,
    )


@pytest.mark.parametrize(
    ("asked", "refused", "cancelled"),
    [
        ({}, False, False),
        ({"requestedAt": "1"}, True, False),
        ({"full": "1"}, True, False),
        (CANCEL, False, True),
        ({**CANCEL, "full": "1"}, True, True),
    ],
)
def test_a_suspended_sync_refuses_runs_and_answers_cancels(
    idle: MakeResource, asked: dict[str, str], refused: bool, cancelled: bool
) -> None:
    action = decided(idle(suspend=True, asked=asked))

    assert replace(action, message="") == Action(
        kind=Kind.WAIT,
        reason="Suspended",
        message="",
        settled=SETTLED,
        refused=refused,
        cancelled=cancelled,
    )


@pytest.mark.parametrize(("asked", "cancelled"), [(CANCEL, True), ({}, False)])
def test_a_run_that_starts_answers_a_cancel_that_had_nothing_to_stop(
    idle: MakeResource, asked: dict[str, str], cancelled: bool
) -> None:
    action = decided(idle(loads=False, asked=asked))

    assert action.run is not None
    assert replace(action, run=None) == Action(
        kind=Kind.START,
        reason="SyncInProgress",
        message=f"run {action.run.job} is in progress",
        settled=SETTLED,
        next_due=DUE,
        cancelled=cancelled,
    )


def test_without_a_schedule_nothing_is_due(idle: MakeResource) -> None:
    action = decided(idle(schedule=None))

    assert (action.kind, action.reason, action.next_due) == (Kind.WAIT, "NoSchedule", None)
    assert "on request" in action.message
