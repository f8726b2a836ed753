"""Values that conditions compare, made from stored text and from literals.

A number is a Decimal; a timestamp without a zone is its stored text, which sorts by time; one with a zone
is milliseconds since 1970; a row identifier is the number that it encrypts; None is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from socrata_simulator.rows import rowids

Value = Any

_FLOATING = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reader(kind: str) -> Callable[[str | None], Value]:
    """A function from stored text to the value to compare, for columns of this type."""
    convert = _READERS.get(kind, str)
    return lambda text: None if text is None else convert(text)


def coerce(text: str, kind: str, key: int) -> Value:
    """A text literal as a value of ``kind``; None if it is not one. ``key`` is the table's."""
    match kind:
        case "text":
            return text
        case "number" | "double":
            return _number(text, kind)
        case "boolean":
            return {"true": True, "false": False}.get(text.lower())
        case "floating_timestamp":
            return floating(text)
        case "fixed_timestamp":
            return milliseconds(text)
        case "row_identifier":
            return rowids.decode(text, key)
        case "row_version":
            return rowids.decode(text, key, rowids.VERSION)
        case _:
            return None


def _number(text: str, kind: str) -> Value:
    try:
        return Decimal(text) if kind == "number" else float(text)
    except (InvalidOperation, ValueError):
        return None


def floating(text: str) -> str | None:
    """A timestamp without a zone in its stored form; None for other texts, and for one with a zone."""
    found = _FLOATING.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction = found.groups()
    stem = f"{day}T{minute or '00:00'}:{second or '00'}"
    try:
        datetime.fromisoformat(stem)
    except ValueError:
        return None
    return f"{stem}.{(fraction or '0').ljust(3, '0')[:3]}"


def milliseconds(text: str) -> int | None:
    """A timestamp as milliseconds since 1970; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


_READERS: dict[str, Callable[[str], Value]] = {
    "number": Decimal,
    "double": float,
    "boolean": lambda text: text == "true",
    "fixed_timestamp": lambda text: milliseconds(text) or 0,
}
