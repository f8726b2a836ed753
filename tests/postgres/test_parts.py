"""Values of several parts, from the source to columns that PostgreSQL reads, by both interfaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.postgres.conftest import Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")

ADDRESS = '{"address":"1 A St","city":"Seattle","state":"WA","zip":""}'
EMPTY = '{"address":"","city":"","state":"","zip":""}'
COLUMNS = [
    ("srnumber", "text"),
    ("place", "location"),
    ("site", "url"),
    ("file", "document"),
    ("call", "phone"),
    ("spot", "point"),
    ("picture", "photo"),
]
ROWS: list[dict[str, Any]] = [
    {
        "srnumber": "whole",
        "place": {"latitude": "47.59", "longitude": "-122.33", "human_address": ADDRESS},
        "site": {"url": "https://e.org/?a=(b)", "description": "E (e)"},
        "file": {"file_id": "f1", "filename": "a b.pdf", "content_type": "application/pdf"},
        "call": {"phone_number": "206-555-1212", "phone_type": "Work"},
        "spot": "POINT (-122.25 47.5)",
        "picture": "p1",
    },
    {
        "srnumber": "empty parts",
        "place": {"latitude": "37.76", "longitude": "-122.41", "human_address": EMPTY},
        "site": {"description": "D"},
        "file": {"file_id": "f2"},
        "call": {"phone_number": "1"},
    },
    {"srnumber": "no coordinates", "place": {"human_address": ADDRESS}},
    {"srnumber": "nothing"},
]
NEW_TABLE = {
    "whole": (47.59, -122.33, "https://e.org/?a=(b)", "f1", "Work: 206-555-1212", "p1"),
    "empty parts": (37.76, -122.41, None, "f2", "1", None),
    "no coordinates": (None,) * 6,
    "nothing": (None,) * 6,
}
"""What of it a new table has: latitude, longitude, address, file, phone, photo."""
MAPPING = {
    "lat": "place.latitude",
    "lon": "place.longitude",
    "address": "place.human_address",
    "link": "site.url",
    "title": "site.description",
    "id of file": "file.file_id",
    "filename": "file.filename",
    "kind": "file.content_type",
    "number": "call.phone_number",
    "sort": "call.phone_type",
    "x": "spot.longitude",
    "y": "spot.latitude",
}


@pytest.fixture(name="dataset")
def _dataset(portal: Portal, sync: Sync) -> Dataset:
    return portal.add_dataset("part-0001", COLUMNS, ROWS)


def short(row: Row) -> tuple[Any, ...]:
    names = ("place_latitude", "place_longitude", "site", "file", "call", "picture")
    return tuple(row[name] for name in names)


def test_a_new_table_gets_parts_that_programs_read(sync: Sync, dataset: Dataset) -> None:
    sync.well()

    assert {number: short(row) for number, row in sync.table().items()} == NEW_TABLE
    (types,) = sync.query(
        "SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) AS types FROM pg_attribute "
        "WHERE attrelid = 'requests'::regclass AND attname LIKE 'place%'"
    )
    assert types["types"] == ["double precision"] * 2
    dataset.touch(dataset.ids())
    again = sync.one()
    assert (again.mode, again.rows.updated, again.rows.unchanged) == ("update", 0, 4)
    assert sync.one(mode="full").rows.changed == 0


@pytest.mark.parametrize("there", [True, False])
def test_every_part_is_loaded_into_the_column_that_names_it(
    sync: Sync, dataset: Dataset, there: bool
) -> None:
    if there:
        sync.query(
            "CREATE TABLE requests (srnumber text PRIMARY KEY, lat numeric, lon real, address jsonb, link text)"
        )
    sync.spec["datasets"] = [{"id": "part-0001", "columns": MAPPING}]

    sync.well()

    row = sync.table()["whole"]
    found = [row[name] for name in MAPPING]
    found[:3] = [
        float(found[0]),
        round(float(found[1]), 4),
        json.loads(row["address"]) if not there else row["address"],
    ]
    assert found == [
        47.59,
        -122.33,
        json.loads(ADDRESS),
        "https://e.org/?a=(b)",
        "E (e)",
        "f1",
        "a b.pdf",
        "application/pdf",
        "206-555-1212",
        "Work",
        row["x"],
        row["y"],
    ]
    assert (float(row["x"]), float(row["y"])) == (-122.25, 47.5)
    assert set(row) & {"place_latitude", "site", "file"} == set()
    assert sync.one().mode == "update"


def test_what_a_table_has_whole_stays_whole(sync: Sync, dataset: Dataset, portal: Portal) -> None:
    sync.query(
        "CREATE TABLE requests (srnumber text PRIMARY KEY, place text, site text, file text, call text, "
        "spot text, picture text)"
    )
    sync.well()
    loaded = sync.table()
    assert loaded["whole"]["place"] == "1 A St\nSeattle, WA \n(47.59, -122.33)"
    assert loaded["empty parts"]["place"] == "\n,  \n(37.76, -122.41)"
    assert loaded["whole"]["site"] == "E (e) (https://e.org/?a=(b))"
    assert loaded["whole"]["file"] == "f1?filename=a+b.pdf&content_type=application%2Fpdf"
    assert set(loaded["whole"]) == {name for name, _ in COLUMNS}

    other = [{**row, "srnumber": f"{row['srnumber']} 2"} for row in ROWS]
    portal.add_dataset("part-0002", COLUMNS, other)
    sync.query("TRUNCATE requests")
    sync.well()

    again = sync.table()
    assert {number: again[number] for number in loaded} == loaded
    assert again["whole 2"]["place"] == loaded["whole"]["place"]
    assert len(again) == 8


def test_a_table_that_has_parts_keeps_them_when_it_is_emptied_and_for_new_datasets(
    sync: Sync, dataset: Dataset, portal: Portal
) -> None:
    sync.well()
    sync.query("TRUNCATE requests")
    portal.add_dataset("part-0002", COLUMNS, [{**ROWS[0], "srnumber": "other"}])

    sync.well()

    found = {number: short(row) for number, row in sync.table().items()}
    assert found == {**NEW_TABLE, "other": NEW_TABLE["whole"]}
    assert "place" not in sync.table()["other"]


def test_a_column_that_comes_later_is_taken_apart_as_in_a_new_table(
    sync: Sync, portal: Portal
) -> None:
    dataset = portal.add_dataset("part-0001", COLUMNS[:1], [{"srnumber": "1"}])
    sync.well()
    dataset.add_column("site", "url", value={"url": "https://e.org", "description": "E"})

    sync.well()

    assert sync.table()["1"]["site"] == "https://e.org"
    assert sync.one().schema_in_sync is True


def test_a_part_of_the_key_may_be_a_part(sync: Sync, portal: Portal) -> None:
    rows = [{"site": {"url": f"https://e.org/{n}"}} for n in range(3)]
    portal.add_dataset("part-0001", [("site", "url")], rows)
    sync.spec["target"]["key"] = ["site"]

    assert sync.one().rows.inserted == 3
    assert set(sync.table(key="site")) == {f"https://e.org/{n}" for n in range(3)}


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"columns": {"y": "site.latitude"}}, "InvalidSpec", "has no site.latitude for y"),
        ({"types": {"place_latitude": "boolean"}}, "InvalidSpec", "cannot hold"),
        ({"types": {"place": "jsonb"}}, "InvalidSpec", "spec.target.types wants place as jsonb"),
        ({"types": {"call": "integer"}}, "BadValue", "does not take"),
    ],
)
def test_plan_offers_no_cast_that_a_run_cannot_carry_out(
    sync: Sync, dataset: Dataset, change: dict[str, Any], reason: str, said: str
) -> None:
    sync.spec["datasets"] = [{"id": "part-0001", "columns": change.get("columns", {})}]
    sync.spec["target"]["types"] = change.get("types", {})

    failure = sync.run().failure

    assert failure is not None
    assert failure.reason == reason
    assert said in failure.message


def test_the_recorded_dataset_of_all_old_types_arrives_with_every_value_it_has(
    sync: Sync, portal: Portal, real_data: Path
) -> None:
    recorded = json.loads((real_data / "demo_2asz-g9qq_all_old_types.json").read_text())
    columns = [(c["fieldName"], c["dataTypeName"]) for c in recorded["view"]["columns"]]
    (row,) = recorded["rows"]
    portal.add_dataset("2asz-g9qq", columns, [row])
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.spec["source"] = {"computedRegions": True}
    address = {
        "address": "location_column.human_address",
        "title": "website_url_column.description",
    }
    sync.spec["datasets"] = [{"id": "2asz-g9qq", "columns": address}]

    sync.well()

    (found,) = sync.query(
        "SELECT to_jsonb(r) - 'socrata_id' - 'socrata_dataset' - 'socrata_updated_at' AS row FROM requests r"
    )
    place = row["location_column"]
    numbers = ("number_column", "money_column", "percent_column", "star_column")
    expected = {
        **row,
        **{name: int(row[name]) for name in numbers},
        "date_time_column": "2014-10-13T00:00:00",
        "date_time_with_timezone_column": "2014-10-14T07:00:00+00:00",
        "location_column_latitude": float(place["latitude"]),
        "location_column_longitude": pytest.approx(float(place["longitude"]), abs=1e-12),
        "address": place["human_address"],
        "website_url_column": row["website_url_column"]["url"],
        "title": row["website_url_column"]["description"],
        "document": row["document"]["file_id"],
        "computed_region_k83t_ady5": 18379,
    }
    del expected["location_column"], expected[":@computed_region_k83t_ady5"]
    assert found["row"] == expected
