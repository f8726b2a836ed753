"""When the operator tries a failed run again, what the retry does, and what counts as a missed slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.retry import RetrySpec
from socratasync.api.status import ActiveRun, Condition, LastRun, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource, fingerprint, spec_hash
from socratasync.controller.observed.retry import passes, pause
from socratasync.controller.status.events import transitions
from socratasync.controller.status.next import next_status

MakeResource = Callable[..., Resource]
After = Callable[..., Resource]

SLOT, END = at("2026-11-23T07:00"), at("2026-11-23T07:04")


def failed(code: int | None = 75, reason: str = "SourceUnavailable", **more: Any) -> LastRun:
    run = LastRun(
        job="la-311-1",
        uid="uid-1",
        created_at=SLOT,
        start=SLOT,
        end=END,
        trigger=Trigger.SCHEDULE,
        mode="update",
        result=Result.FAILED,
        reason=reason,
        exit_code=code,
    )
    return replace(run, **more)


@pytest.fixture(name="after")
def _after(resource: MakeResource) -> After:
    """``after(failed(), schedule=…)``: the resource once its run of seven o'clock has ended so."""

    def make(
        last: LastRun,
        *history: LastRun,
        settled: datetime = SLOT,
        edited: dict[str, Any] | None = None,
        asked: dict[str, str] | None = None,
        conditions: tuple[Condition, ...] = (),
        **spec: Any,
    ) -> Resource:
        ran = resource(**spec)
        assert ran.spec is not None
        last = replace(last, spec_hash=last.spec_hash or spec_hash(ran.spec))
        status = SyncStatus(
            loaded_spec_hash=fingerprint(ran.spec),
            judged_spec_hash=fingerprint(ran.spec),
            observed_schedule=f"{ran.spec.schedule} Etc/UTC" if ran.spec.schedule else "",
            slots_settled_through=settled,
            last_run=last,
            history=(last, *history),
            conditions=conditions,
        )
        return resource(status=status, asked=asked, **{**spec, **(edited or {})})

    return make


def next_for(resource: Resource, now: datetime, capacity: Capacity | None = None) -> Action:
    return decide(resource, [], now, capacity or Capacity())


@pytest.mark.parametrize(
    ("run", "again"),
    [
        pytest.param(failed(75), True, id="the source or the target was away"),
        pytest.param(failed(None, "PodNotStarting"), True, id="a secret may come, a quota grow"),
        pytest.param(failed(137, "Evicted"), True, id="the node was short of memory"),
        pytest.param(failed(143, "WorkerFailed"), True, id="somebody stopped its pods"),
        pytest.param(failed(65, "SchemaChanged"), False, id="data that was refused"),
        pytest.param(failed(77, "PermissionDenied"), False, id="a grant that is missing"),
        pytest.param(failed(78, "TargetMismatch"), False, id="a wrong table"),
        pytest.param(failed(70, "InternalError"), False, id="a mistake in the program"),
        pytest.param(failed(1, "WorkerFailed"), False, id="a crash that nobody knows"),
        pytest.param(failed(137, "OOMKilled"), False, id="a limit that is too small"),
        pytest.param(failed(None, "DeadlineExceeded"), False, id="a deadline that is too short"),
        pytest.param(failed(75, "DeadlineExceeded"), True, id="one request that took too long"),
        pytest.param(failed(None, "ResultLost", result=Result.LOST), False, id="nobody knows"),
        pytest.param(failed(None, "Cancelled", result=Result.CANCELLED), False, id="cancelled"),
        pytest.param(failed(0, "Succeeded", result=Result.SUCCEEDED), False, id="it was good"),
    ],
)
def test_what_is_tried_again(after: After, run: LastRun, again: bool) -> None:
    assert passes(run) is again
    assert (next_for(after(run), END).reason == "WaitingForRetry") is again


def test_pauses_double_up_to_the_longest() -> None:
    minutes = [pause(RetrySpec(), number) // timedelta(minutes=1) for number in range(1, 9)]

    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]
    day = timedelta(hours=24)
    assert pause(RetrySpec(interval=day, max_interval=day), 100) == day


