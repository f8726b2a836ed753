"""Each condition's status, reason and facts, for every state of the records that it is judged from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.controller.conftest import LOADED, at

from socratasync.api.dataset_status import DatasetStatus, RowCounts
from socratasync.api.status import ActiveRun, Condition, LastRun, RunSummary, SyncStatus
from socratasync.api.status_words import Phase, Result, Trigger
from socratasync.controller.action import Action, Kind
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import Finding, merge
from socratasync.controller.status.conditions import judge, phase
from socratasync.controller.status.freshness import read_freshness

MakeResource = Callable[..., Resource]

NOW = at("2026-11-23T08:00")
ENDED = at("2026-11-23T07:04:12")
GOOD = LastRun(job="g", result=Result.SUCCEEDED, reason="Succeeded", message="in", exit_code=0)
BAD = LastRun(job="b", result=Result.FAILED, reason="SourceUnavailable", message="no", exit_code=75)
LOST = LastRun(job="l", result=Result.LOST, reason="ResultLost", message="gone")
STOPPED = LastRun(job="c", result=Result.CANCELLED, reason="Cancelled", message="stopped")
ACTIVE = ActiveRun(job="a", uid="uid-a", trigger=Trigger.SCHEDULE)


def act(kind: Kind = Kind.WAIT, reason: str = "WaitingForSchedule") -> Action:
    return Action(kind=kind, reason=reason, message=f"as to {reason}", settled=NOW)


def found(resource: Resource, status: SyncStatus, action: Action | None = None) -> dict[str, Any]:
    """What is found after runs of what ``SPEC`` says; ``test_loaded`` has those of other specs."""
    status = of_this_spec(status)
    findings = judge(resource, action or act(), status, NOW)
    return {each.type: (each.status, each.reason, each.message) for each in findings}


def of_this_spec(status: SyncStatus) -> SyncStatus:
    run = status.last_run
    judged = LOADED if run or status.history else None
    synced = LOADED if run and run.result and run.result.is_good else None
    return replace(
        status, loaded_spec_hash=LOADED, judged_spec_hash=judged, synced_spec_hash=synced
    )


def failed(code: int | None) -> SyncStatus:
    run = LastRun(job="b", result=Result.FAILED, reason="Why", message="no", exit_code=code)
    return SyncStatus(last_run=run)


@pytest.mark.parametrize(
    ("status", "truth", "reason", "message"),
    [
        (SyncStatus(), "Unknown", "NoRunYet", "no run has ended yet"),
        (SyncStatus(last_run=GOOD), "True", "Succeeded", "in"),
        (SyncStatus(last_run=BAD), "False", "SourceUnavailable", "no"),
        (SyncStatus(last_run=LOST), "Unknown", "ResultLost", "gone"),
        (SyncStatus(last_run=BAD, active_run=ACTIVE), "False", "SourceUnavailable", "no"),
    ],
)
def test_the_last_run_s_own_words(
    resource: MakeResource, status: SyncStatus, truth: str, reason: str, message: str
) -> None:
    conditions = found(resource(), status)

    assert conditions["Ready"] == conditions["LastSyncSucceeded"] == (truth, reason, message)


def test_a_cancelled_run_leaves_ready_to_the_one_before_it(resource: MakeResource) -> None:
    before = RunSummary(job="g", result=Result.NO_CHANGE, reason="NoChange")
    conditions = found(resource(), SyncStatus(last_run=STOPPED, history=(before,)))

    assert conditions["Ready"] == ("True", "NoChange", "run g ended: NoChange")
    assert conditions["LastSyncSucceeded"] == ("False", "Cancelled", "stopped")


def test_a_run_that_somebody_left_without_a_result_says_nothing(resource: MakeResource) -> None:
    conditions = found(resource(), SyncStatus(last_run=LastRun(job="x")))

    assert conditions["Ready"][:2] == ("Unknown", "NotLoadedYet")
    assert conditions["LastSyncSucceeded"] == ("Unknown", "Unknown", "run x ended: Unknown")


def test_a_run_without_a_reason_is_told_by_its_result(resource: MakeResource) -> None:
    run = LastRun(job="x", result=Result.FAILED)

    assert found(resource(), SyncStatus(last_run=run))["Ready"] == (
        "False",
        "Failed",
        "run x ended: Failed",
    )


def test_a_refused_job_and_an_invalid_spec_come_before_the_last_run(
    resource: MakeResource,
) -> None:
    status = SyncStatus(last_run=GOOD)
    refused = found(resource(), status, act(reason="JobRefused"))
    invalid = found(resource(timeZone="Mars/Olympus"), status, act(Kind.REJECT, "InvalidSchedule"))

    assert refused["Ready"] == ("False", "JobRefused", "as to JobRefused")
    assert invalid["Ready"][:2] == ("False", "InvalidSchedule")
    assert "Mars/Olympus" in invalid["Ready"][2]
    assert invalid["Stalled"] == ("True", *invalid["Ready"][1:])
    assert invalid["Synchronizing"][:2] == ("False", "InvalidSchedule")
    assert "until the spec is corrected" in invalid["Synchronizing"][2]
    assert (
        refused["LastSyncSucceeded"] == invalid["LastSyncSucceeded"] == ("True", "Succeeded", "in")
    )


@pytest.mark.parametrize(("active", "truth"), [(ACTIVE, "True"), (None, "False")])
def test_synchronizing_says_what_is_done(
    resource: MakeResource, active: ActiveRun | None, truth: str
) -> None:
    told = found(resource(), SyncStatus(active_run=active))["Synchronizing"]

    assert told == (truth, "WaitingForSchedule", "as to WaitingForSchedule")


def of(name: str, *verdicts: bool | None) -> tuple[DatasetStatus, ...]:
    made = {"verified": "verified", "columns": "schema_in_sync"}[name]
    return tuple(DatasetStatus(id=f"d-{n}", **{made: each}) for n, each in enumerate(verdicts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "field", "bad", "good", "unknown"),
    [
        ("DataVerified", "verified", "RowCountMismatch", "RowCountsMatch", "NotCounted"),
        ("SchemaInSync", "columns", "SchemaChanged", "ColumnsMatch", "NotCompared"),
    ],
)
def test_one_wrong_dataset_is_wrong_and_all_must_be_right(
    resource: MakeResource, condition: str, field: str, bad: str, good: str, unknown: str
) -> None:
    def judged(*verdicts: bool | None, reason: str = "Succeeded") -> tuple[str, str, bool]:
        run = LastRun(job="j", result=Result.FAILED, reason=reason)
        status = SyncStatus(datasets=of(field, *verdicts) or None, last_run=run)
        truth, why, message = found(resource(), status)[condition]
        return truth, why, "d-" in message

    assert judged(True, True) == ("True", good, False)
    assert judged(True, None) == ("Unknown", unknown, False)
    assert judged(True, False, None) == ("False", bad, True)
    assert judged() == ("Unknown", unknown, False)
    assert judged(True, reason=bad) == ("False", bad, False)
    assert found(resource(), SyncStatus())[condition][:2] == ("Unknown", unknown)
    both = found(resource(), SyncStatus(datasets=of(field, False, True, False)))[condition]
    assert [name in both[2] for name in ("d-0", "d-1", "d-2")] == [True, False, True]


def test_where_only_the_runs_reason_tells_no_dataset_is_named(resource: MakeResource) -> None:
    def told(condition: str, reason: str) -> str:
        run = LastRun(job="j", result=Result.FAILED, reason=reason)
        message: str = found(resource(), SyncStatus(last_run=run))[condition][2]
        return message

    counts = told("DataVerified", "RowCountMismatch")
    columns = told("SchemaInSync", "SchemaChanged")
    assert counts.startswith("rows are not as many as the source counts. ")
    assert columns.startswith("the source's columns are not those of the target; ")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "d-0. "),
        ({"source_rows": 0}, "d-0 (0 at the source). "),
        ({"rows": RowCounts(target=0)}, "d-0 (0 in the table). "),
        ({"rows": RowCounts()}, "d-0. "),
        ({"left_out": 0, "shared": 0}, "d-0. "),
        ({"source_rows": 2191, "left_out": 994}, "d-0 (2,191 at the source, 994 left out "),
        ({"source_rows": 2, "shared": 1}, "d-0 (2 at the source, 1 under keys "),
    ],
)
def test_a_wrong_count_is_told_with_the_numbers_that_are_known(
    resource: MakeResource, counts: dict[str, Any], words: str
) -> None:
    wrong = DatasetStatus(id="d-0", verified=False, **counts)

    assert words in found(resource(), SyncStatus(datasets=(wrong,)))["DataVerified"][2]


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"frozen_column_count": 2}, "These are 2 of d-0"),
        ({"frozen_column_count": 1, "frozen_columns": ("a",)}, "These are a of d-0"),
        ({"frozen_column_count": 2, "frozen_columns": ("a", "b")}, "These are a, b of d-0"),
        ({"frozen_column_count": 3, "frozen_columns": ("a",)}, "These are a and 2 more of d-0"),
        (
            {"frozen_column_count": 6, "frozen_columns": tuple("abcdef")},
            "These are a, b, c, d, e and 1 more of d-0",
        ),
    ],
)
def test_frozen_columns_are_named(
    resource: MakeResource, dataset: dict[str, Any], words: str
) -> None:
    told = DatasetStatus(id="d-0", schema_in_sync=False, **dataset)
    other = DatasetStatus(id="d-1", schema_in_sync=False)

    def schema(*datasets: DatasetStatus) -> tuple[str, str, str]:
        found_: tuple[str, str, str] = found(resource(), SyncStatus(datasets=datasets))[
            "SchemaInSync"
        ]
        return found_

    alone, both = schema(told), schema(told, other)
    assert alone[:2] == both[:2] == ("False", "SchemaChanged")
    assert alone[2].endswith(words)
    assert both[2].endswith(words)
    assert "the source's columns" not in alone[2]
    assert "the source's columns of d-1 are" in both[2]


def test_where_nobody_counts_nothing_is_verified(resource: MakeResource) -> None:
    status = SyncStatus(datasets=of("verified", False), last_run=BAD)
    off = found(resource(verify={"rowCount": "Off"}), status)
    unreadable = found(resource(timeZone="Mars/Olympus"), status)

    assert off["DataVerified"][:2] == ("Unknown", "VerificationOff")
    assert unreadable["DataVerified"][:2] == ("False", "RowCountMismatch")


@pytest.mark.parametrize(
    ("suspend", "expected"), [(True, ("True", "Suspended")), (False, ("False", "NotSuspended"))]
)
def test_suspended_is_what_the_spec_says_and_stays_known_without_one(
    resource: MakeResource, suspend: bool, expected: tuple[str, str]
) -> None:
    told = found(resource(suspend=suspend), SyncStatus())["Suspended"]
    known = Condition(
        type="Suspended",
        status=told[0],
        reason=told[1],
        message=told[2],
        last_transition_time=ENDED,
    )
    broken = resource(suspend=suspend, timeZone="Mars/Olympus")

    assert told[:2] == expected
    assert found(broken, SyncStatus(conditions=(known,)))["Suspended"] == told
    assert "Suspended" not in found(broken, SyncStatus())


@pytest.mark.parametrize(
    ("status", "schedule", "reason", "stalled"),
    [
        pytest.param(SyncStatus(), None, "NoSchedule", False, id="no run yet"),
        pytest.param(SyncStatus(last_run=GOOD), None, "NoSchedule", False, id="a good run"),
        pytest.param(failed(75), "@daily", "WaitingForSchedule", False, id="it is tried again"),
        pytest.param(failed(None), "@daily", "WaitingForSchedule", False, id="no code"),
        *[
            pytest.param(failed(code), "@daily", "WaitingForSchedule", True, id=f"code {code}")
            for code in (65, 77, 78)
        ],
        pytest.param(failed(75), None, "NoSchedule", True, id="nothing tries it again"),
        pytest.param(failed(75), None, "WaitingForCapacity", False, id="a run waits its turn"),
        pytest.param(
            SyncStatus(last_run=BAD, active_run=ACTIVE), None, "SyncInProgress", False, id="a run"
        ),
        *[
            pytest.param(
                SyncStatus(
                    last_run=failed(77).last_run, active_run=ActiveRun(uid="u", trigger=trigger)
                ),
                "@daily",
                "SyncInProgress",
                trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP),
                id=f"hopeless, and a run by {trigger}",
            )
            for trigger in Trigger
        ],
    ],
)
def test_stalled_is_what_no_run_will_mend(
    resource: MakeResource, status: SyncStatus, schedule: str | None, reason: str, stalled: bool
) -> None:
    told = found(resource(schedule=schedule), status, act(reason=reason)).get("Stalled")

    assert (told is not None) is stalled
    if told is not None and status.last_run is not None:
        assert told[:2] == ("True", status.last_run.reason)
        assert ": no. An edit of the spec" in told[2]
        assert told[2].endswith(
            'kubectl annotate socratasync la-311 -n data socratasync.dev/requestedAt="$(date +%s)" --overwrite'
        )


@pytest.mark.parametrize(
    ("spec", "status", "reason", "expected"),
    [
        ({}, SyncStatus(), "NoSchedule", Phase.PENDING),
        ({}, SyncStatus(last_run=GOOD), "NoSchedule", Phase.SYNCED),
        ({}, SyncStatus(last_run=BAD), "NoSchedule", Phase.FAILED),
        ({}, SyncStatus(last_run=LOST), "NoSchedule", Phase.FAILED),
        ({}, SyncStatus(last_run=GOOD), "WaitingForCapacity", Phase.PENDING),
        ({}, SyncStatus(last_run=GOOD), "JobRefused", Phase.FAILED),
        ({"suspend": True}, SyncStatus(last_run=GOOD), "JobRefused", Phase.SUSPENDED),
        ({"timeZone": "Mars/Olympus"}, SyncStatus(last_run=GOOD), "JobRefused", Phase.INVALID),
        ({"suspend": True}, SyncStatus(active_run=ACTIVE), "SyncInProgress", Phase.SYNCING),
    ],
)
def test_the_phase_is_the_first_of_these_that_holds(
    resource: MakeResource, spec: dict[str, Any], status: SyncStatus, reason: str, expected: Phase
) -> None:
    assert phase(resource(**spec), act(reason=reason), of_this_spec(status)) is expected


HOUR = timedelta(hours=1)
CREATED = at("2026-11-23T06:00")


@pytest.mark.parametrize(
    ("succeeded", "after", "truth", "reason", "turns"),
    [
        pytest.param(None, HOUR / 2, "Unknown", "NeverSynced", CREATED + HOUR, id="young"),
        pytest.param(None, HOUR, "False", "NeverSynced", None, id="an hour without a good run"),
        pytest.param(CREATED, HOUR / 2, "True", "Fresh", CREATED + HOUR, id="fresh"),
        pytest.param(CREATED, HOUR, "False", "Stale", None, id="stale to the second"),
    ],
)
def test_freshness_and_when_it_turns(
    resource: MakeResource, succeeded: Any, after: timedelta, truth: str, reason: str, turns: Any
) -> None:
    sync = resource(freshness={"maxLag": "1h"}, created="2026-11-23T06:00:00Z")

    fresh = read_freshness(sync, SyncStatus(last_successful_time=succeeded), CREATED + after)

    assert fresh is not None
    assert (fresh.condition.type, fresh.condition.status) == ("Fresh", truth)
    assert (fresh.condition.reason, fresh.turns) == (reason, turns)
    assert "1h" in fresh.condition.message
    if succeeded:
        words = "more" if truth == "False" else "not more"
        assert f"ended at 2026-11-23T06:00:00Z; {words} than" in fresh.condition.message


def test_freshness_is_told_in_whole_seconds(resource: MakeResource) -> None:
    status = SyncStatus(last_successful_time=CREATED + timedelta(milliseconds=500))

    fresh = read_freshness(resource(freshness={"maxLag": "1h"}), status, CREATED + HOUR / 2)

    assert fresh is not None
    assert "ended at 2026-11-23T06:00:00Z;" in fresh.condition.message


def test_conditions_are_merged_in_one_order_and_keep_their_times_and_generation() -> None:
    old = Condition(
        type="Ready", status="True", reason="Old", message="", last_transition_time=ENDED
    )
    new = [
        Finding(type="Stalled", status="True", reason="R", message="m" * 2000),
        Finding(type="Ready", status="True", reason="New", message="m"),
        Finding(type="Fresh", status="False", reason="Stale", message="m"),
    ]

    ready, fresh, stalled = merge([old], new, 4, NOW)

    assert (ready.type, ready.reason, ready.last_transition_time) == ("Ready", "New", ENDED)
    assert (fresh.type, fresh.last_transition_time) == ("Fresh", NOW)
    assert (stalled.type, len(stalled.message)) == ("Stalled", 1024)
    assert {each.observed_generation for each in (ready, fresh, stalled)} == {4}
