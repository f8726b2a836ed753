"""The bodies: byte for byte what a real portal sent, and its rules one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.conftest import Clock

from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
ODD: list[dict[str, Any]] = [
    {"name": 'A "quoted" name', "note": "two\nlines, and a comma", "n": 1, "ok": True},
    {"name": "", "note": None, "n": None, "ok": None},
    {"name": None},
]


@pytest.fixture(autouse=True)
def _odd(portal: Portal) -> None:
    columns = [
        ("name", "text"),
        ("note", "text"),
        ("n", "number"),
        ("ok", "checkbox"),
        ("void", "text"),
    ]
    portal.add_dataset("oddd-0001", columns, ODD)


RECORDED_CSV = b"""\
"countid","id","date","counts","status"
"19831896","100009425","2023-06-03T00:00:00.000","27","0"
"19831897","100009425","2023-06-03T00:15:00.000","9","0"
"""
RECORDED_JSON = b"""\
[{"countid":"19831896","id":"100009425","date":"2023-06-03T00:00:00.000","counts":"27","status":"0"}
,{"countid":"19831897","id":"100009425","date":"2023-06-03T00:15:00.000","counts":"9","status":"0"}]
"""


def test_the_first_rows_of_a_recorded_answer_are_served_byte_for_byte(
    portal: Portal, ask: Ask
) -> None:
    columns = [("countid", "number"), ("id", "number"), ("date", "calendar_date")]
    columns += [("counts", "number"), ("status", "number")]
    names, *rows = (line.split(",") for line in RECORDED_CSV.decode().replace('"', "").splitlines())
    recorded = [dict(zip(names, row, strict=True)) for row in rows]
    portal.add_dataset("uczf-rk3c", columns, recorded)

    assert ask("/resource/uczf-rk3c.csv", {"$order": ":id"}).content == RECORDED_CSV
    assert ask("/resource/uczf-rk3c.json", {"$order": ":id"}).content == RECORDED_JSON


def test_the_recorded_answers_of_a_real_portal_are_served_byte_for_byte(
    portal: Portal, ask: Ask, real: Path
) -> None:
    csv, rows = real / "nyc_uczf-rk3c_resource.csv", real / "nyc_uczf-rk3c_resource.json"
    view = real / "nyc_uczf-rk3c_api_views_metadata.json"
    portal.add_recorded("uczf-rk3c", view, csv)

    served_csv = ask("/resource/uczf-rk3c.csv", {"$order": ":id"})
    served_json = ask("/resource/uczf-rk3c.json", {"$order": ":id"})

    assert served_csv.content == csv.read_bytes()
    assert served_json.content == rows.read_bytes()
    assert ask("/api/views/uczf-rk3c.json").json() == json.loads(view.read_text())


def test_csv_quotes_every_cell_but_null(ask: Ask) -> None:
    answer = ask("/resource/oddd-0001.csv", {"$order": ":id"})

    assert answer.content == (
        b'"name","note","n","ok","void"\n'
        b'"A ""quoted"" name","two\nlines, and a comma","1","true",\n'
        b'"",,,,\n'
        b",,,,\n"
    )


def test_json_leaves_nulls_out(ask: Ask) -> None:
    answer = ask("/resource/oddd-0001.json", {"$order": ":id"})

    assert answer.content == (
        b'[{"name":"A \\"quoted\\" name","note":"two\\nlines, and a comma","n":"1","ok":true}\n'
        b',{"name":""}\n'
        b",{}]\n"
    )


def test_no_rows_are_an_empty_list_or_a_header(ask: Ask) -> None:
    none = {"$where": "name = 'nobody'"}

    assert ask("/resource/oddd-0001.json", none).content == b"[]\n"
    assert ask("/resource/oddd-0001.csv", none).content == b'"name","note","n","ok","void"\n'


def test_json_is_what_comes_when_no_extension_says_otherwise(ask: Ask) -> None:
    assert ask("/resource/oddd-0001", {"$select": "count(*)"}).json() == [{"count": "3"}]


SELECTS = [
    ("name as who,n", '"who","n"'),
    ("n,name", '"n","name"'),
    ("*", '"name","note","n","ok","void"'),
    ("*,:id,:updated_at", '"name","note","n","ok","void",":id",":updated_at"'),
    (":*,*", '":id",":created_at",":updated_at",":version","name","note","n","ok","void"'),
    ("`name` as `the name`", '"the name"'),
    ("upper(name) as loud,:version", '"loud",":version"'),
    ("count(*),max(n) as top,min(name)", '"count","top","min_name"'),
]


@pytest.mark.parametrize(("select", "header"), SELECTS, ids=[s for s, _ in SELECTS])
def test_a_select_list_gives_the_header(ask: Ask, select: str, header: str) -> None:
    answer = ask("/resource/oddd-0001.csv", {"$select": select})

    assert answer.status_code == 200, answer.text
    assert answer.text.splitlines()[0] == header


AGGREGATES = [
    ("count(*) as source_rows", [{"source_rows": "3"}]),
    ("count(name)", [{"count_name": "2"}]),
    ("max(n) as newest", [{"newest": "1"}]),
    ("min(name) as first,sum(n),avg(n)", [{"first": "", "sum_n": "1", "avg_n": "1"}]),
    ("max(void) as newest", [{}]),
    ("count(distinct name) as names,count(distinct void)", [{"names": "2", "count_void": "0"}]),
]


@pytest.mark.parametrize(("select", "expected"), AGGREGATES, ids=[s for s, _ in AGGREGATES])
def test_an_aggregate_is_one_row(ask: Ask, select: str, expected: list[dict[str, str]]) -> None:
    assert ask("/resource/oddd-0001.json", {"$select": select}).json() == expected


def test_changes_are_counted_by_day(portal: Portal, ask: Ask, clock: Clock) -> None:
    portal["oddd-0001"].unstamp(portal["oddd-0001"].ids())
    for day in (1, 1, 4):
        clock.at = datetime(2031, 5, day, 23, 59, tzinfo=UTC)
        portal["oddd-0001"].insert({"n": day})
    asked = {
        "$select": "date_trunc_ymd(:updated_at) as day,count(*) as rows",
        "$group": "day",
        "$order": "day desc",
        "$where": ":updated_at is not null",
    }

    assert ask("/resource/oddd-0001.json", asked).json() == [
        {"day": "2031-05-04T00:00:00.000Z", "rows": "1"},
        {"day": "2031-05-01T00:00:00.000Z", "rows": "2"},
    ]


def test_the_newest_change_is_a_timestamp_in_utc(portal: Portal, ask: Ask) -> None:
    (row,) = ask("/resource/oddd-0001.json", {"$select": "max(:updated_at) as newest"}).json()

    assert row["newest"] == portal["oddd-0001"].rows()[0][":updated_at"]
    assert row["newest"].endswith("Z")


def test_a_thousand_rows_come_when_no_limit_is_given(portal: Portal, ask: Ask) -> None:
    portal.add_synthetic("many-0001", 1001)

    assert len(ask("/resource/many-0001.json").json()) == 1000
    assert len(ask("/resource/many-0001.json", {"$limit": "60000"}).json()) == 1001


def test_rows_without_an_order_come_in_another_order_every_time(portal: Portal, ask: Ask) -> None:
    portal.add_synthetic("many-0001", 500)
    answers = [ask("/resource/many-0001.csv", {"$select": "srnumber"}).text for _ in range(3)]

    assert len(set(answers)) == 3
    assert len({tuple(sorted(a.splitlines())) for a in answers}) == 1


def test_computed_regions_drop_out_of_the_star_once_there_is_an_order(
    portal: Portal, ask: Ask
) -> None:
    region = ":@computed_region_ab12_cd34"
    portal["oddd-0001"].add_column(region, "number", value="7")

    assert region in ask("/resource/oddd-0001.csv").text
    assert region not in ask("/resource/oddd-0001.csv", {"$order": ":id"}).text
    named = ask("/resource/oddd-0001.csv", {"$order": ":id", "$select": f"name,{region}"})
    assert region in named.text


def test_pages_by_keyset_hold_every_row_once(portal: Portal, ask: Ask) -> None:
    many = portal.add_synthetic("many-0001", 250)
    seen: list[str] = []
    where: dict[str, str] = {}
    while True:
        page = ask(
            "/resource/many-0001.json",
            {"$select": "srnumber,:id", "$order": ":id", "$limit": "100", **where},
        ).json()
        if not page:
            break
        seen += [row[":id"] for row in page]
        where = {"$where": f":id > '{seen[-1]}'"}

    assert seen == many.ids()