@pytest.mark.parametrize(
    ("spec", "run", "due"),
    [
        pytest.param({}, failed(), "07:05", id="a minute after the end"),
        pytest.param({}, failed(retry=3), "07:12", id="eight after that of the third retry"),
        pytest.param({}, failed(retry=9), "08:04", id="the tenth"),
        pytest.param({}, failed(retry=10), None, id="no eleventh"),
        pytest.param({"retry": {"limit": 0}}, failed(), None, id="none if none is wanted"),
        pytest.param({"retry": {"interval": "5m"}}, failed(), "07:09", id="another interval"),
        pytest.param(
            {"retry": {"maxInterval": "2m"}}, failed(retry=9), "07:06", id="another longest pause"
        ),
        pytest.param({"schedule": "5 * * * *"}, failed(), None, id="the next slot comes first"),
        pytest.param({"schedule": "6 * * * *"}, failed(), "07:05", id="just before the next slot"),
        pytest.param({"schedule": None}, failed(), "07:05", id="without a schedule"),
        pytest.param({"suspend": True}, failed(), None, id="not while suspended"),
    ],
)
def test_when_a_retry_is_due(
    after: After, spec: dict[str, Any], run: LastRun, due: str | None
) -> None:
    resource = after(run, **spec)
    waiting = next_for(resource, END)
    status = next_status(resource, waiting, END)

    assert waiting.kind is Kind.WAIT
    if due is None:
        assert status.next_retry_time is None
        assert waiting.reason != "WaitingForRetry"
        return
    moment = at(f"2026-11-23T{due}")
    assert status.next_retry_time == moment
    assert waiting.reason == "WaitingForRetry"
    number = (run.retry or 0) + 1
    assert waiting.message == (
        "run la-311-1 failed for a cause that may pass (SourceUnavailable); "
        f"retry {number} of 10 is due at 2026-11-23T{due}:00Z"
    )
    assert next_for(resource, moment - timedelta(seconds=1)).kind is Kind.WAIT
    started = next_for(resource, moment).run
    assert started is not None
    assert (started.trigger, started.retry, started.due) == (Trigger.RETRY, number, moment)
    assert (started.slot, started.mode) == (None, "update")


def test_a_failure_is_told_with_the_retry_that_follows_and_does_not_stall(
    after: After,
) -> None:
    resource = after(failed(), schedule=None)
    status = replace(
        resource.status,
        last_run=None,
        history=None,
        active_run=ActiveRun(job="la-311-1", uid="uid-1", trigger=Trigger.CREATION, start=SLOT),
    )
    running = replace(resource, status=status)
    outcome = Outcome(
        result=Result.FAILED, reason="SourceUnavailable", message="no", ended=END, exit_code=75
    )
    record = Action(kind=Kind.RECORD_GONE, reason="NoSchedule", message="none", settled=SLOT)

    recorded = next_status(running, record, END, outcome=outcome)

    assert recorded.next_retry_time == END + timedelta(minutes=1)
    assert find(recorded, "Stalled") is None
    told = find(recorded, "Synchronizing")
    assert told is not None
    assert (told.status, told.reason) == ("False", "WaitingForRetry")
    assert "retry 1 of 10 is due at" in told.message
    events = transitions(status, recorded, record, outcome)
    assert [event.reason for event in events] == ["SyncFailed", "WaitingForRetry"]
    again = transitions(recorded, next_status(running, record, END, outcome=outcome), record, None)
    assert again == []


def test_without_retries_left_and_without_a_schedule_it_stalls(after: After) -> None:
    resource = after(failed(retry=10), schedule=None)

    status = next_status(resource, next_for(resource, END), END)

    stalled = find(status, "Stalled")
    assert stalled is not None
    assert "socratasync.dev/requestedAt" in stalled.message


@pytest.mark.parametrize(
    ("asked", "edited", "trigger"),
    [
        pytest.param({"requestedAt": "1"}, {}, Trigger.MANUAL, id="a request"),
        pytest.param({}, {"parallelism": 3}, Trigger.SPEC_CHANGE, id="an edit"),
    ],
)
def test_what_a_person_does_comes_before_a_retry(
    after: After, asked: dict[str, str], edited: dict[str, Any], trigger: Trigger
) -> None:
    run = next_for(after(failed(), asked=asked, edited=edited), END).run

    assert run is not None
    assert (run.trigger, run.retry) == (trigger, None)


