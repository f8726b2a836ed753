"""One-off runs: a range, a year, a dataset, a reset of some. What was not asked for is afterwards as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection

LAKES = "lake-0001"
DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When the parks were published; each day after that, one of them changed."""
SECOND_DAY = Selection(since=START + 2 * DAY, until=START + 3 * DAY)


@pytest.fixture(name="lakes", autouse=True)
def _lakes(sync: Sync, portal: Portal, clock: Clock) -> Dataset:
    """Parks of 2025 of which each changed on a day of its own, and lakes of 2026; both are loaded."""
    clock.at = START
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}, {"id": LAKES, "year": 2026}]
    rows = [{"name": f"p{n}", "acres": n} for n in range(5)]
    parks = portal.add_dataset(PARKS, PARK_COLUMNS, rows)
    for n in range(5):
        clock.at = START + n * DAY
        parks.update(parks.find(name=f"p{n}"), acres=10 + n)
    lakes = portal.add_dataset(LAKES, PARK_COLUMNS, [{"name": "l0", "acres": 100}])
    sync.well()
    return lakes


PARKS_THERE = {f"p{n}": 10 + n for n in range(5)}
THERE = {**PARKS_THERE, "l0": 100}


def spoil(sync: Sync) -> None:
    """Somebody changes every row, and adds one of the parks' and one of nobody's."""
    sync.query("UPDATE parks SET acres = -1")
    sync.query(
        "INSERT INTO parks (name, acres, socrata_dataset, socrata_id) VALUES ('gone', 1, %s, 'row-gone')",
        PARKS,
    )
    sync.query("INSERT INTO parks (name) VALUES ('mine')")


SPOILT = {**dict.fromkeys(THERE, -1), "gone": 1, "mine": None}


def book(sync: Sync) -> list[dict[str, Any]]:
    rows = sync.query("SELECT * FROM socratasync.datasets ORDER BY dataset")
    return [{name: row[name] for name in row if name not in ("run", "merged_at")} for row in rows]


def test_a_range_reads_its_rows_and_leaves_all_else_as_it_was(sync: Sync) -> None:
    before = book(sync)
    spoil(sync)

    report = sync.well(selection=SECOND_DAY)

    assert sync.acres() == {**SPOILT, "p2": 12}
    assert book(sync) == before
    assert report.as_dict()["only"] == "since=2026-03-03T12:00:00Z until=2026-03-04T12:00:00Z"
    parks, lakes = report.datasets
    assert (parks.rows.downloaded, parks.rows.updated, lakes.rows.downloaded) == (1, 1, 0)
    assert (parks.source_rows, parks.verified) == (5, None)


@pytest.mark.parametrize(
    ("selection", "read"),
    [
        pytest.param(Selection(since=START + 3 * DAY), {"p3", "p4", "l0"}, id="from then on"),
        pytest.param(Selection(until=START + DAY), {"p0"}, id="up to then, and not then"),
        pytest.param(
            Selection(since=START + 3 * DAY, datasets=(PARKS,)), {"p3", "p4"}, id="of one dataset"
        ),
        pytest.param(Selection(since=START + 3 * DAY, years=(2026,)), {"l0"}, id="of one year"),
        pytest.param(Selection(years=(2025,)), set(PARKS_THERE), id="a year"),
        pytest.param(Selection(datasets=(LAKES,)), {"l0"}, id="a dataset"),
    ],
)
def test_what_was_asked_for_is_read_and_nothing_else(
    sync: Sync, selection: Selection, read: set[str]
) -> None:
    spoil(sync)

    sync.well(selection=selection, mode="update" if selection.range else "full")

    assert sync.acres() == {**SPOILT, **{name: THERE[name] for name in read}}


def test_the_manifests_since_bounds_no_range(sync: Sync) -> None:
    sync.spec["since"] = "2026-03-09T00:00:00Z"
    spoil(sync)

    sync.well(selection=SECOND_DAY)

    assert sync.acres() == {**SPOILT, "p2": 12}


def test_after_a_range_the_next_update_goes_on_as_ever(sync: Sync, portal: Portal) -> None:
    parks = portal[PARKS]
    parks.update(parks.find(name="p1"), acres=77)

    sync.well(selection=SECOND_DAY)
    assert sync.acres() == THERE, "what is newer than the last update is left to the next"
    report = sync.well()

    assert sync.acres() == {**THERE, "p1": 77}
    assert [d.verified for d in report.datasets] == [True, True]


