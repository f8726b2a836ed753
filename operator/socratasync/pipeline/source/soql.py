"""The queries that are asked of Socrata, as request parameters. Pure.

Rows are read by keyset: ``$order=:id`` and ``:id > <last one received>``. Offsets get slow and,
under a changing dataset, skip and double rows. ``:id`` comes last in every row on purpose: it is
never null, so a body cut inside a row cannot pass for a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.columns import Column

ROW_ID = ":id"
UPDATED_AT = ":updated_at"

LONGEST_ADDRESS = 8000
"""Characters. A query travels in the address, and web servers refuse one that is longer (HTTP 414)."""

MOST_IDS = 100
"""In one condition, so that the address stays below ``LONGEST_ADDRESS``."""

_PLAIN = re.compile(r"(:@)?[a-z_][a-z0-9_]*|:[a-z_]+")
_RESERVED = frozenset(
    "select where order group by having limit offset as and or not is null in like between "
    "case when then else end true false asc desc distinct search join on union from".split()
)


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
    """A field name as SoQL takes it: back-ticked only where it must be."""
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
        given = [f"({condition})" for condition in given]
    return " and ".join(given) or None


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
    return " or ".join(f"({condition})" for condition in conditions)


def before(watermark: Watermark, bound: datetime) -> str:
    """The rows that ``since`` leaves out; no comparison with a null holds."""
    return f"{identifier(watermark.field)} < {watermark.literal(bound)}"


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
) -> dict[str, str]:
    """One page: ``limit`` rows in ``:id`` order after the row ``after``. ``shown``: the dataset's fields in
    their order; where these are what is asked for, and too many to be named in an address, ``*`` does."""
    parameters = {
        "$select": ",".join([*map(_selected, columns), UPDATED_AT, ROW_ID]),
        "$order": ROW_ID,
        "$limit": str(limit),
    }
    condition = both(where, beyond(after) if after else None)
    if condition:
        parameters["$where"] = condition
    if len(urlencode(parameters)) > LONGEST_ADDRESS and _are_all(columns, shown):
        parameters["$select"] = f"*,{UPDATED_AT},{ROW_ID}"
    return parameters


def _are_all(columns: Sequence[Column], shown: Sequence[str]) -> bool:
    """Whether ``*`` stands for exactly these columns, under these names and in this order. It leaves out
    computed regions where there is an order."""
    names = [column.staged for column in columns if column.staged == column.field]
    return names == list(shown) and not any(name.startswith(":") for name in names)


def _selected(column: Column) -> str:
    field = identifier(column.field)
    return field if column.staged == column.field else f"{field} as {identifier(column.staged)}"


def count(where: str | None) -> dict[str, str]:
    """How many rows there are: one row with ``source_rows``."""
    return _with_where({"$select": "count(*) as source_rows"}, where)


def existing(ids: Sequence[str], where: str | None) -> dict[str, str]:
    """Which of these rows there are that meet ``where``: a row with its ``:id`` for each."""
    return _with_where({"$select": ROW_ID, "$limit": str(len(ids))}, both(where, one_of(ids)))


def any_row(where: str | None) -> dict[str, str]:
    """Whether there is such a row: its ``:id``, or nothing. A count would look at all of them."""
    return _with_where({"$select": ROW_ID, "$limit": "1"}, where)


def newest(watermark: Watermark, where: str | None, no_later_than: datetime) -> dict[str, str]:
    """The latest change: one row with ``newest``.

    Hand-entered dates reach to the year 3020; a watermark there would never let a row pass
    again, so for such columns only dates up to ``no_later_than`` count.
    """
    field = identifier(watermark.field)
    sane = None
    if watermark.field != UPDATED_AT:
        sane = f"{field} <= {watermark.literal(no_later_than)}"
    return _with_where({"$select": f"max({field}) as newest"}, both(where, sane))


def _with_where(parameters: dict[str, str], where: str | None) -> dict[str, str]:
    return {**parameters, "$where": where} if where else parameters


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
