"""What is done next: each row reads as a sentence of the operator's contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import ActiveRun, Condition, LastRun, SyncStatus
from socratasync.api.status_words import Trigger
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource, fingerprint

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]
Loaded = Callable[..., SyncStatus]

NOW = "2026-11-23T07:00:01"
BUSY = Capacity(free=False, message="waiting for another run to end")


@pytest.fixture(name="loaded")
def _loaded(resource: MakeResource) -> Loaded:
    """The status of a sync whose present spec is loaded and that waits for its schedule."""

    def make(settled: str = "2026-11-22T07:00", **more: Any) -> SyncStatus:
        spec = resource().spec
        assert spec is not None
        last = LastRun(job="la-311-0", uid="uid-of-la-311-0", created_at=at(settled))
        status = SyncStatus(
            loaded_spec_hash=fingerprint(spec),
            observed_schedule="0 7 * * * Etc/UTC",
            slots_settled_through=at(settled),
            last_run=last,
        )
        return replace(status, **more)

    return make


def next_for(
    resource: Resource, *jobs: ObservedJob, now: str = NOW, capacity: Capacity | None = None
) -> Action:
    return decide(resource, jobs, at(now), capacity or Capacity())


# what starts a run


def test_a_new_resource_is_loaded_at_once(resource: MakeResource) -> None:
    action = next_for(resource(created="2026-11-23T06:59:00Z"), now="2026-11-23T06:59:01")

    assert action.kind is Kind.START
    assert action.run is not None
    assert (action.run.trigger, action.run.slot) == (Trigger.CREATION, None)


def test_a_slot_that_is_due_is_run_and_names_its_job(
    resource: MakeResource, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded()))

    assert action.run is not None
    assert action.run.trigger is Trigger.SCHEDULE
    assert action.run.job == f"la-311-{int(at('2026-11-23T07:00').timestamp()) // 60}"
    assert action.settled == at("2026-11-23T07:00")
    assert action.next_due == at("2026-11-24T07:00")


@pytest.mark.parametrize(
    ("spec", "asked", "now", "trigger", "mode"),
    [
        pytest.param({}, {}, "2026-11-23T06:59", None, "", id="nothing before the slot"),
        pytest.param({}, {}, "2026-11-23T07:01", "Schedule", "update", id="a slot on time"),
        pytest.param({}, {}, "2026-11-23T09:00", "CatchUp", "update", id="a slot after downtime"),
        pytest.param({}, {}, "2026-11-29T09:00", "CatchUp", "update", id="one slot for six missed"),
        pytest.param(
            {}, {"requestedAt": "1"}, "2026-11-23T03:00", "Manual", "update", id="a request"
        ),
        pytest.param({}, {"full": "1"}, "2026-11-23T03:00", "Full", "full", id="a full one"),
        pytest.param(
            {},
            {"full": "1", "requestedAt": "1"},
            NOW,
            "Full",
            "full",
            id="all at once is one full run",
        ),
        pytest.param(
            {"years": [2020]}, {}, "2026-11-23T03:00", "SpecChange", "update", id="other years"
        ),
        pytest.param(
            {"mode": "full"}, {}, "2026-11-23T03:00", "SpecChange", "full", id="another mode"
        ),
        pytest.param(
            {"parallelism": 4}, {}, "2026-11-23T03:00", None, "", id="not another parallelism"
        ),
        pytest.param(
            {"failedRunsHistoryLimit": 5},
            {},
            "2026-11-23T03:00",
            None,
            "",
            id="not another history",
        ),
        pytest.param({"suspend": True}, {}, NOW, None, "", id="nothing while suspended"),
        pytest.param(
            {"startingDeadlineSeconds": 60}, {}, "2026-11-23T07:02", None, "", id="not too late"
        ),
        pytest.param(
            {"startingDeadlineSeconds": 60}, {}, NOW, "Schedule", "update", id="not yet too late"
        ),
    ],
)
def test_what_starts_a_run(
    resource: MakeResource,
    loaded: Loaded,
    spec: dict[str, Any],
    asked: dict[str, str],
    now: str,
    trigger: str | None,
    mode: str,
) -> None:
    action = next_for(resource(status=loaded(), asked=asked, **spec), now=now)

    if trigger is None:
        assert action.kind is Kind.WAIT
    else:
        assert action.run is not None
        assert (action.run.trigger, action.run.mode) == (trigger, mode)


def test_jitter_delays_the_run_and_not_its_slot(resource: MakeResource, loaded: Loaded) -> None:
    late = resource(status=loaded(), jitterSeconds=3600)
    slot = at("2026-11-23T07:00")
    due = late.due(slot)
    assert slot < due

    assert next_for(late, now=slot.strftime("%FT%T")).kind is Kind.WAIT
    action = next_for(late, now=due.strftime("%FT%T"))
    assert action.run is not None
    assert (action.run.slot, action.run.due) == (slot, due)


# what does not start a run


def test_a_slot_that_was_suspended_is_never_replayed(
    resource: MakeResource, loaded: Loaded
) -> None:
    suspended = Condition(
        type="Suspended",
        status="True",
        reason="Suspended",
        message="no new runs",
        last_transition_time=at("2026-11-22T08:00"),
    )
    action = next_for(resource(status=loaded(conditions=(suspended,))), now="2026-11-23T12:00")

    assert action.kind is Kind.WAIT
    assert action.settled == at("2026-11-23T12:00")
    assert action.next_due == at("2026-11-24T07:00")


def test_an_edited_schedule_counts_from_now(resource: MakeResource, loaded: Loaded) -> None:
    action = next_for(resource(status=loaded(), schedule="0 5 * * *"), now="2026-11-23T06:00")

    assert action.kind is Kind.WAIT
    assert action.next_due == at("2026-11-24T05:00")


def test_a_request_while_suspended_is_refused_and_answered(
    resource: MakeResource, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded(), suspend=True, asked={"requestedAt": "1"}))

    assert (action.kind, action.refused) == (Kind.WAIT, True)


def test_a_missed_deadline_is_told_and_settled(resource: MakeResource, loaded: Loaded) -> None:
    action = next_for(
        resource(status=loaded("2026-11-20T07:00"), startingDeadlineSeconds=60),
        now="2026-11-23T08:00",
    )

    assert action.missed is not None
    assert (action.missed.count, action.missed.reason) == (3, "StartingDeadlineExceeded")
    assert action.settled == at("2026-11-23T07:00")


def test_superseded_slots_are_told_with_the_one_that_is_run(
    resource: MakeResource, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded("2026-11-20T07:00")))

    assert action.kind is Kind.START
    assert action.missed is not None
    assert (action.missed.count, action.missed.reason) == (2, "Superseded")


def test_without_capacity_it_waits_and_settles_nothing(
    resource: MakeResource, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded()), capacity=BUSY)

    assert (action.kind, action.reason) == (Kind.WAIT, "WaitingForCapacity")
    assert action.message == BUSY.message
    assert action.settled == at("2026-11-22T07:00")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({"domain": "https://data.lacity.org"}, "InvalidSpec", id="a bad domain"),
        pytest.param({"timeZone": "Mars/Olympus"}, "InvalidSchedule", id="an unknown zone"),
        pytest.param({"schedule": "0 7 31 2 *"}, "InvalidSchedule", id="a day that never comes"),
        pytest.param({"target": None}, "InvalidSpec", id="no target"),
    ],
)
def test_a_spec_that_cannot_be_run_is_rejected_and_starts_nothing(
    resource: MakeResource,
    loaded: Loaded,
    spec: dict[str, Any],
    reason: str,
) -> None:
    action = next_for(resource(status=loaded(), asked={"requestedAt": "1"}, **spec))

    assert (action.kind, action.reason, action.refused) == (Kind.REJECT, reason, False)


# what becomes of runs


def test_an_active_run_is_followed_whatever_else_is_asked_for(
    resource: MakeResource, job: MakeJob, loaded: Loaded
) -> None:
    asked = resource(status=loaded(), asked={"full": "1", "requestedAt": "1"}, years=[2019])

    action = next_for(asked, job())

    assert (action.kind, action.reason) == (Kind.FOLLOW, "SyncInProgress")


def test_a_job_the_status_does_not_know_settles_its_slot(
    resource: MakeResource, job: MakeJob, loaded: Loaded
) -> None:
    """The operator died after it created the Job and before it wrote that down."""
    action = next_for(resource(status=loaded()), job(slot="2026-11-23T07:00:00Z"))

    assert action.kind is Kind.FOLLOW
    assert action.settled == at("2026-11-23T07:00")


def test_a_finished_job_is_recorded_before_anything_else(
    resource: MakeResource, job: MakeJob, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded(), suspend=True), job("la-311-9", "Complete"))

    assert action.kind is Kind.RECORD
    assert action.job is not None
    assert action.job.name == "la-311-9"


def test_a_job_that_is_recorded_is_never_recorded_again(
    resource: MakeResource, job: MakeJob, loaded: Loaded
) -> None:
    known = loaded(last_run=LastRun(uid="uid-of-la-311-9", created_at=at("2026-11-23T07:00")))
    done = [
        job("la-311-9", "Complete"),
        job("la-311-8", "Complete", created="2026-11-12T07:00:00Z"),  # fell out of history
    ]

    action = next_for(resource(status=known), *done, now="2026-11-23T06:00")

    assert action.kind is Kind.WAIT


@pytest.mark.parametrize("asked", [{}, {"cancelAt": "1"}])
def test_a_run_whose_job_is_gone_is_lost_unless_it_was_cancelled(
    resource: MakeResource, loaded: Loaded, asked: dict[str, str]
) -> None:
    running = loaded(active_run=ActiveRun(job="la-311-9", uid="uid-of-la-311-9"))

    action = next_for(resource(status=running, asked=asked))

    assert (action.kind, action.cancelled) == (Kind.RECORD_GONE, bool(asked))


def test_a_run_that_the_status_names_without_its_uid_is_lost_and_not_followed_for_ever(
    resource: MakeResource, loaded: Loaded
) -> None:
    action = next_for(resource(status=loaded(active_run=ActiveRun(job="la-311-9"))))

    assert action.kind is Kind.RECORD_GONE


def test_a_job_whose_label_names_no_trigger_counts_as_asked_for(job: MakeJob) -> None:
    assert job(trigger="Moonrise").trigger is Trigger.MANUAL


def test_a_cancel_stops_the_active_run_once(
    resource: MakeResource, job: MakeJob, loaded: Loaded
) -> None:
    cancelled = resource(status=loaded(), asked={"cancelAt": "1"})

    assert next_for(cancelled, job()).kind is Kind.CANCEL
    stopping = next_for(cancelled, job(deleting=True))
    assert (stopping.kind, stopping.reason) == (Kind.FOLLOW, "Cancelling")


def test_a_cancel_with_nothing_to_stop_is_answered(resource: MakeResource, loaded: Loaded) -> None:
    action = next_for(resource(status=loaded(), asked={"cancelAt": "1"}), now="2026-11-23T03:00")

    assert (action.kind, action.cancelled) == (Kind.WAIT, True)


# names


def test_the_same_decision_names_the_same_job(resource: MakeResource, loaded: Loaded) -> None:
    asked = resource(status=loaded(), asked={"requestedAt": "1"})
    first, again = next_for(asked), next_for(asked, now="2026-11-23T07:30")

    assert first.run is not None
    assert again.run is not None
    assert first.run.job == again.run.job


def test_a_token_used_before_names_another_job_after_another_run(
    resource: MakeResource, loaded: Loaded
) -> None:
    """Else the new run would be taken for the old one, whose Job is still there."""
    earlier = resource(status=loaded(), asked={"requestedAt": "1"})
    later = resource(status=loaded(last_run=LastRun(job="la-311-1")), asked={"requestedAt": "1"})
    runs = [next_for(each, now="2026-11-23T03:00").run for each in (earlier, later)]

    assert len({run.job for run in runs if run}) == 2


def test_long_and_dotted_names_make_short_job_names_that_differ(resource: MakeResource) -> None:
    names = ["a" * 63, "a" * 62 + "b", "a.b", "a-b"]
    jobs = [next_for(resource(name=name)).run for name in names]

    made = [run.job for run in jobs if run]
    assert len(set(made)) == 4
    assert all(len(name) <= 52 and "." not in name for name in made)
