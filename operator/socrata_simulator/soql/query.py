"""A request's query against a table: which rows, in which order, and which columns of them.

The condition is split at its ``and``s. Parts that compare ``:id`` with a literal become a range of
positions; the rest is evaluated once per table and remembered. So reading a million rows page by page
evaluates the condition once for each row, and not once for each row and page.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from socrata_simulator.refusals import query
from socrata_simulator.rows import rowids
from socrata_simulator.rows.dialect import SODA2, Dialect
from socrata_simulator.rows.table import Table
from socrata_simulator.soql.evaluate import Compiler
from socrata_simulator.soql.having import Having, having
from socrata_simulator.soql.parts import Typed
from socrata_simulator.soql.selection import Aggregate, Output, group_keys, parsed, select
from socrata_simulator.soql.syntax import (
    Call,
    Expression,
    Literal,
    Name,
    Ordered,
    parse_order,
    parse_where,
)

T = TypeVar("T")

DEFAULT_LIMIT = 1000
_KNOWN = frozenset(("$select", "$where", "$group", "$having", "$order", "$limit", "$offset", "$q"))


@dataclass(frozen=True, slots=True)
class Groups:
    """What ``$group`` makes of a query: the columns of a group, what it is made by, the order, and which groups
    the answer has (``$having``)."""

    columns: tuple[Output | Aggregate, ...]
    keys: tuple[Typed, ...]
    order: tuple[tuple[Typed | Aggregate, bool], ...]
    having: Having | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed request. ``tampered`` replaces a right ``count(*)`` by the wrong one of a fault."""

    table: Table
    outputs: tuple[Output, ...]
    aggregates: tuple[Aggregate, ...]
    where: str
    condition: Callable[[int], object] | None
    first: int
    last: int
    order: tuple[tuple[Typed, bool], ...]
    by_id: bool
    limit: int
    offset: int
    dialect: Dialect = SODA2
    groups: Groups | None = None
    tampered: Callable[[int], int] | None = None

    @property
    def is_stable(self) -> bool:
        """Whether the answer is always the same for the same table."""
        return self.tampered is None and bool(self.order or self.is_summary)

    @property
    def is_summary(self) -> bool:
        """Whether the answer's rows are made of many rows: of groups, or of all."""
        return bool(self.groups or self.aggregates)

    @property
    def columns(self) -> Sequence[Output | Aggregate]:
        """The columns of the answer."""
        return self.groups.columns if self.groups else (self.aggregates or self.outputs)

    def matching(self) -> Sequence[int]:
        """The positions of all rows that meet the condition, ascending."""
        if self.condition is None:
            return range(self.first, self.last)
        key = ("matching", self.where)
        found = self.table.memo.get(key)
        if found is None:
            found = [i for i in range(len(self.table)) if self.condition(i) is True]
            self.table.memo[key] = found
        if self.first == 0 and self.last == len(self.table):
            return found
        return [i for i in found if self.first <= i < self.last]

    def positions(self) -> Sequence[int]:
        """The positions of the answer's rows, in its order; in a random one if none was asked for."""
        found = self.matching()
        end = self.offset + self.limit
        if not self.order:
            return random.sample(found, min(len(found), end))[self.offset :]
        if not self.by_id:
            found = _sorted(found, self.order)
        return found[self.offset : end]


def _sorted(found: Sequence[int], order: tuple[tuple[Typed, bool], ...]) -> list[int]:
    """Sort as PostgreSQL does: nulls are last if ascending, first if descending."""
    rows = list(found)
    for typed, descending in reversed(order):
        get = typed.get

        def key(position: int, get: Callable[[int], object] = get) -> tuple[bool, object]:
            value = get(position)
            return (value is None, 0 if value is None else value)

        rows.sort(key=key, reverse=descending)
    return rows


def parse(
    table: Table, parameters: Mapping[str, str], dataset: str, dialect: Dialect = SODA2
) -> Query:
    """Parse a request's parameters. SODA3 answers all rows where no limit is given. Raises ``Refused``."""
    unknown = [p for p in parameters if p.startswith("$") and p not in _KNOWN and p[1:2] != "$"]
    if unknown:
        raise query(400, "invalid-parameter", f"Unrecognized parameters: {', '.join(unknown)}")
    order = parsed(parse_order, parameters.get("$order", ""), dataset) or []
    columns = select(table, parameters, dataset, dialect.interface, bool(order))
    conditions, first, last = _conditions(table, parameters, dataset)
    compiler = Compiler(table, dataset, parameters.get("$order", ""))
    groups = _groups(table, columns, order, compiler, parameters)
    by = [] if groups else [(compiler.typed(o.expression), o.descending) for o in order]
    return Query(
        table=table,
        outputs=tuple(c for c in columns if isinstance(c, Output)),
        aggregates=tuple(c for c in columns if isinstance(c, Aggregate)),
        groups=groups,
        where="\0".join(text for text, _ in conditions),
        condition=_all([condition for _, condition in conditions]),
        first=first,
        last=last,
        order=tuple(by),
        by_id=_is_by_id(order),
        limit=_count(
            parameters, "$limit", sys.maxsize if dialect.interface == "SODA3" else DEFAULT_LIMIT
        ),
        offset=_count(parameters, "$offset", 0),
        dialect=dialect,
    )


