"""What a select list asks for: named columns, or aggregates over all rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from socrata_simulator.refusals import bad_query, bare
from socrata_simulator.rows.table import SYSTEM_TYPES, Field, Table
from socrata_simulator.soql.evaluate import AGGREGATES, Compiler
from socrata_simulator.soql.parts import Typed
from socrata_simulator.soql.syntax import (
    Call,
    Expression,
    Name,
    Selected,
    Star,
    parse_group,
    parse_select,
)
from socrata_simulator.soql.tokens import BadCharacter, BareTimestamp

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the answer: a column of the table, a system column, or the value of an expression."""

    name: str
    kind: str
    field: Field | None = None
    system: str | None = None
    value: Typed | None = None

    @property
    def source(self) -> str:
        """The column that it shows; nothing for an expression."""
        return self.system or (self.field.name if self.field else "")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function over all rows that meet the condition; ``over`` is None for ``count(*)``."""

    name: str
    kind: str
    function: str
    over: Typed | None
    source: str


def select(
    table: Table, parameters: Mapping[str, str], dataset: str, interface: str, ordered: bool
) -> list[Output | Aggregate]:
    """The columns and aggregates that ``$select`` asks for. Raises ``Refused``.

    ``*`` has no computed regions: in SODA2 if there is an order, in SODA3 never, which adds them after
    all others.
    """
    clause = parameters.get("$select", "*")
    items = parsed(parse_select, clause, dataset) or [Star("*", 0)]
    _refuse_late_stars(items, clause, dataset, interface)
    regions = interface == "SODA2" and not ordered
    compiler = Compiler(table, dataset, clause)
    found: list[Output | Aggregate] = []
    for item in items:
        if isinstance(item, Star):
            found += _starred(table, item, regions=regions)
        elif isinstance(item.expression, Call) and item.expression.function in AGGREGATES:
            found.append(aggregate(compiler, item.expression, item.alias))
        else:
            _refuse_circular(compiler, item)
            found.append(_output(table, compiler, item))
    _refuse_ungrouped(found, parameters, compiler)
    return found


def _refuse_circular(compiler: Compiler, item: Selected) -> None:
    """A name for an expression hides the column of that name, in the expression itself, too."""
    if isinstance(item.expression, Call) and item.alias in _names(item.expression):
        raise compiler.refused(
            "query.soql.circular-alias-definition",
            f"Circular alias definition: {item.alias}",
            item.expression.at,
            name=item.alias,
        )


def _names(expression: Expression) -> set[str]:
    if isinstance(expression, Name):
        return {expression.name}
    arguments = expression.arguments if isinstance(expression, Call) else ()
    return set().union(*map(_names, arguments))


def _refuse_ungrouped(
    found: list[Output | Aggregate], parameters: Mapping[str, str], compiler: Compiler
) -> None:
    """Beside aggregates, and where there are groups, only what is grouped by can be selected."""
    grouped = "$group" in parameters
    if not grouped and not any(isinstance(column, Aggregate) for column in found):
        return
    keys = group_keys(parameters, compiler.dataset)
    for column in found:
        if isinstance(column, Output) and not {column.name, column.source} & set(keys):
            raise compiler.refused(
                "query.soql.column-not-in-group-bys", f"Column {column.name} not in group bys", 0
            )


def group_keys(parameters: Mapping[str, str], dataset: str) -> list[str]:
    """The columns, or names of selected expressions, that ``$group`` lists. Raises ``Refused``."""
    clause = parameters.get("$group", "")
    keys = parsed(parse_group, clause, dataset) or []
    names = [key.name for key in keys if isinstance(key, Name)]
    if len(names) < len(keys):
        raise bad_query(
            "query.compiler.malformed",
            "The simulator groups by columns and by names of selected expressions only",
            clause=clause,
            at=0,
            dataset=dataset,
        )
    return names


_LATE_STAR = {
    "SODA2": {"*": "query.compiler.malformed", ":*": "query.compiler.malformed"},
    "SODA3": {
        "*": "soql.parser.unexpected-star-select",
        ":*": "soql.parser.unexpected-system-star-select",
    },
}
"""The code of each interface's refusal of a star that comes too late."""


def _refuse_late_stars(
    items: list[Star | Selected], clause: str, dataset: str, interface: str
) -> None:
    """Stars come first; SODA3 also wants the system columns' before the other."""
    systems_first = interface == "SODA3"
    for before, item in pairwise(items):
        if not isinstance(item, Star):
            continue
        if isinstance(before, Selected) or (item.text == ":*" and systems_first):
            raise bad_query(
                _LATE_STAR[interface][item.text],
                "Star selections must come at the start of the select-list",
                clause=clause,
                at=item.at,
                dataset=dataset,
            )


def _starred(table: Table, star: Star, *, regions: bool) -> list[Output]:
    """The columns of a star: those that are not hidden."""
    if star.text == ":*":
        return [Output(name, kind, system=name) for name, kind in SYSTEM_TYPES.items()]
    return [
        Output(f.name, f.kind, field=f)
        for f in table.fields
        if not f.hidden and (regions or not f.synthetic)
    ]


def _output(table: Table, compiler: Compiler, item: Selected) -> Output:
    typed = compiler.typed(item.expression)
    if not isinstance(item.expression, Name):
        return Output(item.alias or _default_alias(item.expression), typed.kind, value=typed)
    name = item.expression.name
    alias = item.alias or name
    if name in SYSTEM_TYPES:
        return Output(alias, typed.kind, system=name)
    return Output(alias, typed.kind, field=table.find(name))


def aggregate(compiler: Compiler, call: Call, alias: str | None) -> Aggregate:
    """The aggregate that a call stands for, under this name or one made from it. Raises ``Refused``."""
    function = call.function.removesuffix("(*)")
    over = compiler.typed(call.arguments[0]) if call.arguments else None
    if over is not None and function in ("sum", "avg") and over.kind not in ("number", "double"):
        raise compiler.mismatch(function, over.kind, call.arguments[0].at)
    kind = "number" if function.startswith("count") or over is None else over.kind
    return Aggregate(alias or _default_alias(call), kind, function, over, repr(call.arguments))


def _default_alias(expression: Expression) -> str:
    if isinstance(expression, Call):
        if expression.function.startswith("."):
            return f"{_default_alias(expression.arguments[0])}_{expression.function[1:]}"
        function = re.sub(r"\((\*|distinct)\)$", "", expression.function)
        return "_".join([function.strip(":"), *map(_default_alias, expression.arguments)])
    if isinstance(expression, Name):
        return expression.name.strip(":")
    return expression.text


def parsed(parse_clause: Callable[[str], T], clause: str, dataset: str) -> T | None:
    """The clause, parsed; None for an empty one. Raises ``Refused``."""
    if not clause.strip():
        return None
    try:
        return parse_clause(clause)
    except BareTimestamp:
        raise bare(500) from None
    except BadCharacter as exc:
        found = clause[exc.at : exc.at + 1] or "the end of the clause"
        raise bad_query(
            "query.compiler.malformed",
            f"Could not parse SoQL query: unexpected {found!r}",
            clause=clause,
            at=exc.at,
            dataset=dataset,
        ) from None
