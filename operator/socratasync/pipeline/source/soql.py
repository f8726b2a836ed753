"""The queries that are asked of Socrata, clause by clause. Pure; an interface puts them on the wire.

Rows are read by keyset: in the order of ``:id``, and ``:id > <last one received>``. Offsets get slow and,
under a changing dataset, skip and double rows. ``:id`` comes last in every row on purpose: it is
never null, so a body cut inside a row cannot pass for a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from socratasync.errors import SourceUnavailable
from socratasync.pipeline import parts
from socratasync.pipeline.columns import Column

ROW_ID = ":id"
UPDATED_AT = ":updated_at"
ROWS_OF_KEY = "rows_of_key"

MOST_IDS = 100
"""In one condition, so that a query fits into an address (``soda2``)."""

_PLAIN = re.compile(r"(:@)?[a-z_][a-z0-9_]*|:[a-z_]+")
_RESERVED = frozenset(
    "select where order group by having limit offset as and or not is null in like between "
    "case when then else end true false asc desc distinct search join on union from".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question. ``select``: what is wanted, in order. ``everything``: whether ``*`` stands for all of it
    but the two system fields at its end, which ``rows`` asks for. ``header``: the header line of its answer, where
    it is to be one of CSV."""

    select: tuple[str, ...]
    header: tuple[str, ...] = ()
    where: str | None = None
    group: tuple[str, ...] = ()
    having: str | None = None
    order: str | None = None
    limit: int | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """The source column that says when a row last changed, and whether it carries a zone."""

    field: str = UPDATED_AT
    floating: bool = False

    def literal(self, at: datetime) -> str:
        """``at`` as this column's literal: UTC with ``Z``, or a wall-clock time with no zone."""
        text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return quote(text if self.floating else f"{text}Z")


def identifier(name: str) -> str:
    """A field name, or the path of a part, as SoQL takes it: back-ticked only where it must be."""
    field, part = parts.split(name)
    return f"{_ticked(field)}.{part}" if part else _ticked(field)