def _groups(
    table: Table,
    columns: Sequence[Output | Aggregate],
    order: Sequence[Ordered],
    compiler: Compiler,
    parameters: Mapping[str, str],
) -> Groups | None:
    """The groups that ``$group`` asks for. Names of selected columns come before columns of the table."""
    keys = group_keys(parameters, compiler.dataset)
    if not keys:
        _refuse_having(parameters, compiler)
        return None
    named = {column.name: column for column in columns}

    def found(expression: Expression) -> Typed | Aggregate:
        column = named.get(expression.name) if isinstance(expression, Name) else None
        if isinstance(column, Aggregate):
            return column
        if column is None or column.value is None:
            expression = Name(column.source, 0) if column else expression
            return compiler.typed(expression)
        return column.value

    typed = [found(Name(key, 0)) for key in keys]
    return Groups(
        columns=tuple(columns),
        keys=tuple(key for key in typed if isinstance(key, Typed)),
        order=tuple((found(o.expression), o.descending) for o in order),
        having=having(
            table,
            parameters.get("$having", ""),
            compiler.dataset,
            keys,
            [column for column in columns if isinstance(column, Aggregate)],
        ),
    )


def _refuse_having(parameters: Mapping[str, str], compiler: Compiler) -> None:
    if parameters.get("$having", "").strip():
        text = "The simulator has conditions on groups only where there are groups"
        raise compiler.refused("query.compiler.malformed", text, 0)


def _is_by_id(order: list[Ordered]) -> bool:
    leading = order[0] if order else None
    return (
        leading is not None
        and isinstance(leading.expression, Name)
        and leading.expression.name == ":id"
        and not leading.descending
    )


def _count(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise query(400, "invalid-parameter", f"Invalid value for {name}: {text}")
    return int(text)


# -- where -----------------------------------------------------------------------------------------


def _conditions(
    table: Table, parameters: Mapping[str, str], dataset: str
) -> tuple[list[tuple[str, Callable[[int], object]]], int, int]:
    """The conditions other than on ``:id``, each with its text, which is its name in the memo;
    and the first position that the conditions on ``:id`` allow, and the one after the last."""
    clause = parameters.get("$where", "")
    compiler = Compiler(table, dataset, clause)
    expression = parsed(parse_where, clause, dataset)
    first, last = 0, len(table)
    conditions: list[tuple[str, Callable[[int], object]]] = []
    for part in _conjuncts(expression) if expression else ():
        condition = compiler.condition(part)
        bounds = _id_bounds(table, part)
        if bounds:
            first, last = max(first, bounds[0]), min(last, bounds[1])
        else:
            conditions.append((repr(part), condition))
    conditions += _filters(table, parameters, dataset)
    return conditions, first, max(first, last)


def _conjuncts(expression: Expression) -> Iterable[Expression]:
    if isinstance(expression, Call) and expression.function == "and":
        for argument in expression.arguments:
            yield from _conjuncts(argument)
    else:
        yield expression


def _id_bounds(table: Table, part: Expression) -> tuple[int, int] | None:
    if not isinstance(part, Call) or len(part.arguments) != 2:
        return None
    left, right = part.arguments
    if not isinstance(left, Name) or left.name != ":id" or not isinstance(right, Literal):
        return None
    number = rowids.decode(right.text, table.key)
    if number is None:
        return None
    at, beyond = table.first_after(number, inclusive=True), table.first_after(number)
    return {
        ">": (beyond, len(table)),
        ">=": (at, len(table)),
        "<": (0, at),
        "<=": (0, beyond),
        "=": (at, beyond),
    }.get(part.function)


def _filters(
    table: Table, parameters: Mapping[str, str], dataset: str
) -> Iterable[tuple[str, Callable[[int], object]]]:
    """The conditions that ``<field>=value`` and ``$q`` are, each with its text."""
    for name, value in parameters.items():
        if not name.startswith("$"):
            compiler = Compiler(table, dataset, f"{name} = {value}")
            same = Call("=", (Name(name.lower(), 0), Literal("text", value, len(name) + 3)), 0)
            yield f"{name}={value}", compiler.condition(same)
    words = parameters.get("$q", "").lower()
    if words:
        yield f"$q={words}", lambda i: words in table.lines[i].decode().lower()


def _all(conditions: list[Callable[[int], object]]) -> Callable[[int], object] | None:
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]
    return lambda i: all(condition(i) is True for condition in conditions)
