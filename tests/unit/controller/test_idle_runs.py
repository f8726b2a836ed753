"""A run whose worker is not at work: what takes its place, when it is given up, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import SPEC, at

from socratasync.api.status import ActiveRun, SyncStatus
from socratasync.api.status_words import Result
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.jobs.outcome import gone, read_outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource, spec_hash
from socratasync.controller.observed.worker import Away, WorkerSeen
from socratasync.controller.status.next import next_status

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]

MADE, NOW = at("2026-11-23T07:00"), at("2026-11-23T07:05")
HELD_UP = Away(reason="PodNotStarting", message='pod p does not start: secret "bd" not found')
STUCK = WorkerSeen(away=HELD_UP, starting_since=MADE)
SLOW = Away(reason="PodNotStarting", message="pod p has not started yet")
STARTING = WorkerSeen(away=SLOW, ordinary=True, starting_since=MADE)
BETWEEN = WorkerSeen(away=Away(reason="WaitingToRetry", message="try 1 of 4 failed"))
AT_WORK = WorkerSeen(pod="p")
ENDING = WorkerSeen()
FIXED = {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]}
MISTYPED = {**FIXED, "dsnSecretRef": {"name": "bd"}}


@pytest.fixture(name="stuck")
def _stuck(resource: MakeResource, job: MakeJob) -> Callable[..., ObservedJob]:
    """The Job of the mistyped spec."""

    def make(**more: Any) -> ObservedJob:
        spec = resource(target=MISTYPED).spec
        assert spec is not None
        made = job(slot="2026-11-23T07:00:00Z")
        return replace(made, **{"spec_hash": spec_hash(spec), **more})

    return make


def running(noted: Away | None = None, **more: Any) -> SyncStatus:
    run = ActiveRun(
        job="la-311-1",
        uid="uid-of-la-311-1",
        start=MADE,
        reason=noted.reason if noted else None,
        message=noted.message if noted else None,
    )
    return SyncStatus(active_run=run, slots_settled_through=MADE, **more)


def next_for(
    resource: Resource, job: ObservedJob, seen: WorkerSeen | None, now: str = "2026-11-23T07:05"
) -> Action:
    return decide(resource, [job], at(now), Capacity(), seen)


@pytest.mark.parametrize(
    ("spec", "asked", "seen", "why"),
    [
        pytest.param({}, {}, STUCK, "the spec changed", id="another spec"),
        pytest.param({}, {}, STARTING, "the spec changed", id="however briefly it starts"),
        pytest.param({}, {}, BETWEEN, "the spec changed", id="between two tries"),
        pytest.param({"target": MISTYPED, "parallelism": 3}, {}, STUCK, "changed", id="any field"),
        pytest.param(
            {"target": MISTYPED}, {"requestedAt": "1"}, STUCK, "was asked for", id="a request"
        ),
        pytest.param({"target": MISTYPED}, {"full": "1"}, STUCK, "was asked for", id="a full one"),
        pytest.param({}, {}, AT_WORK, None, id="never one at work"),
        pytest.param({"target": MISTYPED}, {"full": "1"}, AT_WORK, None, id="not for a request"),
        pytest.param({}, {}, ENDING, None, id="nor one that is about to end"),
        pytest.param({}, {}, None, None, id="nor while nobody has looked"),
        pytest.param({"target": MISTYPED}, {}, STUCK, None, id="the same spec waits with it"),
        pytest.param({"suspend": True}, {}, STUCK, None, id="nothing would come after it"),
        pytest.param({"domain": "no domain"}, {}, STUCK, None, id="nor with a bad spec"),
    ],
)
def test_what_takes_the_place_of_a_run_whose_worker_is_not_at_work(
    resource: MakeResource,
    stuck: Callable[..., ObservedJob],
    spec: dict[str, Any],
    asked: dict[str, str],
    seen: WorkerSeen | None,
    why: str | None,
) -> None:
    edited = resource(status=running(HELD_UP), asked=asked, **{"target": FIXED, **spec})

    action = next_for(edited, stuck(), seen)

    if why is None:
        assert action.kind is Kind.FOLLOW
    else:
        assert (action.kind, action.reason) == (Kind.NOTE, "Replacing")
        assert why in action.message
        assert seen is not None
        assert seen.away is not None
        assert action.message.endswith(seen.away.message)


def test_a_pod_that_takes_its_ordinary_time_is_not_worth_a_word(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    waiting = resource(status=running(), target=MISTYPED)

    action = next_for(waiting, stuck(), STARTING)
    assert (action.kind, action.reason, action.away) == (Kind.FOLLOW, "SyncInProgress", None)
    assert next_for(waiting, stuck(), STUCK).away == HELD_UP


def test_a_pause_is_no_change_of_the_spec(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    """Resumed, it is the spec that the run has."""
    resumed = resource(status=running(HELD_UP), target=MISTYPED, suspend=False, generation=3)

    assert next_for(resumed, stuck(generation=1), STUCK).kind is Kind.FOLLOW


def test_a_job_of_an_earlier_release_makes_way_for_a_request_only(
    resource: MakeResource, job: MakeJob
) -> None:
    assert next_for(resource(status=running()), job(), STUCK).kind is Kind.FOLLOW
    asked = resource(status=running(), asked={"requestedAt": "1"})
    assert next_for(asked, job(), STUCK).kind is Kind.NOTE


def test_a_request_that_the_run_itself_answers_does_not_replace_it(
    resource: MakeResource, job: MakeJob
) -> None:
    """The operator died before the status said that it is answered."""
    asked = resource(asked={"requestedAt": "1", "full": "2"})
    answering = job(notes={"requestedAt": "1", "full": "2"})

    assert next_for(asked, answering, STUCK).kind is Kind.FOLLOW


def test_it_is_noted_before_it_is_done_and_done_if_it_still_holds(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    first = resource(status=running(HELD_UP), target=FIXED)
    noted = next_status(first, next_for(first, stuck(), STUCK), NOW)
    assert noted.active_run is not None
    assert noted.active_run.reason == "Replacing"

    again = resource(status=noted, target=FIXED)
    stopped = next_for(again, stuck(), STUCK)
    assert (stopped.kind, stopped.reason) == (Kind.CANCEL, "Replacing")
    assert stopped.away is not None
    assert stopped.away.message == noted.active_run.message
    assert next_for(again, stuck(), AT_WORK).kind is Kind.FOLLOW, "it has started meanwhile"
    reverted = next_for(resource(status=noted, target=MISTYPED), stuck(), STUCK)
    assert (reverted.kind, reverted.reason) == (Kind.FOLLOW, "PodNotStarting")


@pytest.mark.parametrize(
    ("seen", "noted", "now", "spec", "ended"),
    [
        pytest.param(STUCK, HELD_UP, "07:10:00", {}, True, id="at the default, ten minutes"),
        pytest.param(STUCK, HELD_UP, "07:09:59", {}, False, id="not a second early"),
        pytest.param(
            STUCK, HELD_UP, "07:01", {"job": {"startDeadlineSeconds": 60}}, True, id="at its own"
        ),
        pytest.param(AT_WORK, HELD_UP, "08:00", {}, False, id="never one at work"),
        pytest.param(BETWEEN, HELD_UP, "08:00", {}, False, id="nor between two tries"),
        pytest.param(None, HELD_UP, "08:00", {}, False, id="nor while nobody has looked"),
        pytest.param(STUCK, HELD_UP, "08:00", {"suspend": True}, True, id="suspended or not"),
    ],
)
def test_a_run_that_does_not_start_in_time_is_ended(
    resource: MakeResource,
    stuck: Callable[..., ObservedJob],
    seen: WorkerSeen | None,
    noted: Away | None,
    now: str,
    spec: dict[str, Any],
    ended: bool,
) -> None:
    waiting = resource(status=running(noted), target=MISTYPED, **spec)

    action = next_for(waiting, stuck(spec_hash=None), seen, now=f"2026-11-23T{now}")

    assert (action.kind is Kind.CANCEL) is ended
    if ended:
        limit = "1m" if spec.get("job") else "10m"
        assert action.reason == "PodNotStarting"
        assert action.message == (
            f"{HELD_UP.message}; given up after {limit} (spec.job.startDeadlineSeconds)"
        )


def test_the_end_is_noted_first_with_what_is_known(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    late = "2026-11-23T08:00"
    unheard = next_for(
        resource(status=running(), target=MISTYPED), stuck(spec_hash=None), STARTING, now=late
    )
    assert (unheard.kind, unheard.reason) == (Kind.NOTE, "PodNotStarting")
    assert unheard.message == (
        "pod p has not started yet; given up after 10m (spec.job.startDeadlineSeconds)"
    )

    noted = next_status(resource(status=running(), target=MISTYPED), unheard, at(late))
    again = resource(status=noted, target=MISTYPED)
    assert next_for(again, stuck(spec_hash=None), STARTING, now=late).kind is Kind.CANCEL
    assert next_for(again, stuck(spec_hash=None), AT_WORK, now=late).kind is Kind.FOLLOW


def test_a_request_to_stop_comes_before_all_that(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    cancelled = resource(status=running(HELD_UP), target=FIXED, asked={"cancelAt": "1"})

    action = next_for(cancelled, stuck(), STUCK, now="2026-11-23T09:00")

    assert (action.kind, action.reason, action.away) == (Kind.CANCEL, "Cancelling", None)


def test_a_job_that_is_being_stopped_keeps_its_sentence(
    resource: MakeResource, stuck: Callable[..., ObservedJob]
) -> None:
    going = stuck(deleting=True)

    followed = next_for(resource(status=running(HELD_UP), target=FIXED), going, None)
    assert (followed.kind, followed.reason, followed.message) == (
        Kind.FOLLOW,
        "PodNotStarting",
        HELD_UP.message,
    )
    plain = next_for(resource(status=running(), target=FIXED), going, None)
    assert plain.reason == "Cancelling"


REPLACING = Away(reason="Replacing", message="run la-311-1 makes way for another")


@pytest.mark.parametrize(
    ("away", "cancelled", "result", "reason", "says"),
    [
        (HELD_UP, False, Result.FAILED, "PodNotStarting", HELD_UP.message),
        (REPLACING, False, Result.CANCELLED, "Replaced", REPLACING.message),
        (REPLACING, True, Result.CANCELLED, "Cancelled", "stopped on request"),
        (BETWEEN.away, False, Result.LOST, "ResultLost", "is lost"),
        (None, False, Result.LOST, "ResultLost", "is lost"),
    ],
)
def test_the_sentence_outlives_the_job(
    away: Away | None, cancelled: bool, result: Result, reason: str, says: str
) -> None:
    outcome = gone("la-311-1", NOW, cancelled=cancelled, away=away)

    assert (outcome.result, outcome.reason, outcome.report) == (result, reason, None)
    assert says in outcome.message


def test_a_job_that_failed_without_a_worker_has_the_sentence_too(job: MakeJob) -> None:
    """Its own deadline was shorter than the one for its start."""
    over = job(condition="Failed", reason="DeadlineExceeded")
    worked = {"containerStatuses": [{"name": "sync", "state": {"terminated": {"exitCode": 143}}}]}

    outcome = read_outcome(over, [{"status": {"phase": "Pending"}}], NOW, away=HELD_UP)
    assert (outcome.reason, outcome.message) == ("PodNotStarting", HELD_UP.message)
    assert read_outcome(over, [{"status": worked}], NOW, away=HELD_UP).reason == "DeadlineExceeded"


def test_a_spec_of_defaults_is_the_same_spec(resource: MakeResource) -> None:
    plain, spelled = resource().spec, resource(parallelism=2, suspend=True, hooks=[]).spec
    other = resource(parallelism=3).spec
    assert plain is not None
    assert spelled is not None
    assert other is not None

    assert spec_hash(plain) == spec_hash(spelled) != spec_hash(other)
    assert "parallelism" not in SPEC
