"""Rows that are made of many: one of all rows where only aggregates are selected, else one of each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from socrata_simulator.rows import rowids
from socrata_simulator.rows.cells import java_double, plain_number, stamp
from socrata_simulator.soql.parts import Typed
from socrata_simulator.soql.query import Groups, Query
from socrata_simulator.soql.selection import Aggregate, Output

Texts = list[str | None]


def summary(query: Query) -> list[Texts]:
    """The rows of an answer to a query with aggregates or groups, as stored text."""
    if query.groups:
        return [
            [_cell(query, column, positions) for column in query.groups.columns]
            for positions in _grouped(query, query.groups)
        ]
    return [aggregated(query)]


def _grouped(query: Query, groups: Groups) -> Sequence[list[int]]:
    """The positions of each group, in the order that is asked for, else in that of their first rows."""
    made: dict[tuple[Any, ...], list[int]] = {}
    for position in query.matching():
        made.setdefault(tuple(key.get(position) for key in groups.keys), []).append(position)
    found = _kept(groups, list(made.values()))
    for by, descending in reversed(groups.order):
        keyed = [(_value(by, positions), positions) for positions in found]
        # As PostgreSQL does: nulls are last if ascending, first if descending.
        keyed.sort(key=lambda k: (k[0] is None, 0 if k[0] is None else k[0]), reverse=descending)
        found = [positions for _, positions in keyed]
    return found[query.offset : query.offset + query.limit]


def _kept(groups: Groups, found: list[list[int]]) -> list[list[int]]:
    """Those of the groups that meet the condition on groups."""
    if groups.having is None:
        return found
    of = {positions[0]: positions for positions in found}
    meets = groups.having(lambda aggregate, first: _reduced(aggregate, of[first]))
    return [positions for positions in found if meets(positions[0]) is True]


def _value(by: Typed | Aggregate, positions: Sequence[int]) -> Any:
    return by.get(positions[0]) if isinstance(by, Typed) else _reduced(by, positions)


def _cell(query: Query, column: Output | Aggregate, positions: Sequence[int]) -> str | None:
    """An aggregate of a group; or what all its rows have in common, which the first of them shows."""
    if isinstance(column, Aggregate):
        return _text(query, column, _reduced(column, positions))
    if column.value is not None:
        value = column.value.get(positions[0])
        return None if value is None else text_of(value, column.kind)
    if column.source == ":version":
        return rowids.encode(query.table.versions[positions[0]], query.table.key, rowids.VERSION)
    return query.table.row(positions[0])[column.source]


def aggregated(query: Query) -> list[str | None]:
    """The one row of an answer of aggregates, computed once for each table and condition."""
    texts = [_aggregated(query, aggregate) for aggregate in query.aggregates]
    if query.tampered is None:
        return texts
    return [
        str(query.tampered(int(t))) if t is not None and a.function == "count" else t
        for a, t in zip(query.aggregates, texts, strict=True)
    ]


def _aggregated(query: Query, aggregate: Aggregate) -> str | None:
    memo = query.table.memo
    key = (aggregate.function, aggregate.source, query.where, query.first, query.last)
    if key not in memo:
        memo[key] = _computed(query, aggregate)
    found: str | None = memo[key]
    return found


def _computed(query: Query, aggregate: Aggregate) -> str | None:
    return _text(query, aggregate, _reduced(aggregate, query.matching()))


def _reduced(aggregate: Aggregate, positions: Sequence[int]) -> Any:
    """The value of an aggregate over these rows; None for other than a count of none."""
    if aggregate.over is None:
        return len(positions)
    values = [v for v in map(aggregate.over.get, positions) if v is not None]
    if aggregate.function == "count":
        return len(values)
    if aggregate.function == "count(distinct)":
        return len(set(values))
    if not values:
        return None
    if aggregate.function == "avg":
        return sum(values) / len(values)
    return _REDUCE[aggregate.function](values)


def _text(query: Query, aggregate: Aggregate, value: Any) -> str | None:
    if value is None:
        return None
    if aggregate.kind in ("row_identifier", "row_version"):
        prefix = rowids.ROW if aggregate.kind == "row_identifier" else rowids.VERSION
        return rowids.encode(value, query.table.key, prefix)
    return text_of(value, aggregate.kind)


def text_of(value: Any, kind: str) -> str:
    """The value of an expression as a stored cell."""
    if kind == "fixed_timestamp":
        return stamp(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain_number(value)
    return java_double(value) if isinstance(value, float) else str(value)


_REDUCE: dict[str, Callable[[Any], Any]] = {"min": min, "max": max, "sum": sum}
