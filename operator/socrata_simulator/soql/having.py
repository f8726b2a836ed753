"""Which groups an answer has: a condition on what their rows have in common, and on aggregates over them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from socrata_simulator.rows.table import Table
from socrata_simulator.soql.evaluate import AGGREGATES, Compiler
from socrata_simulator.soql.parts import Getter, Typed
from socrata_simulator.soql.selection import Aggregate, aggregate, parsed
from socrata_simulator.soql.syntax import Call, Expression, Name, parse_where

Value = Callable[[Aggregate, int], Any]
"""The value of an aggregate over the group whose first row is at this position."""

Having = Callable[[Value], Getter]
"""The condition, once the values of aggregates are known, by the position of a group's first row."""


def having(
    table: Table,
    clause: str,
    dataset: str,
    keys: Collection[str],
    columns: Collection[Aggregate],
) -> Having | None:
    """The condition; None where there is none. Raises ``Refused``."""
    expression = parsed(parse_where, clause, dataset)
    if expression is None:
        return None
    named = {column.name: column for column in columns}

    def known(value: Value) -> Getter:
        return _OfGroups(table, dataset, clause, keys, named, value).condition(expression)

    known(lambda *_: None)  # what is wrong with it is told before any row is looked at
    return known


class _OfGroups(Compiler):
    """Compiles a condition on groups."""

    def __init__(
        self,
        table: Table,
        dataset: str,
        clause: str,
        keys: Collection[str],
        named: dict[str, Aggregate],
        value: Value,
    ) -> None:
        super().__init__(table, dataset, clause)
        self._keys = keys
        self._named = named
        self._value = value

    def typed(self, expression: Expression) -> Typed:
        """As for rows; aggregates, and the names of selected ones, have their value over the group."""
        found = self._aggregate(expression)
        if found is not None:
            return Typed(found.kind, lambda first: self._value(found, first))
        if isinstance(expression, Name) and expression.name not in self._keys:
            raise self.refused(
                "query.soql.column-not-in-group-bys",
                f"Column {expression.name} not in group bys",
                expression.at,
            )
        return super().typed(expression)

    def _aggregate(self, expression: Expression) -> Aggregate | None:
        if isinstance(expression, Call) and expression.function in AGGREGATES:
            rows = Compiler(self._table, self.dataset, self._clause)
            return aggregate(rows, expression, None)
        return self._named.get(expression.name) if isinstance(expression, Name) else None