def test_a_slot_that_is_open_is_run_instead_of_a_retry(after: After) -> None:
    """Its time came while the run was failing."""
    resource = after(failed(), schedule="*/2 * * * *")

    run = next_for(resource, END + timedelta(minutes=1)).run
    assert run is not None
    assert run.trigger is Trigger.SCHEDULE
    waiting = next_for(resource, END + timedelta(minutes=1), Capacity(free=False, message="wait"))
    assert next_status(resource, waiting, END).next_retry_time is None


def test_a_retry_waits_for_its_place_like_any_run(after: After) -> None:
    resource = after(failed())
    full = Capacity(free=False, message="others are at work")

    waiting = next_for(resource, END + timedelta(hours=1), full)

    assert waiting.reason == "WaitingForCapacity"
    assert next_status(resource, waiting, END).next_retry_time == END + timedelta(minutes=1)


@pytest.mark.parametrize("schedule", ["0 7 * * *", None])
def test_a_retry_that_a_suspension_skipped_is_not_made_up_for(
    after: After, schedule: str | None
) -> None:
    suspended = Condition(
        type="Suspended",
        status="True",
        reason="Suspended",
        message="",
        last_transition_time=END,
    )
    resumed = after(failed(), schedule=schedule, conditions=(suspended,))

    early = next_for(resumed, END + timedelta(seconds=30))
    assert early.reason == "WaitingForRetry", "one that is still to come is not skipped"
    late = END + timedelta(hours=1)
    action = next_for(resumed, late)
    assert action.kind is Kind.WAIT
    awake = replace(resumed, status=next_status(resumed, action, late))
    assert next_for(awake, late).reason == ("WaitingForSchedule" if schedule else "NoSchedule")


def test_a_retry_has_one_name_however_often_it_is_decided(after: After) -> None:
    first, second = after(failed()), after(failed(job="la-311-2", retry=1))
    times = [END + timedelta(minutes=4), END + timedelta(minutes=9)]

    names = [[run.job for now in times if (run := next_for(r, now).run)] for r in (first, second)]

    assert names[0][0] == names[0][1] != names[1][0] == names[1][1]


# what a retry does


FULL = failed(trigger=Trigger.FULL, mode="full")


@pytest.mark.parametrize(
    ("last", "history", "edited", "mode"),
    [
        pytest.param(failed(), (), {}, "update", id="an update"),
        pytest.param(FULL, (), {}, "full", id="a full run that was asked for"),
        pytest.param(
            failed(trigger=Trigger.RETRY, mode="full"), (FULL,), {}, "full", id="and its retry"
        ),
        pytest.param(FULL, (), {"parallelism": 3}, "full", id="and the run of a repaired spec"),
        pytest.param(
            failed(trigger=Trigger.SPEC_CHANGE, mode="full"),
            (replace(FULL, result=Result.CANCELLED, reason="Replaced"),),
            {"parallelism": 3},
            "full",
            id="one that made way is still owed",
        ),
        pytest.param(
            failed(),
            (replace(FULL, result=Result.CANCELLED, reason="Cancelled"),),
            {"parallelism": 3},
            "update",
            id="one that was cancelled is not",
        ),
        pytest.param(
            failed(trigger=Trigger.SCHEDULE, mode="full"),
            (replace(FULL, result=Result.SUCCEEDED),),
            {"parallelism": 3},
            "update",
            id="nor one that was good",
        ),
        pytest.param(
            failed(mode="full"), (), {"parallelism": 3}, "update", id="nor what the spec wanted"
        ),
    ],
)
def test_a_run_that_is_tried_again_does_what_it_was_to_do(
    after: After,
    last: LastRun,
    history: tuple[LastRun, ...],
    edited: dict[str, Any],
    mode: str,
) -> None:
    run = next_for(after(last, *history, edited=edited), END + timedelta(hours=2)).run

    assert run is not None
    assert run.trigger is (Trigger.SPEC_CHANGE if edited else Trigger.RETRY)
    assert run.mode == mode


# another spec after a run that failed


