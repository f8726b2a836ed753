"""What of a status is trouble that people are told of, from when on, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.news_status import OpenTrouble, Trouble
from socratasync.api.notify import Occasion
from socratasync.api.status import ActiveRun, Condition, LastRun, SyncStatus, Truth
from socratasync.api.status_words import Result
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.troubles import is_over, troubles

MakeResource = Callable[..., Resource]

BEFORE, NOW = at("2026-11-22T07:00:00"), at("2026-11-23T07:00:00.5")
GOOD = LastRun(job="good", uid="good", result=Result.NO_CHANGE)
FAILED = LastRun(job="bad", uid="bad", result=Result.FAILED)
AT_WORK = ActiveRun(job="next", uid="next", start=BEFORE)
WAITS = replace(AT_WORK, reason="PodNotStarting", message="no secret")


def status(*conditions: tuple[str, Truth, str], **more: Any) -> SyncStatus:
    made = tuple(
        Condition(
            type=kind, status=truth, reason=reason, message="why", last_transition_time=BEFORE
        )
        for kind, truth, reason in conditions
    )
    return SyncStatus(conditions=made, **more)


def ready(truth: Truth = "False", reason: str = "TargetMismatch", **more: Any) -> SyncStatus:
    return status(("Ready", truth, reason), **more)


FIRST: dict[str, Any] = {"last_run": FAILED, "consecutive_failures": 1}

SCENES: list[tuple[str, SyncStatus, dict[Occasion, str]]] = [
    ("nothing was ever said", SyncStatus(), {}),
    ("all is well", ready("True", "NoChange", last_run=GOOD), {}),
    ("a first run is under way", ready("Unknown", "NoRunYet"), {}),
    ("a run failed", ready(**FIRST), {"Failure": "TargetMismatch"}),
    ("a result is lost", ready("Unknown", "ResultLost"), {"Failure": "ResultLost"}),
    ("a retry is to come", ready(**FIRST, next_retry_time=NOW), {}),
    ("a retry is at work", ready(**FIRST, active_run=AT_WORK), {}),
    (
        "a retry failed, and another is to come",
        ready(last_run=FAILED, consecutive_failures=2, next_retry_time=NOW),
        {"Failure": "TargetMismatch"},
    ),
    (
        "the result of a run that followed is lost",
        ready(
            "Unknown",
            "ResultLost",
            last_run=replace(FAILED, result=Result.LOST),
            consecutive_failures=1,
            active_run=AT_WORK,
        ),
        {"Failure": "ResultLost"},
    ),
    (
        "a retry's Job is refused",
        ready(reason="JobRefused", **FIRST, next_retry_time=NOW),
        {"Failure": "JobRefused"},
    ),
    (
        "a retry's pod does not start",
        ready(**FIRST, active_run=WAITS),
        {"Failure": "PodNotStarting"},
    ),
    ("a pod does not start", ready("True", active_run=WAITS), {"Failure": "PodNotStarting"}),
    (
        "a pod waits for a node",
        ready("True", active_run=replace(WAITS, news_from=at("2026-11-23T07:00:01"))),
        {},
    ),
    (
        "a pod waited for a node",
        ready("True", active_run=replace(WAITS, news_from=NOW)),
        {"Failure": "PodNotStarting"},
    ),
    (
        "Kubernetes makes the next pod by itself",
        ready("True", active_run=replace(AT_WORK, reason="WaitingToRetry")),
        {},
    ),
    ("it is stale", status(("Fresh", "False", "Stale")), {"Stale": "Stale"}),
    ("it was never synced", status(("Fresh", "Unknown", "NeverSynced")), {}),
    (
        "the source stands still",
        status(("SourceFresh", "False", "SourceFrozen")),
        {"SourceFrozen": "SourceFrozen"},
    ),
    (
        "what follows is not loaded",
        status(("SuccessorsLoaded", "False", "SuccessorFound")),
        {"Successor": "SuccessorFound"},
    ),
    (
        "columns",
        status(("SchemaInSync", "False", "SchemaChanged")),
        {"SchemaChanged": "SchemaChanged"},
    ),
    ("counts", status(("DataVerified", "False", "Counts")), {"RowCountMismatch": "Counts"}),
    ("another condition", status(("LastSyncSucceeded", "False", "Cancelled")), {}),
]


@pytest.mark.parametrize(("scene", "wrong"), [s[1:] for s in SCENES], ids=[s[0] for s in SCENES])
def test_what_is_trouble(
    scene: SyncStatus, wrong: dict[Occasion, str], resource: MakeResource
) -> None:
    found = troubles(resource(), scene, NOW)

    assert {occasion: trouble.reason for occasion, trouble in found.items()} == wrong
    assert all(trouble.occasion == occasion for occasion, trouble in found.items())
    assert all(trouble.since == BEFORE for trouble in found.values())
    said = {"no secret" if reason == "PodNotStarting" else "why" for reason in wrong.values()}
    assert {trouble.message for trouble in found.values()} == said


def test_a_spec_that_cannot_be_run_is_no_failure_of_a_run(resource: MakeResource) -> None:
    broken = resource(timeZone="Mars/Olympus")

    (found,) = troubles(broken, ready(reason="InvalidSchedule", last_run=FAILED), NOW).values()

    assert (found.occasion, found.reason) == ("Invalid", "InvalidSchedule")
    assert "Mars/Olympus" in found.message
    assert found.since == at("2026-11-23T07:00:00"), "whole seconds, as the status has them"


def test_a_run_without_a_start_waits_since_now(resource: MakeResource) -> None:
    scene = ready("True", active_run=replace(WAITS, start=None, message=None))

    (found,) = troubles(resource(), scene, NOW).values()

    assert found == Trouble(
        occasion="Failure",
        reason="PodNotStarting",
        message="",
        since=at("2026-11-23T07:00:00"),
    )


def test_a_message_has_an_end(resource: MakeResource) -> None:
    long = ready(reason="R" * 100, last_run=FAILED)
    assert long.conditions
    long = replace(long, conditions=(replace(long.conditions[0], message="m" * 9000),))

    (found,) = troubles(resource(), long, NOW).values()

    assert (len(found.message), len(found.reason)) == (600, 64)


def opened(occasion: Occasion, run: str | None = "bad") -> OpenTrouble:
    return OpenTrouble(occasion=occasion, reason="Why", message="why", since=BEFORE, run=run)


@pytest.mark.parametrize(
    ("occasion", "scene", "over"),
    [
        ("Failure", ready("True", last_run=GOOD), True),
        ("Failure", ready("Unknown", last_run=GOOD), False),
        ("Failure", ready("False", last_run=GOOD), False),
        ("Failure", SyncStatus(last_run=GOOD), False),
        ("Failure", ready("True"), False),
        ("Failure", ready("True", last_run=replace(GOOD, uid="bad")), False),
        ("Failure", ready("True", last_run=replace(GOOD, result=Result.CANCELLED)), False),
        ("Failure", ready("True", last_run=replace(GOOD, result=None)), False),
        ("Stale", status(("Fresh", "True", "Fresh")), True),
        ("Stale", status(("Fresh", "Unknown", "NeverSynced")), False),
        ("Stale", SyncStatus(), False),
        ("SourceFrozen", status(("SourceFresh", "True", "Fresh")), True),
        ("Successor", status(("SuccessorsLoaded", "True", "SuccessorsLoaded")), True),
        ("Successor", status(("SuccessorsLoaded", "Unknown", "NotKnown")), False),
        ("SchemaChanged", status(("SchemaInSync", "True", "ColumnsMatch")), True),
        ("RowCountMismatch", status(("DataVerified", "True", "RowCountsMatch")), True),
        ("RowCountMismatch", status(("SchemaInSync", "True", "ColumnsMatch")), False),
        ("Invalid", SyncStatus(), True),
        ("Success", ready("True", last_run=GOOD), False),
    ],
)
def test_what_ends_a_trouble(
    occasion: Occasion, scene: SyncStatus, over: bool, resource: MakeResource
) -> None:
    assert is_over(opened(occasion), resource(), scene) is over


def test_a_spec_that_still_cannot_be_run_is_not_over(resource: MakeResource) -> None:
    assert not is_over(opened("Invalid"), resource(timeZone="Mars/Olympus"), SyncStatus())


def test_the_first_good_run_of_all_ends_what_began_before_any(resource: MakeResource) -> None:
    assert is_over(opened("Failure", run=None), resource(), ready("True", last_run=GOOD))
