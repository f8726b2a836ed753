"""The bounds of partitions: read from PostgreSQL's text, and as a grid of equal ranges. Pure.

Values of a list are texts. Ends of a range are numbers, or moments without a zone: those of a
``timestamp with time zone`` in UTC, which is the zone of every session.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from socratasync.pipeline.target.types import bare_type

Point = int | datetime
Range = tuple[Point | None, Point | None]
"""From, to, the latter no part of it; None: without an end."""

NUMBERS = ("smallint", "integer", "bigint")
MOMENTS = ("date", "timestamp without time zone", "timestamp with time zone")
LISTED = ("text", "character varying", *NUMBERS, "date")
"""Types of which equal texts are equal values."""

_ITEM = r"(?:'(?:[^']|'')*'|[^\s',()]+)"
_LIST = re.compile(rf"FOR VALUES IN \(({_ITEM}(?:, {_ITEM})*)\)")
_RANGE = re.compile(rf"FOR VALUES FROM \(({_ITEM})\) TO \(({_ITEM})\)")
_ITEMS = re.compile(_ITEM)


class Unreadable(ValueError):
    """A bound, or a value, that is none of those known here."""


def read_list(bounds: str) -> list[str | None]:
    """The values of a list; None for null. Raises ``Unreadable``."""
    if not (found := _LIST.fullmatch(bounds)):
        raise Unreadable(bounds)
    return [None if item == "NULL" else _text(item) for item in _ITEMS.findall(found[1])]


def read_range(bounds: str, pg_type: str) -> Range:
    """The ends of a range. Raises ``Unreadable``."""
    if not (found := _RANGE.fullmatch(bounds)):
        raise Unreadable(bounds)
    return _end(found[1], "MINVALUE", pg_type), _end(found[2], "MAXVALUE", pg_type)


def _end(item: str, endless: str, pg_type: str) -> Point | None:
    return None if item == endless else read_point(_text(item), pg_type)


def _text(item: str) -> str:
    return item[1:-1].replace("''", "'") if item.startswith("'") else item


def read_point(text: str, pg_type: str) -> Point:
    """A value as PostgreSQL writes it. Raises ``Unreadable`` for one before Christ or at the end of time."""
    try:
        if bare_type(pg_type) in NUMBERS:
            return int(text)
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Unreadable(text) from exc
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def write_point(point: Point, pg_type: str) -> str | int:
    """The value as SQL takes it for that type."""
    if isinstance(point, int):
        return point
    if bare_type(pg_type) == "date":
        return point.date().isoformat()
    zone = "+00" if bare_type(pg_type) == "timestamp with time zone" else ""
    return f"{point.isoformat(sep=' ')}{zone}"


def takes(known: Range, point: Point) -> bool:
    """Whether the range has the value."""
    low, high = known
    return (low is None or low <= point) and (high is None or point < high)  # type: ignore[operator]


Unit = Literal["number", "months", "days"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Ranges of ``size`` units, one of which begins at the unit ``offset``."""

    unit: Unit
    size: int
    offset: int

    def cell(self, point: Point) -> tuple[Point, Point]:
        """The range that has the value. Raises ``Unreadable`` where the calendar ends."""
        unit = units(self.unit, point)
        low = unit - (unit - self.offset) % self.size
        return at(self.unit, low), at(self.unit, low + self.size)


def find_grid(ranges: Sequence[tuple[Point, Point]]) -> Grid | None:
    """The grid that all the ranges are cells of; None if there is none, or there are no ranges."""
    if not ranges:
        return None
    kinds: tuple[Unit, ...] = ("number",) if isinstance(ranges[0][0], int) else ("months", "days")
    return next((grid for unit in kinds if (grid := _grid(unit, ranges))), None)


def _grid(unit: Unit, ranges: Sequence[tuple[Point, Point]]) -> Grid | None:
    low, high = (units(unit, point) for point in ranges[0])
    if high <= low:
        return None
    grid = Grid(unit=unit, size=high - low, offset=low % (high - low))
    return grid if all(grid.cell(each[0]) == each for each in ranges) else None


def units(unit: Unit, point: Point) -> int:
    """How many whole units the value is after the beginning of all."""
    if isinstance(point, int):
        return point
    return point.year * 12 + point.month - 1 if unit == "months" else point.toordinal()


def at(unit: Unit, number: int) -> Point:
    """The value at which a unit begins. Raises ``Unreadable`` where the calendar ends."""
    if unit == "number":
        return number
    try:
        if unit == "months":
            return datetime(number // 12, number % 12 + 1, 1)  # noqa: DTZ001
        return datetime(1, 1, 1) + timedelta(days=number - 1)  # noqa: DTZ001
    except (ValueError, OverflowError) as exc:
        raise Unreadable(str(number)) from exc
