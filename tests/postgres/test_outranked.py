"""Rows that another row's key keeps out of the table come back once that row has gone, and rows whose key was
corrected leave their old one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.merge.outranked import MOST_ASKED

OTHERS = "othe-rone"


@pytest.fixture
def others(sync: Sync, portal: Portal, parks: Dataset, clock: Clock) -> Dataset:
    """A second dataset, newer than the parks, that has p0 to p2 as well, and p7."""
    sync.shares_keys = True
    sync.spec["parallelism"] = 1
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    rows = [{"name": f"p{n}", "acres": 100 + n} for n in (0, 1, 2, 7)]
    return portal.add_dataset(OTHERS, PARK_COLUMNS, rows)


def standing(sync: Sync) -> dict[str, tuple[Any, ...]]:
    """Dataset → its rows in the table, shared and left out, and whether it is verified."""
    return {d.id: (d.rows.target, d.shared, d.left_out, d.verified) for d in sync.well().datasets}


def book(sync: Sync) -> list[tuple[str, str | None, bool]]:
    rows = sync.query("SELECT dataset, holder_dataset, owed FROM socratasync.outranked ORDER BY 1")
    return [(row["dataset"], row["holder_dataset"], row["owed"]) for row in rows]


@pytest.mark.parametrize("order", [[PARKS, OTHERS], [OTHERS, PARKS]], ids=["older first", "last"])
def test_what_datasets_share_is_counted(sync: Sync, others: Dataset, order: list[str]) -> None:
    sync.spec["datasets"] = [{"id": id} for id in order]
    sync.spec["verify"] = {"rowCount": "Fail"}
    expected = {PARKS: (2, 3, 0, True), OTHERS: (4, 0, 0, True)}

    assert standing(sync) == expected
    assert standing(sync) == expected
    assert book(sync) == [(PARKS, OTHERS, False)] * 3
    sync.well(mode="full")
    assert book(sync) == [(PARKS, OTHERS, False)] * 3


def test_what_is_missing_beyond_it_is_noticed(sync: Sync, others: Dataset) -> None:
    settled = datetime.now(UTC) + timedelta(days=1)
    sync.options = sync.with_(clock=lambda: settled)
    sync.well()
    sync.query("DELETE FROM parks WHERE name = 'p3'")

    assert standing(sync)[PARKS] == (1, 3, 0, False)


@pytest.mark.parametrize("order", [[PARKS, OTHERS], [OTHERS, PARKS]], ids=["older first", "last"])
@pytest.mark.parametrize("then", ["update", "full"])
def test_a_key_that_one_dataset_loses_comes_back_from_the_other(
    sync: Sync, others: Dataset, order: list[str], then: str
) -> None:
    sync.spec["datasets"] = [{"id": id} for id in order]
    sync.spec["target"]["prune"] = True
    sync.well()
    others.delete(others.find(name="p1"))

    sync.well(mode="full")
    sync.well(mode=then)

    assert sync.acres() == {"p0": 100, "p1": 1, "p2": 102, "p3": 3, "p4": 4, "p7": 107}
    assert standing(sync) == {PARKS: (3, 2, 0, True), OTHERS: (3, 0, 0, True)}


def test_the_debt_is_told_until_it_is_paid(sync: Sync, others: Dataset) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    others.delete(others.find(name="p1"))

    report = sync.well(mode="full")

    assert "p1" not in sync.acres()
    assert [d.verified for d in report.datasets] == [False, True]
    assert "1 of the missing rows are read anew by the next run" in " ".join(report.warnings)
    assert standing(sync)[PARKS] == (3, 2, 0, True)


def test_a_row_that_is_owed_and_gone_is_forgotten(
    sync: Sync, parks: Dataset, others: Dataset
) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    others.delete(others.find(name="p1"))
    sync.well(mode="full")
    parks.delete(parks.find(name="p1"))

    assert standing(sync)[PARKS] == (2, 2, 0, True)
    assert (PARKS, OTHERS, True) not in book(sync)


def test_many_rows_that_are_owed_are_read_by_a_full_load(
    sync: Sync, portal: Portal, clock: Clock
) -> None:
    sync.shares_keys = True
    sync.spec["parallelism"] = 1  # first come the rows that wait, then those that stood for them go
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["target"]["prune"] = True
    rows = [{"name": f"p{n}", "acres": n} for n in range(MOST_ASKED + 100)]
    for minute, id in enumerate((PARKS, OTHERS)):
        clock.at = datetime.now(UTC) + timedelta(minutes=minute)
        portal.add_dataset(id, PARK_COLUMNS, rows)
    sync.well()
    portal.datasets[OTHERS].delete(portal.datasets[OTHERS].ids()[:120])
    sync.well(mode="full")

    assert {d.id: d.mode for d in sync.well().datasets} == {PARKS: "full", OTHERS: "update"}
    assert len(sync.acres()) == MOST_ASKED + 100


@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_key_that_is_corrected_leaves_the_old_one(sync: Sync, parks: Dataset, mode: str) -> None:
    sync.well()
    parks.update(parks.find(name="p1"), name="p9")

    dataset = sync.one(mode=mode)

    assert sync.acres() == {"p0": 0, "p2": 2, "p3": 3, "p4": 4, "p9": 1}
    assert (dataset.rows.inserted, dataset.rows.deleted, dataset.verified) == (1, 1, True)


@pytest.mark.parametrize("mode", ["update", "full"])
def test_keys_that_change_places_keep_all_rows(sync: Sync, parks: Dataset, mode: str) -> None:
    sync.well()
    one, other = parks.find(name="p1"), parks.find(name="p2")
    parks.update(one, name="p2")
    parks.update(other, name="p1")

    dataset = sync.one(mode=mode)

    assert sync.acres() == {"p0": 0, "p1": 2, "p2": 1, "p3": 3, "p4": 4}
    assert dataset.verified is True


@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_key_that_became_null_leaves_the_old_one(sync: Sync, parks: Dataset, mode: str) -> None:
    sync.well()
    parks.update(parks.find(name="p1"), name=None)

    dataset = sync.one(mode=mode)

    assert sorted(sync.acres()) == ["p0", "p2", "p3", "p4"]
    assert (dataset.left_out, dataset.verified) == (1, False)


def test_a_row_comes_back_when_the_one_with_its_key_gets_another(
    sync: Sync, parks: Dataset
) -> None:
    parks.insert({"name": "p1", "acres": 100})
    sync.well()
    assert sync.acres()["p1"] == 100
    parks.update(parks.find(acres=100), name="p9")

    sync.well()
    dataset = sync.one()

    assert (sync.acres()["p1"], sync.acres()["p9"]) == (1, 100)
    assert (dataset.left_out, dataset.verified, book(sync)) == (0, True, [])


@pytest.mark.parametrize(("mode", "asks"), [("update", 1), ("full", 0)])
def test_a_full_load_need_not_ask_which_rows_still_are_there(
    sync: Sync, portal: Portal, parks: Dataset, mode: str, asks: int
) -> None:
    sync.well()
    parks.insert({"name": "p1", "acres": 100})
    before = len(portal.requests)

    assert sync.one(mode=mode).left_out == 1

    assert asked_by_id(portal, before) == asks


def asked_by_id(portal: Portal, before: int) -> int:
    """How often since so many requests it was asked which rows still are there."""
    asked = [words.get("$where", "") for _, _, words in portal.requests[before:]]
    return sum(":id in (" in where for where in asked)


def test_a_row_that_left_the_where_is_replaced_by_the_one_that_takes_its_key(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["datasets"] = [{"id": PARKS, "where": "acres::number < 1000"}]
    sync.well()
    parks.update(parks.find(name="p1"), acres=1000)
    parks.insert({"name": "p1", "acres": 100})
    before = len(portal.requests)

    dataset = sync.one()

    assert (dataset.left_out, sync.acres()["p1"], book(sync)) == (0, 100, [])
    assert asked_by_id(portal, before) == 1


def test_a_key_that_moves_away_from_one_dataset_comes_back_from_the_other(
    sync: Sync, others: Dataset
) -> None:
    sync.well()
    others.update(others.find(name="p1"), name="p9")

    sync.well()

    assert standing(sync) == {PARKS: (3, 2, 0, True), OTHERS: (4, 0, 0, True)}
    assert (sync.acres()["p1"], sync.acres()["p9"]) == (1, 101)


def test_three_datasets_hand_a_key_down(
    sync: Sync, portal: Portal, others: Dataset, clock: Clock
) -> None:
    clock.at = datetime.now(UTC) + timedelta(minutes=2)
    third = portal.add_dataset("thir-done", PARK_COLUMNS, [{"name": "p1", "acres": 1000}])
    sync.spec["target"]["prune"] = True
    sync.well()
    assert sync.acres()["p1"] == 1000

    third.delete(third.ids())
    sync.well(mode="full")
    sync.well()
    assert sync.acres()["p1"] == 101

    others.delete(others.find(name="p1"))
    sync.well(mode="full")
    sync.well()
    assert sync.acres()["p1"] == 1
    assert {d.id: d.verified for d in sync.well().datasets} == {
        PARKS: True,
        OTHERS: True,
        "thir-done": True,
    }


def test_after_a_reset_the_book_is_that_of_what_was_loaded(sync: Sync, others: Dataset) -> None:
    sync.well()
    sync.spec["target"]["reset"] = True

    sync.well(mode="full")

    assert book(sync) == [(PARKS, OTHERS, False)] * 3


def test_a_reset_that_is_retried_tells_what_it_deleted(sync: Sync, parks: Dataset) -> None:
    sync.well()
    sync.spec["target"]["reset"] = True
    first = sync.one(mode="full", run="night")

    again = sync.one(mode="full", run="night")

    assert first.rows.deleted == again.rows.deleted == 5


def test_a_row_that_came_again_as_it_was_is_as_new_as_it_says(
    sync: Sync, parks: Dataset, others: Dataset, clock: Clock
) -> None:
    """Nothing is written for a row without a change: its old time must not cost it its key."""
    assert clock.at is not None
    sync.spec["datasets"] = [{"id": OTHERS}, {"id": PARKS}]
    others.delete(others.find(name="p1"))
    sync.well()
    began = clock.at
    clock.at = began + timedelta(seconds=1)
    others.insert({"name": "p3", "acres": 103})
    sync.well()
    assert sync.acres()["p3"] == 103

    clock.at = began + timedelta(seconds=20)
    parks.update(parks.find(name="p4"), acres=40)
    clock.at = began + timedelta(seconds=10)
    parks.insert({"name": "p7", "acres": 70})
    others.touch(others.find(name="p7"))
    clock.at = began + timedelta(seconds=30)
    others.touch(others.find(name="p7"))

    sync.well()
    assert sync.acres()["p7"] == 107
    assert (PARKS, OTHERS, False) in book(sync)
    sync.well()

    assert sync.acres()["p7"] == 107
    assert {d.id: d.verified for d in sync.well().datasets} == {PARKS: True, OTHERS: True}


def test_a_corrected_key_leaves_the_old_one_though_the_bookkeeping_was_lost(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    sync.query("DROP SCHEMA socratasync CASCADE")
    parks.update(parks.find(name="p1"), name="p9")

    assert sync.one().verified is True
    assert sorted(sync.acres()) == ["p0", "p2", "p3", "p4", "p9"]


def test_so_is_the_first_row_that_two_datasets_share(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    """Before it nobody wrote the times of equal rows, so whose row is newer is asked of the source."""
    began = clock.at = datetime.now(UTC) + timedelta(minutes=1)
    others = portal.add_dataset(OTHERS, PARK_COLUMNS, [{"name": "p7", "acres": 107}])
    sync.shares_keys = True
    sync.spec["parallelism"] = 1
    sync.spec["datasets"] = [{"id": OTHERS}, {"id": PARKS}]
    sync.well()
    clock.at = began + timedelta(seconds=10)
    parks.insert({"name": "p7", "acres": 70})
    clock.at = began + timedelta(seconds=30)
    others.touch(others.ids())

    sync.well()
    assert book(sync) == [(OTHERS, PARKS, True)]
    sync.well()

    assert sync.acres()["p7"] == 107
    assert book(sync) == [(PARKS, OTHERS, False)]


@pytest.mark.parametrize(("minutes", "in_doubt"), [(64, True), (66, False)])
def test_its_time_is_not_in_doubt_once_all_that_the_other_may_have_been_told_later_was_read(
    sync: Sync, portal: Portal, clock: Clock, minutes: int, in_doubt: bool
) -> None:
    began = clock.at = datetime.now(UTC) - timedelta(hours=3)
    for id, name in ((OTHERS, "p7"), (PARKS, "p1")):
        portal.add_dataset(id, PARK_COLUMNS, [{"name": name, "acres": 100}])
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.shares_keys = True
    sync.well()
    clock.at = began + timedelta(minutes=minutes)
    portal.datasets[PARKS].insert({"name": "p7", "acres": 70})

    sync.well()

    assert book(sync) == [(OTHERS, PARKS, in_doubt)]


@pytest.mark.parametrize("acres", [1, 100], ids=["the one left out", "the one in the table"])
def test_a_row_that_leaves_the_where_keeps_no_other_out_nor_counts_as_left_out(
    sync: Sync, parks: Dataset, acres: int
) -> None:
    sync.spec["datasets"] = [{"id": PARKS, "where": "acres::number < 1000"}]
    parks.insert({"name": "p1", "acres": 100})
    assert (sync.one().left_out, sync.acres()["p1"]) == (1, 100)
    (other,) = parks.find(acres=101 - acres)
    parks.update(parks.find(acres=acres), acres=1000)
    parks.touch([other])

    dataset = sync.one()

    assert (dataset.left_out, dataset.verified, book(sync)) == (0, True, [])
    assert sync.acres()["p1"] == 101 - acres


@pytest.mark.parametrize("mode", ["update", "full"])
def test_of_two_equal_rows_the_one_in_the_table_is_not_the_one_left_out(
    sync: Sync, parks: Dataset, clock: Clock, mode: str
) -> None:
    """The table keeps the row that it has, though the other changed later: nothing of it would be written."""
    sync.well()
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    (kept,) = parks.find(name="p1")
    parks.insert({"name": "p1", "acres": 1})
    sync.well()
    clock.at += timedelta(minutes=1)
    parks.touch(sorted(parks.find(name="p1"), key=lambda id: id != kept))

    dataset = sync.one(mode=mode)

    (row,) = sync.query("SELECT socrata_id, holder_id FROM socratasync.outranked")
    assert (row["socrata_id"], row["holder_id"]) == (parks.find(name="p1")[-1], kept)
    assert dataset.left_out == 1