@pytest.mark.parametrize(
    ("last", "edited", "starts"),
    [
        pytest.param(failed(78), {"parallelism": 3}, True, id="any field may be the repair"),
        pytest.param(failed(78), {"job": {"backoffLimit": 1}}, True, id="the Job's too"),
        pytest.param(failed(78), {}, False, id="not the same spec"),
        pytest.param(failed(78), {"parallelism": 2}, False, id="nor a default spelled out"),
        pytest.param(failed(78), {"suspend": False}, False, id="nor a resume"),
        pytest.param(
            failed(None, "ResultLost", result=Result.LOST), {"parallelism": 3}, True, id="lost"
        ),
        pytest.param(
            failed(0, "Succeeded", result=Result.SUCCEEDED),
            {"parallelism": 3},
            False,
            id="not after a good run",
        ),
        pytest.param(
            failed(None, "Replaced", result=Result.CANCELLED), {}, True, id="one that made way"
        ),
        pytest.param(
            failed(None, "Cancelled", result=Result.CANCELLED),
            {"parallelism": 3},
            False,
            id="not after a cancel of what was good before",
        ),
        pytest.param(
            failed(78, spec_hash="of an unknown version"), {}, True, id="another fingerprint"
        ),
    ],
)
def test_another_spec_starts_a_run_after_one_that_failed(
    after: After, last: LastRun, edited: dict[str, Any], starts: bool
) -> None:
    action = next_for(after(last, edited=edited), END)

    assert (action.kind is Kind.START) is starts
    if action.run:
        assert action.run.trigger is Trigger.SPEC_CHANGE


@pytest.mark.parametrize("before", [None, "1-another"], ids=["the first", "the first of an edit"])
def test_another_spec_starts_a_run_after_a_cancel_of_the_only_run_of_the_one_before(
    after: After, before: str | None
) -> None:
    stopped = after(failed(None, "Cancelled", result=Result.CANCELLED), edited={"parallelism": 3})
    status = replace(stopped.status, judged_spec_hash=before)

    assert next_for(replace(stopped, status=status), END).kind is Kind.START


def test_of_what_an_earlier_release_ran_nothing_is_known(resource: MakeResource) -> None:
    spec = resource().spec
    assert spec is not None
    status = SyncStatus(
        loaded_spec_hash=fingerprint(spec), last_run=failed(78), slots_settled_through=SLOT
    )

    assert next_for(resource(status=status), END).kind is Kind.WAIT


# what is a catch-up


def waits(reason: str) -> tuple[Condition, ...]:
    return (
        Condition(
            type="Synchronizing",
            status="False",
            reason=reason,
            message="",
            last_transition_time=SLOT,
        ),
    )


GOOD = failed(0, "Succeeded", result=Result.SUCCEEDED)


@pytest.mark.parametrize(
    ("ended", "conditions", "next_time", "trigger"),
    [
        pytest.param("03:00", (), None, "CatchUp", id="nobody looked for two hours"),
        pytest.param("08:59", (), None, "Schedule", id="it was behind another run"),
        pytest.param("08:50", (), None, "CatchUp", id="and nobody looked when that had ended"),
        pytest.param(
            "03:00", waits("WaitingForCapacity"), "2026-11-24T07:00", "Schedule", id="no place"
        ),
        pytest.param("03:00", waits("JobRefused"), "2026-11-24T07:00", "Schedule", id="refused"),
        pytest.param(
            "03:00", waits("WaitingForSchedule"), "2026-11-23T07:00", "CatchUp", id="it was idle"
        ),
        pytest.param(
            "03:00",
            waits("WaitingForCapacity"),
            "2026-11-23T07:00",
            "CatchUp",
            id="an earlier slot had no place, and then nobody looked",
        ),
    ],
)
def test_only_a_slot_that_nobody_saw_in_time_is_a_catch_up(
    after: After,
    ended: str,
    conditions: tuple[Condition, ...],
    next_time: str | None,
    trigger: str,
) -> None:
    last = replace(GOOD, end=at(f"2026-11-23T{ended}"))
    waiting = after(last, settled=at("2026-11-22T07:00"), conditions=conditions)
    status = replace(waiting.status, next_schedule_time=at(next_time) if next_time else None)

    run = next_for(replace(waiting, status=status), at("2026-11-23T09:00")).run

    assert run is not None
    assert (run.trigger, run.slot) == (Trigger(trigger), SLOT)
