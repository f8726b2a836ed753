"""A whole SoQL query, as SODA3 takes it, cut into the clauses that SODA2 takes one by one.

The clauses are written as ``$select``, ``$where`` and so on would be: without comments, with single
blanks, small keywords, and back-ticks only around names that need them. So what was asked reads the
same whichever interface it was asked by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from socrata_simulator.refusals import Refused, bad_query

CLAUSES = ("select", "where", "group", "having", "order", "limit", "offset")
_WITH_BY = ("group", "order")
"""In the order in which a query has them."""

_PIECE = re.compile(
    r"""
    (?P<gap>(?:\s|--[^\n]*)+)
  | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | (?P<tick>`(?:[^`]|``)*`)
  | (?P<word>:?@?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>\d+)
  | (?P<sign>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"`((?::@?)?[a-z_][a-z0-9_]*)`")
_KEYWORDS = frozenset(
    "select where order group by having limit offset as and or not is null in like between "
    "case when then else end true false asc desc distinct search join on union from".split()
)
_ABSENT = frozenset(("search", "join"))
"""Words that real queries may have, and simulated ones may not."""

Piece = tuple[str, str, int]
"""Kind, text and place."""


def clauses(statement: str, dataset: str) -> dict[str, str]:
    """The parameters that ``statement`` stands for: ``$select`` always, others where it has them.

    Raises ``Refused`` for a text that is no such query.
    """
    pieces = list(_pieces(statement))
    starts = _starts(statement, pieces, dataset)
    if not starts or starts[0] != ("select", 0):
        raise _unexpected(statement, pieces[0][2] if pieces else 0, dataset, "a query has a SELECT")
    ends = [*starts[1:], ("", len(pieces))]
    found = {}
    for (clause, start), (_, end) in zip(starts, ends, strict=True):
        body = pieces[start + (2 if clause in _WITH_BY else 1) : end]
        if not body:
            at = pieces[start][2]
            raise _unexpected(statement, at, dataset, f"nothing follows {clause.upper()}")
        found[f"${clause}"] = _written(clause, body)
    for name in ("$limit", "$offset"):
        if not found.get(name, "0").isdigit():
            raise _unexpected(statement, 0, dataset, f"{name[1:].upper()} takes a number")
    return found


def _pieces(statement: str) -> Iterator[Piece]:
    """All pieces but gaps; one before which there is a gap is of a kind that begins with a blank."""
    gap = ""
    for found in _PIECE.finditer(statement):
        kind = str(found.lastgroup)
        if kind == "gap":
            gap = " "
            continue
        yield gap + kind, found.group(), found.start()
        gap = ""


def _starts(statement: str, pieces: list[Piece], dataset: str) -> list[tuple[str, int]]:
    """Where the clauses begin that stand in no parentheses, in the order of ``CLAUSES``."""
    starts: list[tuple[str, int]] = []
    depth = 0
    for number, (kind, text, at) in enumerate(pieces):
        depth += (text == "(") - (text == ")")
        word = text.lower() if kind.endswith("word") and depth == 0 else ""
        if word == "from":
            code, why = "soql.analyzer.from-forbidden", "FROM is forbidden"
            raise bad_query(code, why, clause=statement, at=at, dataset=dataset)
        if word in _ABSENT:
            raise _unexpected(statement, at, dataset, f"{text.upper()} is not simulated")
        if word in CLAUSES:
            starts.append((word, number))
            if word in _WITH_BY and not _is_by(pieces, number + 1):
                raise _unexpected(statement, at, dataset, f"{text} wants BY")
    for (one, _), (other, number) in pairwise(starts):
        if CLAUSES.index(one) >= CLAUSES.index(other):
            raise _unexpected(statement, pieces[number][2], dataset, f"{other} comes too late")
    return starts


def _is_by(pieces: list[Piece], number: int) -> bool:
    return number < len(pieces) and pieces[number][1].lower() == "by"


def _written(clause: str, pieces: list[Piece]) -> str:
    """A clause in the way in which SODA2's clients write it."""
    lists = clause in ("select", *_WITH_BY)
    out: list[str] = []
    depth = 0
    for kind, text, _ in pieces:
        depth += (text == "(") - (text == ")")
        before = out[-1] if out else "("
        listed = before == "," and lists and depth == 0
        blank = kind.startswith(" ") and before != "(" and text not in (")", ",") and not listed
        out += [" "] * blank + [_word(kind, text)]
    return "".join(out)


def _word(kind: str, text: str) -> str:
    plain = _PLAIN.fullmatch(text)
    if plain and plain[1] not in _KEYWORDS:
        return plain[1]
    return text.lower() if kind.endswith("word") and text.lower() in _KEYWORDS else text


def _unexpected(statement: str, at: int, dataset: str, why: str) -> Refused:
    return bad_query("soql.parser.expected-token", why, clause=statement, at=at, dataset=dataset)
