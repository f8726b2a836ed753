"""Columns that a portal computes by itself: loaded only where somebody wants them, or the table has them."""

from __future__ import annotations

import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.preview import COMPUTED, DatasetPreview

pytestmark = pytest.mark.usefixtures("foretold")

REGION, OTHER = ":@computed_region_ab12_cd34", ":@computed_region_zz99_yy88"
NAME = "computed_region_ab12_cd34"


@pytest.fixture(name="parks")
def _parks(parks: Dataset) -> Dataset:
    parks.add_column(REGION, "number", value="12")
    return parks


def columns(sync: Sync) -> list[str]:
    return list(next(iter(sync.table("parks", "name").values())))


@pytest.mark.parametrize("policy", ["AddColumns", "Ignore", "Fail"])
def test_one_that_comes_or_goes_is_no_schema_change_and_no_reason_to_read_anew(
    sync: Sync, parks: Dataset, policy: str
) -> None:
    sync.spec["target"]["onSchemaChange"] = policy
    sync.well()
    assert columns(sync) == ["name", "acres", "opened"]

    for added in (True, False):
        if added:
            parks.add_column(OTHER, "number", value="3")
        else:
            parks.drop_column(REGION)
        parks.update(parks.find(name="p1"), acres=11 + added)
        report = sync.well()
        (dataset,) = report.datasets
        assert (dataset.mode, dataset.schema_in_sync, report.warnings) == ("update", True, [])
        assert columns(sync) == ["name", "acres", "opened"]


def test_plan_says_why_it_is_not_loaded(sync: Sync, parks: Dataset) -> None:
    planned = sync.plan(sync.request(), sync.options).datasets["park-0001"]

    assert isinstance(planned, DatasetPreview)
    assert planned.left_out == {REGION: COMPUTED}


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"source": {"computedRegions": True}}, id="all of them"),
        pytest.param({"fields": {"name": "", "acres": "", "opened": "", NAME: ""}}, id="by fields"),
        pytest.param({"columns": {NAME: REGION}}, id="by a map"),
    ],
)
def test_one_that_is_wanted_is_loaded(
    sync: Sync, parks: Dataset, wanted: dict[str, object]
) -> None:
    sync.well()
    sync.spec["source"] = wanted.get("source", {})
    sync.spec["target"]["fields"] = wanted.get("fields", {})
    sync.spec["datasets"] = [{"id": "park-0001", "columns": wanted.get("columns", {})}]

    dataset = sync.one()

    assert dataset.mode == "full"
    assert {row[NAME] for row in sync.table("parks", "name").values()} == {12}
    assert sync.one().mode == "update"


def test_a_table_that_has_one_keeps_being_filled_also_by_new_datasets_and_when_it_was_emptied(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"computedRegions": True}
    sync.well()
    sync.spec["source"] = {}
    parks.add_column(OTHER, "number", value="3")
    parks.insert({"name": "new", REGION: "13"})

    dataset = sync.one()
    assert (dataset.mode, dataset.schema_in_sync) == ("update", True)
    lakes = [("name", "text"), (REGION, "number"), (OTHER, "number")]
    portal.add_dataset("lake-0001", lakes, [{"name": "lake", REGION: "14", OTHER: "3"}])
    sync.well()
    found = {name: row[NAME] for name, row in sync.table("parks", "name").items()}
    assert (found["p0"], found["new"], found["lake"]) == (12, 13, 14)
    sync.query("TRUNCATE parks")
    sync.well()
    assert {name: row[NAME] for name, row in sync.table("parks", "name").items()} == found
    assert "computed_region_zz99_yy88" not in columns(sync)


def test_who_drops_it_from_the_table_is_rid_of_it(sync: Sync, parks: Dataset) -> None:
    sync.spec["source"] = {"computedRegions": True}
    sync.well()
    sync.spec["source"] = {}
    sync.query(f"ALTER TABLE parks DROP COLUMN {NAME}")
    parks.update(parks.find(name="p1"), acres=11)

    report = sync.well()

    assert report.warnings == []
    assert NAME not in columns(sync)
