"""Compiles expressions into functions of a row, with the types and refusals of Socrata.

An expression becomes a ``Typed``: its type, and a function from a row's position to its value. None is
null, and a comparison with null is null. A text literal is converted to the type of what it is compared
with; where that is impossible the query is refused, as a real server does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from socrata_simulator.refusals import Refused, bad_query
from socrata_simulator.rows.cells import GEOMETRY_TYPES, cell_finder
from socrata_simulator.rows.table import SYSTEM_TYPES, Table
from socrata_simulator.rows.values import Value, coerce, reader
from socrata_simulator.soql.parts import Getter, Typed, part
from socrata_simulator.soql.syntax import Call, Expression, Literal, Name

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNORDERED = GEOMETRY_TYPES | {"location", "url", "document", "phone", "json"}
AGGREGATES = frozenset({"count(*)", "count(distinct)", "count", "min", "max", "sum", "avg"})


class Compiler:
    """Compiles one clause's expressions against one table."""

    def __init__(self, table: Table, dataset: str, clause: str) -> None:
        self._table = table
        self.dataset = dataset
        self._clause = clause

    def condition(self, expression: Expression) -> Getter:
        """A boolean expression as a function of a row's position. Raises ``Refused`` for other types."""
        typed = self.typed(expression)
        if typed.kind not in ("boolean", "null"):
            raise self.mismatch("where", typed.kind, expression.at)
        return typed.get

    def typed(self, expression: Expression) -> Typed:
        """An expression that is no aggregate. Raises ``Refused``."""
        if isinstance(expression, Literal):
            return _literal(expression)
        if isinstance(expression, Name):
            return self._column(expression)
        if expression.function in ("and", "or", "not"):
            return self._logic(expression)
        if expression.function in _COMPARE or expression.function in ("in", "between"):
            return self._comparison(expression)
        return self._function(expression)

    # -- columns ---------------------------------------------------------------------------------

    def _column(self, name: Name) -> Typed:
        table = self._table
        if name.name in SYSTEM_TYPES:
            getters: dict[str, Getter] = {
                ":id": table.numbers.__getitem__,
                ":created_at": table.created.__getitem__,
                ":updated_at": table.updated_at,
                ":version": table.versions.__getitem__,
            }
            return Typed(SYSTEM_TYPES[name.name], getters[name.name])
        field = table.find(name.name)
        if field is None:
            raise self.refused(
                "query.soql.no-such-column",
                f"No such column: {name.name}",
                name.at,
                column=name.name,
            )
        find, lines, read = cell_finder(field.slot), table.lines, reader(field.kind)
        return Typed(field.kind, lambda i: read(find(lines[i])))

    # -- operators -------------------------------------------------------------------------------

    def _logic(self, call: Call) -> Typed:
        parts = [self.condition(argument) for argument in call.arguments]
        if call.function == "not":
            (inner,) = parts
            return Typed("boolean", lambda i: None if (v := inner(i)) is None else not v)
        left, right = parts
        decisive = call.function == "or"

        def both(position: int) -> Value:
            first = left(position)
            if first is decisive:
                return decisive
            second = right(position)
            if second is decisive:
                return decisive
            return None if first is None or second is None else not decisive

        return Typed("boolean", both)

    def _comparison(self, call: Call) -> Typed:
        left, *others = self._agreeing(call)
        if call.function == "in":
            return Typed("boolean", _in(left, others))
        if call.function == "between":
            low, high = others
            return Typed("boolean", _between(left.get, low.get, high.get))
        compare, a, b = _COMPARE[call.function], left.get, others[0].get
        if others[0].literal is not None:
            constant = b(0)
            return Typed("boolean", lambda i: None if (v := a(i)) is None else compare(v, constant))
        return Typed("boolean", _compared(compare, a, b))

    def _agreeing(self, call: Call) -> list[Typed]:
        """The arguments, with literals converted to the type of what they are compared with."""
        typed = [self.typed(argument) for argument in call.arguments]
        leading = next((t for t in typed if t.literal is None), typed[0])
        agreeing = [self._as(t, leading.kind, call) for t in typed]
        ordered = call.function not in ("=", "!=", "in")
        if leading.kind in _UNORDERED or (leading.kind == "boolean" and ordered):
            raise self.mismatch(f"op${call.function}", leading.kind, call.at)
        return agreeing

    def _as(self, typed: Typed, kind: str, call: Call) -> Typed:
        if typed.kind in (kind, "null"):
            return typed
        if {typed.kind, kind} == {"number", "double"}:
            number = Decimal if kind == "number" else float
            return Typed(
                kind, lambda i: None if (v := typed.get(i)) is None else number(v), typed.literal
            )
        value = None
        if typed.literal is not None and typed.kind == "text":
            value = coerce(typed.literal, kind, self._table.key)
        if value is None:
            at = next((a.at for a in call.arguments if isinstance(a, Literal)), call.at)
            raise self.mismatch(f"op${call.function}", typed.kind, at)
        return Typed(kind, lambda _: value, typed.literal)

    # -- functions -------------------------------------------------------------------------------

    def _function(self, call: Call) -> Typed:
        name = call.function
        if name in AGGREGATES:
            raise self.refused(
                "query.soql.aggregate-in-ungrouped-context",
                f"Aggregate function {name} used where it is not allowed",
                call.at,
                function=name,
            )
        typed = [self.typed(argument) for argument in call.arguments]
        if name in ("is null", "is not null"):
            wanted, get = name == "is null", typed[0].get
            return Typed("boolean", lambda i: (get(i) is None) is wanted)
        if name.startswith("::"):
            return self._cast(typed[0], name.removeprefix("::"), call)
        if name.startswith("."):
            return self._part(typed[0], name.removeprefix("."), call)
        if name == "date_trunc_ymd" and len(typed) == 1 and typed[0].kind in _DAYS:
            return _day(typed[0])
        return self._text_function(name, typed, call)

    def _text_function(self, name: str, typed: list[Typed], call: Call) -> Typed:
        if name not in _TEXT_FUNCTIONS or len(typed) != _TEXT_FUNCTIONS[name][0]:
            raise self.refused(
                "query.soql.no-such-function", f"No such function: {name}", call.at, function=name
            )
        for argument, given in zip(call.arguments, typed, strict=True):
            if given.kind not in ("text", "null"):
                raise self.mismatch(name, given.kind, argument.at)
        _, kind, apply = _TEXT_FUNCTIONS[name]
        gets = [t.get for t in typed]

        def applied(position: int) -> Value:
            values = [get(position) for get in gets]
            return None if None in values else apply(*values)

        return Typed(kind, applied)

    def _part(self, whole: Typed, name: str, call: Call) -> Typed:
        found = part(whole, name)
        if found is None:
            raise self.refused(
                "query.soql.no-such-function", f"No such field: {name}", call.at, function=name
            )
        return found

    def _cast(self, typed: Typed, kind: str, call: Call) -> Typed:
        if kind not in ("number", "text", "floating_timestamp", "fixed_timestamp", "boolean"):
            raise self.refused("query.soql.no-such-type", f"No such type: {kind}", call.at)
        get, key = typed.get, self._table.key

        def cast(position: int) -> Value:
            value = get(position)
            return None if value is None else coerce(str(value), kind, key)

        return Typed(kind, cast)

    # -- refusals --------------------------------------------------------------------------------

    def refused(self, code: str, text: str, at: int, **data: object) -> Refused:
        """A 400 about the character ``at`` (from 0) of the clause."""
        return bad_query(code, text, clause=self._clause, at=at, dataset=self.dataset, **data)

    def mismatch(self, function: str, kind: str, at: int) -> Refused:
        """A 400 for a value of a type that does not fit."""
        return self.refused(
            "query.soql.type-mismatch",
            f"Type mismatch for {function}, is {kind}",
            at,
            function=function,
            type=kind,
        )


