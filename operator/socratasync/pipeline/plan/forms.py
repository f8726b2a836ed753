"""Datasets of one table that send different kinds of values into one column. Pure.

A type that holds the values of both brings them to one form: ``numeric`` those of number and double. A text keeps each
as its dataset writes it, so that a date stands beside "01/31/2017", and nobody who reads the column knows which
to expect: that is named, with both forms. All datasets count that have rows in the table, whichever a run loads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from socratasync.contract.report import listed
from socratasync.pipeline.columns import Column
from socratasync.pipeline.target.bookkeeping import Known
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.types import bare_type, spatial

MOST_NAMES = 5
"""So many datasets, or columns, are named in one place."""

_SPELLING = frozenset({"text", "character varying", "character", "citext"})
"""Types that keep a value as it was written."""
_ZONELESS = frozenset({"timestamp without time zone", "date"})
"""Types that drop the zone of a value that has one."""
_TIMES = frozenset({"floating_timestamp", "fixed_timestamp"})
_NUMBERS = frozenset({"numeric", "double precision"})

_FORMS = {
    "double": "number",
    "photo": "file",
    "blob": "file",
    **dict.fromkeys(("point", "line", "polygon", "multipoint", "multiline", "multipolygon"), "WKT"),
}
"""How values of a canonical type are written, where another type's are written alike."""
_EXAMPLES = {
    "checkbox": "true",
    "floating_timestamp": "2017-01-31T00:00:00.000",
    "fixed_timestamp": "2017-01-31T08:00:00.000Z",
    "point": "POINT (-118.25 34.05)",
    "location": "(34.05, -118.25)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a dataset sends into one column: values of a canonical type. ``is_new``: its rows that are in the table,
    if there are any, were not loaded so."""

    kind: str
    is_new: bool = False


Sending = Mapping[str, Mapping[str, Sent]]
"""Dataset id → target column → what the dataset sends."""


def common_type(one: str, other: str) -> str:
    """The PostgreSQL type that keeps the values of both; the order of the two decides nothing."""
    first, second = spatial(one), spatial(other)
    if first and second:
        name, _, _ = one.rpartition("(")
        differ = first.kind != second.kind and first.srid == second.srid
        return f"{name}(Geometry,{first.srid})" if differ else one
    bare = {bare_type(one), bare_type(other)}
    if len(bare) == 1:
        return one
    return "numeric" if bare <= _NUMBERS else "text"


def find_sending(
    known: Mapping[str, Known], columns: Mapping[str, Iterable[Column]], *, resets: bool
) -> Sending:
    """What each dataset sends that has rows in the table or is about to: those of ``columns`` as they are now, the
    others as they were loaded. ``resets``: nothing stays of those."""
    now = {d: _sent_now(each, known.get(d)) for d, each in columns.items()}
    rest = () if resets else sorted(set(known) - set(now))
    return {**now, **{dataset: _sent_before(known[dataset]) for dataset in rest}}


def _sent_now(columns: Iterable[Column], known: Known | None) -> dict[str, Sent]:
    before = _sent_before(known) if known else {}
    loaded = known.columns.get("loaded", {}) if known else {}
    return {
        c.name: Sent(
            kind=c.source_type,
            is_new=before.get(c.name) != Sent(kind=c.source_type) or loaded[c.name] != c.field,
        )
        for c in columns
    }


def _sent_before(known: Known) -> dict[str, Sent]:
    source = known.columns.get("source", {})
    return {
        name: Sent(kind=source[field])
        for name, field in known.columns.get("loaded", {}).items()
        if field in source
    }


def mixed_forms(
    dataset: str,
    *,
    sending: Sending,
    columns: Iterable[Column],
    target: Target,
    chosen: Mapping[str, str],
) -> tuple[str, ...]:
    """A sentence on the dataset's ``columns`` into which it and others send different forms, for each such difference:
    the same to the letter for each of these datasets.

    ``chosen`` are the types that the manifest names. Who has named a column's type is told once, in the runs
    until all datasets are loaded so; of any other, each run tells."""
    found = defaultdict[tuple[str, str], list[str]](list)
    for column in columns:
        sent = {d: sends[column.name] for d, sends in sending.items() if column.name in sends}
        pg_type = _stored(column, target)
        told = _told(sent, pg_type)
        settled = chosen.get(column.name) and not any(each.is_new for each in sent.values())
        if dataset in sent and told and not settled:
            found[told, pg_type].append(column.name)
    return tuple(
        _sentence(target.name, names, told, pg_type) for (told, pg_type), names in found.items()
    )


def _stored(column: Column, target: Target) -> str:
    """What PostgreSQL keeps of the column's values: of a domain, what the type below it does."""
    there = target.column(column.name)
    return bare_type((there.base or there.type) if there else column.type)


def _told(sent: Mapping[str, Sent], pg_type: str) -> str | None:
    """Which datasets send what, where the column does not bring that to one form."""
    if pg_type in _ZONELESS:
        sent = {dataset: each for dataset, each in sent.items() if each.kind in _TIMES}
    elif pg_type not in _SPELLING:
        return None
    by_form = defaultdict[str, dict[str, str]](dict)
    for dataset, each in sent.items():
        by_form[_FORMS.get(each.kind, each.kind)][dataset] = each.kind
    if len(by_form) == 1 or not sent:
        return None
    return ", ".join(map(_form, by_form.values()))


def _form(kinds: Mapping[str, str]) -> str:
    """``kinds``: dataset → canonical type, of those that write their values alike."""
    datasets = "dataset {} sends" if len(kinds) == 1 else "datasets {} send"
    names = " or ".join(dict.fromkeys(kinds.values()))
    example = next((_EXAMPLES[kind] for kind in kinds.values() if kind in _EXAMPLES), None)
    such = f" (such as {example})" if example else ""
    return f"{datasets.format(listed(list(kinds), MOST_NAMES))} {names}{such}"


def _sentence(table: str, names: list[str], told: str, pg_type: str) -> str:
    columns = "column {} of {} mixes" if len(names) == 1 else "columns {} of {} mix"
    becomes = (
        "each value stays as it is sent"
        if pg_type in _SPELLING
        else "the zone of those that have one is dropped, so that UTC stands beside local time"
    )
    return (
        f"{columns.format(listed(names, MOST_NAMES), table)} forms: {told}; as {pg_type}, {becomes}. Load one form into "
        "a column of its own with datasets[].columns, or choose a type with target.types or target.fields that takes both; naming "
        f"{pg_type} there says that it is meant"
    )
