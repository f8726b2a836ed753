"""Pages into a stage: cut answers lose nothing, and whatever kills a run, the next goes on."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import Sync
from tests.postgres.killed import kill_midway

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.progress import Silent
from socratasync.errors import Terminated

EXPECTED = {f"p{n}": n for n in range(5)}
TROUBLES = {
    "a status 202": Fault.status(202),
    "a 408": Fault.status(408),
    "a 429 without Retry-After": Fault.status(429),
    "a 429 with Retry-After": Fault.status(429, retry_after=0),
    "a 500": Fault.status(500),
    "a bare error": Fault.bare_error(500),
    "a 502 in HTML": Fault.status(502),
    "a 503 in HTML": Fault.status(503),
    "a reset before the answer": Fault.reset(),
    "a reset within the body": Fault.reset(after_bytes=60),
    "a proxy's log-in page": Fault.login_page(),
}


@pytest.mark.parametrize("fault", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("on", ["rows", "count", "metadata"])
def test_trouble_that_passes_is_waited_out(
    sync: Sync, portal: Portal, parks: Dataset, fault: Fault, on: str
) -> None:
    portal.faults.add(fault, times=2, on=on)

    assert sync.one().rows.inserted == 5
    assert sync.acres() == EXPECTED


@pytest.mark.parametrize("on", ["rows", "count", "metadata"])
def test_trouble_that_stays_ends_the_run_with_75_and_leaves_the_target_alone(
    sync: Sync, portal: Portal, parks: Dataset, on: str
) -> None:
    sync.well()
    parks.update(parks.find(name="p1"), acres=11)
    before = sync.query("SELECT * FROM socratasync.datasets")
    portal.faults.add(Fault.status(503), times=None, on=on)

    report = sync.run()

    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "SourceUnavailable"
    assert sync.acres() == EXPECTED
    assert sync.query("SELECT * FROM socratasync.datasets") == before


def test_retries_are_bounded(sync: Sync, portal: Portal, parks: Dataset) -> None:
    portal.faults.add(Fault.status(500), times=None, on="rows")

    sync.run()

    assert len(sync.pages()) == 4  # the attempts of the policy


def test_throttling_is_named_and_its_wait_is_honoured(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.status(429, retry_after=3600), times=None, on="rows")

    report = sync.run()

    assert report.as_dict()["error"]["reason"] == "SourceThrottled"
    assert len(sync.pages()) == 1  # an hour is longer than a run waits, so it does not try again


def test_a_query_that_is_too_slow_is_asked_for_in_smaller_pages(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=100)
    sync.spec["source"] = {"pageSize": 40_000}
    portal.faults.add(Fault.status(408), times=2, on="rows")

    sync.well()

    assert [p["$limit"] for p in sync.pages()] == ["40000", "20000", "10000", "10000"]


def test_a_small_page_is_never_made_larger(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.spec["source"] = {"pageSize": 3}
    portal.faults.add(Fault.status(408), times=1, on="rows")

    sync.well()

    assert {p["$limit"] for p in sync.pages()} == {"3"}


# -- cut answers -----------------------------------------------------------------------------------


def long_rows(portal: Portal) -> Dataset:
    """Rows whose cells hold quotes, newlines and commas, so that a cut falls into all of them."""
    text = 'a "quoted", and\nbroken ""line'
    rows = [{"name": f"p{n}", "acres": n, "note": f"{n} {text}"} for n in range(5)]
    columns = [("name", "text"), ("acres", "number"), ("note", "text")]
    return portal.add_dataset("park-0002", columns, rows)


@pytest.mark.parametrize("verify", ["Warn", "Off"])
@pytest.mark.parametrize(
    ("compressed", "cuts"),
    [(False, range(0, 540, 11)), (True, range(0, 280, 11))],
    ids=["text cut", "gzip cut"],
)
def test_an_answer_cut_anywhere_loses_nothing(
    sync: Sync, portal: Portal, parks: Dataset, compressed: bool, cuts: range, verify: str
) -> None:
    portal.datasets.clear()
    long_rows(portal)
    sync.spec["verify"] = {"rowCount": verify}
    for cut in cuts:
        sync.forget()
        portal.faults.add(Fault.truncated(cut, compressed=compressed), times=1, on="rows")

        dataset = sync.one()

        assert sync.acres() == EXPECTED, cut
        assert dataset.rows.inserted == dataset.rows.downloaded == 5, cut


@pytest.mark.parametrize("page", [0, 1, 2])
def test_an_answer_cut_right_after_its_header_line_is_not_the_end(
    sync: Sync, portal: Portal, parks: Dataset, page: int
) -> None:
    """It looks like a page after the last row, and no later count would tell."""
    sync.spec["verify"] = {"rowCount": "Off"}
    sync.spec["source"] = {"pageSize": 2}
    header = '"name","acres","opened",":updated_at",":id"\n'
    portal.faults.add(Fault.truncated(len(header)), after=page, on="rows")

    assert sync.one().rows.inserted == 5
    assert sync.acres() == EXPECTED


@pytest.mark.parametrize("verify", ["Warn", "Off"])
def test_a_short_page_is_not_the_end(
    sync: Sync, portal: Portal, parks: Dataset, verify: str
) -> None:
    sync.spec["verify"] = {"rowCount": verify}
    portal.faults.add(Fault.short_page(2), times=1, on="rows")

    assert sync.one().rows.downloaded == 5


def test_an_empty_page_that_lies_is_found_by_the_count(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.short_page(0), times=1, after=1, on="rows")

    report = sync.well()

    assert report.rows.downloaded == 5
    assert report.warnings == []


def test_a_source_that_keeps_rows_back_is_reported_and_read_again(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")

    report = sync.well()

    assert report.datasets[0].verified is False
    assert any("5 rows came, but Socrata counts 9" in w for w in report.warnings)
    portal.faults.clear()
    assert sync.one().mode == "full"  # the watermark did not move


def test_verify_fail_merges_nothing(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")

    report = sync.run()

    assert report.exit_code == 65
    assert report.as_dict()["error"]["reason"] == "RowCountMismatch"
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


@pytest.mark.parametrize("tolerance", [4, "80%"])
def test_a_count_within_the_tolerance_passes(
    sync: Sync, portal: Portal, parks: Dataset, tolerance: Any
) -> None:
    sync.spec["verify"] = {"rowCount": "Fail", "tolerance": tolerance}
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")

    assert sync.one().rows.inserted == 5


def test_rows_that_come_and_go_between_pages_are_no_mismatch(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    gone = parks.find(name="p0")
    portal.faults.add(Fault.doing(lambda: parks.insert({"name": "p9"})), after=1, on="rows")
    portal.faults.add(Fault.doing(lambda: parks.delete(gone)), after=2, on="rows")

    report = sync.well()

    assert report.warnings == []
    assert {"p1", "p2", "p3", "p4", "p9"} <= set(sync.acres())


def test_a_dataset_replaced_between_pages_ends_right(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.doing(lambda: parks.replace_all()), times=1, after=1, on="rows")

    report = sync.well()

    assert report.rows.inserted == 5
    assert report.datasets[0].duplicates == 0
    assert sync.acres() == EXPECTED


def test_columns_that_change_between_pages_are_not_mixed_up(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(
        Fault.doing(lambda: parks.rename_column("acres", "area")), times=1, after=1, on="rows"
    )

    report = sync.run()

    assert report.exit_code == 65
    assert report.as_dict()["error"]["reason"] == "SchemaChanged"
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


def test_a_value_that_does_not_fit_is_refused_with_its_place(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["fields"] = {"name": "integer", "acres": ""}

    report = sync.run()

    assert report.exit_code == 65
    assert 'invalid input syntax for type integer: "p0"' in report.as_dict()["error"]["message"]
    assert "column name" in report.as_dict()["error"]["message"]


# -- a replica that lags -----------------------------------------------------------------------------


def test_rows_of_a_lagging_replica_do_not_advance_the_watermark_beyond_it(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    """A day later, when no replica would be taken for being behind that does not say so."""
    options = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=1))
    sync.well(options=options)
    (before,) = sync.query("SELECT * FROM socratasync.datasets")
    parks.lag()
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    parks.update(parks.find(name="p1"), acres=11)

    first = sync.one(options=options)
    (after,) = sync.query("SELECT * FROM socratasync.datasets")
    assert first.rows.updated == 0
    assert after["watermark"] == before["watermark"]
    assert after["rows_updated_at"] is None  # so that the next run does not think it has everything

    parks.catch_up()
    assert sync.one(options=options).rows.updated == 1
    assert sync.acres()["p1"] == 11


# -- going on --------------------------------------------------------------------------------------


class StopAfter(Silent):
    """Stops the run, as SIGTERM does, once so many rows are staged."""

    def __init__(self, rows: int, stopping: threading.Event) -> None:
        self.left = rows
        self.stopping = stopping

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        self.left -= rows
        if self.left <= 0:
            self.stopping.set()
            raise Terminated


def stopped_after(sync: Sync, rows: int, **order: Any) -> None:
    """A run that is stopped in mid-download."""
    stopping = threading.Event()
    how = sync.with_(progress=StopAfter(rows, stopping), stopping=stopping)
    report = sync.run(options=how, **order)
    assert report.exit_code == 143


def test_a_stopped_run_is_gone_on_with_inside_the_dataset(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=1000)
    sync.spec["source"] = {"pageSize": 100}
    stopped_after(sync, 500)
    read = len(sync.pages())
    assert read == 5

    dataset = sync.one()

    assert len(sync.pages()) - read == 6  # five pages and the empty one
    assert dataset.rows.downloaded == dataset.rows.inserted == 1000
    assert len(sync.table()) == 1000


def test_a_stage_with_another_question_is_begun_anew(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=1000)
    sync.spec["source"] = {"pageSize": 100}
    stopped_after(sync, 500)
    sync.spec["datasets"] = [{"id": "abcd-1234", "where": "srnumber is not null"}]

    assert sync.one().rows.downloaded == 1000
    assert len(sync.pages()) == 5 + 11


def test_an_old_stage_is_begun_anew_by_another_run_but_not_by_its_own(
    sync: Sync, portal: Portal
) -> None:
    portal.add_synthetic("abcd-1234", rows=300)
    sync.spec["source"] = {"pageSize": 100}
    stopped_after(sync, 100, run="one")
    later = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=2))

    sync.run(run="one", options=dataclasses.replace(later))
    assert len(sync.pages()) == 1 + 3


def test_a_stage_that_lost_its_rows_is_noticed(sync: Sync, portal: Portal) -> None:
    """As a crash of the server does to an unlogged one."""
    portal.add_synthetic("abcd-1234", rows=300)
    sync.spec["source"] = {"pageSize": 100}
    stopped_after(sync, 200)
    for table in sync.query("SELECT relname AS name FROM pg_class WHERE relname LIKE 'new%'"):
        sync.query(f"TRUNCATE socratasync.{table['name']}")

    assert sync.one().rows.downloaded == 300
    assert len(sync.table()) == 300


def test_a_dataset_that_an_earlier_try_merged_is_not_counted_twice(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset("sick-0000", [("name", "text"), ("acres", "number")], [{"name": "q"}])
    portal.faults.add(Fault.status(503), times=None, dataset="sick-0000", on="rows")
    first = sync.run(run="job-1")
    assert first.exit_code == 75
    portal.faults.clear()
    pages = len(sync.pages("park-0001"))

    second = sync.well(run="job-1")

    assert len(sync.pages("park-0001")) == pages
    assert second.rows.inserted == 6
    assert [d.rows.inserted for d in second.datasets] == [5, 1]


def test_the_source_as_it_was_before_the_first_page_counts_for_a_resumed_stage(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    """Rows that changed after they were staged must be read again by the next update."""
    sync.spec["source"] = {"pageSize": 1}
    stopped_after(sync, 3)
    parks.update(parks.find(name="p0"), acres=100)

    sync.well()
    sync.well()

    assert sync.acres()["p0"] == 100


def test_whoever_goes_on_with_a_stage_tells_when_the_portal_now_says_that_rows_changed(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 1}
    stopped_after(sync, 3)
    later = parks.truth.changed_at // 1000 + 60
    parks.metadata["rowsUpdatedAt"] = later

    told = sync.one().source_updated_at

    assert told is not None
    assert told.timestamp() == later


def test_a_killed_process_loses_no_page_that_was_staged(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=1000)
    sync.spec["source"] = {"pageSize": 100}
    kill_midway(sync.request(run="job-1"))
    (checkpoint,) = sync.query("SELECT * FROM socratasync.checkpoints WHERE stage LIKE 'stage%'")
    assert checkpoint["rows"] == 500

    dataset = sync.one(run="job-1", options=sync.with_(lock_wait_s=20))

    assert len(sync.pages()) == 11
    assert dataset.rows.inserted == 1000
    assert len(sync.table()) == 1000


# -- two runs at one stage ---------------------------------------------------------------------------


def test_a_run_whose_stage_another_one_has_taken_over_adds_nothing_to_it(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    """The lock of the table was lost meanwhile, and the other run goes on with the stage."""
    sync.spec["source"] = {"pageSize": 2}
    taken = "UPDATE socratasync.checkpoints SET run = 'another'"
    portal.faults.add(Fault.doing(lambda: sync.query(taken)), after=1, on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "TargetBusy"
    (left,) = sync.query("SELECT run, rows FROM socratasync.checkpoints WHERE stage LIKE 'stage%'")
    assert left == {"run": "another", "rows": 2}
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]
