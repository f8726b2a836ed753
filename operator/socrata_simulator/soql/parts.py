"""The parts of values that have several: ``location.latitude``, ``url.url`` and so on, by type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from socrata_simulator.rows.cells import compact
from socrata_simulator.rows.values import Value

Getter = Callable[[int], Value]


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression's type, value by row position, and its text if it is a literal."""

    kind: str
    get: Getter
    literal: str | None = None


_COORDINATES = ("longitude", "latitude")
_TEXTS = {
    "location": ("human_address",),
    "url": ("url", "description"),
    "document": ("file_id", "filename", "content_type"),
    "phone": ("phone_number", "phone_type"),
}
_POINT = re.compile(r"POINT *\((\S+) +(\S+)\)")


def part(whole: Typed, name: str) -> Typed | None:
    """The part of that name of an expression; None where its type has no such part."""
    get = whole.get
    if name in _COORDINATES and whole.kind in ("location", "point"):
        read = _of_location if whole.kind == "location" else _of_point
        return Typed("number", lambda i: None if (v := get(i)) is None else _number(read(v), name))
    if name in _TEXTS.get(whole.kind, ()):
        return Typed("text", lambda i: None if (v := get(i)) is None else _text(v, name))
    return None


def _text(cell: str, name: str) -> str | None:
    found: Any = json.loads(cell).get(name)
    return found if found is None or isinstance(found, str) else compact(found)


def _of_location(cell: str) -> tuple[str, str] | None:
    """A location keeps its coordinates as a point: without one of them it has neither."""
    found = json.loads(cell)
    pair = found.get("longitude"), found.get("latitude")
    return None if None in pair else (str(pair[0]), str(pair[1]))


def _of_point(cell: str) -> tuple[str, str] | None:
    found = _POINT.fullmatch(cell.upper())
    return (found[1], found[2]) if found else None


def _number(pair: tuple[str, str] | None, name: str) -> Decimal | None:
    """With fifteen digits at most, as PostgreSQL makes a numeric of a double."""
    if pair is None:
        return None
    return Decimal(f"{float(pair[_COORDINATES.index(name)]):.15g}")