def _ticked(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


def quote(text: str) -> str:
    """A text literal."""
    return "'" + text.replace("'", "''") + "'"


def both(*conditions: str | None) -> str | None:
    """The conditions joined by ``and``; None when there is none."""
    given = [condition for condition in conditions if condition]
    if len(given) > 1:
        given = list(map(enclosed, given))
    return " and ".join(given) or None


def enclosed(condition: str) -> str:
    """The condition in brackets. One that ends with a comment must not take in what follows it."""
    return f"({condition}\n)" if "--" in condition else f"({condition})"


def since(watermark: Watermark, bound: datetime | None) -> str | None:
    """Rows that changed at or after ``bound``, and those that do not say when: nothing says that they
    did not. That costs a server nothing where there are none, since an index finds nulls as it finds
    times, and without an index every row is looked at anyway."""
    if bound is None:
        return None
    field = identifier(watermark.field)
    return f"{field} >= {watermark.literal(bound)} or {undated(watermark)}"


def undated(watermark: Watermark) -> str:
    """Rows that do not say when they changed, such as some of legacy datasets."""
    return f"{identifier(watermark.field)} is null"


def one_of(ids: Sequence[str]) -> str:
    """The rows of these ``:id``s."""
    return f"{ROW_ID} in ({', '.join(map(quote, ids))})"


def either(*conditions: str) -> str:
    """The conditions joined by ``or``."""
    return " or ".join(map(enclosed, conditions))


def before(watermark: Watermark, bound: datetime) -> str:
    """The rows that ``since`` leaves out; no comparison with a null holds."""
    return f"{identifier(watermark.field)} < {watermark.literal(bound)}"


def between(watermark: Watermark, start: datetime | None, end: datetime | None) -> str | None:
    """Rows whose watermark column is at or after ``start`` and before ``end``, as it is written where it has no zone.
    Rows that do not say when they changed are in no range."""
    field = identifier(watermark.field)
    return both(
        f"{field} >= {watermark.literal(start)}" if start else None,
        before(watermark, end) if end else None,
    )


def header(columns: Sequence[Column]) -> list[str]:
    """The header line that the answer to ``rows`` must have."""
    return [column.staged for column in columns] + [UPDATED_AT, ROW_ID]


def beyond(row_id: str) -> str:
    """The rows after the one of that ``:id``, in the order in which ``rows`` reads."""
    return f"{ROW_ID} > {quote(row_id)}"


def rows(
    columns: Sequence[Column],
    *,
    where: str | None,
    after: str | None,
    limit: int,
    shown: Sequence[str] = (),
) -> Query:
    """One page: ``limit`` rows in ``:id`` order after the row ``after``. ``shown``: the dataset's fields in
    their order."""
    return Query(
        select=(*map(_selected, columns), UPDATED_AT, ROW_ID),
        header=tuple(header(columns)),
        where=both(where, beyond(after) if after else None),
        order=ROW_ID,
        limit=limit,
        everything=_are_all(columns, shown),
    )


def _are_all(columns: Sequence[Column], shown: Sequence[str]) -> bool:
    """Whether ``*`` stands for exactly these columns, under these names and in this order. It leaves out
    computed regions where there is an order."""
    names = [column.staged for column in columns]
    fields = [column.field for column in columns]
    return names == fields == [field for field in shown if not field.startswith(":")]


def _selected(column: Column) -> str:
    field = identifier(column.field)
    return field if column.staged == column.field else f"{field} as {identifier(column.staged)}"


def count(where: str | None) -> Query:
    """How many rows there are: one row with ``source_rows``."""
    return Query(select=("count(*) as source_rows",), where=where)


def sharing(key: Mapping[str, str], where: str | None, limit: int) -> Query:
    """Values of ``key`` (name in the answer → field) that several rows have, or that are not whole, those of most
    rows first: a row of the answer for each, with the number of rows as ``ROWS_OF_KEY``."""
    fields = tuple(map(identifier, key.values()))
    odd = ["count(*) > 1", *(f"{field} is null" for field in fields)]
    return Query(
        select=(
            *(f"{field} as {name}" for name, field in zip(key, fields, strict=True)),
            f"count(*) as {ROWS_OF_KEY}",
        ),
        where=where,
        group=fields,
        having=" or ".join(odd),
        order=f"{ROWS_OF_KEY} desc",
        limit=limit,
    )


def existing(ids: Sequence[str], where: str | None) -> Query:
    """Which of these rows there are that meet ``where``: a row with its ``:id`` for each."""
    return Query(select=(ROW_ID,), where=both(where, one_of(ids)), limit=len(ids))


def ids(where: str | None, after: str | None, limit: int) -> Query:
    """The ``:id``s of rows, in the order in which ``rows`` reads, after that one."""
    where = both(where, beyond(after) if after else None)
    return Query(select=(ROW_ID,), where=where, order=ROW_ID, limit=limit)


def any_row(where: str | None) -> Query:
    """Whether there is such a row: its ``:id``, or nothing. A count would look at all of them."""
    return Query(select=(ROW_ID,), where=where, limit=1)


def only(fields: Sequence[str]) -> Query:
    """One row with these columns, to see whether there are such."""
    return Query(select=tuple(map(identifier, fields)), limit=1)


def newest(watermark: Watermark, where: str | None, no_later_than: datetime) -> Query:
    """The latest change: one row with ``newest``.

    Hand-entered dates reach to the year 3020; a watermark there would never let a row pass
    again, so for such columns only dates up to ``no_later_than`` count.
    """
    field = identifier(watermark.field)
    sane = None
    if watermark.field != UPDATED_AT:
        sane = f"{field} <= {watermark.literal(no_later_than)}"
    return Query(select=(f"max({field}) as newest",), where=both(where, sane))


def parse_timestamp(text: str) -> datetime:
    """A timestamp as Socrata writes it; without a zone it is taken as UTC.

    Raises ``SourceUnavailable`` for anything else: it is an answer, and no time was in it.
    """
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError) as exc:
        raise SourceUnavailable(
            f"Socrata answered {text!r:.60} where a time was asked for"
        ) from exc
