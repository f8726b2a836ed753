"""Somebody alters or empties the target while a run reads: the run gives way, and the next one puts all right."""

from __future__ import annotations

import pytest
from tests.postgres.conftest import PARK_COLUMNS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

DDL = {
    "emptied": "TRUNCATE parks",
    "emptied row by row": "DELETE FROM parks",
    "dropped": "DROP TABLE parks",
    "renamed": "ALTER TABLE parks RENAME TO other",
    "made anew": "DROP TABLE parks; CREATE TABLE parks (name text PRIMARY KEY, acres numeric)",
    "with a column less": "ALTER TABLE parks DROP COLUMN acres",
    "with another type": "ALTER TABLE parks ALTER COLUMN acres TYPE text",
}


@pytest.fixture
def loaded(sync: Sync, portal: Portal, parks: Dataset) -> Dataset:
    """Parks that are in, one of them changed since."""
    sync.spec["source"] = {"pageSize": 2}
    sync.well()
    parks.update(parks.find(name="p1"), acres=100)
    return parks


def contents(sync: Sync) -> dict[str, str]:
    """Each park's acres, whatever the column's type is now."""
    rows = sync.query("SELECT name, acres::text AS acres FROM parks")
    return {row["name"]: row["acres"] for row in rows}


EXPECTED = {"p0": "0", "p1": "100", "p2": "2", "p3": "3", "p4": "4"}


@pytest.mark.parametrize("ddl", DDL.values(), ids=DDL)
@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_table_that_others_change_meanwhile_is_not_merged_into(
    sync: Sync, portal: Portal, loaded: Dataset, ddl: str, mode: str
) -> None:
    before = sync.query("SELECT watermark FROM socratasync.datasets")
    portal.faults.add(Fault.doing(lambda: sync.query(ddl)), times=1, on="rows")

    report = sync.run(run="night", mode=mode)

    assert (report.exit_code, report.failure and report.failure.reason) == (75, "TargetBusy")
    assert sync.query("SELECT watermark FROM socratasync.datasets") == before
    portal.faults.clear()
    sync.well(run="night", mode=mode)
    assert contents(sync) == EXPECTED


def test_a_table_that_others_make_meanwhile_is_not_merged_into(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    made = "CREATE TABLE parks (name text PRIMARY KEY, acres numeric)"
    portal.faults.add(Fault.doing(lambda: sync.query(made)), times=1, on="rows")

    assert sync.run().exit_code == 75

    portal.faults.clear()
    sync.well()
    assert len(contents(sync)) == 5


@pytest.mark.parametrize(
    "ddl", ["CREATE INDEX ON parks (acres)", "ANALYZE parks", "CREATE VIEW seen AS TABLE parks"]
)
def test_what_leaves_rows_and_columns_alone_is_none_of_the_runs_business(
    sync: Sync, portal: Portal, loaded: Dataset, ddl: str
) -> None:
    portal.faults.add(Fault.doing(lambda: sync.query(ddl)), times=1, on="rows")

    sync.well()

    assert contents(sync) == EXPECTED


def test_what_an_earlier_try_merged_counts_only_while_it_is_there(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    other = portal.add_dataset("othe-0001", PARK_COLUMNS, [{"name": "q0", "acres": 9}])
    sync.well()
    sync.spec["parallelism"] = 1
    parks.update(parks.find(name="p1"), acres=100)
    other.update(other.find(name="q0"), acres=10)
    empty = Fault.doing(lambda: sync.query("TRUNCATE parks"))
    portal.faults.add(empty, times=1, on="rows", dataset="othe-0001")

    assert sync.run(run="night").exit_code == 75

    portal.faults.clear()
    sync.well(run="night")
    assert contents(sync) == {**EXPECTED, "q0": "10"}


def test_a_table_that_the_run_itself_makes_and_completes_is_its_own(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    more = [*PARK_COLUMNS, ("lake", "text")]
    portal.add_dataset("othe-0001", PARK_COLUMNS, [{"name": "q0", "acres": 9}])
    sync.well()
    portal.add_dataset("lake-0001", more, [{"name": "l0", "acres": 1, "lake": "yes"}])

    sync.well()

    assert len(contents(sync)) == 7
