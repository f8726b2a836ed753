"""Columns that come, go, change their name or their type at the source, under every policy."""

from __future__ import annotations

from typing import Any

import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset

pytestmark = pytest.mark.usefixtures("foretold")

POLICIES = ["AddColumns", "Ignore", "Fail"]


@pytest.fixture
def loaded(sync: Sync, parks: Dataset, request: pytest.FixtureRequest) -> Dataset:
    """The parks, loaded under a policy."""
    sync.spec["target"]["onSchemaChange"] = request.param
    sync.well()
    return parks


def types(sync: Sync) -> dict[str, str]:
    rows = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = "
        "'parks'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE 'socrata%' "
        "ORDER BY attnum"
    )
    return {row["attname"]: row["type"] for row in rows}


BEFORE = {"name": "text", "acres": "numeric", "opened": "timestamp without time zone"}


@pytest.mark.parametrize("loaded", ["AddColumns"], indirect=True)
def test_a_new_column_is_added_and_filled_for_rows_that_did_not_change(
    sync: Sync, loaded: Dataset
) -> None:
    loaded.add_column("lake", "checkbox", value=True)

    dataset = sync.one()

    assert types(sync) == {**BEFORE, "lake": "boolean"}
    assert dataset.mode == "full"
    assert dataset.rows.updated == 5
    assert dataset.schema_in_sync is False
    assert all(row["lake"] for row in sync.table("parks", "name").values())
    assert sync.one().mode == "update"


@pytest.mark.parametrize("loaded", ["Ignore"], indirect=True)
def test_a_new_column_is_left_out_and_said_so(sync: Sync, loaded: Dataset) -> None:
    loaded.add_column("lake", "checkbox", value=True)
    loaded.update(loaded.find(name="p1"), acres=11)

    report = sync.well()

    assert types(sync) == BEFORE
    assert report.rows.updated == 1
    assert report.datasets[0].schema_in_sync is False
    assert any("lake not loaded" in w for w in report.warnings)


@pytest.mark.parametrize("loaded", ["AddColumns", "Ignore"], indirect=True)
def test_a_dropped_column_stays_in_the_table_and_is_told_of(sync: Sync, loaded: Dataset) -> None:
    loaded.drop_column("acres")
    loaded.insert({"name": "new"})

    report = sync.well()

    assert types(sync) == BEFORE
    assert report.datasets[0].schema_in_sync is False
    assert any("no longer fills acres: " in w for w in report.warnings)
    assert sync.acres() == {**{f"p{n}": n for n in range(5)}, "new": None}


@pytest.mark.parametrize("loaded", ["AddColumns"], indirect=True)
def test_a_renamed_column_is_one_frozen_and_one_new(sync: Sync, loaded: Dataset) -> None:
    loaded.rename_column("acres", "area")

    report = sync.well()

    assert types(sync) == {**BEFORE, "area": "numeric"}
    assert sync.table("parks", "name")["p2"]["area"] == 2
    assert any("column area is new" in w for w in report.warnings)
    assert report.datasets[0].frozen_columns == ("acres",)


@pytest.mark.parametrize("loaded", POLICIES, indirect=True)
def test_a_renamed_column_that_is_mapped_again_goes_on_in_its_old_place(
    sync: Sync, loaded: Dataset
) -> None:
    loaded.rename_column("acres", "area")
    loaded.update(loaded.find(name="p2"), area=22)
    sync.spec["datasets"] = [{"id": loaded.id, "columns": {"acres": "area"}}]

    assert sync.one().schema_in_sync is True

    assert types(sync) == BEFORE
    assert sync.acres()["p2"] == 22


@pytest.mark.parametrize("loaded", ["Fail"], indirect=True)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.add_column("lake", "checkbox"), "column lake is new"),
        (lambda d: d.drop_column("acres"), "column acres is gone"),
        (lambda d: d.rename_column("acres", "area"), "column acres is gone"),
        (lambda d: d.retype_column("acres", "text"), "column acres was number and is text"),
    ],
    ids=["added", "dropped", "renamed", "retyped"],
)
def test_fail_stops_at_any_change_and_touches_nothing(
    sync: Sync, loaded: Dataset, change: Any, sentence: str
) -> None:
    change(loaded)
    loaded.insert({"name": "new"})
    before = sync.table("parks", "name")

    report = sync.run()

    assert report.exit_code == 65
    error = report.as_dict()["error"]
    assert error["reason"] == "SchemaChanged"
    assert sentence in error["message"]
    assert report.datasets[0].schema_in_sync is False
    assert types(sync) == BEFORE
    assert sync.table("parks", "name") == before


@pytest.mark.parametrize("loaded", ["AddColumns"], indirect=True)
def test_a_column_whose_new_type_the_table_may_not_hold_stops_the_run(
    sync: Sync, loaded: Dataset
) -> None:
    loaded.retype_column("acres", "text")

    report = sync.run()

    assert report.exit_code == 65
    assert "ALTER COLUMN acres TYPE text" in report.as_dict()["error"]["message"]
    sync.query("ALTER TABLE parks ALTER COLUMN acres TYPE text")
    loaded.update(loaded.find(name="p2"), acres="two or so")
    assert sync.one().rows.updated == 1
    assert sync.acres()["p2"] == "two or so"


@pytest.mark.parametrize("loaded", ["Ignore"], indirect=True)
def test_ignore_tries_a_new_type_and_stops_at_the_first_value_that_does_not_fit(
    sync: Sync, loaded: Dataset
) -> None:
    loaded.retype_column("acres", "text")
    assert sync.one().rows.unchanged == 5

    loaded.update(loaded.find(name="p2"), acres="two or so")
    report = sync.run()

    assert report.exit_code == 65
    assert report.as_dict()["error"]["reason"] == "BadValue"


@pytest.mark.parametrize("loaded", POLICIES, indirect=True)
def test_a_key_that_is_gone_always_stops_the_run(sync: Sync, loaded: Dataset) -> None:
    loaded.rename_column("name", "title")

    report = sync.run()

    assert report.exit_code == 65
    assert report.as_dict()["error"]["reason"] == "SchemaChanged"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_chosen_column_that_is_gone_always_stops_the_run(
    sync: Sync, parks: Dataset, policy: str
) -> None:
    sync.spec["target"]["onSchemaChange"] = policy
    sync.spec["target"]["fields"] = {"name": "", "acres": ""}
    sync.well()
    parks.drop_column("acres")

    report = sync.run()

    assert report.exit_code == 65
    assert "no column for acres" in report.as_dict()["error"]["message"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_new_column_that_was_not_chosen_is_nobodys_business(
    sync: Sync, parks: Dataset, policy: str
) -> None:
    sync.spec["target"]["onSchemaChange"] = policy
    sync.spec["target"]["fields"] = {"name": "", "acres": ""}
    sync.well()
    parks.add_column("lake", "checkbox", value=True)
    parks.update(parks.find(name="p1"), acres=11)

    dataset = sync.one()

    assert (dataset.mode, dataset.rows.updated, dataset.schema_in_sync) == ("update", 1, True)
