"""Runs on a portal that describes its datasets no more at ``/api/views``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.postgres.conftest import PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal


@pytest.fixture(name="no_views")
def _no_views(portal: Portal, parks: Dataset) -> None:
    portal.faults.add(Fault.status(404), on="metadata", times=None)


@pytest.fixture(autouse=True)
def _quiet(sync: Sync) -> None:
    """Every change at the source is hours old by the runs' clock, so that all replicas show it."""
    sync.options = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(hours=3))


@pytest.mark.usefixtures("no_views")
def test_a_dataset_is_loaded_and_then_read_only_when_a_row_changed(
    sync: Sync, parks: Dataset
) -> None:
    first = sync.well()
    second = sync.one()
    parks.update(parks.find(name="p3"), acres=33)
    third = sync.one()

    assert first.datasets[0].rows.inserted == 5
    assert second.result == "NoChange"
    assert (third.mode, third.rows.updated, third.rows.inserted) == ("update", 1, 0)
    assert sync.acres()["p3"] == 33


@pytest.mark.usefixtures("no_views")
def test_a_run_tells_once_that_the_portal_describes_a_dataset_no_more(sync: Sync) -> None:
    first, second = sync.well(), sync.well()

    for report in (first, second):
        assert len([w for w in report.warnings if "/api/views" in w]) == 1
        assert len(report.warnings) == 1


def test_the_change_over_is_no_drift_and_no_reload(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    parks.add_column(":@computed_region_x", "number")
    sync.spec["target"]["onSchemaChange"] = "Fail"
    sync.well()
    table = sync.table("parks", "name")
    portal.faults.add(Fault.status(410), on="metadata", times=None)

    over, again = sync.one(), sync.one()
    portal.faults.clear()
    back = sync.one()

    assert over.mode == "update"
    assert over.rows.downloaded <= 5
    assert (over.rows.inserted, over.rows.updated) == (0, 0)
    assert again.result == "NoChange"
    assert back.mode == "update"
    assert (back.rows.inserted, back.rows.updated) == (0, 0)
    assert sync.table("parks", "name") == table


@pytest.mark.usefixtures("no_views")
def test_a_row_without_a_time_of_change_is_read_whatever_the_newest_change_is(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    assert sync.one().result == "NoChange"
    (odd,) = parks.find(name="p2")
    parks.update(odd, acres=22)
    parks.unstamp(odd)

    sync.one()

    assert sync.acres()["p2"] == 22


@pytest.mark.usefixtures("no_views")
def test_a_row_that_went_is_deleted_by_a_full_run_that_prunes(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.delete(parks.find(name="p1"))

    pruned = sync.one(mode="full")

    assert pruned.rows.deleted == 1
    assert sorted(sync.acres()) == ["p0", "p2", "p3", "p4"]


@pytest.mark.usefixtures("no_views")
def test_a_catalogue_that_lags_behind_the_rows_hides_no_change(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    stale = {
        "resource": {
            "id": PARKS,
            "name": "Parks",
            "type": "dataset",
            "data_updated_at": "2001-01-01T00:00:00.000Z",
        },
        "metadata": {"domain": sync.spec["domain"]},
    }
    portal.faults.add(
        Fault.answer(json.dumps({"results": [stale], "resultSetSize": 1})), on="catalog", times=None
    )
    parks.update(parks.find(name="p0"), acres=9)

    changed = sync.one()

    assert changed.rows.updated == 1
    assert sync.acres()["p0"] == 9


@pytest.mark.usefixtures("no_views")
def test_most_rows_of_a_large_dataset_are_not_deleted_for_a_newest_change_that_is_old(
    sync: Sync, parks: Dataset
) -> None:
    """A publisher's replacement, half-way through: what is left is of last week."""
    parks.insert(*({"name": f"old{n}"} for n in range(1200)))
    sync.options = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=7))
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.delete(parks.ids()[:900])

    report = sync.run(mode="full")

    assert report.datasets[0].rows.deleted == 0
    assert len(sync.acres()) == 1205
    assert any("nothing was deleted" in warning for warning in report.warnings)
