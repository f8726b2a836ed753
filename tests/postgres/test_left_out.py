"""Rows without a key of their own: they count as missing, and are told until there are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal


@pytest.fixture
def doubled(parks: Dataset) -> Dataset:
    """Five parks, and two rows more that have the names of two of them."""
    parks.insert({"name": "p1", "acres": 100}, {"name": "p2", "acres": 200})
    return parks


def left_out(sync: Sync) -> int:
    """What the bookkeeping says."""
    (row,) = sync.query("SELECT left_out FROM socratasync.datasets WHERE dataset = %s", PARKS)
    return int(row["left_out"])


@pytest.mark.parametrize("mode", ["update", "full"])
@pytest.mark.usefixtures("pace")
def test_rows_with_the_key_of_another_are_missing(sync: Sync, doubled: Dataset, mode: str) -> None:
    report = sync.well(mode=mode)

    (dataset,) = report.datasets
    assert (dataset.left_out, dataset.shared, dataset.duplicates) == (2, 0, 2)
    assert dataset.verified is False
    assert (dataset.rows.target, dataset.source_rows) == (5, 7)
    assert "2 rows have no name of their own" in " ".join(report.warnings)


def test_they_are_told_of_in_every_run_until_there_are_none(sync: Sync, doubled: Dataset) -> None:
    sync.well()
    for mode in ("update", "update", "full"):
        dataset = sync.one(mode=mode)
        assert (dataset.left_out, dataset.verified, left_out(sync)) == (2, False, 2)

    first, second = doubled.find(acres=100), doubled.find(acres=200)
    doubled.update(first, name="p5")
    dataset = sync.one()
    assert (dataset.left_out, dataset.verified, left_out(sync)) == (1, False, 1)

    doubled.update(second, name="p6")
    dataset = sync.one()
    assert (dataset.left_out, dataset.verified, left_out(sync)) == (0, True, 0)
    assert sync.acres() == {"p0": 0, "p1": 1, "p2": 2, "p3": 3, "p4": 4, "p5": 100, "p6": 200}


@pytest.mark.parametrize("mode", ["update", "full", "reset"])
@pytest.mark.parametrize("loaded", [False, True], ids=["first load", "later load"])
@pytest.mark.usefixtures("pace")
def test_under_fail_nothing_is_merged(sync: Sync, parks: Dataset, mode: str, loaded: bool) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    if loaded:
        sync.well()
    sync.spec["target"]["reset"] = mode == "reset"
    before = sync.query("SELECT to_regclass('parks') IS NOT NULL AS there")
    added = parks.insert({"name": "p1", "acres": 100}, {"name": None, "acres": 6})

    report = sync.run(mode="update" if mode == "update" else "full")

    assert (report.exit_code, report.failure and report.failure.reason) == (65, "RowCountMismatch")
    assert report.failure is not None
    for said in ("having no name", "the name of another row, which", "Nothing was merged"):
        assert said in report.failure.message
    if loaded:
        assert sync.acres() == {f"p{n}": n for n in range(5)}
    else:
        assert before == [{"there": False}]
        assert sync.query("SELECT * FROM socratasync.datasets") == []

    parks.delete(added)
    sync.well(mode="update" if mode == "update" else "full")
    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_the_tolerance_allows_for_them(sync: Sync, doubled: Dataset) -> None:
    sync.spec["verify"] = {"rowCount": "Fail", "tolerance": 2}

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified) == (2, True)


@pytest.mark.parametrize(
    ("at_once", "says"),
    [
        pytest.param(
            [1, 1],
            "1 row left out for having the name of another row, which changed later",
            id="older",
        ),
        pytest.param([2], "which is as new, and which the portal lists last", id="as new"),
        pytest.param(
            [1, 2],
            "2 rows left out for having the name of another row, which changed later or, in 1 cases, is as new",
            id="both",
        ),
    ],
)
def test_the_warning_says_which_row_won_and_why(
    sync: Sync, parks: Dataset, at_once: list[int], says: str
) -> None:
    for rows in at_once:
        parks.insert(*({"name": "same", "acres": number} for number in range(rows)))

    report = sync.well()

    assert any(says in warning for warning in report.warnings), report.warnings
    assert sync.acres()["same"] == at_once[-1] - 1


def test_a_row_that_takes_the_key_of_one_that_stays_leaves_it_out(
    sync: Sync, parks: Dataset
) -> None:
    """Nothing but the source can say whether the first row is gone, or has lost its place."""
    sync.well()
    parks.insert({"name": "p1", "acres": 100})

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified, sync.acres()["p1"]) == (1, False, 100)


@pytest.mark.parametrize("stays", [True, False])
def test_nor_need_the_one_that_stays_be_read_again(
    sync: Sync, portal: Portal, clock: Clock, stays: bool
) -> None:
    clock.at = datetime.now(UTC) - timedelta(days=9)
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    parks = portal.add_dataset(PARKS, PARK_COLUMNS, [{"name": "p1", "acres": 1}])
    clock.at += timedelta(days=1)
    parks.insert({"name": "p2", "acres": 2})
    sync.well()
    clock.at += timedelta(days=1)
    if not stays:
        parks.delete(parks.find(name="p1"))
    parks.insert({"name": "p1", "acres": 100})

    dataset = sync.one()

    assert (dataset.rows.downloaded, sync.acres()) == (2, {"p1": 100, "p2": 2})
    assert (dataset.left_out, dataset.verified) == (int(stays), not stays)


def test_a_row_that_replaces_another_leaves_nothing_out(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.delete(parks.find(name="p1"))
    parks.insert({"name": "p1", "acres": 100})

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified, sync.acres()["p1"]) == (0, True, 100)


def test_without_provenance_they_are_counted_as_well(sync: Sync, doubled: Dataset) -> None:
    sync.spec["target"]["provenance"] = False
    for _ in range(2):
        dataset = sync.one()
        assert (dataset.left_out, dataset.verified) == (2, False)


def test_without_provenance_those_with_bad_values_are_counted_with_them(
    sync: Sync, doubled: Dataset
) -> None:
    fields = {"name": "varchar(3)", "acres": ""}
    sync.spec["target"].update(provenance=False, onBadValue="Skip", fields=fields)
    doubled.insert({"name": "too long", "acres": 1})

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified) == (3, False)


@pytest.mark.parametrize("provenance", [True, False])
def test_rows_that_go_while_they_are_read_are_no_fault(
    sync: Sync, portal: Portal, parks: Dataset, provenance: bool
) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    sync.spec["target"]["provenance"] = provenance
    gone = Fault.doing(lambda: parks.delete(parks.find(name="p4")))
    portal.faults.add(gone, times=1, on="rows")

    report = sync.well()

    (dataset,) = report.datasets
    assert (report.target_rows, dataset.source_rows, dataset.verified) == (4, 4, True)


def test_a_row_too_many_makes_not_up_for_one_that_is_left_out(sync: Sync, doubled: Dataset) -> None:
    sync.spec["verify"] = {"tolerance": 2}
    sync.well()
    doubled.delete(doubled.find(name="p3"))

    dataset = sync.one()

    assert (dataset.rows.target, dataset.left_out, dataset.source_rows) == (5, 2, 6)
    assert dataset.verified is True  # by the tolerance
    sync.spec["verify"] = {"tolerance": 0}
    doubled.delete(doubled.find(name="p4"))
    assert sync.one().verified is False


def test_a_left_out_row_that_is_gone_is_forgotten(sync: Sync, doubled: Dataset) -> None:
    sync.well()
    doubled.delete(doubled.find(acres=1))

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified) == (1, False)
    doubled.delete(doubled.find(acres=2))
    dataset = sync.one()
    assert (dataset.left_out, dataset.verified) == (0, True)
