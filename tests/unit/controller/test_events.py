"""Which changes of a status are told as events, of which type, in which words, and under which name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.controller.conftest import UID, at

from socratasync.api.status import ActiveRun, Condition, LastRun, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.controller.action import Action, Kind, Missed
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.events import Event, event_object, transitions

MakeResource = Callable[..., Resource]

SINCE, NOW = at("2026-11-22T07:00:00.5"), at("2026-11-23T07:00:00.5")
IDLE = Action(kind=Kind.WAIT, reason="WaitingForSchedule", message="", settled=SINCE)


def status(*conditions: tuple[str, str, str], **more: object) -> SyncStatus:
    """A status with these conditions: (type, status, reason)."""
    made = tuple(
        Condition(
            type=kind,
            status=truth,  # type: ignore[arg-type]
            reason=reason,
            message=f"because of {reason}",
            last_transition_time=SINCE,
            observed_generation=3,
        )
        for kind, truth, reason in conditions
    )
    return SyncStatus(conditions=made, **more)  # type: ignore[arg-type]


def told(
    old: SyncStatus, new: SyncStatus, action: Action = IDLE, outcome: Outcome | None = None
) -> list[Event]:
    return transitions(old, new, action, outcome)


@pytest.mark.parametrize(
    ("kind", "before", "now", "type_", "reason"),
    [
        ("Suspended", None, "True", None, None),
        ("Suspended", None, "False", None, None),
        ("Suspended", "False", "True", "Normal", "Suspended"),
        ("Suspended", "True", "False", "Normal", "Resumed"),
        ("Suspended", "True", "True", None, None),
        ("Suspended", "False", "False", None, None),
        ("Fresh", None, "True", None, None),
        ("Fresh", None, "False", "Warning", "Stale"),
        ("Fresh", None, "Unknown", None, None),
        ("Fresh", "Unknown", "True", None, None),
        ("Fresh", "Unknown", "False", "Warning", "Stale"),
        ("Fresh", "True", "False", "Warning", "Stale"),
        ("Fresh", "False", "True", "Normal", "Fresh"),
        ("Fresh", "True", "True", None, None),
        ("SourceFresh", None, "True", None, None),
        ("SourceFresh", None, "False", "Warning", "SourceFrozen"),
        ("SourceFresh", "Unknown", "True", None, None),
        ("SourceFresh", "Unknown", "False", "Warning", "SourceFrozen"),
        ("SourceFresh", "True", "False", "Warning", "SourceFrozen"),
        ("SourceFresh", "True", "Unknown", None, None),
        ("SourceFresh", "False", "True", "Normal", "SourceFresh"),
        ("SourceFresh", "False", "False", None, None),
        ("DataVerified", None, "False", "Warning", "RowCountMismatch"),
        ("DataVerified", "Unknown", "False", "Warning", "RowCountMismatch"),
        ("DataVerified", "True", "False", "Warning", "RowCountMismatch"),
        ("DataVerified", "False", "False", None, None),
        ("DataVerified", "False", "True", None, None),
        ("SchemaInSync", "True", "False", "Warning", "SchemaChanged"),
        ("SchemaInSync", "False", "True", None, None),
    ],
)
def test_a_condition_that_turns(
    kind: str, before: str | None, now: str, type_: str | None, reason: str | None
) -> None:
    old = status((kind, before, "Before")) if before else status()

    events = told(old, status((kind, now, "Now")))

    since = "2026-11-22T07:00:00Z" if before else None
    expected = [(type_, reason, "because of Now", f"{now} since {since}")] if reason else []
    assert [(e.type, e.reason, e.message, e.about) for e in events] == expected


RUN = ActiveRun(job="la-311-9", uid="uid-9", trigger=Trigger.SCHEDULE, mode="update")
LAST = LastRun(job="la-311-9", uid="uid-9", trigger=Trigger.SCHEDULE, mode="update")
STARTED = Event(
    type="Normal",
    reason="SyncStarted",
    message="created Job la-311-9 (Schedule, mode update)",
    about="uid-9",
)


def ended(result: Result, reason: str) -> Outcome:
    return Outcome(result=result, reason=reason, message="it ended", ended=NOW)


@pytest.mark.parametrize(
    ("result", "type_", "reason", "words"),
    [
        (Result.SUCCEEDED, "Normal", "SyncSucceeded", "it ended"),
        (Result.NO_CHANGE, "Normal", "SyncSucceeded", "it ended"),
        (Result.FAILED, "Warning", "SyncFailed", "BadValue: it ended"),
        (Result.CANCELLED, "Normal", "SyncCancelled", "it ended"),
        (Result.LOST, "Warning", "ResultLost", "it ended"),
    ],
)
def test_a_run_that_ends(result: Result, type_: str, reason: str, words: str) -> None:
    events = told(
        SyncStatus(active_run=RUN), SyncStatus(last_run=LAST), outcome=ended(result, "BadValue")
    )

    assert [(e.type, e.reason, e.message, e.about) for e in events] == [
        (type_, reason, words, "uid-9")
    ]


def test_a_run_is_told_of_once_when_the_status_first_names_it() -> None:
    running, over = SyncStatus(active_run=RUN), SyncStatus(last_run=LAST)

    assert told(SyncStatus(), running) == [STARTED]
    assert told(running, running) == []
    assert told(replace(running, active_run=replace(RUN, uid="uid-8")), running) == [STARTED]
    late = told(SyncStatus(), over, outcome=ended(Result.SUCCEEDED, "Succeeded"))
    assert [event.reason for event in late] == ["SyncStarted", "SyncSucceeded"]
    assert late[0] == STARTED


def test_a_run_whose_job_nobody_knows_has_no_uid_to_be_named_by() -> None:
    (event,) = told(SyncStatus(), SyncStatus(), outcome=ended(Result.LOST, "ResultLost"))

    assert event.about == ""


@pytest.mark.parametrize("reason", ["RowCountMismatch", "SchemaChanged"])
def test_what_the_runs_end_tells_is_not_told_again_as_a_turn(reason: str) -> None:
    kind = {"RowCountMismatch": "DataVerified", "SchemaChanged": "SchemaInSync"}[reason]
    before, now = status(active_run=RUN), status((kind, "False", reason), last_run=LAST)

    by_the_end = told(before, now, outcome=ended(Result.FAILED, reason))
    assert [event.reason for event in by_the_end] == ["SyncFailed"]
    by_the_turn = told(before, now, outcome=ended(Result.SUCCEEDED, "Succeeded"))
    assert [event.reason for event in by_the_turn] == ["SyncSucceeded", reason]


@pytest.mark.parametrize(
    ("missed", "words"),
    [
        (None, None),
        (Missed(newest=SINCE, count=3, reason="Superseded"), None),
        (Missed(newest=SINCE, count=1, reason="StartingDeadlineExceeded"), "1 scheduled time was"),
        (
            Missed(newest=SINCE, count=2, reason="StartingDeadlineExceeded"),
            "2 scheduled times were",
        ),
    ],
)
def test_slots_that_are_too_late(missed: Missed | None, words: str | None) -> None:
    events = told(SyncStatus(), SyncStatus(), replace(IDLE, missed=missed))

    told_of = [(e.type, e.reason, e.about, e.message.split(" missed")[0]) for e in events]
    expected = [("Warning", "MissSchedule", SINCE.isoformat(), words)] if words else []
    assert told_of == expected


def test_a_refused_request_is_told_by_its_token() -> None:
    new = SyncStatus(last_handled_reconcile_at="a", last_handled_full_at="b")

    assert told(SyncStatus(), new) == []
    (event,) = told(SyncStatus(), new, replace(IDLE, refused=True))
    assert (event.type, event.reason, event.about) == ("Warning", "RunRefused", "a b")


@pytest.mark.parametrize("reason", ["InvalidSpec", "InvalidSchedule", "JobRefused"])
def test_what_keeps_runs_from_starting_is_told_once_for_each_message(reason: str) -> None:
    new = status(("Ready", "False", reason))
    (event,) = told(status(), new)

    assert event == Event(
        type="Warning",
        reason=reason,
        message=f"because of {reason}",
        about=f"3 because of {reason}",
    )
    assert told(new, new) == []
    assert told(status(("Ready", "True", "Succeeded")), new) == [event]
    other = replace((new.conditions or ())[0], message="another sentence")
    assert told(replace(new, conditions=(other,)), new) == [event]
    assert told(status(), status(("Ready", "False", "BadValue"))) == []


@pytest.mark.parametrize(
    ("reason", "type_"), [("WaitingForCapacity", "Normal"), ("PodNotStarting", "Warning")]
)
def test_a_wait_is_told_when_it_begins(reason: str, type_: str) -> None:
    new = status(("Synchronizing", "False", reason), active_run=RUN)
    old = status(("Synchronizing", "False", "NoSchedule"), active_run=RUN)

    (event,) = told(old, new)
    assert (event.type, event.reason, event.message) == (type_, reason, f"because of {reason}")
    assert event.about == "uid-9 2026-11-22T07:00:00Z"
    assert told(new, new) == []
    (first,) = told(status(active_run=RUN), new)
    assert first.about == "uid-9 None"
    assert told(new, old) == []


@pytest.mark.parametrize("reason", ["WaitingToRetry", "WaitingForRetry"])
def test_each_try_that_is_waited_for_is_told_once(reason: str) -> None:
    def waiting(message: str) -> SyncStatus:
        now = status(("Synchronizing", "False", reason), active_run=RUN)
        return replace(now, conditions=(replace((now.conditions or ())[0], message=message),))

    first, second = waiting("try 1 of 4"), waiting("try 2 of 4")

    assert [event.about for event in told(status(active_run=RUN), first)] == ["uid-9 try 1 of 4"]
    assert [event.about for event in told(first, second)] == ["uid-9 try 2 of 4"]
    assert told(second, second) == []


def test_the_object_is_what_the_core_api_takes(resource: MakeResource) -> None:
    event = Event(type="Warning", reason="Stale", message="m" * 2000, about="since then")
    name = hashlib.sha256(f"{UID}\0Stale\0since then".encode()).hexdigest()[:16]

    made = event_object(event, resource(), NOW)

    message = made.pop("message")
    assert len(message) == 1000
    assert made == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"la-311.{name}", "namespace": "data"},
        "involvedObject": {
            "apiVersion": "socratasync.dev/v1alpha1",
            "kind": "SocrataSync",
            "namespace": "data",
            "name": "la-311",
            "uid": UID,
            "resourceVersion": "7",
        },
        "type": "Warning",
        "reason": "Stale",
        "action": "Stale",
        "count": 1,
        "firstTimestamp": "2026-11-23T07:00:00Z",
        "lastTimestamp": "2026-11-23T07:00:00Z",
        "source": {"component": "socratasync"},
        "reportingComponent": "socratasync",
        "reportingInstance": "socratasync",
    }
