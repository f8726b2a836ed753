"""The next status: what is written down, what is kept, and what makes no write at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.dataset_status import RowCounts
from socratasync.api.status import STATUS, UNSEEN, Condition, SyncStatus
from socratasync.api.status_words import Phase, Result
from socratasync.contract.report_text import Report, read
from socratasync.controller.action import Action, Capacity
from socratasync.controller.decide import decide
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.events import transitions
from socratasync.controller.status.next import next_status
from socratasync.controller.status.patch import as_json, difference, status_patch

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]
Ran = Callable[..., SyncStatus]

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
) -> SyncStatus:
    action = decide(resource, jobs, at(now), Capacity())
    return next_status(resource, action, at(now), outcome=outcome)


def condition(status: SyncStatus, kind: str) -> Condition:
    found = find(status, kind)
    assert found is not None, f"no condition {kind}"
    return found


@pytest.fixture(name="ran")
def _ran(resource: MakeResource, job: MakeJob) -> Ran:
    """The status after runs with these outcomes, one after the other."""

    def run(*outcomes: Outcome, **spec: Any) -> SyncStatus:
        status = SyncStatus()
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


def test_every_status_is_one_that_the_crd_takes(ran: Ran) -> None:
    for outcome in (GOOD, BAD, HOPELESS, LOST, CANCELLED):
        status = ran(GOOD, outcome)
        assert STATUS.validate_python(as_json(status)) == status


def test_a_good_run_is_written_down(ran: Ran) -> None:
    status = ran(GOOD)

    assert status.phase is Phase.SYNCED
    assert status.rows is not None
    assert status.rows.target == 90
    assert status.last_synced_since == at("2026-11-22T06:00:00"), "the oldest of the datasets"
    assert [each.id for each in status.datasets or ()] == ["rq3b-xjk8", "pvft-t768"]
    assert status.last_run is not None
    assert status.last_run.duration == "4m12s"
    assert status.last_successful_time == at("2026-11-23T07:04:12")
    assert [run.rows for run in status.history or ()] == [status.last_run.rows]
    assert status.active_run is None


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
    ran: Ran,
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

    assert status.phase == phase
    assert condition(status, "Ready").status == ready
    assert condition(status, "LastSyncSucceeded").status == last
    assert status.consecutive_failures == failures
    assert (find(status, "Stalled") is not None) == stalled


def test_a_failure_without_a_schedule_stalls_and_says_how_to_go_on(
    ran: Ran,
) -> None:
    stalled = condition(ran(BAD, schedule=None, retry={"limit": 0}), "Stalled")

    assert "socratasync.dev/requestedAt" in stalled.message


def test_a_routine_run_flips_neither_ready_nor_its_times(
    resource: MakeResource, job: MakeJob, ran: Ran
) -> None:
    before = ran(GOOD)
    status = after(resource(status=before), job("la-311-9", created="2026-11-24T07:00:00Z"))

    assert status.phase is Phase.SYNCING
    assert find(status, "Ready") == find(before, "Ready")
    assert condition(status, "Synchronizing").status == "True"


def test_transition_times_move_only_when_the_status_flips(
    resource: MakeResource, job: MakeJob, ran: Ran
) -> None:
    first = ran(BAD)
    since = condition(first, "Ready").last_transition_time
    again = job("la-311-9", "Failed", created="2026-11-25T07:00:00Z")

    second = after(resource(status=first), again, outcome=HOPELESS, now="2026-11-25T08:00")

    ready = condition(second, "Ready")
    assert (ready.last_transition_time, ready.reason) == (since, "InvalidAppToken")


def test_what_a_failed_or_cut_report_leaves_out_stays_known(
    ran: Ran,
) -> None:
    known, status = ran(GOOD), ran(GOOD, BAD)

    assert status.datasets == known.datasets
    assert status.last_synced_since == known.last_synced_since
    assert status.rows == RowCounts(target=90, inserted=0)


def test_a_lost_result_has_no_counts(ran: Ran) -> None:
    status = ran(GOOD, LOST)

    assert status.rows == RowCounts(target=90)
    assert status.last_run is not None
    assert status.last_run.rows is None


def test_a_dataset_s_error_goes_when_it_is_over(ran: Ran) -> None:
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
    dataset = (failed.datasets or ())[0]
    assert dataset.error is not None
    assert (dataset.error.reason, dataset.source_rows) == ("SchemaChanged", 50)
    assert condition(failed, "SchemaInSync").status == "False"

    repaired = ran(GOOD, ended(Result.FAILED, "SchemaChanged", broken, 65), GOOD)
    assert (repaired.datasets or ())[0].error is None
    assert condition(repaired, "SchemaInSync").status == "True"


def frozen(*names: str, count: int | None = None) -> Outcome:
    """A good run after which the first dataset fills these columns no more."""
    dataset = {
        "id": "rq3b-xjk8",
        "schemaInSync": not (names or count),
        "frozenColumns": list(names),
        "frozenColumnCount": len(names) if count is None else count,
    }
    other = {"id": "pvft-t768", "schemaInSync": True, "frozenColumns": [], "frozenColumnCount": 0}
    return ended(Result.NO_CHANGE, "NoChange", read_back(datasets=[dataset, other]))


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(frozen("acres"), "acres of rq3b-xjk8", id="one"),
        pytest.param(
            frozen("a", "b", "c", "d", "e", "f"), "a, b, c, d, e and 1 more of rq3b", id="six"
        ),
        pytest.param(frozen(count=7), "7 of rq3b-xjk8", id="a report had no room for names"),
        pytest.param(frozen(*(f"c{n}" for n in range(60))), "and 55 more of rq3b-xjk8", id="sixty"),
    ],
)
def test_frozen_columns_are_named_with_what_to_do(ran: Ran, outcome: Outcome, said: str) -> None:
    in_sync = condition(ran(GOOD, outcome), "SchemaInSync")

    assert (in_sync.status, in_sync.reason) == ("False", "SchemaChanged")
    assert said in in_sync.message
    assert "datasets[].frozenColumns" in in_sync.message
    assert "pvft-t768" not in in_sync.message


def test_a_hundred_frozen_datasets_leave_the_message_what_to_do(
    resource: MakeResource,
) -> None:
    datasets = [{"id": f"{n:04d}-abcd"} for n in range(100)]
    told = [
        {**each, "schemaInSync": False, "frozenColumns": ["x" * 63] * 20, "frozenColumnCount": 20}
        for each in datasets
    ]
    seen = resource(status={"datasets": told}, datasets=datasets, suspend=True)

    message = condition(after(seen), "SchemaInSync").message

    assert "list it in datasets[].frozenColumns" in message
    assert len(message) <= 1024


def test_frozen_columns_stay_known_until_a_run_says_that_there_are_none(ran: Ran) -> None:
    lasting = ran(frozen("acres"), BAD)
    assert (lasting.datasets or ())[0].frozen_columns == ("acres",)
    assert condition(lasting, "SchemaInSync").status == "False"

    unnamed = ran(frozen("acres"), frozen(count=3))
    dataset = (unnamed.datasets or ())[0]
    assert (dataset.frozen_columns, dataset.frozen_column_count) == (("acres",), 3)

    over = ran(frozen("acres"), frozen())
    assert (over.datasets or ())[0].frozen_columns == ()
    assert condition(over, "SchemaInSync").status == "True"


def test_a_status_names_no_more_frozen_columns_than_it_may(ran: Ran) -> None:
    dataset = (ran(frozen(*(f"c{n}" for n in range(60)))).datasets or ())[0]

    assert (len(dataset.frozen_columns or ()), dataset.frozen_column_count) == (20, 60)


def test_a_source_that_changed_is_told_beside_a_column_that_froze(ran: Ran) -> None:
    changed = read_back(
        datasets=[
            {"id": "rq3b-xjk8", "schemaInSync": False, "frozenColumns": [], "frozenColumnCount": 0},
            {
                "id": "pvft-t768",
                "schemaInSync": False,
                "frozenColumns": ["acres"],
                "frozenColumnCount": 1,
            },
        ]
    )
    in_sync = condition(ran(ended(Result.SUCCEEDED, "Succeeded", changed)), "SchemaInSync")

    assert "the source's columns of rq3b-xjk8 are not those of the target" in in_sync.message
    assert "acres of pvft-t768" in in_sync.message


def test_a_removed_dataset_leaves_the_status(resource: MakeResource, ran: Ran) -> None:
    status = after(resource(status=ran(GOOD), years=[2020], suspend=True))

    assert [each.id for each in status.datasets or ()] == ["rq3b-xjk8"]
    assert status.last_synced_since == at("2026-11-23T06:00:00")


def test_history_remembers_ten_runs(ran: Ran) -> None:
    status = ran(*[GOOD] * 10, BAD)

    history = status.history or ()
    assert len(history) == 10
    assert history[0].result is Result.FAILED


def test_an_invalid_spec_says_so_and_recovers(resource: MakeResource, ran: Ran) -> None:
    good = ran(GOOD)
    broken = after(resource(status=good, timeZone="Mars/Olympus"))
    reason = condition(broken, "Ready").reason
    assert (broken.phase, reason) == (Phase.INVALID, "InvalidSchedule")
    assert find(broken, "Stalled") is not None
    assert broken.slots_settled_through == good.slots_settled_through

    repaired = after(resource(status=broken))
    assert (repaired.phase, find(repaired, "Stalled")) == (Phase.SYNCED, None)


def test_doing_the_same_again_writes_nothing(resource: MakeResource, ran: Ran) -> None:
    status = after(resource(status=ran(GOOD), suspend=True))

    seen = resource(status=status, suspend=True)

    assert status_patch(seen, after(seen, now="2026-11-25T12:00")) == {}


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
    ran: Ran,
    lag: str | None,
    now: str,
    truth: str | None,
    reason: str | None,
) -> None:
    freshness = {"maxLag": lag} if lag else None
    status = after(resource(status=ran(GOOD), freshness=freshness, suspend=True), now=now)

    fresh = find(status, "Fresh")
    assert (fresh and fresh.status, fresh and fresh.reason) == (truth, reason)


def test_the_patch_takes_out_what_is_no_longer_there() -> None:
    old = {"a": 1, "b": {"x": 1, "y": {"p": 1, "q": 2}}, "c": [1], "d": 1}
    new = {"b": {"y": {"p": 3}}, "c": [2], "d": 1}

    assert difference(old, new) == {
        "a": None,
        "b": {"x": None, "y": {"p": 3, "q": None}},
        "c": [2],
    }


# what others wrote


UNREADABLE: dict[str, Any] = {
    "phase": "Perfect",
    "consecutiveFailures": "many",
    "slotsSettledThrough": "yesterday",
    "conditions": [{"type": "Ready"}, "nonsense", None],
    "history": [{"uid": "a", "trigger": "Moon", "start": "2026-11-23T07:00:00"}, 7],
    "lastRun": {"uid": "b", "rows": [], "exitCode": True, "seconds": {"download": -1}},
    "datasets": "none",
    "fromTheFuture": {"kept": True},
}


def test_what_cannot_be_read_is_absent_and_what_can_be_stays(resource: MakeResource) -> None:
    status = resource(status=UNREADABLE).status

    assert status.phase is None
    assert status.conditions == ()
    assert [(run.uid, run.trigger, run.start) for run in status.history or ()] == [
        ("a", None, None)
    ]
    assert status.last_run is not None
    assert (status.last_run.uid, status.last_run.exit_code) == ("b", None)


def test_what_cannot_be_read_is_replaced(resource: MakeResource) -> None:
    seen = resource(status=UNREADABLE, suspend=True)
    patch = status_patch(seen, after(seen))
    settled = resource(status=_merged(UNREADABLE, patch), suspend=True)

    assert (patch["phase"], patch["consecutiveFailures"]) == ("Suspended", None)
    assert patch["history"] == [{"uid": "a"}]
    assert not settled.unreadable
    assert status_patch(settled, after(settled)) == {}


def test_what_cannot_be_read_goes_even_if_nothing_else_changes(resource: MakeResource) -> None:
    seen = resource(status={"consecutiveFailures": "many"})

    assert status_patch(seen, seen.status) == {"consecutiveFailures": None}


def test_fields_of_a_newer_release_are_left_alone(resource: MakeResource, ran: Ran) -> None:
    newer = as_json(ran(GOOD)) | {"fromTheFuture": {"kept": True}}
    newer["lastRun"]["colour"] = "blue"
    newer["history"][0]["colour"] = "blue"
    seen = resource(status=newer, suspend=True)

    patch = status_patch(seen, after(seen))

    assert patch.keys().isdisjoint({"fromTheFuture", "lastRun", "history"})


@pytest.mark.parametrize("written", ["text", 5, [], None], ids=repr)
def test_what_is_no_status_at_all_is_an_empty_one(resource: MakeResource, written: Any) -> None:
    assert resource(status=written).status == SyncStatus()


def test_what_the_api_server_says_of_a_new_resource_is_none(resource: MakeResource) -> None:
    new = resource(status=dict(UNSEEN))

    assert new.status == SyncStatus()
    assert status_patch(new, after(new))["observedGeneration"] == 1


def test_an_instant_of_any_zone_is_read_and_written_in_utc(resource: MakeResource) -> None:
    seen = resource(status={"lastSuccessfulTime": "2026-11-23T09:04:12.5+02:00"})

    assert as_json(seen.status) == {"lastSuccessfulTime": "2026-11-23T07:04:12Z"}


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    merged = dict(old)
    for name, value in patch.items():
        both = isinstance(value, Mapping), isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if all(both) else value
    return {name: value for name, value in merged.items() if value is not None}


# events


def told(
    resource: Resource, status: SyncStatus, action: Action, outcome: Outcome | None = None
) -> list[str]:
    return [e.reason for e in transitions(resource.status, status, action, outcome)]


def test_events_are_told_of_transitions_and_not_of_states(
    resource: MakeResource, job: MakeJob, ran: Ran
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
    resource: MakeResource, job: MakeJob, ran: Ran
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
    resource: MakeResource, job: MakeJob, ran: Ran
) -> None:
    before = resource(status=ran(GOOD))
    done = job("la-311-9", "Failed", created="2026-11-24T07:00:00Z")
    now = at("2026-11-24T07:05")
    action = decide(before, [done], now, Capacity())
    status = next_status(before, action, now, outcome=BAD)

    events = transitions(before.status, status, action, BAD)

    assert [e.reason for e in events] == ["SyncStarted", "SyncFailed"]
    assert events[1].message == "SourceUnavailable: because of SourceUnavailable"
