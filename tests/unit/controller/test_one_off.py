"""One-off runs that are asked for by annotation: when they are started or refused, and what a status says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import LOADED, at
from tests.unit.controller.standings import Story

from socratasync.api.selection import Selection
from socratasync.api.status import ActiveRun, LastRun, Progress, RunSummary, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.environment import read_assignment
from socratasync.controller.action import Action, Capacity, Kind, RunToStart
from socratasync.controller.decide import decide
from socratasync.controller.jobs.build import build_job
from socratasync.controller.jobs.defaults import NOTHING_SAID
from socratasync.controller.observed.job import read_job
from socratasync.controller.observed.memory import find, has_recorded, newest_ended, unanswered
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import judging_run, owes_full_run
from socratasync.controller.observed.worker import Away
from socratasync.controller.status.next import next_status

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., Any]

ASKED = "1 year=2020"
EARLY, DUE = "2026-11-23T03:00", "2026-11-23T07:00:01"
SETTLED = "2026-11-22T07:00"
LAST = LastRun(
    job="la-311-0", uid="uid-0", result=Result.SUCCEEDED, created_at=at(SETTLED), mode="update"
)
STATUS = SyncStatus(
    loaded_spec_hash=LOADED,
    judged_spec_hash=LOADED,
    synced_spec_hash=LOADED,
    observed_schedule="0 7 * * * Etc/UTC",
    slots_settled_through=at(SETTLED),
    last_run=LAST,
    history=(LAST,),
)
ONE_OFF = LastRun(
    job="la-311-x", uid="uid-x", result=Result.FAILED, trigger=Trigger.FULL, only="year=2020"
)


def decided(
    resource: MakeResource, full: str = ASKED, now: str = EARLY, **more: Any
) -> tuple[Resource, Action]:
    status, asked = more.pop("status", STATUS), more.pop("asked", {})
    seen = resource(status=status, asked={"full": full, **asked}, **more)
    return seen, decide(seen, [], at(now), Capacity())


def run_of(action: Action) -> RunToStart:
    assert action.run is not None
    return action.run


# when it is started


@pytest.mark.parametrize(
    ("full", "mode", "selection"),
    [
        ("1 year=2020", "full", Selection(years=(2020,))),
        ("1 dataset=pvft-t768", "full", Selection(datasets=("pvft-t768",))),
        ("1 reset=true", "full", Selection(reset=True)),
        ("1 since=2026-01-01", "update", Selection(since=at("2026-01-01"))),
    ],
)
def test_it_is_started_as_it_was_asked_for(
    resource: MakeResource, full: str, mode: str, selection: Selection
) -> None:
    run = run_of(decided(resource, full)[1])

    assert (run.trigger, run.mode, run.selection) == (Trigger.FULL, mode, selection)
    assert (run.full, run.requested, run.slot, run.retry) == (full, None, None, None)
    assert run.only == selection.text


@pytest.mark.parametrize(
    ("status", "asked", "now", "trigger", "only"),
    [
        pytest.param(STATUS, {}, EARLY, "Full", "year=2020", id="it is asked for"),
        pytest.param(STATUS, {}, DUE, "Full", "year=2020", id="before a slot"),
        pytest.param(
            STATUS, {"requestedAt": "1"}, EARLY, "Manual", None, id="after a run of everything"
        ),
        pytest.param(SyncStatus(), {}, EARLY, "Creation", None, id="after the first run"),
        pytest.param(
            replace(STATUS, loaded_spec_hash="1-other"),
            {},
            EARLY,
            "SpecChange",
            None,
            id="after what the spec says now is loaded",
        ),
        pytest.param(
            replace(STATUS, last_handled_full_at=ASKED), {}, DUE, "Schedule", None, id="but once"
        ),
    ],
)
def test_when_its_turn_is(
    resource: MakeResource,
    status: SyncStatus,
    asked: dict[str, str],
    now: str,
    trigger: str,
    only: str | None,
) -> None:
    run = run_of(decided(resource, status=status, asked=asked, now=now)[1])

    assert (run.trigger, run.only) == (trigger, only)
    assert (run.full == ASKED) is (only is not None)


def test_it_settles_no_slot_and_counts_none_as_missed(resource: MakeResource) -> None:
    action = decided(resource, now="2026-11-25T07:00:01")[1]

    assert action.settled == at(SETTLED)
    assert action.missed is None


def test_a_slot_that_had_to_wait_for_it_was_not_missed(resource: MakeResource) -> None:
    ended = replace(ONE_OFF, end=at("2026-11-23T09:00"))
    status = replace(STATUS, last_handled_full_at=ASKED, last_one_off=ended)
    after = replace(status, history=(ended, LAST))

    assert run_of(decided(resource, status=after, now="2026-11-23T09:01")[1]).trigger == "Schedule"
    assert run_of(decided(resource, status=after, now="2026-11-23T09:03")[1]).trigger == "CatchUp"


def test_each_request_is_a_job_of_its_own(resource: MakeResource) -> None:
    again = replace(STATUS, last_one_off=ONE_OFF)
    names = [
        run_of(decided(resource, full, status=status)[1]).job
        for full, status in [
            (ASKED, STATUS),
            (ASKED, again),
            ("2 year=2020", STATUS),
            ("1 year=2019", STATUS),
        ]
    ]

    assert len(set(names)) == 4
    assert run_of(decided(resource)[1]).job == names[0], "decided again, it is the same"


@pytest.mark.parametrize(
    ("reason", "full", "again"),
    [
        pytest.param("Replaced", "", True, id="it made way"),
        pytest.param("Cancelled", "", False, id="somebody stopped it"),
        pytest.param("Replaced", "2 year=2019", False, id="something else is asked for"),
    ],
)
def test_one_that_made_way_for_another_run_is_started_again(
    resource: MakeResource, reason: str, full: str, again: bool
) -> None:
    status = replace(STATUS, last_one_off=replace(ONE_OFF, reason=reason))

    run = decided(resource, full, status=status)[1].run

    assert (run is not None and run.only == "year=2020") is again
    assert run is None or run.full == (full or None)


def test_but_not_where_the_spec_no_more_has_what_it_was_to_load(resource: MakeResource) -> None:
    lost = replace(ONE_OFF, reason="Replaced", only="year=1999")

    assert decided(resource, "", status=replace(STATUS, last_one_off=lost))[1].kind is Kind.WAIT


# when it is refused


@pytest.mark.parametrize(
    ("full", "why"),
    [
        ("1 yaer=2020", "'yaer=2020' is not understood; write year=2020,"),
        ("1 year=1999", "no dataset is of the year 1999; their years are 2019, 2020"),
        ("1 dataset=abcd-1234", "the manifest loads no dataset abcd-1234"),
        (f"1 dataset={'abcd-1234,' * 30}abcd-1234", "the request has 319 characters"),
    ],
)
def test_what_is_not_there_to_be_loaded_is_refused(
    resource: MakeResource, full: str, why: str
) -> None:
    seen, action = decided(resource, full)
    status = next_status(seen, action, at(EARLY))

    assert (action.kind, action.run) == (Kind.WAIT, None)
    assert action.refusal.startswith(why)
    assert (action.settled, action.next_due) == (at(SETTLED), at("2026-11-23T07:00"))
    assert status.last_handled_full_at == full[:253]
    assert unanswered(replace(seen, status=status)).one_off is None


@pytest.mark.parametrize("full", [ASKED, "1 year=1999"])
def test_while_suspended_every_one_is_refused(resource: MakeResource, full: str) -> None:
    seen, action = decided(resource, full, suspend=True)

    assert (action.kind, action.refused) == (Kind.WAIT, True)
    assert next_status(seen, action, at(EARLY)).last_handled_full_at == full


def test_while_the_spec_cannot_be_read_it_waits(resource: MakeResource) -> None:
    seen, action = decided(resource, domain="no domain")

    assert action.kind is Kind.REJECT
    assert next_status(seen, action, at(EARLY)).last_handled_full_at is None


def test_a_refusal_keeps_nobody_waiting() -> None:
    story = Story().seen().ends()
    story.model.now = at("2026-11-24T07:00")
    story.model.annotate("full", "1 year=1999")

    story.seen(2)

    assert [job["metadata"]["labels"]["socratasync.dev/trigger"] for job in story.model.created][
        1:
    ] == ["Schedule"]
    (refused,) = [e for e in story.model.events.values() if e["reason"] == "RunRefused"]
    assert refused["message"].startswith(
        "the one-off run is refused: no dataset is of the year 1999"
    )


# what its Job carries


@pytest.mark.parametrize("full", ["1 since=2026-02-01", "1 year=2020"])
def test_the_worker_is_told_what_to_load(resource: MakeResource, full: str) -> None:
    seen, action = decided(resource, full)
    run = run_of(action)

    made = build_job(seen, run, "image", NOTHING_SAID)

    container = made["spec"]["template"]["spec"]["containers"][0]
    environ = {each["name"]: each.get("value", "secret") for each in container["env"]}
    told = read_assignment(environ)
    assert (told.selection, told.mode) == (run.selection, run.mode)
    assert len(told.spec.datasets) == 2, "it travels whole"
    made["metadata"] |= {"uid": "uid-1", "creationTimestamp": "2026-11-23T03:00:00Z"}
    assert (read_job(made).only, read_job(made).full) == (run.only, full)


def test_a_run_of_everything_is_told_nothing_of_it(resource: MakeResource) -> None:
    seen, action = decided(resource, "1")

    made = build_job(seen, run_of(action), "image", NOTHING_SAID)

    assert read_job({**made, "metadata": {**made["metadata"], "uid": "u"}}).only is None
    assert "SOCRATASYNC_ONLY" not in str(made)


# what a status says of it


def story(**spec: Any) -> Story:
    """A sync that is loaded; then a one-off run is under way."""
    found = (
        Story(**spec)
        .seen()
        .ends(
            rows={"inserted": 5, "target": 10},
            datasets=[
                {
                    "id": id,
                    "verified": True,
                    "rows": {"target": 5},
                    "lastSyncedSince": "2026-11-23T06:00:00Z",
                }
                for id in ("rq3b-xjk8", "pvft-t768")
            ],
        )
    )
    found.model.annotate("full", ASKED)
    found.model.now = at("2026-11-23T13:00")
    return found.seen(1)


UNCHANGED = (
    "lastRun lastSuccessfulTime lastFailureTime consecutiveFailures loadedSpecHash judgedSpecHash "
    "syncedSpecHash lastScheduleTime slotsSettledThrough nextScheduleTime nextRetryTime lastHandledReconcileAt"
).split()
TOLD = [{"id": "rq3b-xjk8", "rows": {"updated": 3, "target": 6}, "sourceRows": 6, "verified": True}]


@pytest.mark.parametrize("code", [0, 75, 78])
def test_how_the_sync_stands_is_not_up_to_it(code: int) -> None:
    found = story()
    before = found.model.body["status"]
    assert before["activeRun"]["only"] == "year=2020"
    assert before["lastHandledFullAt"] == ASKED

    found.ends(code=code, rows={"updated": 3, "target": 11}, datasets=TOLD)

    after = found.model.body["status"]
    assert {name: after.get(name) for name in UNCHANGED} == {
        name: before.get(name) for name in UNCHANGED
    }
    for kind in ("Ready", "LastSyncSucceeded", "DataVerified"):
        (one,), (other,) = (
            [c for c in status["conditions"] if c["type"] == kind] for status in (before, after)
        )
        assert one == other
    assert after["phase"] == "Synced"
    assert "activeRun" not in after
    assert after["lastOneOff"]["only"] == "year=2020"
    assert after["lastOneOff"]["result"] == ("Failed" if code else "Succeeded")
    assert [run.get("only") for run in after["history"]] == ["year=2020", None]


def test_the_datasets_that_it_read_are_told_and_the_others_stay() -> None:
    found = story()
    before = found.model.body["status"]["datasets"]

    found.ends(rows={"updated": 3, "target": 11}, datasets=TOLD)

    read, other = found.model.body["status"]["datasets"]
    assert (read["rows"], read["sourceRows"]) == ({"updated": 3, "target": 6}, 6)
    assert read["lastSyncedSince"] == before[0]["lastSyncedSince"]
    assert other == before[1]
    assert found.model.body["status"]["rows"] == {"inserted": 5, "target": 11}


def test_a_failure_of_it_is_told_and_not_tried_again() -> None:
    found = story(retry={"limit": 3}).fails(75, "SourceUnavailable")
    made = len(found.model.created)
    found.model.now = at("2026-11-23T20:00")

    found.seen(2)

    assert len(found.model.created) == made
    reasons = [event["reason"] for event in found.model.events.values()]
    assert reasons[-2:] == ["SyncStarted", "SyncFailed"]
    (started,) = [e for e in found.model.events.values() if "only" in e["message"]]
    assert started["message"].endswith("(Full, mode full, only year=2020)")


def test_a_retry_that_is_due_comes_all_the_same() -> None:
    found = Story(retry={"limit": 3}).seen().fails(75, "SourceUnavailable")
    found.model.annotate("full", ASKED)
    found.seen(1).ends()
    assert found.model.body["status"]["lastRun"]["result"] == "Failed"
    found.model.now = at("2026-11-23T13:00")

    found.seen(1)

    assert found.model.created[-1]["metadata"]["labels"]["socratasync.dev/trigger"] == "Retry"


def test_what_it_does_not_mend_stays_told_while_it_runs() -> None:
    found = Story(schedule=None).seen().fails(78, "InvalidSpec")
    assert [c for c in found.model.body["status"]["conditions"] if c["type"] == "Stalled"]
    found.model.annotate("full", ASKED)

    found.seen(1)

    assert found.model.body["status"]["activeRun"]["only"] == "year=2020"
    assert [c for c in found.model.body["status"]["conditions"] if c["type"] == "Stalled"]


def test_its_result_is_recorded_once(job: MakeJob) -> None:
    ended = replace(ONE_OFF, uid="uid-of-one", created_at=at("2026-11-23T03:00"))
    status = replace(STATUS, last_one_off=ended, history=(ended, LAST))

    assert has_recorded(status, job("one"))
    assert has_recorded(status, job("old", created="2026-11-23T02:00:00Z"))
    assert not has_recorded(status, job("new", created="2026-11-23T04:00:00Z"))
    assert newest_ended(status) == ended
    assert newest_ended(replace(status, history=(LAST, ended))) == LAST
    assert newest_ended(replace(status, history=None)) == LAST


def test_no_judgement_and_no_debt_follows_from_it() -> None:
    full = RunSummary(result=Result.FAILED, trigger=Trigger.FULL, mode="full", only="year=2020")
    bad = replace(LAST, result=Result.FAILED, trigger=Trigger.FULL, mode="full")

    assert judging_run(replace(STATUS, last_run=None, history=(full, LAST))) == LAST
    assert not owes_full_run(replace(STATUS, history=(full, LAST)))
    assert owes_full_run(replace(STATUS, history=(full, bad)))
    assert owes_full_run(replace(STATUS, history=(replace(full, result=Result.SUCCEEDED), bad)))


def test_a_status_of_an_older_release_is_believed_while_one_is_active(
    resource: MakeResource,
) -> None:
    """It tells only what the last started run was asked to load, which a one-off run does not change."""
    old = replace(STATUS, judged_spec_hash=None, synced_spec_hash=None)
    active = replace(old, active_run=ActiveRun(uid="uid-x", trigger=Trigger.FULL, only="year=2020"))
    seen = resource(status=active)

    status = next_status(seen, decide(seen, [], at(EARLY), Capacity()), at(EARLY))

    ready = find(status, "Ready")
    assert ready is not None
    assert ready.status == "True"


def test_what_it_found_out_of_its_source_is_dated_by_it_and_no_verdict_goes() -> None:
    found = story()
    told = {
        "id": "rq3b-xjk8",
        "sourceUpdatedAt": "2026-11-23T12:30:00Z",
        "api": "SODA3",
        "apiChanged": "by SODA3 now",
    }

    found.ends(datasets=[told])

    read = found.model.body["status"]["datasets"][0]
    assert (read["sourceAskedAt"], read["verified"]) == ("2026-11-23T13:00:00Z", True)
    changed = [e for e in found.model.events.values() if e["reason"] == "SourceInterfaceChanged"]
    assert len(changed) == 1
    assert "by SODA3 now" in changed[0]["message"]


def test_how_far_it_is_and_what_holds_it_up_is_told_at_first_sight(
    resource: MakeResource, job: MakeJob
) -> None:
    seen = resource(status=STATUS)
    made = job("one", notes={"only": "year=2020", "full": ASKED})
    away = Away(reason="PodNotStarting", message="no node")
    action = Action(
        kind=Kind.FOLLOW, reason="x", message="x", settled=at(SETTLED), job=made, away=away
    )

    active = next_status(seen, action, at(EARLY), progress=Progress(rows=7)).active_run

    assert active is not None
    assert (active.progress, active.reason) == (Progress(rows=7), "PodNotStarting")


def test_a_refusal_while_suspended_says_so() -> None:
    found = story(suspend=None).ends()
    found.is_edited(suspend=True)
    found.model.annotate("full", "2 year=2020")

    found.seen(2)

    (refused,) = [e for e in found.model.events.values() if e["reason"] == "RunRefused"]
    assert refused["message"].startswith("suspended: the requested run is refused")
