"""Parses SoQL clauses into expressions. Knows neither datasets nor types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from socrata_simulator.soql.tokens import BadCharacter, Token, tokens

T = TypeVar("T")

COMPARISONS = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_STOPS = frozenset(
    "and or not is in like between as asc desc null true false from where order group having limit".split()
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal. ``kind`` is text, number, boolean or null."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A column, by its field name."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function with its arguments: ``=``, ``and``, ``is null``, ``upper``, …; ``.url`` is the part
    of that name of its argument."""

    function: str
    arguments: tuple[Expression, ...]
    at: int


Expression = Literal | Name | Call


@dataclass(frozen=True, slots=True)
class Star:
    """``*`` or ``:*``."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Selected:
    """An expression and the name that it was given."""

    expression: Expression
    alias: str | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """An expression to sort by."""

    expression: Expression
    descending: bool


def parse_where(clause: str) -> Expression:
    """A condition. Raises ``BadCharacter``, which says where, or ``BareTimestamp``."""
    return _whole(clause, lambda reader: reader.expression())


def parse_select(clause: str) -> list[Star | Selected]:
    """A select list. Raises as ``parse_where``."""
    return _whole(clause, lambda reader: reader.listed(reader.selected))


def parse_order(clause: str) -> list[Ordered]:
    """What to sort by. Raises as ``parse_where``."""
    return _whole(clause, lambda reader: reader.listed(reader.ordered))


def parse_group(clause: str) -> list[Expression]:
    """What to group by. Raises as ``parse_where``."""
    return _whole(clause, lambda reader: reader.listed(reader.expression))


def _whole(clause: str, read: Callable[[_Reader], T]) -> T:
    reader = _Reader(tokens(clause))
    found = read(reader)
    if reader.here.kind != "end":
        raise BadCharacter(reader.here.at)
    return found


class _Reader:
    """Parses one clause's tokens by recursive descent."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0

    @property
    def here(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self.here
        self._next += 1
        return token

    def _word(self, *words: str) -> bool:
        """Take the words if they come next; whether they did."""
        ahead = self._tokens[self._next : self._next + len(words)]
        if [t.text.lower() for t in ahead if t.kind == "word"] != list(words):
            return False
        self._next += len(words)
        return True

    def _sign(self, text: str) -> bool:
        if self.here.kind != "sign" or self.here.text != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._sign(text):
            raise BadCharacter(self.here.at)

    def listed(self, one: Callable[[], T]) -> list[T]:
        found = [one()]
        while self._sign(","):
            found.append(one())
        return found

    def selected(self) -> Star | Selected:
        at = self.here.at
        for text in ("*", ":*"):
            if self._sign(text):
                return Star(text, at)
        expression = self.expression()
        return Selected(expression, self._name() if self._word("as") else None)

    def _name(self) -> str:
        token = self._take()
        if token.kind == "word" and token.text.lower() not in _STOPS:
            return token.text.lower()
        if token.kind != "name":
            raise BadCharacter(token.at)
        return token.text.lower()

    def ordered(self) -> Ordered:
        expression = self.expression()
        descending = self._word("desc")
        if not descending:
            self._word("asc")
        return Ordered(expression, descending)

    def expression(self) -> Expression:
        left = self._both()
        while True:
            at = self.here.at
            if not self._word("or"):
                return left
            left = Call("or", (left, self._both()), at)

    def _both(self) -> Expression:
        left = self._negated()
        while True:
            at = self.here.at
            if not self._word("and"):
                return left
            left = Call("and", (left, self._negated()), at)

    def _negated(self) -> Expression:
        at = self.here.at
        return Call("not", (self._negated(),), at) if self._word("not") else self._comparison()

    def _comparison(self) -> Expression:
        left = self._value()
        at = self.here.at
        if self.here.kind == "sign" and self.here.text in COMPARISONS:
            return Call(COMPARISONS[self._take().text], (left, self._value()), at)
        if self._word("is", "not", "null"):
            return Call("is not null", (left,), at)
        if self._word("is", "null"):
            return Call("is null", (left,), at)
        negated = self._word("not")
        found = self._range(left, at)
        if found is None:
            if negated:
                raise BadCharacter(self.here.at)
            return left
        return Call("not", (found,), at) if negated else found

    def _range(self, left: Expression, at: int) -> Expression | None:
        if self._word("like"):
            return Call("like", (left, self._value()), at)
        if self._word("in"):
            self._expect("(")
            choices = self.listed(self._value)
            self._expect(")")
            return Call("in", (left, *choices), at)
        if self._word("between"):
            low = self._value()
            if not self._word("and"):
                raise BadCharacter(self.here.at)
            return Call("between", (left, low, self._value()), at)
        return None

    def _value(self) -> Expression:
        value = self._atom()
        while True:
            at = self.here.at
            if self._sign("."):
                value = Call("." + self._name(), (value,), at)
            elif self._sign("::"):
                value = Call("::" + self._name(), (value,), at)
            else:
                return value

    def _atom(self) -> Expression:
        token = self._take()
        if token.kind in ("text", "number"):
            return Literal(token.kind, token.text, token.at)
        if token.kind == "sign" and token.text == "-" and self.here.kind == "number":
            return Literal("number", "-" + self._take().text, token.at)
        if token.kind == "sign" and token.text == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if token.kind == "name":
            return Name(token.text.lower(), token.at)
        if token.kind == "word":
            return self._from_word(token)
        raise BadCharacter(token.at)

    def _from_word(self, token: Token) -> Expression:
        word = token.text.lower()
        if word in ("true", "false"):
            return Literal("boolean", word, token.at)
        if word == "null":
            return Literal("null", word, token.at)
        if self._sign("("):
            return self._call(word, token.at)
        if word in _STOPS:
            raise BadCharacter(token.at)
        return Name(word, token.at)

    def _call(self, function: str, at: int) -> Expression:
        if self._sign("*"):
            self._expect(")")
            return Call(f"{function}(*)", (), at)
        if self._word("distinct"):
            function = f"{function}(distinct)"
        arguments = [] if self._sign(")") else self.listed(self.expression)
        if arguments:
            self._expect(")")
        return Call(function, tuple(arguments), at)
