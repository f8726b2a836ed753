"""``spec.refresh.sql`` as statements: where each begins, and which have no place there. Pure.

A text is split as psql splits it: at semicolons that are not within quotes, dollar quotes, comments, parentheses or the
body of a function (``BEGIN ATOMIC``). PostgreSQL gets the statements one by one, so that an error has a statement
and a line even where the server names no position; one that was split wrongly would be refused, never half run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

_SHOWN = 60

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\r\n]*)
    |(?P<comment>/\*)
    |(?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'|(?:[uU]&)?"(?:[^"]|"")*")
    |(?P<open>[eE]')
    |(?P<dollar>\$(?:[^\W\d]\w*)?\$)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")

_TRANSACTION: Final = frozenset(
    "abort begin commit end release rollback savepoint start".split(),
)


class BadScript(ValueError):
    """The text is no script that can run in one transaction. The message has the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement without its semicolon. ``line``: where its first word is, counted from 1."""

    text: str
    line: int

    @property
    def shown(self) -> str:
        """Its beginning, on one line."""
        text = " ".join(self.text.split())
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

    def line_of(self, position: int) -> int:
        """The script's line of the statement's ``position``-th character, counted from 1."""
        return self.line + self.text.count("\n", 0, position - 1)


def read_script(text: str) -> tuple[Statement, ...]:
    """The statements of a script, at least one. Raises ``BadScript`` for a text that has none, whose quotes do not
    end, or that has a statement which cannot be part of a transaction."""
    if "\0" in text:
        raise BadScript("must have no NUL character")
    found = tuple(_statements(text))
    if not found:
        raise BadScript("must have a statement; leave it out to run nothing")
    return found


@dataclass(slots=True)
class _Open:
    """A statement that is being read. ``words``: its unquoted words outside of parentheses, in small letters."""

    begins: int | None = None
    ends: int = 0
    words: list[str] = field(default_factory=list)
    parentheses: int = 0
    blocks: int = 0

    def add(self, kind: str, piece: str, begins: int, ends: int) -> None:
        """One more token."""
        if self.begins is None:
            self.begins = begins
        self.ends = ends
        if piece == "(":
            self.parentheses += 1
        elif piece == ")":
            self.parentheses = max(0, self.parentheses - 1)
        elif kind == "word" and not self.parentheses:
            self.words.append(piece.lower())
            self._look_for_body(self.words[-1])

    def _look_for_body(self, word: str) -> None:
        """The body of an SQL function has semicolons of its own."""
        if not self._makes_function():
            return
        if word == "begin" or (word == "case" and self.blocks):
            self.blocks += 1
        elif word == "end" and self.blocks:
            self.blocks -= 1

    def _makes_function(self) -> bool:
        words = [word for word in self.words[:4] if word not in ("or", "replace")]
        return words[0] == "create" and words[1:2] in (["function"], ["procedure"])

    @property
    def may_end(self) -> bool:
        """Whether a semicolon ends it."""
        return not self.parentheses and not self.blocks


def _statements(text: str) -> Iterator[Statement]:
    current = _Open()
    for kind, begins, ends in _tokens(text):
        piece = text[begins:ends]
        if piece == ";" and current.may_end:
            yield from _ended(text, current)
            current = _Open()
        else:
            current.add(kind, piece, begins, ends)
    yield from _ended(text, current)


def _ended(text: str, ended: _Open) -> Iterator[Statement]:
    if ended.begins is None:
        return
    line = _line(text, ended.begins)
    statement = Statement(text=text[ended.begins : ended.ends], line=line)
    if why := _why_not(statement, ended.words):
        raise BadScript(f"line {line}: {statement.shown}: {why}")
    yield statement


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, beginning and end of all that is no blank and no comment. Raises ``BadScript`` for what never ends."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        assert found is not None, "any character is a token"
        begins, kind, piece = place, str(found.lastgroup), found[0]
        place = found.end()
        if kind == "comment":
            place = _end_of_comment(text, begins)
        elif kind == "dollar":
            place = text.find(piece, place) + len(piece)
            if place < found.end():
                raise BadScript(f"line {_line(text, begins)}: the quote {piece} never ends")
        elif kind == "open" or piece in ("'", '"'):
            raise BadScript(f"line {_line(text, begins)}: the quote {piece[-1]} never ends")
        if kind not in ("blank", "comment"):
            yield kind, begins, place


def _end_of_comment(text: str, begins: int) -> int:
    """Comments may be within comments."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, begins):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    raise BadScript(f"line {_line(text, begins)}: the comment /* never ends")


def _line(text: str, place: int) -> int:
    return 1 + text.count("\n", 0, place)


def _why_not(statement: Statement, words: Sequence[str]) -> str | None:
    """Why the statement has no place in a script; None for one that has."""
    if statement.text.startswith("\\"):
        return "this is a command of psql, and no SQL; take it out"
    first = words[0] if words else ""
    if first in _TRANSACTION or list(words[:2]) == ["prepare", "transaction"]:
        return "all statements are one transaction, which begins and ends by itself; take it out"
    if first == "copy" and {"stdin", "stdout"} & set(words):
        return "there is nobody to send rows or to take them; use INSERT, or a table"
    if first == "vacuum":
        return f"{NO_TRANSACTION}; spec.refresh.vacuum does that"
    if first in ("create", "drop", "reindex") and "concurrently" in words[:5]:
        return f"{NO_TRANSACTION}; leave CONCURRENTLY out, or run it by hand"
    return None


NO_TRANSACTION: Final = "PostgreSQL runs this in no transaction, and all statements here are one"
