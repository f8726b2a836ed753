"""Writes a dataset for people, as ``/export.csv`` does: the columns' titles, dates and money as a page
shows them, rounded. No program should read rows from it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from socrata_simulator.rows.cells import csv_text
from socrata_simulator.rows.table import Field
from socrata_simulator.soql.query import Query

ROWS_AT_ONCE = 1000


def export_body(query: Query, positions: Sequence[int]) -> Iterator[bytes]:
    """The selected columns of the dataset itself, in pieces; others, such as ``:id``, are for programs."""
    fields = [o.field for o in query.outputs if o.field is not None and not o.field.synthetic]
    yield _lines([[field.title for field in fields]])
    for start in range(0, len(positions), ROWS_AT_ONCE):
        yield _lines(_row(query, fields, i) for i in positions[start : start + ROWS_AT_ONCE])


def _row(query: Query, fields: list[Field], position: int) -> list[str]:
    cells = query.table.cells(position)
    return [_shown(cells[field.slot], field.type) for field in fields]


def _shown(cell: str | None, type_name: str) -> str:
    if cell is None:
        return ""
    show = _SHOWN.get(type_name.lower())
    try:
        return show(cell) if show else csv_text(cell, type_name) or ""
    except (ValueError, ArithmeticError):
        return cell


def _date(cell: str) -> str:
    return f"{datetime.fromisoformat(cell):%Y %b %d %I:%M:%S %p}"


_SHOWN: dict[str, Callable[[str], str]] = {
    "calendar_date": _date,
    "date": _date,
    "money": lambda cell: f"${Decimal(cell):,.2f}",
    "percent": lambda cell: f"{Decimal(cell):.2f}%",
    "number": lambda cell: f"{Decimal(cell):,f}",
}


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="surrogateescape")
