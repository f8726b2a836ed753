"""Questions about a dataset as a whole, of which the portal answers figures: how many values a column has, on which
days rows changed. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import TypeAdapter, ValidationError

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.soql import Query, identifier

MOST_DAYS = 100
"""Days of change that are asked for, the newest: enough to know a rhythm by."""

_FIGURES = TypeAdapter(list[dict[str, str | int | None]])
_ROWS = "source_rows"
_DAY = "day_of_change"


def distinct(fields: Sequence[str]) -> Query:
    """How many rows there are, and how many values each of these columns has, nulls not counted."""
    each = (f"count(distinct {identifier(f)}) as values_{n}" for n, f in enumerate(fields))
    return Query(select=(f"count(*) as {_ROWS}", *each))


def read_distinct(
    dataset: str, body: bytes, fields: Sequence[str]
) -> tuple[int, Mapping[str, int]]:
    """The rows, and field → number of values, of an answer to ``distinct``."""
    unreadable = (
        f"Socrata's count of values of {dataset} is not the row of numbers that was asked for"
    )
    rows = _read(body, unreadable)
    if len(rows) != 1:
        raise SourceUnavailable(unreadable)
    count = _number(rows[0].get(_ROWS), unreadable)
    values = {f: _number(rows[0].get(f"values_{n}"), unreadable) for n, f in enumerate(fields)}
    return count, values


def days() -> Query:
    """The newest days on which rows of today changed last."""
    return Query(
        select=(f"date_trunc_ymd({soql.UPDATED_AT}) as {_DAY}", f"count(*) as {_ROWS}"),
        group=(_DAY,),
        order=f"{_DAY} desc",
        limit=MOST_DAYS,
    )


def read_days(dataset: str, body: bytes) -> list[date]:
    """The days of an answer to ``days``, each once, ascending. Rows that do not say when they changed have none."""
    rows = _read(body, f"Socrata's answer about changes of {dataset} is not a list of days")
    found = (row.get(_DAY) for row in rows)
    return sorted({soql.parse_timestamp(str(day)).date() for day in found if day})


def _read(body: bytes, unreadable: str) -> list[dict[str, str | int | None]]:
    try:
        return _FIGURES.validate_json(body)
    except ValidationError as exc:
        raise SourceUnavailable(unreadable) from exc


def _number(value: str | int | None, unreadable: str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise SourceUnavailable(unreadable)
    return int(text)
