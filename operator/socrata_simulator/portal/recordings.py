"""Reads exports and recorded answers of real portals into columns and rows.

An export (``rows.csv``) is written otherwise than what a portal's API answers: display names, US dates
with AM and PM, locations as ``(lat, lon)`` or WKT. It is translated here into what the API would answer.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socrata_simulator.portal.synthetic import LA311_COLUMNS
from socrata_simulator.rows.cells import compact

_US_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d:\d\d) ([AP])M")
_WKT_POINT = re.compile(r"POINT \(\S+ \S+\)")
_PAIR = re.compile(r"\((-?[\d.]+), (-?[\d.]+)\)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_LA311 = {title: (field, type_) for field, type_, title in LA311_COLUMNS}
_NO_ADDRESS = compact(dict.fromkeys(("address", "city", "state", "zip"), ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Columns (fieldName, dataTypeName, name), rows by field name, and the description, if any."""

    columns: list[tuple[str, str, str]]
    rows: list[dict[str, Any]]
    metadata: dict[str, Any]


def read_export(path: Path) -> Recording:
    """A ``rows.csv`` export. Raises ``ValueError`` for a file that is not one."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        titles = next(lines, [])
        cells = list(lines)
    wrong = next((n for n, row in enumerate(cells, 2) if len(row) != len(titles)), None)
    if not titles or wrong:
        raise ValueError(f"{path} is not a CSV export: line {wrong or 1} has another width")
    values = [[row[i] for row in cells] for i in range(len(titles))]
    columns = [_column(t, v) for t, v in zip(titles, values, strict=True)]
    stored = [[_value(x, c[1]) for x in v] for c, v in zip(columns, values, strict=True)]
    names = [field for field, _, _ in columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*stored, strict=True)]
    return Recording(columns=columns, rows=rows, metadata={})


def _column(title: str, values: Sequence[str]) -> tuple[str, str, str]:
    field, known = _LA311.get(title, (_field_name(title), None))
    inferred = _type(values)
    if known is None or inferred == "location" or (known == "number" and inferred == "text"):
        return field, inferred, title
    return field, known, title


def _field_name(title: str) -> str:
    """The field name that the portal makes of a title.

    In the exports that are read here, a title of several words is a computed region's.
    """
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    if " " in title:
        digits = f"{zlib.crc32(title.encode()):08x}"
        return f":@computed_region_{digits[:4]}_{digits[4:]}"
    return f"_{name}" if name[:1].isdigit() else name


def _type(values: Sequence[str]) -> str:
    given = [v for v in values if v]
    for pattern, name in (
        (_US_DATE, "calendar_date"),
        (_WKT_POINT, "point"),
        (_PAIR, "location"),
        (_NUMBER, "number"),
    ):
        if given and all(map(pattern.fullmatch, given)):
            return name
    return "text"


def _value(text: str, type_name: str) -> Any:
    if not text:
        return None
    if type_name == "calendar_date":
        return iso(text)
    pair = _PAIR.fullmatch(text) if type_name == "location" else None
    if pair:
        return {"latitude": pair[1], "longitude": pair[2], "human_address": _NO_ADDRESS}
    return text


def iso(text: str) -> str:
    """``12/31/2018 11:55:30 PM`` as ``2018-12-31T23:55:30.000``. Raises ``ValueError``."""
    found = _US_DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date like 12/31/2018 11:55:30 PM")
    month, day, year, hour, rest, half = found.groups()
    return f"{year}-{month}-{day}T{int(hour) % 12 + 12 * (half == 'P'):02d}:{rest}.000"


def read_recorded(description: Path, answer: Path) -> Recording:
    """A recorded ``/api/views/<id>.json`` and ``/resource/<id>.csv`` of the same dataset."""
    metadata = json.loads(description.read_text(encoding="utf-8"))
    columns = [(c["fieldName"], c["dataTypeName"], c["name"]) for c in metadata["columns"]]
    with answer.open("rb") as file:
        names, *rows = _cells(file.read().decode())
    stored = [dict(zip((str(n) for n in names), row, strict=True)) for row in rows]
    return Recording(columns=columns, rows=stored, metadata=metadata)


def _cells(text: str) -> Iterator[list[str | None]]:
    """The rows of a CSV in which every cell that is not null is quoted."""
    row: list[str | None] = []
    for found in re.finditer(r'(?:"((?:[^"]|"")*)")?([,\n])', text):
        cell, end = found.groups()
        row.append(None if cell is None else cell.replace('""', '"'))
        if end == "\n":
            yield row
            row = []
