"""The first rows of a dataset, looked at for what they rule out: a column with a value twice is no key. Pure.

The rows are CSV as Socrata writes it: what stands between commas with nothing in quotes is null.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ROWS = 1000
MOST_BYTES = 4 * 1024 * 1024
"""Of the sample: rows with polygons may have 100 kB each."""

VALUES = 50
"""Values of a column that are kept, to look for them in another dataset."""

LONGEST_VALUE = 1000
"""Bytes of a value that a key may have: an index of PostgreSQL's takes some 2,700, for all of a key."""

_CELL = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What the sample says of a column. ``can_be_key``: whether no two rows share a value, none lacks one, and none is
    too long. ``is_whole``: whether all values are whole numbers, with leading and trailing noughts or without."""

    can_be_key: bool
    is_whole: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """So many ``rows``, as CSV in ``size`` bytes, for which ``wire`` came."""

    rows: int = 0
    size: int = 0
    wire: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)


def read_sample(header: Sequence[str], body: bytes, wire: int) -> Sample:
    """The sample in a page's bytes, header line included. A row that is cut at the end counts not."""
    rows, end = _rows(body)
    if not rows:
        return Sample()
    head, *lines = rows
    whole = [line for line in lines if len(line) == len(head)]
    start = len(body) if not lines else body.find(b"\n") + 1
    return Sample(
        rows=len(whole),
        size=max(0, end - start),
        wire=wire,
        columns={
            name: _column([line[n] for line in whole])
            for n, name in enumerate(header)
            if n < len(head)
        },
    )


def _rows(body: bytes) -> tuple[list[list[bytes | None]], int]:
    """The rows that are whole, and where the last of them ends."""
    rows: list[list[bytes | None]] = []
    row: list[bytes | None] = []
    at = end = 0
    while found := _CELL.match(body, at):
        quoted, bare, after = found.groups()
        row.append(quoted if quoted is not None else bare or None)
        at = found.end()
        if after != b",":
            rows.append(row)
            row, end = [], at
    return rows, end


def _column(cells: Sequence[bytes | None]) -> Column:
    values = [cell.replace(b'""', b'"') for cell in cells if cell is not None]
    repeated = any(times > 1 for times in Counter(values).values())
    short = all(len(value) <= LONGEST_VALUE for value in values)
    texts = (value.decode(errors="replace") for value in values[:VALUES])
    return Column(
        can_be_key=len(values) == len(cells) and not repeated and short,
        is_whole=all(re.fullmatch(rb"-?[0-9]+([.]0*)?", value) for value in values),
        values=tuple(texts),
    )
