"""Locks, signals, crashes: whatever happens to a run or its server, nothing is left half-done."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from tests.conftest import wheel_server
from tests.postgres.conftest import Row, Sync
from tests.postgres.worker import Worker

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.target.table_lock import run_lock_number


def test_a_second_run_waits_and_then_gives_way(sync: Sync, parks: Dataset) -> None:
    with psycopg.connect(sync.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.parks")])

        report = sync.run()

    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "TargetBusy"
    assert "another run is loading public.parks" in report.as_dict()["error"]["message"]
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


def test_a_second_run_goes_on_once_the_first_is_done(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    started: list[Future[RunReport]] = []
    patient = sync.with_(lock_wait_s=20)
    with ThreadPoolExecutor(1) as pool:

        def start_second() -> None:
            started.append(pool.submit(sync.run, run="two", options=patient))

        portal.faults.add(Fault.doing(start_second), on="rows")

        first = sync.well(run="one")
        (second,) = (future.result() for future in started)

    assert first.rows.inserted == 5
    assert second.exit_code == 0
    assert second.rows.inserted == 0


def test_runs_on_other_tables_do_not_wait(sync: Sync, parks: Dataset) -> None:
    with psycopg.connect(sync.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.other")])

        assert sync.one().rows.inserted == 5


def test_readers_that_hold_the_table_make_a_reset_give_way(sync: Sync, parks: Dataset) -> None:
    """Nothing waits for ever for a reader: the next try may find it gone."""
    sync.spec["target"]["reset"] = True
    sync.well(mode="full")
    with psycopg.connect(sync.dsn) as reader:
        reader.execute("SELECT count(*) FROM parks")

        report = sync.run(mode="full", options=sync.with_(target_wait_s=0.2))

    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "TargetBusy"
    assert len(sync.acres()) == 5


def test_the_lock_is_free_and_the_record_written_after_a_failure(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.status(503), times=None, on="rows")
    sync.run(run="bad")

    (record,) = sync.query("SELECT * FROM socratasync.runs")
    assert (record["ok"], record["report"]["error"]["reason"]) == (False, "SourceUnavailable")
    assert record["finished_at"] is not None
    assert advisory_locks(sync) == []


def test_a_run_is_recorded_with_its_whole_report(sync: Sync, parks: Dataset) -> None:
    report = sync.well(run="good")

    (record,) = sync.query("SELECT * FROM socratasync.runs")
    assert (record["run"], record["target"], record["mode"]) == ("good", "public.parks", "update")
    assert (record["ok"], record["changed"], record["refreshed"]) == (True, True, True)
    assert record["report"] == report.as_dict()


# -- signals ---------------------------------------------------------------------------------------

HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
SLEEPING = f"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datid = {HERE}"
WAITING = f"SELECT 1 FROM pg_locks WHERE NOT granted AND database = {HERE}"


def advisory_locks(sync: Sync) -> list[Row]:
    return sync.query(f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = {HERE}")


def test_sigterm_in_mid_download_leaves_a_stage_to_go_on_with(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=1000)
    sync.spec["source"] = {"pageSize": 100}
    reached = threading.Event()
    portal.faults.add(Fault.slow_drip(piece=10, seconds=0.2), after=3, on="rows")
    portal.faults.add(Fault.doing(reached.set), after=3, on="rows")

    with Worker(sync) as worker:
        assert reached.wait(30)
        worker.terminate()
        assert worker.exit_code() == 143

    assert advisory_locks(sync) == []
    (checkpoint,) = sync.query("SELECT * FROM socratasync.checkpoints WHERE stage LIKE 'stage%'")
    assert checkpoint["rows"] == 300
    assert sync.one().rows.inserted == 1000


@pytest.mark.parametrize("reset", [False, True])
def test_sigterm_in_mid_merge_rolls_back_and_lets_go_of_the_lock(
    sync: Sync, parks: Dataset, reset: bool
) -> None:
    sync.well()
    sync.query(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_notify(''merging'', ''''), pg_sleep(60); RETURN new; END';"
        "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    parks.update(parks.find(name="p1"), acres=11)
    before = sync.acres()
    sync.spec["target"]["reset"] = reset

    with Worker(sync, mode="full") as worker, psycopg.connect(sync.dsn, autocommit=True) as watch:
        while not watch.execute(SLEEPING).fetchone():
            assert worker.process.poll() is None
            watch.execute("SELECT pg_stat_clear_snapshot()")
        worker.terminate()
        assert worker.exit_code() == 143
        still = watch.execute(SLEEPING)
        assert still.fetchone() is None

    assert sync.acres() == before
    assert advisory_locks(sync) == []


def test_sigterm_while_waiting_for_a_silent_source(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    reached, release = threading.Event(), threading.Event()

    def say_nothing() -> None:
        reached.set()
        release.wait(30)

    portal.faults.add(Fault.doing(say_nothing), on="metadata")
    try:
        with Worker(sync) as worker:
            assert reached.wait(30)
            worker.terminate()
            assert worker.exit_code() == 143
    finally:
        release.set()


def test_sigterm_while_waiting_for_another_run(sync: Sync, parks: Dataset) -> None:
    with psycopg.connect(sync.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.parks")])
        with Worker(sync) as worker:
            while not other.execute(WAITING).fetchone():
                assert worker.process.poll() is None
                other.execute("SELECT pg_sleep(0.02)")
            worker.terminate()
            assert worker.exit_code() == 143


# -- a server that dies ------------------------------------------------------------------------------


@pytest.fixture
def own_server(sync: Sync) -> Iterator[str]:
    """A server that a test may crash, since nobody else uses it."""
    with wheel_server(f"socratasync-crash-{uuid.uuid4().hex[:8]}") as dsn:
        sync.dsn = dsn
        yield dsn


def crash(dsn: str) -> None:
    """Kill a backend. PostgreSQL takes its shared memory for spoilt then: it throws everybody out,
    recovers, and empties all unlogged tables."""
    with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        victim.execute("SELECT 1")


def wait_for(dsn: str) -> None:
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True):
            return


@pytest.mark.parametrize(
    ("exists", "asked_again"),
    [
        pytest.param(True, 4, id="a stage is lost, and read again"),
        pytest.param(False, 2, id="a new table is gone on with"),
    ],
)
def test_a_server_that_crashes_loses_no_row_and_no_more_than_stages(
    sync: Sync, portal: Portal, own_server: str, exists: bool, asked_again: int
) -> None:
    portal.add_synthetic("abcd-1234", rows=300)
    sync.spec["source"] = {"pageSize": 100}
    if exists:
        sync.query("CREATE TABLE requests (srnumber text PRIMARY KEY)")

    def crash_after_writing() -> None:
        sync.query("CHECKPOINT")  # what was committed before is on the disk
        crash(own_server)

    portal.faults.add(Fault.doing(crash_after_writing), after=2, on="rows")

    report = sync.run(run="one")
    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "TargetUnavailable"

    wait_for(own_server)
    pages = len(sync.pages())
    dataset = sync.one(run="one")

    assert dataset.rows.inserted == 300
    assert len(sync.pages()) - pages == asked_again
    assert len(sync.table()) == 300
