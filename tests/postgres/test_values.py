"""Every value of a source arrives as it was: compared with the source's own text, cell by cell, by
readings of CSV and of types that the product has no part in."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.postgres.conftest import Sync

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

CELL = re.compile(r'(?:"((?:[^"]|"")*)")?([,\n])')

READ: dict[str, Callable[[str], Any]] = {
    "number": Decimal,
    "money": Decimal,
    "double": float,
    "checkbox": {"true": True, "false": False}.__getitem__,
    "calendar_date": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f"),  # noqa: DTZ007
    "date": lambda text: datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
    "json": json.loads,
}


def served(socrata: Server, dataset: Dataset) -> list[dict[str, Any]]:
    """What the portal answers for the whole dataset, read by hand: null is not the empty text."""
    fields = [f.name for f in dataset.fields]
    readers = [READ.get(f.type, str) for f in dataset.fields]
    answer = requests.get(
        f"https://{socrata.domain}/resource/{dataset.id}.csv",
        params={"$select": ",".join(f"`{f}`" for f in fields), "$order": ":id", "$limit": "100000"},
        timeout=60,
    ).text
    rows: list[dict[str, Any]] = []
    values: list[Any] = []
    for cell, end in (m.groups() for m in CELL.finditer(answer, answer.index("\n") + 1)):
        read = readers[len(values)]
        values.append(None if cell is None else read(cell.replace('""', '"')))
        if end == "\n":
            rows.append(dict(zip(fields, values, strict=True)))
            values = []
    assert len(rows) == len(dataset)
    return rows


def same(one: Any, other: Any) -> bool:
    """Equal, not-a-number included."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("page_size", [7, 1000])
def test_every_type_and_every_odd_value_arrives_as_it_was(
    sync: Sync, portal: Portal, socrata: Server, page_size: int
) -> None:
    dataset = portal.add_oddities("oddi-ties")
    sync.spec["target"]["key"] = ["key"]
    sync.spec["source"] = {"pageSize": page_size, "computedRegions": True}
    whole = {name: name for name in ("a_location", "a_url", "a_document")}
    sync.spec["datasets"] = [{"id": "oddi-ties", "columns": whole}]

    sync.well()

    table = sync.table(key="key")
    names = column_names(sync, dataset)
    expected = served(socrata, dataset)
    assert len(table) == len(expected) == 32
    wrong = [
        (row["key"], field, value, table[row["key"]][names[field]])
        for row in expected
        for field, value in row.items()
        if not same(table[row["key"]][names[field]], value)
    ]
    assert wrong == []


def column_names(sync: Sync, dataset: Dataset) -> dict[str, str]:
    """Field → column, as the bookkeeping has it."""
    (known,) = sync.query("SELECT columns -> 'loaded' AS loaded FROM socratasync.datasets")
    return {field: name for name, field in known["loaded"].items()}


def test_long_names_stay_two_and_short_ones_stay_themselves(sync: Sync, portal: Portal) -> None:
    dataset = portal.add_oddities("oddi-ties")
    sync.spec["target"]["key"] = ["key"]
    sync.spec["source"] = {"computedRegions": True}

    sync.well()

    names = column_names(sync, dataset)
    long = [n for f, n in names.items() if f.startswith("a_very_long")]
    assert len(set(long)) == 2
    assert all(len(name) <= 63 for name in long)
    assert names["select"] == "select"
    assert names[":@computed_region_ab12_cd34"] == "computed_region_ab12_cd34"


@pytest.mark.parametrize("rows", [2000])
def test_rows_of_the_shape_of_la_311_arrive_as_they_were(
    sync: Sync, portal: Portal, socrata: Server, rows: int
) -> None:
    dataset = portal.add_synthetic("abcd-1234", rows=rows, seed=7)

    sync.well()

    table = sync.table()
    for row in served(socrata, dataset):
        assert table[row["srnumber"]] == row


# -- real files --------------------------------------------------------------------------------------

EXPORTS = {
    "la311_2018_rowscsv_wktlocation.csv": 33,
    "la311_2018_rowscsv_computedregions.csv": 39,
}


