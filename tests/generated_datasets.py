"""Datasets as nobody would make them: odd names, types and titles, keys that are none, hundreds of columns.

The same seed makes the same datasets. Shared by tests of what is proposed for a dataset.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.plan.names import name_all

TITLES = (
    "Service Requests",
    "Cases 2019",
    "2018",
    "Budget 2018-2019",
    "東京都 渋谷区",
    "Árboles, parques & más: «datos»",
    "user",
    "# not a comment",
    "- not: a list",
    'he said "hi" and it\'s {fine}',
    "two\nlines \u2028 and \ufeff more",
    "null",
    "x" * 300,
    "🚧 works 👩‍👩‍👧",
    "\x07 bell \x1b[31m red",
    "%s {} $(rm -rf) `id`",
)
NAMES = (
    "status",
    "street",
    "select",
    "user",
    "no",
    "yes",
    "null",
    "on",
    "_1950",
    "ctid",
    "oid_",
    "socrata_id",
    "socrata_dataset",
    "order",
    "a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_it",
    "a_very_long_field_name_that_goes_on_beyond_what_postgresql_keeps_of_that",
    "description",
    "latitude",
    "amount",
    "case_id",
    "permit_number",
    "unique_key",
    "objectid",
)
KEYS = ("case_id", "permit_number", "unique_key", "objectid", "srnumber", "socrata_id", "no", "key")
ROWS = (0, 1, 2, 3, 15, 99, 100, 101, 250)

OF_KEYS = frozenset("text number money drop_down_list checkbox calendar_date date".split())
"""Types whose values PostgreSQL and Socrata compare alike."""

Value = Callable[[random.Random, int], Any]

_ANY: dict[str, Value] = {
    "text": lambda r, n: r.choice(("", " ", "a", "B", "ü", "two\nlines", 'q"uote', None)),
    "number": lambda r, n: r.choice(("0", "1", "1.0", "-2.50", "1E+5", None)),
    "money": lambda r, n: f"{r.randrange(99)}.50",
    "double": lambda r, n: r.random(),
    "checkbox": lambda r, n: r.choice((True, False, None)),
    "calendar_date": lambda r, n: f"20{r.randrange(10, 30)}-0{r.randrange(1, 10)}-11T00:00:00.000",
    "date": lambda r, n: "2020-01-20T08:30:00.250Z",
    "point": lambda r, n: f"POINT (-118.{r.randrange(99)} 34.0)",
    "url": lambda r, n: {"url": "https://example.org/"},
    "json": lambda r, n: {"a": [n]},
    "drop_down_list": lambda r, n: r.choice("xyz"),
    "unheard_of": lambda r, n: "what is this",
}
_UNIQUE: dict[str, Value] = {
    "text": lambda r, n: f"1-{n:06d}",
    "number": lambda r, n: str(1000 + n),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A dataset, and what is known of it. ``unique``: the fields that have a value of their own in every row; ``names``: field →
    the column of the table."""

    dataset: Dataset
    unique: frozenset[str]
    declared: str | None
    names: Mapping[str, str]


def generated(portal: Portal, number: int, seed: int) -> Iterator[Made]:
    """So many datasets, added to the portal."""
    for n in range(number):
        yield _made(portal, random.Random(seed * 100_000 + n), n)


def _made(portal: Portal, r: random.Random, n: int) -> Made:
    rows = r.choice(ROWS)
    values = _columns(r)
    lines = [{field: value(r, i) for field, (_, value) in values.items()} for i in range(rows)]
    _spoil(r, lines, list(values))
    columns = [(field, kind, _label(r, field)) for field, (kind, _) in values.items()]
    id_ = f"g{n % 1000:03d}-{r.randrange(10**4):04d}"
    dataset = portal.add_dataset(id_, columns, lines, name=f"D{n} {r.choice(TITLES)}")
    own = [field for field in values if not field.startswith(":")]
    declared = r.choice(own) if r.random() < 0.3 else None
    if declared:
        field_id = next(f.id for f in dataset.fields if f.name == declared)
        dataset.metadata["rowIdentifierColumnId"] = field_id
    names = name_all([field.name for field in dataset.fields], PROVENANCE)
    return Made(dataset=dataset, unique=_unique(dataset), declared=declared, names=names)


def _columns(r: random.Random) -> dict[str, tuple[str, Value]]:
    """Field → type and values. One of five datasets has a column that is made to be a key; some have hundreds."""
    found: dict[str, tuple[str, Value]] = {}
    if r.random() < 0.6:
        kind = r.choice(list(_UNIQUE))
        found[r.choice(KEYS)] = (kind, _UNIQUE[kind])
    if r.random() < 0.2:
        found["street"] = ("text", _UNIQUE["text"])
    for name in r.sample(NAMES, r.randrange(1, 9)):
        kind = r.choice(list(_ANY))
        found.setdefault(name, (kind, _ANY[kind]))
    if r.random() < 0.03:
        found |= {f"c{n}": ("text", _ANY["text"]) for n in range(300)}
    if r.random() < 0.2:
        found[":@computed_region_ab12_cd34"] = ("number", _ANY["number"])
    return dict(sorted(found.items(), key=lambda _: r.random()))


def _spoil(r: random.Random, lines: list[dict[str, Any]], fields: list[str]) -> None:
    """Take away, or double, one value of some columns: one in any number of rows makes a column no key."""
    for field in fields:
        if len(lines) > 1 and r.random() < 0.25:
            one, other = r.sample(range(len(lines)), 2)
            lines[one][field] = r.choice((None, lines[other][field]))


def _label(r: random.Random, field: str) -> str:
    return r.choice((field, field.upper(), f"{field}: # 'x'", "two\nlines\u2028", "ü", "]", ""))


def _unique(dataset: Dataset) -> frozenset[str]:
    table, rows = dataset.truth.table, dataset.rows()
    found = set()
    for field in table.fields:
        values = [row[field.name] for row in rows]
        same = {_compared(value, field.type) for value in values}
        if field.type in OF_KEYS and None not in values and len(same) == len(values):
            found.add(field.name)
    return frozenset(found)


def _compared(value: str | None, kind: str) -> object:
    return float(value) if value is not None and kind in ("number", "money") else value
