"""Parts of values that have several, as SoQL selects them: by both interfaces, in CSV and in JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from tests.simulator.conftest import Ask

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal

HERE = '{"address":"1 A St","city":"Seattle","state":"WA","zip":""}'
WHOLE: dict[str, Any] = {
    "at": {
        "latitude": "47.5982815480005",
        "longitude": "-122.33477954499972",
        "human_address": HERE,
    },
    "site": {"url": "https://e.org", "description": "E"},
    "file": {"file_id": "f1", "filename": "a b.pdf", "content_type": "application/pdf"},
    "call": {"phone_number": "206-555-1212", "phone_type": "Work"},
    "spot": "POINT (-122.25 47.5)",
}
TYPES = [
    ("at", "location"),
    ("site", "url"),
    ("file", "document"),
    ("call", "phone"),
    ("spot", "point"),
    ("picture", "photo"),
]
PARTS = [
    ("at.latitude", "47.5982815480005"),
    ("at.longitude", "-122.334779545"),  # fifteen digits, as PostgreSQL makes a numeric of a double
    ("at.human_address", HERE),
    ("site.url", "https://e.org"),
    ("site.description", "E"),
    ("file.file_id", "f1"),
    ("file.filename", "a b.pdf"),
    ("file.content_type", "application/pdf"),
    ("call.phone_number", "206-555-1212"),
    ("call.phone_type", "Work"),
    ("spot.latitude", "47.5"),
    ("spot.longitude", "-122.25"),
]

Get = Callable[[str], requests.Response]


@pytest.fixture(name="get", params=["SODA2", "SODA3"])
def _get(portal: Portal, socrata: Server, ask: Ask, request: pytest.FixtureRequest) -> Get:
    rows = [{**WHOLE}, {"at": {"latitude": "1.0"}, "site": {"description": "D"}}, {}]
    portal.add_dataset("part-0001", TYPES, rows)
    if request.param == "SODA2":
        return lambda select: ask("/resource/part-0001.csv", {"$select": select, "$order": ":id"})

    def by_soda3(select: str) -> requests.Response:
        query = {"query": f"SELECT {select} ORDER BY :id", "includeSynthetic": False}
        url = f"https://{socrata.domain}/api/v3/views/part-0001/query.csv"
        return requests.post(url, json=query, timeout=20)

    return by_soda3


def test_every_part_is_answered_as_a_column_of_its_own(get: Get) -> None:
    select = ", ".join(f"{path} as c{n}" for n, (path, _) in enumerate(PARTS))

    answer = get(f"{select}, at.human_address, `site`.description as d")

    names, first, second, third = csv.reader(io.StringIO(answer.text, newline=""))
    assert names[-2:] == ["at_human_address", "d"]
    assert first == [*(value for _, value in PARTS), HERE, "E"]
    assert second == [*("D" if path == "site.description" else "" for path, _ in PARTS), "", "D"]
    assert answer.text.splitlines()[-1] == "," * (len(PARTS) + 1)
    assert set(third) == {""}


@pytest.mark.parametrize("select", ["at.zip", "site.latitude", "picture.file_id", "spot.url"])
def test_a_part_that_the_type_does_not_have_is_refused(get: Get, select: str) -> None:
    answer = get(select)

    assert answer.status_code == 400
    assert "No such field" in answer.text


@pytest.mark.parametrize("select", ["site.url as site", "upper(site.url) as site"])
def test_a_part_cannot_be_called_as_the_column_that_it_is_a_part_of(get: Get, select: str) -> None:
    answer = get(select)

    assert answer.status_code == 400
    assert "Circular alias definition: site" in answer.text


def test_rows_are_chosen_by_a_part(portal: Portal, get: Get, ask: Ask) -> None:
    asked = {"$select": "count(*) as n", "$where": "at.latitude > 40 and site.url like 'https%'"}

    assert ask("/resource/part-0001.json", asked).json() == [{"n": "1"}]
