"""Exports of real portals, put back as a portal holds them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import requests

from socrata_simulator.portal.portal import Portal
from socrata_simulator.portal.recordings import iso, read_export

Ask = Callable[..., requests.Response]


@pytest.mark.parametrize(
    ("us", "expected"),
    [
        ("12/31/2018 11:55:30 PM", "2018-12-31T23:55:30.000"),
        ("01/01/2018 12:00:09 AM", "2018-01-01T00:00:09.000"),
        ("06/15/2018 12:30:00 PM", "2018-06-15T12:30:00.000"),
        ("06/15/2018 09:05:01 AM", "2018-06-15T09:05:01.000"),
    ],
)
def test_a_date_of_an_export_becomes_a_floating_timestamp(us: str, expected: str) -> None:
    assert iso(us) == expected


EXPORTS = [
    ("la311_2018_rowscsv_wktlocation.csv", 33, "point"),
    ("la311_2018_rowscsv_computedregions.csv", 39, "location"),
]


@pytest.mark.parametrize(("name", "width", "location"), EXPORTS)
def test_a_real_export_is_served_with_every_value_it_has(
    portal: Portal, ask: Ask, real: Path, name: str, width: int, location: str
) -> None:
    dataset = portal.add_export("h65r-yf5i", real / name)
    types = {f.title: f.type for f in dataset.fields}
    with (real / name).open(newline="") as file:
        titles, *expected = csv.reader(file)
    fields = ",".join(f.name for f in dataset.fields)
    answer = ask("/resource/h65r-yf5i.csv", {"$select": fields, "$order": ":id", "$limit": "20000"})
    _, *served = csv.reader(io.StringIO(answer.text, newline=""))

    assert (len(titles), types["Location"], types["CreatedDate"]) == (
        width,
        location,
        "calendar_date",
    )
    assert list(types) == titles
    dates = [i for i, t in enumerate(titles) if types[t] == "calendar_date"]
    for row in expected:
        for i in dates:
            row[i] = _floating(row[i])
    if location == "location":  # the API has an address before it, here an empty one
        place = titles.index("Location")
        for row in expected:
            row[place] = f"\n,  \n{row[place]}" if row[place] else ""
    assert served == expected


def _floating(us: str) -> str:
    if not us:
        return ""
    at = datetime.strptime(us, "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 - the city's wall clock
    return f"{at:%Y-%m-%dT%H:%M:%S}.000"


def test_computed_regions_of_an_export_become_synthetic_columns(real: Path) -> None:
    found = read_export(real / "la311_2018_rowscsv_computedregions.csv")
    regions = [field for field, _, title in found.columns if title == "Council Districts"]

    assert regions[0].startswith(":@computed_region_")
    assert sum(field.startswith(":@") for field, _, _ in found.columns) == 6


def test_an_export_of_another_city_gets_its_types_from_its_values(tmp_path: Path) -> None:
    path = tmp_path / "parks.csv"
    path.write_text("Name,Acres,1950,Opened\nEcho,29,,01/02/1895 12:00:00 AM\n,,7,\n")
    found = read_export(path)

    assert found.columns == [
        ("name", "text", "Name"),
        ("acres", "number", "Acres"),
        ("_1950", "number", "1950"),
        ("opened", "calendar_date", "Opened"),
    ]
    assert found.rows[0]["opened"] == "1895-01-02T00:00:00.000"
    assert found.rows[1] == {"name": None, "acres": None, "_1950": "7", "opened": None}


@pytest.mark.parametrize("text", ["", "a,b\n1\n"], ids=["empty", "a short line"])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(text)

    with pytest.raises(ValueError, match="is not a CSV export"):
        read_export(path)


def test_a_recorded_dataset_can_change(portal: Portal, ask: Ask, real: Path) -> None:
    dataset = portal.add_recorded(
        "uczf-rk3c",
        real / "nyc_uczf-rk3c_api_views_metadata.json",
        real / "nyc_uczf-rk3c_resource.csv",
    )
    before = len(dataset)
    dataset.delete(dataset.ids(limit=10))
    view = ask("/api/views/uczf-rk3c.json").json()

    count = ask("/resource/uczf-rk3c.json", {"$select": "count(*)"}).json()
    assert count == [{"count": str(before - 10)}]
    assert view["rowsUpdatedAt"] == dataset.truth.changed_at // 1000
    assert view["attribution"] == "Department of Transportation (DOT)"
