"""The next status: what is written down, what is kept, and what makes no write at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.unit.controller.conftest import at

from socratasync.api.status import SyncStatus
from socratasync.contract.report_text import Report, read
from socratasync.controller.action import Action, Capacity
from socratasync.controller.decide import decide
from socratasync.controller.jobs.outcome import Outcome, Result
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import find
from socratasync.controller.status.events import transitions
from socratasync.controller.status.next import difference, next_status

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]

MARK = "2026-11-23T06:00:00.000Z"


def report(**more: Any) -> dict[str, Any]:
    rows = {
        "downloaded": 5,
        "inserted": 2,
        "updated": 1,
        "unchanged": 2,
        "deleted": 0,
        "target": 90,
    }
    dataset = {
        "id": "rq3b-xjk8",
        "year": 2020,
        "rows": {**rows, "target": 50},
        "sourceRows": 50,
        "sourceUpdatedAt": MARK,
        "lastSyncedSince": MARK,
        "verified": True,
        "schemaInSync": True,
        "error": None,
    }
    other = {**dataset, "id": "pvft-t768", "year": 2019, "lastSyncedSince": "2026-11-22T06:00:00Z"}
    whole = {"v": 1, "run": "r", "ok": True, "rows": rows, "datasets": [dataset, other]}
    return {**whole, "bytes": 4096, "seconds": {"download": 1.5}, "warnings": [], **more}


def read_back(**more: Any) -> Report:
    found = read(json.dumps(report(**more)))
    assert found is not None
    return found


def ended(result: Result, reason: str, said: Report | None, code: int = 0) -> Outcome:
    return Outcome(
        result=result,
        reason=reason,
        message=f"because of {reason}",
        ended=at("2026-11-23T07:04:12"),
        report=said,
        exit_code=code,
    )


GOOD = ended(Result.SUCCEEDED, "Succeeded", read_back())
BAD = ended(Result.FAILED, "SourceUnavailable", read_back(rows={"inserted": 0}, datasets=[]), 75)
HOPELESS = ended(Result.FAILED, "InvalidAppToken", read_back(rows={}, datasets=[]), 77)
LOST = ended(Result.LOST, "ResultLost", None)
CANCELLED = ended(Result.CANCELLED, "Cancelled", None)


def after(
    resource: Resource,
    *jobs: ObservedJob,
    outcome: Outcome | None = None,
    now: str = "2026-11-23T07:05",
) -> dict[str, Any]:
    action = decide(resource, jobs, at(now), Capacity())
    return next_status(resource, action, at(now), outcome=outcome)


@pytest.fixture(name="ran")
def _ran(resource: MakeResource, job: MakeJob) -> Callable[..., dict[str, Any]]:
    """The status after runs with these outcomes, one after the other."""

    def run(*outcomes: Outcome, **spec: Any) -> dict[str, Any]:
        status: dict[str, Any] = {}
        for number, outcome in enumerate(outcomes):
            done = job(
                f"la-311-{number}",
                "Complete",
                created=f"2026-11-23T07:0{number}:00Z",
                trigger="Schedule",
            )
            status = after(resource(status=status, **spec), done, outcome=outcome)
        return status

    return run


def test_every_status_is_one_that_the_crd_takes(ran: Callable[..., dict[str, Any]]) -> None:
    for outcome in (GOOD, BAD, HOPELESS, LOST, CANCELLED):
        status = ran(GOOD, outcome)
        TypeAdapter(SyncStatus).validate_python(status)


def test_a_good_run_is_written_down(ran: Callable[..., dict[str, Any]]) -> None:
    status = ran(GOOD)

    assert status["phase"] == "Synced"
    assert status["rows"]["target"] == 90
    assert status["lastSyncedSince"] == "2026-11-22T06:00:00Z", "the oldest of the datasets"
    assert [d["id"] for d in status["datasets"]] == ["rq3b-xjk8", "pvft-t768"]
    assert status["lastRun"]["duration"] == "4m12s"
    assert status["lastSuccessfulTime"] == "2026-11-23T07:04:12Z"
    assert status["history"][0]["rows"]["inserted"] == 2
    assert "activeRun" not in status


@pytest.mark.parametrize(
    ("outcomes", "phase", "ready", "last", "failures", "stalled"),
    [
        pytest.param([], "Pending", "Unknown", "Unknown", None, False, id="no run yet"),
        pytest.param([GOOD], "Synced", "True", "True", 0, False, id="a good run"),
        pytest.param(
            [GOOD, BAD], "Failed", "False", "False", 1, False, id="a failure, with a next slot"
        ),
        pytest.param([BAD, BAD], "Failed", "False", "False", 2, False, id="two failures"),
        pytest.param([BAD, GOOD], "Synced", "True", "True", 0, False, id="a recovery"),
        pytest.param([GOOD, HOPELESS], "Failed", "False", "False", 1, True, id="one for a person"),
        pytest.param([GOOD, LOST], "Failed", "Unknown", "Unknown", 0, False, id="a lost result"),
        pytest.param(
            [GOOD, CANCELLED], "Synced", "True", "False", 0, False, id="a cancel after good"
        ),
        pytest.param(
            [BAD, CANCELLED], "Failed", "False", "False", 1, False, id="a cancel after bad"
        ),
        pytest.param([CANCELLED], "Pending", "Unknown", "False", None, False, id="only a cancel"),
    ],
)
def test_how_it_stands_after_runs(
    resource: MakeResource,
    ran: Callable[..., dict[str, Any]],
    outcomes: list[Outcome],
    phase: str,
    ready: str,
    last: str,
    failures: int | None,
    stalled: bool,
) -> None:
    status = (
        ran(*outcomes)
        if outcomes
        else after(resource(suspend=False, created="2026-11-23T07:04:00Z"))
    )

    assert status["phase"] == phase
    assert (find(status, "Ready") or {})["status"] == ready
    assert (find(status, "LastSyncSucceeded") or {})["status"] == last
    assert status.get("consecutiveFailures") == failures
    assert (find(status, "Stalled") is not None) == stalled


def test_a_failure_without_a_schedule_stalls_and_says_how_to_go_on(
    ran: Callable[..., dict[str, Any]],
) -> None:
    stalled = find(ran(BAD, schedule=None), "Stalled")

    assert stalled is not None
    assert "socratasync.dev/requestedAt" in stalled["message"]


def test_a_routine_run_flips_neither_ready_nor_its_times(
    resource: MakeResource, job: MakeJob, ran: Callable[..., dict[str, Any]]
) -> None:
    before = ran(GOOD)
    status = after(resource(status=before), job("la-311-9", created="2026-11-24T07:00:00Z"))

    assert status["phase"] == "Syncing"
    assert find(status, "Ready") == find(before, "Ready")
    assert (find(status, "Synchronizing") or {})["status"] == "True"


def test_transition_times_move_only_when_the_status_flips(
    resource: MakeResource, job: MakeJob, ran: Callable[..., dict[str, Any]]
) -> None:
    first = ran(BAD)
    since = (find(first, "Ready") or {})["lastTransitionTime"]
    again = job("la-311-9", "Failed", created="2026-11-25T07:00:00Z")

    second = after(resource(status=first), again, outcome=HOPELESS, now="2026-11-25T08:00")

    ready = find(second, "Ready") or {}
    assert (ready["lastTransitionTime"], ready["reason"]) == (since, "InvalidAppToken")


def test_what_a_failed_or_cut_report_leaves_out_stays_known(
    ran: Callable[..., dict[str, Any]],
) -> None:
    known, status = ran(GOOD), ran(GOOD, BAD)

    assert status["datasets"] == known["datasets"]
    assert status["lastSyncedSince"] == known["lastSyncedSince"]
    assert status["rows"] == {"target": 90, "inserted": 0}


def test_a_lost_result_has_no_counts(ran: Callable[..., dict[str, Any]]) -> None:
    status = ran(GOOD, LOST)

    assert status["rows"] == {"target": 90}
    assert "rows" not in status["lastRun"]


def test_a_dataset_s_error_goes_when_it_is_over(ran: Callable[..., dict[str, Any]]) -> None:
    broken = read_back(
        datasets=[
            {
                "id": "rq3b-xjk8",
                "error": {"reason": "SchemaChanged", "message": "column gone"},
                "schemaInSync": False,
            }
        ]
    )
    failed = ran(GOOD, ended(Result.FAILED, "SchemaChanged", broken, 65))
    assert failed["datasets"][0]["error"]["reason"] == "SchemaChanged"
    assert failed["datasets"][0]["sourceRows"] == 50
    assert (find(failed, "SchemaInSync") or {})["status"] == "False"

    repaired = ran(GOOD, ended(Result.FAILED, "SchemaChanged", broken, 65), GOOD)
    assert "error" not in repaired["datasets"][0]
    assert (find(repaired, "SchemaInSync") or {})["status"] == "True"


def test_a_removed_dataset_leaves_the_status(
    resource: MakeResource, ran: Callable[..., dict[str, Any]]
) -> None:
    status = after(resource(status=ran(GOOD), years=[2020], suspend=True))

    assert [d["id"] for d in status["datasets"]] == ["rq3b-xjk8"]
    assert status["lastSyncedSince"] == "2026-11-23T06:00:00Z"


def test_history_remembers_ten_runs(ran: Callable[..., dict[str, Any]]) -> None:
    status = ran(*[GOOD] * 10, BAD)

    assert len(status["history"]) == 10
    assert status["history"][0]["result"] == "Failed"


def test_an_invalid_spec_says_so_and_recovers(
    resource: MakeResource, ran: Callable[..., dict[str, Any]]
) -> None:
    good = ran(GOOD)
    broken = after(resource(status=good, timeZone="Mars/Olympus"))
    ready = find(broken, "Ready") or {}
    assert (broken["phase"], ready["reason"]) == ("Invalid", "InvalidSchedule")
    assert find(broken, "Stalled") is not None
    assert broken["slotsSettledThrough"] == good["slotsSettledThrough"]

    repaired = after(resource(status=broken))
    assert (repaired["phase"], find(repaired, "Stalled")) == ("Synced", None)


def test_doing_the_same_again_writes_nothing(
    resource: MakeResource, ran: Callable[..., dict[str, Any]]
) -> None:
    status = after(resource(status=ran(GOOD), suspend=True))

    again = after(resource(status=status, suspend=True), now="2026-11-25T12:00")

    assert difference(status, again) == {}


@pytest.mark.parametrize(
    ("lag", "now", "truth", "reason"),
    [
        ("36h", "2026-11-23T08:00", "True", "Fresh"),
        ("36h", "2026-11-24T19:04:11", "True", "Fresh"),
        ("36h", "2026-11-24T19:04:12", "False", "Stale"),
        (None, "2026-12-24T00:00", None, None),
    ],
)
def test_freshness_counts_from_the_last_good_run(
    resource: MakeResource,
    ran: Callable[..., dict[str, Any]],
    lag: str | None,
    now: str,
    truth: str | None,
    reason: str | None,
) -> None:
    freshness = {"maxLag": lag} if lag else None
    status = after(resource(status=ran(GOOD), freshness=freshness, suspend=True), now=now)

    fresh = find(status, "Fresh") or {}
    assert (fresh.get("status"), fresh.get("reason")) == (truth, reason)


def test_the_patch_takes_out_what_is_no_longer_there() -> None:
    old = {"a": 1, "b": {"x": 1, "y": {"p": 1, "q": 2}}, "c": [1], "d": 1}
    new = {"b": {"y": {"p": 3}}, "c": [2], "d": 1}

    assert difference(old, new) == {
        "a": None,
        "b": {"x": None, "y": {"p": 3, "q": None}},
        "c": [2],
    }


# events


def told(
    resource: Resource, status: dict[str, Any], action: Action, outcome: Outcome | None = None
) -> list[str]:
    return [e.reason for e in transitions(resource.status, status, action, outcome)]


def test_events_are_told_of_transitions_and_not_of_states(
    resource: MakeResource, job: MakeJob, ran: Callable[..., dict[str, Any]]
) -> None:
    before = resource(status=ran(GOOD), suspend=True)
    now = at("2026-11-23T07:05")
    action = decide(before, [], now, Capacity())
    status = next_status(before, action, now)
    assert told(before, status, action) == ["Suspended"]

    again = resource(status=status, suspend=True)
    action = decide(again, [], now, Capacity())
    assert told(again, next_status(again, action, now), action) == []


def test_one_transition_told_twice_is_one_event(
    resource: MakeResource, job: MakeJob, ran: Callable[..., dict[str, Any]]
) -> None:
    """The operator was killed after it told and before it wrote."""
    before = resource(status=ran(GOOD), suspend=True, freshness={"maxLag": "1h"})
    first, second = (
        transitions(before.status, next_status(before, action, now), action, None)
        for now in (at("2026-11-24T09:00"), at("2026-11-24T09:30"))
        for action in [decide(before, [], now, Capacity())]
    )

    assert [(e.reason, e.about) for e in first] == [(e.reason, e.about) for e in second]
    assert [e.reason for e in first] == ["Stale", "Suspended"]


def test_the_end_of_a_run_is_told_with_its_reason(
    resource: MakeResource, job: MakeJob, ran: Callable[..., dict[str, Any]]
) -> None:
    before = resource(status=ran(GOOD))
    done = job("la-311-9", "Failed", created="2026-11-24T07:00:00Z")
    now = at("2026-11-24T07:05")
    action = decide(before, [done], now, Capacity())
    status = next_status(before, action, now, outcome=BAD)

    events = transitions(before.status, status, action, BAD)

    assert [e.reason for e in events] == ["SyncStarted", "SyncFailed"]
    assert events[1].message == "SourceUnavailable: because of SourceUnavailable"
