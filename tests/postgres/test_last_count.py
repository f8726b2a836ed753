"""A run that finds nothing to load does not read the table, and what it says of it is true all the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.target.catalog import read_target
from socratasync.pipeline.target.last_count import read_evidence

ROWS = 300


@pytest.fixture
def many(portal: Portal, sync: Sync, clock: Clock) -> Dataset:
    """Parks that are in, and counted by a run that had nothing else to do."""
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    clock.at = datetime.now(UTC) - timedelta(days=5)  # what changed just now is looked at again
    rows = [{"name": f"p{n}", "acres": n} for n in range(ROWS)]
    parks = portal.add_dataset("park-0001", PARK_COLUMNS, rows)
    sync.well()
    all_is_told(sync)
    assert sync.well().rows.target == ROWS
    return parks


def all_is_told(sync: Sync) -> None:
    """Wait until PostgreSQL's statistics know of all writes: when a session has ended, they do."""
    others = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    until(lambda: not sync.query(others))
    if sync.query("SELECT current_setting('server_version_num')::int < 150000 AS old")[0]["old"]:
        seen = evidence(
            sync
        )  # a process of its own gathers them, and writes them down twice a second
        deadline = time.monotonic() + 1.5
        until(lambda: evidence(sync) != seen or time.monotonic() > deadline)


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline


def evidence(sync: Sync) -> str | None:
    with psycopg.connect(sync.dsn, autocommit=True) as connection:
        return read_evidence(connection, read_target(connection, "public", "parks"))


def pretend(sync: Sync) -> None:
    """Have the last run believe that the table holds a thousand rows more than it does: who says so has not
    looked."""
    sync.query(
        "UPDATE socratasync.counts SET counted = jsonb_set(counted, '{rows}', to_jsonb(1000"
        " + (counted->>'rows')::int))"
    )


def looked(report: RunReport) -> bool:
    assert report.target_rows is not None
    return report.target_rows < 1000


@pytest.mark.parametrize("provenance", [True, False])
def test_a_run_without_a_change_reads_no_more_of_a_table_than_its_first_row(
    sync: Sync, many: Dataset, provenance: bool
) -> None:
    if not provenance:
        sync.spec["target"]["provenance"] = False
        many.update(many.find(name="p1"), acres=100)
        sync.well()
        all_is_told(sync)
        sync.well()
    all_is_told(sync)
    read = (
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_user_tables"
        " WHERE relname = 'parks'"
    )
    (before,) = sync.query(read)

    report = sync.well()

    all_is_told(sync)
    (after,) = sync.query(read)
    assert after["rows"] - before["rows"] < 10
    (dataset,) = report.datasets
    assert (dataset.result, dataset.verified, report.target_rows) == ("NoChange", True, ROWS)
    assert (dataset.rows.target, dataset.left_out) == (ROWS if provenance else None, 0)


def test_it_goes_by_what_was_counted_and_says_when(sync: Sync, many: Dataset) -> None:
    counted = sync.well().as_dict()["countedAt"]
    pretend(sync)

    for _ in range(2):
        report = sync.well()
        assert not looked(report)
        assert report.as_dict()["countedAt"] == counted


WRITES = {
    "rows deleted": ("DELETE FROM parks WHERE name < 'p2'", False),
    "rows emptied and put back": (
        "CREATE TABLE kept AS TABLE parks; TRUNCATE parks; INSERT INTO parks TABLE kept", True,
    ),
    "rows of their own": ("INSERT INTO parks (name) VALUES ('mine')", True),
    "rows given away": ("UPDATE parks SET socrata_dataset = 'x' WHERE name = 'p7'", False),
    "the table written anew": ("VACUUM FULL parks", True),
    "statistics forgotten": ("SELECT pg_stat_reset_single_table_counters('parks'::regclass)", True),
    "bookkeeping that nobody can read": (
        "UPDATE socratasync.counts SET counted = '{\"at\": 7, \"rows\": []}'", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("write", "agrees"), WRITES.values(), ids=WRITES)
def test_what_others_do_to_the_table_is_counted(
    sync: Sync, many: Dataset, write: str, agrees: bool
) -> None:
    pretend(sync)
    for statement in write.split("; "):
        sync.query(statement)
    all_is_told(sync)

    report = sync.well()

    assert looked(report)
    assert report.target_rows == sync.query("SELECT count(*) AS n FROM parks")[0]["n"]
    assert report.datasets[0].verified is agrees
    assert bool(report.warnings) is not agrees


def test_bad_news_is_never_taken_from_memory(sync: Sync, many: Dataset) -> None:
    sync.spec["verify"] = {"tolerance": 1}
    sync.query("DELETE FROM parks WHERE name = 'p1'")
    all_is_told(sync)
    assert sync.well().datasets[0].verified is True
    pretend(sync)
    assert not looked(sync.well())

    sync.spec["verify"] = {"tolerance": 0}
    for _ in range(2):
        report = sync.well()
        assert looked(report)
        assert report.datasets[0].verified is False


def test_a_count_is_believed_for_a_week(sync: Sync, many: Dataset) -> None:
    pretend(sync)
    now = datetime.now(UTC)

    def after(days: float) -> Any:
        return sync.with_(clock=lambda: now + timedelta(days=days))

    assert not looked(sync.well(options=after(6.9)))
    assert looked(sync.well(options=after(7.1)))


def test_a_run_that_loads_or_follows_one_that_was_lost_counts(
    sync: Sync, portal: Portal, many: Dataset
) -> None:
    pretend(sync)
    portal.faults.add(Fault.status(503), times=None, on="metadata")
    assert not looked(sync.run())  # nothing was written, though nothing could be asked
    portal.faults.clear()

    many.update(many.find(name="p1"), acres=100)
    assert looked(sync.well())
    all_is_told(sync)
    sync.well()
    pretend(sync)
    sync.query(
        "INSERT INTO socratasync.runs (target, run, mode) VALUES ('public.parks', 'lost', 'update')"
    )
    assert looked(sync.well())
