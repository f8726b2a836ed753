"""SODA3's bytes: what the simulator says for recorded rows, against what a real portal said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]

PATH = "/api/v3/views/chic-0001/query"
CELL = re.compile(rb'(?:"((?:[^"]|"")*)")?([,\n])')
TIME = rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'
ROW_ID = rb'"%s-[2-9a-z]{4}[-._~][2-9a-z]{4}[-._~][2-9a-z]{4}"'
SYSTEM = re.compile(b",".join([ROW_ID % b"row", ROW_ID % b"rv", TIME, TIME]))
"""A row's system cells, which no portal can have in common with another."""

TYPES = {
    "location": "point",
    "application_start_date": "calendar_date",
    "issue_date": "calendar_date",
}
TYPES |= dict.fromkeys(("processing_time", "latitude", "longitude", "total_fee", "ward"), "number")


@pytest.fixture(name="recorded")
def _recorded(real: Path) -> bytes:
    """The recorded answer: a GET of ``query.csv`` without options."""
    return (real / "chicago_v3_query.csv").read_bytes()


def rows_of(recorded: bytes) -> list[list[str | None]]:
    """Its cells; what is not quoted is null."""
    rows: list[list[str | None]] = [[]]
    for found in CELL.finditer(recorded):
        quoted, end = found.groups()
        rows[-1].append(None if quoted is None else quoted.decode().replace('""', '"'))
        if end == b"\n":
            rows.append([])
    return rows[:-1]


@pytest.fixture(autouse=True, name="permits")
def _permits(portal: Portal, recorded: bytes) -> Dataset:
    """The recorded rows, in their order, as a dataset of the simulated portal."""
    names, *rows = rows_of(recorded)
    columns = [str(n) for n in names if not str(n).startswith(":") or str(n).startswith(":@")]
    typed = [(n, "number" if n.startswith(":@") else TYPES.get(n, "text")) for n in columns]
    values = [dict(zip(map(str, names), row, strict=True)) for row in rows]
    return portal.add_dataset("chic-0001", typed, values)


def selected(permits: Dataset) -> str:
    return ", ".join(f"`{f.name}`" for f in permits.fields if not f.synthetic)


def test_csv_is_byte_for_byte_what_was_recorded(
    permits: Dataset, recorded: bytes, ask: Ask
) -> None:
    answer = ask(f"{PATH}.csv", {"query": f"SELECT {selected(permits)} ORDER BY :id"})

    assert len(SYSTEM.findall(recorded)) == len(SYSTEM.findall(answer.content)) == len(permits)
    assert SYSTEM.sub(b"", answer.content) == SYSTEM.sub(b"", recorded)


def test_without_synthetic_columns_csv_is_what_was_recorded_up_to_them(
    permits: Dataset, recorded: bytes, ask: Ask
) -> None:
    width = sum(not f.synthetic for f in permits.fields)
    body = {"query": f"SELECT {selected(permits)} ORDER BY :id", "includeSynthetic": False}
    answer = ask(f"{PATH}.csv", method="POST", json=body)

    assert rows_of(answer.content) == [row[:width] for row in rows_of(recorded)]


def test_json_has_the_recorded_values_in_soda3s_frame(
    permits: Dataset, recorded: bytes, ask: Ask
) -> None:
    answer = ask(f"{PATH}.json", {"query": f"SELECT {selected(permits)} ORDER BY :id"})
    names, *rows = rows_of(recorded)

    first, *lines, last = answer.text.split("\n")[:-1]
    assert (first, last) == ("[", "]")
    assert [line[-1:] for line in lines] == [","] * (len(rows) - 1) + ["}"]
    for line, row in zip(lines, rows, strict=True):
        said = json.loads(line.removesuffix(","))
        for name, cell in zip(map(str, names), row, strict=True):
            if cell is None:
                assert name not in said
            elif name == "location":
                lon, lat = map(float, cell.removeprefix("POINT (").removesuffix(")").split())
                assert said[name] == {"type": "Point", "coordinates": [lon, lat]}
            elif name not in (":id", ":version", ":created_at", ":updated_at"):
                assert said[name] == cell