def test_a_range_is_not_held_to_the_count_of_all_rows(sync: Sync, portal: Portal) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    portal[PARKS].insert({"name": "p9", "acres": 9})

    report = sync.well(selection=SECOND_DAY)

    assert report.warnings == []
    assert report.datasets[0].source_rows == 6


def test_a_range_does_not_put_an_older_version_over_a_newer_one(sync: Sync) -> None:
    sync.query(
        "UPDATE parks SET acres = 5, socrata_updated_at = %s WHERE name = 'p2'", START + 9 * DAY
    )

    sync.well(selection=SECOND_DAY)

    assert sync.acres()["p2"] == 5


def test_a_range_pays_no_debts_and_forgets_none(sync: Sync) -> None:
    sync.query(
        "INSERT INTO socratasync.outranked (target, dataset, socrata_id, owed) "
        "SELECT 'public.parks', socrata_dataset, socrata_id, true FROM parks WHERE name = 'p0'"
    )
    sync.query("DELETE FROM parks WHERE name = 'p0'")

    sync.well(selection=SECOND_DAY)
    assert "p0" not in sync.acres()
    sync.well()

    assert sync.acres() == THERE


@pytest.mark.parametrize("prune", [True, False])
def test_a_range_deletes_nothing(sync: Sync, prune: bool) -> None:
    sync.spec["target"]["prune"] = prune
    spoil(sync)

    sync.well(selection=Selection(until=START + 100 * DAY))

    assert sync.acres() == {**SPOILT, **THERE}


def test_a_range_of_a_dataset_that_was_never_loaded_is_refused(sync: Sync, portal: Portal) -> None:
    portal.add_dataset("pond-0001", PARK_COLUMNS, [{"name": "d0", "acres": 1}])
    sync.spec["datasets"].append({"id": "pond-0001"})
    spoil(sync)

    report = sync.run(selection=SECOND_DAY)

    assert report.exit_code == 78
    assert report.failure is not None
    assert (report.failure.reason, report.failure.message) == (
        "InvalidRequest",
        "a range is not enough: it was never loaded before. Run without since and until first",
    )
    assert sync.acres() == {**SPOILT, "p2": 12}, "the others are read all the same"
    assert [each["dataset"] for each in book(sync)] == [LAKES, PARKS]


def test_a_range_from_a_replica_that_is_behind_is_tried_again(sync: Sync, portal: Portal) -> None:
    spoil(sync)
    portal.faults.add(Fault.data_out_of_date(), on="rows", dataset=PARKS)

    first = sync.run(selection=SECOND_DAY)
    assert (first.exit_code, sync.acres()) == (75, SPOILT)
    sync.well(selection=SECOND_DAY)

    assert sync.acres() == {**SPOILT, "p2": 12}


def test_a_reset_of_one_dataset_replaces_its_rows_and_no_others(sync: Sync) -> None:
    lakes = [each for each in book(sync) if each["dataset"] == LAKES]
    spoil(sync)

    report = sync.well(selection=Selection(datasets=(PARKS,), reset=True), mode="full")

    assert sync.acres() == {**PARKS_THERE, "l0": -1, "mine": None}
    assert [(d.id, d.rows.deleted) for d in report.datasets] == [(PARKS, 1)]
    assert [each for each in book(sync) if each["dataset"] == LAKES] == lakes


def test_a_reset_of_all_empties_the_table(sync: Sync) -> None:
    spoil(sync)

    sync.well(selection=Selection(reset=True), mode="full")

    assert sync.acres() == THERE


@pytest.mark.parametrize("selection", [Selection(datasets=(PARKS,)), Selection(years=(2025,))])
def test_where_the_manifest_resets_a_run_of_some_datasets_keeps_the_others(
    sync: Sync, selection: Selection
) -> None:
    sync.spec["target"]["reset"] = True
    spoil(sync)

    sync.well(selection=selection, mode="full")

    assert sync.acres() == {**PARKS_THERE, "l0": -1, "mine": None}
    assert [each["dataset"] for each in book(sync)] == [LAKES, PARKS]


def test_a_range_whose_count_is_wrong_is_to_be_asked_for_again_and_an_update_is_not(
    sync: Sync, portal: Portal
) -> None:
    portal.faults.add(Fault.wrong_count(lambda right: right + 1), on="count", times=None)

    by_range, by_update = (
        " ".join(sync.run(selection=selection).warnings)
        for selection in (SECOND_DAY, Selection(datasets=(PARKS,)))
    )

    assert "no later run reads them again: ask for the range once more" in by_range
    assert "no later run" not in by_update
