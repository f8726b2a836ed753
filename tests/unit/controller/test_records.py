"""What a run and its report leave in the status, field by field, and what stays known without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.dataset_status import (
    FROZEN_COLUMNS,
    BadValues,
    DatasetStatus,
    RowCounts,
    RunError,
)
from socratasync.api.spec import SyncSpec
from socratasync.api.status import ActiveRun, LastRun, Progress, RunSummary, SyncStatus
from socratasync.api.status_parts import StageSeconds, TableSize
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.report_text import Report, read
from socratasync.controller.action import Action, Kind, Missed
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.worker import Away
from socratasync.controller.status.next import next_status
from socratasync.controller.status.records import (
    active_run,
    dataset_records,
    kept_counts,
    last_run,
    oldest_watermark,
    with_run,
)

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]

START, END, NOW = (at(f"2026-11-23T07:{clock}") for clock in ("00:00", "04:12.7", "05:00"))
SLOT = at("2026-11-23T06:59")
ROWS = RowCounts(downloaded=3, inserted=1, updated=1, unchanged=1, deleted=0, target=9)
ACTIVE = ActiveRun(
    job="la-311-9",
    uid="uid-of-la-311-9",
    trigger=Trigger.CATCH_UP,
    mode="full",
    start=START,
    scheduled_at=SLOT,
    generation=4,
    spec_hash="1-abc",
    retry=2,
    progress=Progress(stage="merge"),
)


def said(*datasets: dict[str, Any], **more: Any) -> Report:
    found = read(json.dumps({"v": 1, "run": "r", "ok": True, "datasets": datasets, **more}))
    assert found is not None
    return found


def ended(result: Result = Result.SUCCEEDED, report: Report | None = None) -> Outcome:
    return Outcome(
        result=result, reason="Why", message="so", ended=END, report=report, exit_code=75
    )


# runs


def test_the_active_run_is_told_from_its_job(job: MakeJob) -> None:
    notes = {"spec-hash": "1-abc", "retry": "2"}
    slot = "2026-11-23T06:59:00Z"
    made = job("la-311-9", trigger="CatchUp", mode="full", slot=slot, notes=notes)
    seen, away = replace(made, generation=4), Away(reason="PodNotStarting", message="no secret")

    assert active_run(seen, ACTIVE.progress) == ACTIVE
    idle = replace(ACTIVE, reason="PodNotStarting", message="no secret")
    assert active_run(seen, ACTIVE.progress, away) == idle


def test_the_last_run_is_the_active_one_and_how_it_ended() -> None:
    report = said(rows={"inserted": 1}, bytes=5, seconds={"merge": 1.5}, warnings=["w" * 600] * 21)

    run = last_run(ACTIVE, ended(report=report))

    assert run.warnings is not None
    assert (len(run.warnings), {len(text) for text in run.warnings}) == (20, {500})
    assert replace(run, warnings=None) == LastRun(
        job="la-311-9",
        uid="uid-of-la-311-9",
        trigger=Trigger.CATCH_UP,
        mode="full",
        scheduled_at=SLOT,
        generation=4,
        spec_hash="1-abc",
        retry=2,
        created_at=START,
        start=START,
        end=at("2026-11-23T07:04:12"),
        duration="4m12s",
        result=Result.SUCCEEDED,
        reason="Why",
        message="so",
        exit_code=75,
        rows=RowCounts(inserted=1),
        bytes=5,
        seconds=StageSeconds(merge=1.5),
    )


def test_what_a_report_does_not_tell_is_absent() -> None:
    for report in (None, said(rows={}, seconds={})):
        run = last_run(ACTIVE, ended(report=report))
        assert (run.rows, run.bytes, run.seconds, run.warnings) == (None, None, None, None)


@pytest.mark.parametrize(
    ("start", "duration"),
    [(None, None), (at("2026-11-23T07:04:13"), "0s"), (at("2026-11-23T07:04:12"), "0s")],
)
def test_a_run_that_no_clock_agrees_on_took_no_time(start: Any, duration: str | None) -> None:
    assert last_run(replace(ACTIVE, start=start), ended()).duration == duration


def test_history_has_a_run_once_newest_first_and_ten_at_most() -> None:
    run = last_run(ACTIVE, ended())
    others = [RunSummary(uid=f"uid-{n}") for n in range(10)]

    first, *rest = with_run([*others[:5], RunSummary(uid=run.uid), *others[5:]], run)

    assert rest == others[:9]
    assert first == RunSummary(
        job=run.job,
        uid=run.uid,
        trigger=run.trigger,
        mode=run.mode,
        start=run.start,
        end=run.end,
        duration=run.duration,
        result=run.result,
        reason=run.reason,
        rows=run.rows,
    )


# datasets

KNOWN = DatasetStatus(
    id="rq3b-xjk8",
    year=2020,
    api="SODA2",
    last_synced_since=START,
    source_rows=9,
    source_updated_at=START,
    source_asked_at=START,
    rows=ROWS,
    verified=True,
    schema_in_sync=True,
    left_out=3,
    shared=4,
    frozen_columns=("old",),
    frozen_column_count=1,
    error=RunError(reason="Old", message="old"),
)
LATER = "2026-11-23T08:00:00Z"
STARTED = at("2026-11-23T07:59")
RUN_OF_IT = LastRun(start=STARTED)


def spec_of(resource: MakeResource, **more: Any) -> SyncSpec:
    spec = resource(datasets=[{"id": "rq3b-xjk8", "year": 2020}], **more).spec
    assert spec is not None
    return spec


@pytest.mark.parametrize(
    ("told", "becomes"),
    [
        pytest.param({}, {"verified": None, "error": None}, id="a verdict goes if nobody counted"),
        pytest.param(
            {"error": {"reason": "Why", "message": "m" * 600}},
            {"error": ("Why", 500)},
            id="but not if the run failed",
        ),
        pytest.param({"verified": False}, {"verified": False, "error": None}, id="a verdict"),
        pytest.param(
            {"verified": False, "error": {"reason": "Why", "message": "m"}},
            {"verified": False, "error": ("Why", 1)},
            id="a verdict of a run that failed",
        ),
        pytest.param(
            {"sourceRows": 0, "schemaInSync": False, "verified": True},
            {"source_rows": 0, "schema_in_sync": False, "error": None},
            id="nothing and no are something",
        ),
        pytest.param(
            {"lastSyncedSince": LATER, "sourceUpdatedAt": LATER, "verified": True},
            {
                "last_synced_since": at("2026-11-23T08:00"),
                "source_updated_at": at("2026-11-23T08:00"),
                "source_asked_at": STARTED,
                "error": None,
            },
            id="later times",
        ),
        pytest.param(
            {"rows": {"inserted": 2}, "verified": True},
            {"rows": RowCounts(inserted=2, target=9), "error": None},
            id="counts; what the table holds stays until counted again",
        ),
        pytest.param(
            {"rows": {"inserted": 2, "target": 8}, "verified": True},
            {"rows": RowCounts(inserted=2, target=8), "error": None},
            id="counted again",
        ),
        pytest.param({"rows": {}, "verified": True}, {"error": None}, id="no counts"),
        pytest.param(
            {"leftOut": 0, "shared": 0, "verified": True},
            {"left_out": 0, "shared": 0, "error": None},
            id="nothing is left out any more",
        ),
        pytest.param(
            {"frozenColumns": ["a", "b"], "frozenColumnCount": 2, "verified": True},
            {"frozen_columns": ("a", "b"), "frozen_column_count": 2, "error": None},
            id="other columns are frozen",
        ),
        pytest.param(
            {"frozenColumns": [], "frozenColumnCount": 0, "verified": True},
            {"frozen_columns": (), "frozen_column_count": 0, "error": None},
            id="no column is frozen any more",
        ),
        pytest.param(
            {"frozenColumnCount": 7, "verified": True},
            {"frozen_column_count": 7, "error": None},
            id="there was no room for their names",
        ),
        pytest.param(
            {"api": "SODA3", "verified": True}, {"api": "SODA3", "error": None}, id="read otherwise"
        ),
        pytest.param(
            {"badValues": {"nulled": 2}, "verified": True},
            {"bad_values": BadValues(nulled=2), "error": None},
            id="values became null",
        ),
    ],
)
def test_a_report_overlays_what_is_known_of_a_dataset(
    resource: MakeResource, told: dict[str, Any], becomes: dict[str, Any]
) -> None:
    (now,) = dataset_records(
        spec_of(resource), [KNOWN], said({"id": "rq3b-xjk8", **told}), RUN_OF_IT
    )

    error = (now.error.reason, len(now.error.message or "")) if now.error else None
    assert {name: error if name == "error" else getattr(now, name) for name in becomes} == becomes
    kept = {name: getattr(KNOWN, name) for name in becomes}
    assert replace(now, **kept) == KNOWN


@pytest.mark.parametrize(("told", "verdict"), [({}, True), ({"verified": False}, False)])
def test_a_one_off_run_in_which_nobody_counted_leaves_the_verdict(
    resource: MakeResource, told: dict[str, Any], verdict: bool
) -> None:
    report, run = said({"id": "rq3b-xjk8", **told}), LastRun(start=STARTED, only="since=2024-01-01")

    (now,) = dataset_records(spec_of(resource), [KNOWN], report, run)

    assert now.verified is verdict


def test_a_report_of_nobody_knows_which_run_is_no_one_off_runs(resource: MakeResource) -> None:
    (now,) = dataset_records(spec_of(resource), [KNOWN], said({"id": "rq3b-xjk8"}), None)

    assert now.verified is None


@pytest.mark.parametrize(
    ("known", "said_of_it", "kept"),
    [
        pytest.param(
            ROWS, RowCounts(inserted=7, target=12), replace(ROWS, target=12), id="what is held"
        ),
        pytest.param(ROWS, RowCounts(inserted=7), ROWS, id="not counted"),
        pytest.param(ROWS, None, ROWS, id="no report"),
        pytest.param(None, RowCounts(inserted=7, target=12), RowCounts(target=12), id="the first"),
    ],
)
def test_a_one_off_run_tells_of_all_rows_only_how_many_there_are(
    known: RowCounts | None, said_of_it: RowCounts | None, kept: RowCounts
) -> None:
    assert kept_counts(known, said_of_it) == kept


def test_bad_values_are_those_of_the_last_run_or_none(resource: MakeResource) -> None:
    known = replace(KNOWN, bad_values=BadValues(nulled=2))

    (now,) = dataset_records(spec_of(resource), [known], said({"id": "rq3b-xjk8"}), RUN_OF_IT)

    assert now.bad_values is None


def test_as_many_frozen_columns_are_named_as_the_status_has_room_for(
    resource: MakeResource,
) -> None:
    names = [f"c{number}" for number in range(FROZEN_COLUMNS + 1)]
    report = said({"id": "rq3b-xjk8", "frozenColumns": names, "frozenColumnCount": len(names)})

    (now,) = dataset_records(spec_of(resource), [KNOWN], report, RUN_OF_IT)

    assert now.frozen_columns == tuple(names[:-1])
    assert now.frozen_column_count == len(names)


def test_a_dataset_that_the_report_leaves_out_stays_as_it_is_known(resource: MakeResource) -> None:
    assert dataset_records(spec_of(resource), [KNOWN], said(), RUN_OF_IT) == (KNOWN,)
    assert dataset_records(spec_of(resource), [KNOWN], None, RUN_OF_IT) == (KNOWN,)


@pytest.mark.parametrize(
    ("known", "in_spec", "year"), [(2020, 2021, 2021), (2020, None, 2020), (None, 2021, 2021)]
)
def test_the_year_is_the_manifests_if_it_gives_one(
    resource: MakeResource, known: int | None, in_spec: int | None, year: int
) -> None:
    dataset = {"id": "rq3b-xjk8"} | ({"year": in_spec} if in_spec else {})
    spec = resource(datasets=[dataset]).spec

    (now,) = dataset_records(spec, [replace(KNOWN, year=known)], None, RUN_OF_IT)

    assert now == replace(KNOWN, year=year)


def test_datasets_are_those_in_use_in_the_manifests_order(resource: MakeResource) -> None:
    spec = resource(datasets=[{"id": "aaaa-aaaa", "year": 7000 - 5000}, {"id": "rq3b-xjk8"}]).spec
    gone = DatasetStatus(id="gone-gone")

    assert dataset_records(spec, [gone, KNOWN], None, RUN_OF_IT) == (
        DatasetStatus(id="aaaa-aaaa", year=2000),
        KNOWN,
    )


def test_without_a_readable_spec_they_are_those_known_and_those_told() -> None:
    report = said(
        {"id": "rq3b-xjk8", "year": 1999, "verified": True}, {"id": "new4-new4", "year": 5}
    )

    now = dataset_records(None, [KNOWN], report, RUN_OF_IT)

    assert now == (replace(KNOWN, error=None), DatasetStatus(id="new4-new4", year=5))
    assert dataset_records(None, [KNOWN], None, RUN_OF_IT) == (KNOWN,)


@pytest.mark.parametrize(
    ("watermarks", "oldest"),
    [([], None), ([START], START), ([NOW, START], START), ([START, None], None), ([None], None)],
)
def test_the_next_update_starts_at_the_oldest_watermark_if_all_have_one(
    watermarks: list[Any], oldest: Any
) -> None:
    datasets = [DatasetStatus(id="d", last_synced_since=each) for each in watermarks]

    assert oldest_watermark(datasets) == oldest


# the whole status


def wait(**more: Any) -> Action:
    return Action(
        kind=Kind.WAIT, reason="WaitingForSchedule", message="m", **{"settled": START, **more}
    )


def test_the_schedule_s_part_of_the_status(resource: MakeResource) -> None:
    before = SyncStatus(missed_runs=2, slots_settled_through=SLOT, next_schedule_time=SLOT)
    missed = Missed(newest=START, count=3, reason="StartingDeadlineExceeded")

    now = next_status(resource(status=before, generation=5), wait(next_due=NOW, missed=missed), NOW)
    assert (now.observed_generation, now.observed_schedule) == (5, "0 7 * * * Etc/UTC")
    assert (now.slots_settled_through, now.next_schedule_time) == (START, NOW)
    assert now.missed_runs == 5
    assert next_status(resource(status=before), wait(), NOW).missed_runs == 2
    assert next_status(resource(), wait(missed=missed), NOW).missed_runs == 3
    assert next_status(resource(), wait(), NOW).missed_runs is None

    unscheduled = next_status(resource(status=before, schedule=None), wait(), NOW)
    assert (unscheduled.observed_schedule, unscheduled.next_schedule_time) == ("", None)
    assert unscheduled.slots_settled_through == START, "for retries count from there, too"

    broken = next_status(
        resource(status=before, timeZone="Mars/Olympus", generation=6), wait(next_due=NOW), NOW
    )
    assert (broken.observed_generation, broken.next_schedule_time) == (6, None)
    assert (broken.slots_settled_through, broken.missed_runs) == (SLOT, 2)


@pytest.mark.parametrize(
    ("action", "asked", "handled"),
    [
        ({}, {"requestedAt": "r2", "full": "f2", "cancelAt": "c2"}, ("r1", "f1", "c1")),
        ({"refused": True}, {"requestedAt": "r2", "full": "f2"}, ("r2", "f2", "c1")),
        ({"refused": True}, {"requestedAt": "r2"}, ("r2", "f1", "c1")),
        ({"refused": True}, {"full": "f2"}, ("r1", "f2", "c1")),
        ({"cancelled": True}, {"requestedAt": "r2", "cancelAt": "c2"}, ("r1", "f1", "c2")),
    ],
)
def test_which_requests_are_answered(
    resource: MakeResource, action: dict[str, bool], asked: dict[str, str], handled: tuple[str, ...]
) -> None:
    before = SyncStatus(
        last_handled_reconcile_at="r1", last_handled_full_at="f1", last_handled_cancel_at="c1"
    )

    now = next_status(resource(status=before, asked=asked), wait(**action), NOW)

    assert handled == (
        now.last_handled_reconcile_at,
        now.last_handled_full_at,
        now.last_handled_cancel_at,
    )


def test_at_first_sight_a_job_says_what_it_was_started_for(
    resource: MakeResource, job: MakeJob
) -> None:
    notes = {"requestedAt": "r2", "full": "f2", "fingerprint": "2"}
    seen = replace(job("la-311-9", notes=notes, slot="2026-11-23T06:59:00Z"), fingerprint="2")
    bare = replace(seen, requested=None, full=None, fingerprint=None, slot=None)
    before = SyncStatus(
        active_run=replace(ACTIVE, uid="another"),
        loaded_spec_hash="1",
        last_handled_reconcile_at="r1",
        last_handled_full_at="f1",
        last_schedule_time=START,
    )

    def told(one: ObservedJob, status: SyncStatus) -> tuple[Any, ...]:
        away = Away(reason="PodNotStarting", message="no secret")
        action = wait(job=one, away=away)
        now = next_status(resource(status=status), action, NOW, progress=ACTIVE.progress)
        assert now.active_run == active_run(one, ACTIVE.progress, away)
        return (
            now.loaded_spec_hash,
            now.last_handled_reconcile_at,
            now.last_handled_full_at,
            now.last_schedule_time,
        )

    assert told(seen, before) == ("2", "r2", "f2", SLOT)
    assert told(bare, before) == ("1", "r1", "f1", START)
    again = replace(before, active_run=active_run(seen, None))
    assert told(seen, again) == ("1", "r1", "f1", START), "known already"


def test_progress_stays_until_there_is_more_of_it(resource: MakeResource, job: MakeJob) -> None:
    seen = job("la-311-9")
    known = SyncStatus(active_run=active_run(seen, Progress(stage="download")))

    def progress(more: Progress | None) -> Progress | None:
        now = next_status(resource(status=known), wait(job=seen), NOW, progress=more)
        return now.active_run.progress if now.active_run else None

    assert progress(None) == Progress(stage="download")
    assert progress(Progress(stage="merge")) == Progress(stage="merge")


@pytest.mark.parametrize(
    ("result", "succeeded", "failed", "failures"),
    [
        (Result.SUCCEEDED, at("2026-11-23T07:04:12"), START, 0),
        (Result.NO_CHANGE, at("2026-11-23T07:04:12"), START, 0),
        (Result.FAILED, START, at("2026-11-23T07:04:12"), 3),
        (Result.CANCELLED, START, START, 2),
        (Result.LOST, START, START, 2),
    ],
)
def test_what_the_end_of_a_run_moves(
    resource: MakeResource, result: Result, succeeded: Any, failed: Any, failures: int
) -> None:
    before = SyncStatus(
        active_run=ACTIVE,
        last_successful_time=START,
        last_failure_time=START,
        consecutive_failures=2,
        rows=ROWS,
    )

    now = next_status(resource(status=before), wait(), NOW, outcome=ended(result))

    assert (now.last_successful_time, now.last_failure_time) == (succeeded, failed)
    assert now.consecutive_failures == failures
    assert now.active_run is None
    assert now.last_run == last_run(ACTIVE, ended(result))
    assert now.rows == RowCounts(target=9)


def test_a_first_failure_counts_as_one(resource: MakeResource) -> None:
    now = next_status(resource(), wait(), NOW, outcome=ended(Result.FAILED))

    assert now.consecutive_failures == 1


def test_datasets_follow_the_spec_also_without_a_run(resource: MakeResource) -> None:
    other = replace(KNOWN, id="pvft-t768", year=2019, last_synced_since=NOW)
    before = SyncStatus(datasets=(KNOWN, other), last_synced_since=START)

    kept = next_status(resource(status=before), wait(), NOW)
    fewer = next_status(resource(status=before, years=[2019]), wait(), NOW)
    broken = next_status(resource(status=before, timeZone="Mars/Olympus"), wait(), NOW)

    assert (kept.datasets, kept.last_synced_since) == ((KNOWN, other), START)
    assert (fewer.datasets, fewer.last_synced_since) == ((other,), NOW)
    assert (broken.datasets, broken.last_synced_since) == ((KNOWN, other), START)
    assert next_status(resource(), wait(), NOW).datasets is None


SIZE = TableSize(bytes=8192, index_bytes=0)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({}, SIZE),
        ({"table": None}, SIZE),
        ({"table": {}}, SIZE),
        ({"table": {"indexBytes": 1}}, SIZE),
        ({"table": {"bytes": 0, "indexBytes": 7}}, TableSize(bytes=0, index_bytes=7)),
        ({"table": {"bytes": 9}}, TableSize(bytes=9)),
    ],
)
@pytest.mark.parametrize("only", [None, "year=2020"])
def test_how_large_the_table_is_stays_known_until_a_run_of_any_kind_measures_it(
    resource: MakeResource, told: dict[str, Any], kept: TableSize, only: str | None
) -> None:
    before = SyncStatus(active_run=replace(ACTIVE, only=only), table=SIZE)

    now = next_status(resource(status=before), wait(), NOW, outcome=ended(report=said(**told)))

    assert now.table == kept


def test_of_a_run_without_a_report_the_tables_size_is_not_known(resource: MakeResource) -> None:
    before = SyncStatus(active_run=ACTIVE)

    assert next_status(resource(status=before), wait(), NOW, outcome=ended()).table is None
