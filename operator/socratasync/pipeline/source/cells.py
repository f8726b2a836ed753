"""The cells of a sample of rows. Pure.

Runs never look into a page: PostgreSQL's ``COPY`` does. A session that only reads has no ``COPY`` to give a page to,
so the few rows that a plan tries are taken apart here, by the same rules: nothing between two commas is null, ``""``
is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CELL = re.compile(r'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<bare>[^",\r\n]*))(?P<end>,|\r?\n)')

Cells = list[str | None]


def read_cells(text: str, width: int, most: int) -> list[Cells]:
    """The first ``most`` rows behind the header line, of ``width`` cells each, as far as they are whole: where the text
    was cut, or is none of CSV, they end."""
    rows: list[Cells] = []
    for row in _rows(text):
        if len(row) != width or len(rows) > most:
            break
        rows.append(row)
    return rows[1 : most + 1]


def _rows(text: str) -> Iterator[Cells]:
    row: Cells = []
    at = 0
    while found := _CELL.match(text, at):
        at = found.end()
        row.append(_value(found))
        if found["end"] != ",":
            yield row
            row = []


def _value(found: re.Match[str]) -> str | None:
    if found["quoted"] is not None:
        return found["quoted"].replace('""', '"')
    return found["bare"] or None
