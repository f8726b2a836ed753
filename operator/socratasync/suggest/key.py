"""Which column tells a dataset's rows apart: the one that its publisher declared, or one that proves to. Pure.

A column is a key where it has as many values as there are rows: then no value is there twice, and none is missing.
``:id``, which every row has, is the key where there is none; a publisher who replaces a dataset gives its rows others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from socratasync.pipeline.columns import SourceColumn
from socratasync.suggest.sample import Sample

MOST_ASKED = 12
"""Columns of which values are counted: a count of values costs the portal a pass over its rows, in one query for all."""

FEW = 100
"""Rows. In fewer, values differ by chance; a column whose name says nothing is no key of so few."""

_WORDS = frozenset(
    "id ids key pk uid uuid guid number num no nbr nr code identifier identification reference ref objectid fid gid "
    "globalid oid case permit license licence ticket incident serial".split()
)
_ENDINGS = ("id", "key", "number", "num", "nbr", "code", "identifier")
_PLAIN = re.compile("[a-z_][a-z0-9_]*")
_COMPARABLE = frozenset("text number checkbox floating_timestamp fixed_timestamp".split())
_AMOUNTS = frozenset("money percent stars email phone html drop_down_list".split())
"""Types that are kept as numbers or texts, and of which no value tells a row apart but by chance."""

_MEASURES = re.compile(
    r"latitude|longitude|\blat\b|\blon\b|\blng\b|\b[xy]\b|coord|address|description|comment|note|narrative|text|"
    r"location|amount|total|value|price|cost|percent|rate|area|length|acres|date|time|year"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is proposed. ``field``: None for ``:id``. ``reasons``: sentences for people."""

    field: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many rows there are, and how many values columns of them have."""

    rows: int
    values: Mapping[str, int]


def candidates(
    columns: Iterable[SourceColumn], sample: Sample, row_identifier: str | None
) -> list[str]:
    """The fields whose values are to be counted, the likeliest first."""
    able = [c for c in columns if _can_be_key(c, sample, declared=c.field == row_identifier)]
    ranked = sorted(able, key=lambda c: (c.field != row_identifier, _rank(c.field)))
    return [c.field for c in ranked][:MOST_ASKED]


def choose(row_identifier: str | None, counted: Counted | None, asked: Sequence[str]) -> Key:
    """The key. ``asked``: the candidates, likeliest first; ``counted``: None where the portal did not count."""
    declared = row_identifier if row_identifier in asked else None
    if counted is None:
        return _uncounted(declared)
    unique = [f for f in asked if counted.rows and counted.values.get(f) == counted.rows]
    if declared and (declared in unique or not counted.rows):
        told = (f"{declared} is the row identifier that the publisher declared.",)
        return Key(field=declared, reasons=told)
    reasons = []
    if row_identifier:
        reasons.append(_denied(row_identifier, counted))
    likely = [f for f in unique if _is_likely(f)]
    if likely:
        return Key(field=likely[0], reasons=(*reasons, *_proven(likely[0], counted.rows)))
    if unique and counted.rows >= FEW:
        return Key(field=unique[0], reasons=(*reasons, *_proven(unique[0], counted.rows)))
    return Key(field=None, reasons=(*reasons, _none(unique, counted.rows)))


def _can_be_key(column: SourceColumn, sample: Sample, *, declared: bool) -> bool:
    """Whether no row of the sample speaks against it, nor its type; nor its name, unless its publisher declared it."""
    seen = sample.columns.get(column.field) if sample.rows else None
    if _PLAIN.fullmatch(column.field) is None or (seen and not seen.can_be_key):
        return False
    if declared:
        return column.canonical in _COMPARABLE
    if column.type.lower() in _AMOUNTS or _rank(column.field) == _UNLIKELY:
        return False
    is_whole = seen is None or seen.is_whole
    return column.canonical == "text" or (column.canonical == "number" and is_whole)


_UNLIKELY = 3


def _rank(field: str) -> int:
    """How likely a column of that name is a key: 0 most."""
    words = field.split("_")
    if set(words) & _WORDS:
        return 0
    if field.endswith(_ENDINGS):
        return 1
    return _UNLIKELY if _MEASURES.search(" ".join(words)) else 2


def _is_likely(field: str) -> bool:
    return _rank(field) < 2


def _uncounted(row_identifier: str | None) -> Key:
    if row_identifier:
        sentence = f"{row_identifier} is the row identifier that the publisher declared; its values were not counted."
        return Key(field=row_identifier, reasons=(sentence,))
    return Key(
        field=None, reasons=("The portal did not count values, so no column is known to be a key.",)
    )


def _denied(row_identifier: str, counted: Counted) -> str:
    values = counted.values.get(row_identifier)
    if values is None:
        return (
            f"The publisher declared {row_identifier} as row identifier, but it is of a type that is no key, or the "
            "first rows lack it or share it."
        )
    return (
        f"The publisher declared {row_identifier} as row identifier, but {counted.rows:,} rows have only "
        f"{values:,} values of it."
    )


def _proven(field: str, rows: int) -> tuple[str, ...]:
    told = f"{field} has another value in each of the {rows:,} rows of today."
    if rows == 1:
        told = f"{field} is named like a key, and the only row has a value."
    if rows >= FEW:
        return (told,)
    return (told, "They are few: it may be by chance. Ask the publisher, or write [socrata_id].")


def _none(unique: Sequence[str], rows: int) -> str:
    if not rows:
        return "There is no row yet that a key could be told by."
    if unique:
        names = ", ".join(unique[:3])
        return f"Of {rows:,} rows, {names} differs in all, which may be chance in so few."
    return "No column that was looked at has another value in every row."