_DAY_MS = 86_400_000
_DAYS: dict[str, Callable[[Any], Value]] = {
    "floating_timestamp": lambda stored: f"{stored[:10]}T00:00:00.000",
    "fixed_timestamp": lambda at: at // _DAY_MS * _DAY_MS,
}
"""The first moment of a timestamp's day, for one with a zone in UTC, by type."""


def _day(typed: Typed) -> Typed:
    get, first = typed.get, _DAYS[typed.kind]
    return Typed(typed.kind, lambda i: None if (v := get(i)) is None else first(v))


def _literal(literal: Literal) -> Typed:
    if literal.kind == "null":
        return Typed("null", lambda _: None)
    number = Decimal(literal.text) if literal.kind == "number" else None
    value: Value = {"text": literal.text, "number": number, "boolean": literal.text == "true"}[
        literal.kind
    ]
    return Typed(literal.kind, lambda _: value, literal.text)


def _compared(compare: Callable[[Any, Any], bool], a: Getter, b: Getter) -> Getter:
    def compared(position: int) -> bool | None:
        left, right = a(position), b(position)
        return None if left is None or right is None else compare(left, right)

    return compared


def _in(left: Typed, choices: list[Typed]) -> Getter:
    def contained(position: int) -> bool | None:
        value = left.get(position)
        return None if value is None else any(value == choice.get(position) for choice in choices)

    return contained


def _between(value: Getter, low: Getter, high: Getter) -> Getter:
    def between(position: int) -> bool | None:
        v, a, b = value(position), low(position), high(position)
        return None if v is None or a is None or b is None else a <= v <= b

    return between


def _like(text: str, pattern: str) -> bool:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


_TEXT_FUNCTIONS: dict[str, tuple[int, str, Callable[..., Value]]] = {
    "like": (2, "boolean", _like),
    "starts_with": (2, "boolean", str.startswith),
    "contains": (2, "boolean", lambda text, part: part in text),
    "upper": (1, "text", str.upper),
    "lower": (1, "text", str.lower),
}
