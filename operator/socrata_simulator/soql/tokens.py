"""Cuts a SoQL clause into tokens, each with its place in the clause."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name (with a colon or back-ticks), text, number, sign or end, at a place from 0."""

    kind: str
    text: str
    at: int


@dataclass(slots=True, eq=False)
class BadCharacter(Exception):
    """The clause cannot be parsed from the character ``at`` on."""

    at: int


class BareTimestamp(Exception):
    """A timestamp without quotes, which a real server answers with a 500."""


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | (?P<tick>`(?:[^`]|``)*`)
  | (?P<stamp>\d{4}-\d\d-\d\d(?:T[\d:.]*)?)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)
  | (?P<system>:\*)
  | (?P<name>:@?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>::|<>|!=|<=|>=|==|\|\||[-+*/%^(),.=<>])
    """,
    re.VERBOSE,
)


def tokens(clause: str) -> list[Token]:
    """All tokens of ``clause``, closed by one of kind ``end``.

    Raises ``BadCharacter`` or ``BareTimestamp``.
    """
    found, at = [], 0
    while at < len(clause):
        match = _TOKEN.match(clause, at)
        if match is None:
            raise BadCharacter(at)
        kind = str(match.lastgroup)
        if kind == "stamp":
            raise BareTimestamp
        if kind != "space":
            found.append(_token(kind, match.group(), at))
        at = match.end()
    return [*found, Token("end", "", len(clause))]


def _token(kind: str, text: str, at: int) -> Token:
    if kind == "text":
        return Token("text", text[1:-1].replace(text[0] * 2, text[0]), at)
    if kind == "tick":
        return Token("name", text[1:-1].replace("``", "`"), at)
    if kind == "system":
        return Token("sign", text, at)
    return Token(kind, text, at)