def us_date(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007  # the city's wall clock


@pytest.mark.parametrize(("name", "width"), EXPORTS.items(), ids=EXPORTS)
def test_a_real_export_arrives_with_every_value_it_has(
    sync: Sync, portal: Portal, real_data: Path, name: str, width: int
) -> None:
    """10,000 service requests of Los Angeles against the city's own file."""
    dataset = portal.add_export("h65r-yf5i", real_data / name)
    with (real_data / name).open(newline="", encoding="utf-8") as file:
        titles, *rows = csv.reader(file)
    sync.spec["source"] = {"computedRegions": True}
    sync.spec["target"]["types"] = {"location": "text"}

    sync.well()

    assert len(titles) == width
    columns = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid ="
        f" 'requests'::regclass AND attnum BETWEEN 1 AND {width} ORDER BY attnum"
    )
    assert len(columns) == len(dataset.fields) == width
    names = [c["attname"] for c in columns]
    read: dict[str, Callable[[str], Any]] = {
        "timestamp without time zone": us_date,
        "numeric": Decimal,
        "text": str,
    }
    readers = [read[c["type"]] for c in columns]
    place, is_location = names.index("location"), "computedregions" in name
    table = sync.table()
    assert len(table) == len(rows) == 10_000
    for row in rows:
        there = table[row[0]]
        expected = [None if cell == "" else r(cell) for cell, r in zip(row, readers, strict=True)]
        if is_location and expected[place]:
            expected[place] = f"\n,  \n{expected[place]}"  # the API has an address before it
        assert [there[name] for name in names] == expected


def test_the_places_of_a_real_export_arrive_as_two_numbers_with_all_their_digits(
    sync: Sync, portal: Portal, real_data: Path
) -> None:
    name = "la311_2018_rowscsv_computedregions.csv"
    portal.add_export("h65r-yf5i", real_data / name)
    with (real_data / name).open(newline="", encoding="utf-8") as file:
        places = {row["SRNumber"]: row["Location"] for row in csv.DictReader(file)}

    sync.well()

    table = sync.table()
    assert len(table) == len(places) == 10_000
    assert "location" not in table["1-1262691971"]
    for number, place in places.items():
        found = table[number]["location_latitude"], table[number]["location_longitude"]
        assert found == (
            tuple(map(float, place.strip("()").split(", "))) if place else (None, None)
        )


def test_a_recorded_dataset_of_new_york_arrives_with_every_value_it_has(
    sync: Sync, portal: Portal, real_data: Path
) -> None:
    answer = real_data / "nyc_uczf-rk3c_resource.csv"
    portal.add_recorded("uczf-rk3c", real_data / "nyc_uczf-rk3c_api_views_metadata.json", answer)
    sync.spec["target"]["key"] = ["countid"]
    with answer.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    sync.well()

    table = sync.table(key="countid")
    assert len(table) == len(rows) == 1000
    for row in rows:
        there = table[type(next(iter(table)))(row["countid"])]
        assert there["date"] == datetime.fromisoformat(row["date"])
        assert [str(there[n]) for n in ("id", "counts", "status")] == [
            row[n] for n in ("id", "counts", "status")
        ]


def test_two_exports_of_one_dataset_are_a_drift_that_is_carried(
    sync: Sync, portal: Portal, real_data: Path
) -> None:
    """The city's export of another year has six columns more, and writes places in another way."""
    first, second = EXPORTS
    sync.spec["source"] = {"computedRegions": True}
    portal.add_export("h65r-yf5i", real_data / first)
    sync.well()
    portal.datasets.clear()
    portal.add_export("h65r-yf5i", real_data / second)

    report = sync.well()

    assert report.datasets[0].schema_in_sync is False
    assert any("column location was point and is location" in w for w in report.warnings)
    table = sync.table()
    assert len(table["1-1262691971"]) == 39
    assert table["1-1262691971"]["location"] == "\n,  \n(34.2473989385, -118.536249101)"
