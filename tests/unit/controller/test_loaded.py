"""Ready is about what the spec says now: no run of another spec makes it True, and no routine run Unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import LOADED, at

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import ActiveRun, Condition, LastRun, RunSummary, SyncStatus
from socratasync.api.status_words import Phase, Result, Trigger
from socratasync.controller.action import Action, Kind
from socratasync.controller.observed.resource import Key, Resource, fingerprint_of_version_0
from socratasync.controller.status.conditions import judge, phase
from socratasync.controller.status.loaded import after_an_end, before_a_start, is_synced

MakeResource = Callable[..., Resource]

NOW = at("2026-11-23T08:00")
GOOD = LastRun(job="g", result=Result.SUCCEEDED, reason="Succeeded", message="in", exit_code=0)
BAD = LastRun(job="b", result=Result.FAILED, reason="SourceUnavailable", message="no", exit_code=75)
HOPELESS = LastRun(job="h", result=Result.FAILED, reason="InvalidAppToken", exit_code=77)
LOST = LastRun(job="l", result=Result.LOST, reason="ResultLost", message="gone")
STOPPED = LastRun(job="c", result=Result.CANCELLED, reason="Cancelled", message="stopped")
HISTORY = (
    RunSummary(job="c", result=Result.CANCELLED),
    RunSummary(job="g", result=Result.NO_CHANGE),
)
OTHER = "1-0123456789abcdef"


def active(trigger: Trigger, **more: Any) -> ActiveRun:
    return ActiveRun(job="a", uid="uid-a", trigger=trigger, **more)


def act(reason: str = "WaitingForSchedule") -> Action:
    return Action(kind=Kind.WAIT, reason=reason, message=f"as to {reason}", settled=NOW)


def found(
    resource: Resource, status: SyncStatus, reason: str = "WaitingForSchedule"
) -> dict[str, tuple[str, str, str]]:
    return {
        each.type: (each.status, each.reason, each.message)
        for each in judge(resource, act(reason), status, NOW)
    }


def ran(
    run: LastRun | None, loaded: str, judged: str | None, synced: str | None, **more: Any
) -> SyncStatus:
    return SyncStatus(
        last_run=run,
        loaded_spec_hash=loaded,
        judged_spec_hash=judged,
        synced_spec_hash=synced,
        **more,
    )


ONCE_GOOD = ran(GOOD, LOADED, LOADED, LOADED)
EDITED = ran(GOOD, OTHER, OTHER, OTHER)
CHANGE = active(Trigger.SPEC_CHANGE)


@pytest.mark.parametrize(
    ("status", "ready", "reconciling", "stalled", "word"),
    [
        pytest.param(SyncStatus(), "Unknown", True, False, "Pending", id="just created"),
        pytest.param(
            ran(None, LOADED, None, None, active_run=active(Trigger.CREATION)),
            "Unknown",
            True,
            False,
            "Syncing",
            id="its first run",
        ),
        pytest.param(ONCE_GOOD, "True", False, False, "Synced", id="loaded"),
        pytest.param(
            replace(ONCE_GOOD, active_run=active(Trigger.SCHEDULE)),
            "True",
            False,
            False,
            "Syncing",
            id="a routine run",
        ),
        pytest.param(
            replace(ONCE_GOOD, active_run=active(Trigger.MANUAL)),
            "True",
            False,
            False,
            "Syncing",
            id="a run on request",
        ),
        pytest.param(EDITED, "Unknown", True, False, "Pending", id="the spec was edited"),
        pytest.param(
            replace(EDITED, active_run=active(Trigger.SCHEDULE)),
            "Unknown",
            True,
            False,
            "Syncing",
            id="edited while a run of the old spec is active",
        ),
        pytest.param(
            replace(EDITED, loaded_spec_hash=LOADED, active_run=CHANGE),
            "Unknown",
            True,
            False,
            "Syncing",
            id="the run of the edited spec",
        ),
        pytest.param(
            ran(HOPELESS, OTHER, OTHER, None),
            "Unknown",
            True,
            False,
            "Pending",
            id="edited after a failure for a person",
        ),
        pytest.param(
            ran(BAD, LOADED, LOADED, OTHER), "False", True, False, "Failed", id="its run failed"
        ),
        pytest.param(
            ran(BAD, LOADED, LOADED, OTHER, active_run=active(Trigger.SCHEDULE)),
            "False",
            True,
            False,
            "Syncing",
            id="its run failed, and the next is active",
        ),
        pytest.param(
            ran(HOPELESS, LOADED, LOADED, OTHER),
            "False",
            False,
            True,
            "Failed",
            id="its run failed, and a person is needed",
        ),
        pytest.param(
            ran(BAD, LOADED, LOADED, LOADED),
            "False",
            False,
            False,
            "Failed",
            id="a routine failure",
        ),
        pytest.param(
            ran(LOST, LOADED, LOADED, OTHER), "Unknown", True, False, "Failed", id="its run is lost"
        ),
        pytest.param(
            ran(STOPPED, LOADED, OTHER, OTHER, history=HISTORY),
            "Unknown",
            True,
            False,
            "Pending",
            id="its run was cancelled; a slot comes",
        ),
        pytest.param(
            ran(STOPPED, LOADED, LOADED, LOADED, history=HISTORY),
            "True",
            False,
            False,
            "Synced",
            id="a routine run was cancelled",
        ),
    ],
)
def test_how_it_stands_by_what_was_loaded(
    resource: MakeResource,
    status: SyncStatus,
    ready: str,
    reconciling: bool,
    stalled: bool,
    word: str,
) -> None:
    told = found(resource(), status)

    assert told["Ready"][0] == ready
    assert ("Reconciling" in told, "Stalled" in told) == (reconciling, stalled)
    assert phase(resource(), act(), status) == word


@pytest.mark.parametrize(
    ("status", "ready", "stalled"),
    [
        pytest.param(SyncStatus(), None, None, id="created suspended"),
        pytest.param(EDITED, None, None, id="edited while suspended"),
        pytest.param(ran(STOPPED, LOADED, None, None), None, None, id="its run was cancelled"),
        pytest.param(ONCE_GOOD, "True", None, id="loaded"),
        pytest.param(ran(BAD, LOADED, LOADED, LOADED), "False", "SourceUnavailable", id="failed"),
        pytest.param(ran(LOST, LOADED, LOADED, None), "Unknown", "ResultLost", id="lost"),
        pytest.param(
            ran(None, LOADED, None, None, active_run=active(Trigger.CREATION)),
            "Unknown",
            None,
            id="its first run goes on",
        ),
    ],
)
def test_what_is_suspended_is_never_on_its_way_for_ever(
    resource: MakeResource, status: SyncStatus, ready: str | None, stalled: str | None
) -> None:
    told = found(resource(suspend=True), status, "Suspended")

    assert told.get("Ready", (None,))[0] == ready
    assert ("Reconciling" in told) is (status.active_run is not None)
    assert told.get("Stalled", (None, None))[1] == stalled
    if stalled:
        assert "spec.suspend is true, so set it to false first" in told["Stalled"][2]


def test_a_spec_that_was_never_loaded_is_told_with_its_new_datasets(resource: MakeResource) -> None:
    known = (DatasetStatus(id="rq3b-xjk8", last_synced_since=NOW), DatasetStatus(id="pvft-t768"))
    new = found(resource(), replace(EDITED, datasets=known))
    changed = found(resource(datasets=[{"id": "rq3b-xjk8"}]), replace(EDITED, datasets=known))
    first = found(resource(), SyncStatus())

    said = "no run has loaded yet what the spec says now"
    assert new["Ready"] == ("Unknown", "NotLoadedYet", f"{said}; never loaded before: pvft-t768")
    assert changed["Ready"] == ("Unknown", "NotLoadedYet", said)
    assert first["Ready"] == ("Unknown", "NoRunYet", "no run has ended yet")
    assert new["Reconciling"] == (
        "True",
        "WaitingForSchedule",
        f"{said}; never loaded before: pvft-t768. Now: as to WaitingForSchedule",
    )


def test_only_a_run_of_this_spec_says_that_rows_or_columns_do_not_agree(
    resource: MakeResource,
) -> None:
    for reason, kind in (("RowCountMismatch", "DataVerified"), ("SchemaChanged", "SchemaInSync")):
        run = LastRun(job="b", result=Result.FAILED, reason=reason, exit_code=65)
        other = found(resource(), ran(run, OTHER, OTHER, None))
        this = found(resource(), ran(run, LOADED, LOADED, None))
        unreadable = found(resource(timeZone="Mars/Olympus"), ran(run, OTHER, OTHER, None))

        assert (other[kind][0], this[kind][0], unreadable[kind][0]) == ("Unknown", "False", "False")


def test_a_verdict_on_a_dataset_outlives_an_edit_and_a_new_dataset_has_none(
    resource: MakeResource,
) -> None:
    def told(*verdicts: bool | None) -> tuple[str, str]:
        datasets = tuple(
            DatasetStatus(id=f"d-{n}", verified=each, schema_in_sync=each)
            for n, each in enumerate(verdicts)
        )
        conditions = found(resource(), replace(EDITED, datasets=datasets))
        return conditions["DataVerified"][0], conditions["SchemaInSync"][0]

    assert told(True, True) == ("True", "True")
    assert told(True, None) == ("Unknown", "Unknown")
    assert told(False, None) == ("False", "False")


# a worker that is not at work


@pytest.mark.parametrize(
    ("reason", "word"), [("PodNotStarting", "Pending"), ("WaitingToRetry", "Syncing")]
)
@pytest.mark.parametrize(
    ("status", "truth", "before"),
    [
        (ONCE_GOOD, "True", "in"),
        (ran(BAD, LOADED, LOADED, LOADED), "False", "no"),
        (SyncStatus(), "Unknown", "no run has ended yet"),
    ],
)
def test_a_worker_that_is_not_at_work_is_told_and_flips_nothing(
    resource: MakeResource, status: SyncStatus, truth: str, before: str, reason: str, word: str
) -> None:
    run = active(Trigger.SCHEDULE, reason=reason, message="secret db is not there")
    status = replace(status, active_run=run)

    ready = found(resource(), status)["Ready"]

    assert ready == (truth, reason, f"secret db is not there. Until it runs: {before}")
    assert phase(resource(), act(), status) == word


def test_a_worker_that_is_not_at_work_for_no_told_cause_is_told_by_its_reason(
    resource: MakeResource,
) -> None:
    run = active(Trigger.SCHEDULE, reason="PodNotStarting")

    ready = found(resource(), replace(ONCE_GOOD, active_run=run))["Ready"]

    assert ready == ("True", "PodNotStarting", "PodNotStarting. Until it runs: in")


# a Job that was refused


def with_ready(status: SyncStatus, reason: str) -> SyncStatus:
    known = Condition(
        type="Ready",
        status="False",
        reason=reason,
        message="no room",
        last_transition_time=NOW,
    )
    return replace(status, conditions=(known,))


@pytest.mark.parametrize(
    ("before", "now", "reason", "message", "word"),
    [
        ("JobRefused", "JobRefused", "JobRefused", "as to JobRefused", Phase.FAILED),
        ("JobRefused", "WaitingForCapacity", "JobRefused", "no room", Phase.FAILED),
        ("JobRefused", "SyncInProgress", "Succeeded", "in", Phase.SYNCED),
        ("JobRefused", "WaitingForSchedule", "Succeeded", "in", Phase.SYNCED),
        ("JobRefused", "Suspended", "Succeeded", "in", Phase.SYNCED),
        ("Succeeded", "WaitingForCapacity", "Succeeded", "in", Phase.PENDING),
        (None, "WaitingForCapacity", "Succeeded", "in", Phase.PENDING),
    ],
)
def test_a_refused_job_is_told_until_one_is_taken_or_nothing_is_due(
    resource: MakeResource, before: str | None, now: str, reason: str, message: str, word: Phase
) -> None:
    seen = resource(status=with_ready(ONCE_GOOD, before) if before else ONCE_GOOD)

    assert found(seen, seen.status, now)["Ready"][1:] == (reason, message)
    assert phase(seen, act(now), seen.status) is word


# nothing more comes


UNSCHEDULED = {"schedule": None}


@pytest.mark.parametrize(
    ("spec", "status", "asked", "reason", "stalled"),
    [
        pytest.param(
            UNSCHEDULED,
            ran(STOPPED, LOADED, None, None),
            {},
            "NoSchedule",
            "Cancelled",
            id="stopped",
        ),
        pytest.param(
            {}, ran(STOPPED, LOADED, None, None), {}, "WaitingForSchedule", None, id="a slot comes"
        ),
        pytest.param(
            UNSCHEDULED, ran(STOPPED, OTHER, None, None), {}, "NoSchedule", None, id="and edited"
        ),
        pytest.param(
            UNSCHEDULED,
            ran(STOPPED, LOADED, LOADED, LOADED, history=HISTORY),
            {},
            "NoSchedule",
            None,
            id="stopped, and loaded before",
        ),
        pytest.param(
            UNSCHEDULED,
            ran(BAD, LOADED, LOADED, None, next_retry_time=NOW),
            {},
            "WaitingToRetry",
            None,
            id="tried again",
        ),
        pytest.param(
            UNSCHEDULED,
            ran(BAD, LOADED, LOADED, None),
            {},
            "NoSchedule",
            "SourceUnavailable",
            id="not tried again",
        ),
        *[
            pytest.param(
                {},
                ran(HOPELESS, LOADED, LOADED, None),
                {token: "now"},
                "WaitingForCapacity",
                None if token != "cancelAt" else "InvalidAppToken",
                id=f"hopeless, and {token} is new",
            )
            for token in ("requestedAt", "full", "cancelAt")
        ],
        pytest.param(
            {},
            ran(
                HOPELESS,
                LOADED,
                LOADED,
                None,
                last_handled_full_at="now",
                last_handled_reconcile_at="now",
            ),
            {"full": "now", "requestedAt": "now"},
            "WaitingForSchedule",
            "InvalidAppToken",
            id="hopeless, and the request is answered",
        ),
        pytest.param(
            {"suspend": True},
            ran(HOPELESS, LOADED, LOADED, None),
            {"requestedAt": "now"},
            "Suspended",
            "InvalidAppToken",
            id="hopeless, and the request will be refused",
        ),
    ],
)
def test_stalled_until_somebody_acts(
    resource: MakeResource,
    spec: dict[str, Any],
    status: SyncStatus,
    asked: dict[str, str],
    reason: str,
    stalled: str | None,
) -> None:
    seen = resource(status=status, asked=asked, **spec)
    told = found(seen, status, reason)

    assert told.get("Stalled", (None, None))[1] == stalled
    assert not {"Stalled", "Reconciling"} <= told.keys()


def test_a_request_that_this_very_step_answers_is_open_no_more(resource: MakeResource) -> None:
    before = ran(HOPELESS, LOADED, LOADED, None)
    seen = resource(status=before, asked={"full": "now", "requestedAt": "now"})
    answered = replace(before, last_handled_full_at="now", last_handled_reconcile_at="now")

    assert "Stalled" not in found(seen, before)
    assert "Stalled" in found(seen, answered)


def test_of_many_new_datasets_ten_are_named(resource: MakeResource) -> None:
    datasets = [{"id": f"{n:04d}-abcd"} for n in range(12)]

    message = found(resource(datasets=datasets), EDITED)["Ready"][2]

    assert "0009-abcd" in message
    assert "0010-abcd" not in message


def test_however_long_a_run_speaks_what_to_do_is_told(resource: MakeResource) -> None:
    run = replace(HOPELESS, message="m" * 4000)
    seen = replace(resource(), key=Key("n" * 63, "s" * 253))

    said = found(seen, ran(run, LOADED, LOADED, None))["Stalled"][2]

    assert said.endswith("--overwrite")
    assert len(said) <= 1024


# what is remembered


def test_the_status_remembers_what_was_loaded_by_how_each_run_ended() -> None:
    start = ran(None, LOADED, OTHER, OTHER)

    def after(result: Result) -> tuple[str | None, str | None]:
        status = after_an_end(start, result)
        return status.judged_spec_hash, status.synced_spec_hash

    assert after(Result.SUCCEEDED) == after(Result.NO_CHANGE) == (LOADED, LOADED)
    assert after(Result.FAILED) == after(Result.LOST) == (LOADED, OTHER)
    assert after(Result.CANCELLED) == (OTHER, OTHER)


def of_release_0_1(run: LastRun | None, *, ever_good: bool = True, **more: Any) -> SyncStatus:
    good = NOW if ever_good else None
    return SyncStatus(last_run=run, loaded_spec_hash=LOADED, last_successful_time=good, **more)


MANUAL_BEFORE = (
    RunSummary(job="c", result=Result.CANCELLED, trigger=Trigger.MANUAL),
    RunSummary(job="g", result=Result.NO_CHANGE, trigger=Trigger.SCHEDULE),
)


@pytest.mark.parametrize(
    ("status", "ready", "synced"),
    [
        pytest.param(of_release_0_1(GOOD), "True", True, id="a good run"),
        pytest.param(of_release_0_1(BAD), "False", True, id="a routine failure"),
        pytest.param(of_release_0_1(BAD, ever_good=False), "False", False, id="never a good one"),
        pytest.param(of_release_0_1(None, ever_good=False), "Unknown", False, id="none has ended"),
        pytest.param(
            replace(of_release_0_1(BAD), judged_spec_hash=LOADED),
            "False",
            False,
            id="no release 0.1: this one saw the failure of what the spec says",
        ),
        *[
            pytest.param(
                of_release_0_1(GOOD, active_run=active(trigger)),
                "True" if routine else "Unknown",
                routine,
                id=f"a run by {trigger} is active",
            )
            for trigger in Trigger
            for routine in [trigger in (Trigger.SCHEDULE, Trigger.CATCH_UP, Trigger.RETRY)]
        ],
        *[
            pytest.param(
                of_release_0_1(replace(STOPPED, trigger=trigger), history=HISTORY[1:]),
                "True" if trigger is Trigger.SCHEDULE else "Unknown",
                trigger is Trigger.SCHEDULE,
                id=f"a run by {trigger} was cancelled",
            )
            for trigger in (Trigger.SCHEDULE, Trigger.SPEC_CHANGE)
        ],
        pytest.param(
            of_release_0_1(replace(STOPPED, trigger=Trigger.SCHEDULE), history=MANUAL_BEFORE),
            "Unknown",
            False,
            id="and one by hand before it",
        ),
        pytest.param(
            replace(of_release_0_1(STOPPED, ever_good=False), judged_spec_hash=LOADED),
            "Unknown",
            False,
            id="written by hand: nothing judges",
        ),
    ],
)
def test_an_upgrade_leaves_ready_as_it_was_unless_another_spec_may_have_been_loaded(
    resource: MakeResource, status: SyncStatus, ready: str, synced: bool
) -> None:
    assert found(resource(), status)["Ready"][0] == ready
    assert is_synced(resource(), status) is synced
    again = before_a_start(status)
    assert found(resource(), again)["Ready"][0] == ready, "the next start does not change it"
    assert is_synced(resource(), again) is synced


def test_a_good_run_of_release_0_1_counts_by_the_fingerprint_that_it_wrote(
    resource: MakeResource,
) -> None:
    spec = resource().spec
    assert spec is not None
    status = replace(of_release_0_1(GOOD), loaded_spec_hash=fingerprint_of_version_0(spec))

    assert found(resource(), status)["Ready"][0] == "True"
    assert found(resource(mode="full"), status)["Ready"][0] == "Unknown"


def test_an_old_status_is_read_before_another_run_takes_its_fingerprint_s_place(
    resource: MakeResource,
) -> None:
    before = before_a_start(of_release_0_1(GOOD))

    started = replace(before, loaded_spec_hash=OTHER, active_run=active(Trigger.SPEC_CHANGE))
    stopped = replace(before, loaded_spec_hash=OTHER, last_run=STOPPED, history=HISTORY)

    assert (before.judged_spec_hash, before.synced_spec_hash) == (LOADED, LOADED)
    for status in (started, stopped):
        assert found(resource(), status)["Ready"][0] == "True"
        assert found(resource(mode="full"), status)["Ready"][0] == "Unknown"


def test_a_spec_that_cannot_be_read_is_never_synced(resource: MakeResource) -> None:
    assert not is_synced(resource(timeZone="Mars/Olympus"), ONCE_GOOD)
