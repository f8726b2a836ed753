"""A mutant in words that outlive edits elsewhere: its module, its function, and what differs.

Mutmut numbers the mutants of a function; a number would name another mutant after any edit of it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

_CONTEXT = 40
"""Characters shown on either side of what differs."""

_LIVES = (0, 33, None)
"""Mutmut's exit codes of a mutant that all tests passed, and of one that no test ran; none at all is told
where no test reaches any of the modules."""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """``change`` reads ``before[was→becomes]after``, in the code as Python writes it out."""

    module: str
    function: str
    change: str


def survivors(work: Path) -> dict[str, Mutant]:
    """Mutmut's name → mutant, of those that no test noticed in mutmut's working folder."""
    return {name: mutant for meta in sorted(work.rglob("*.py.meta")) for name, mutant in _of(meta)}


def _of(meta: Path) -> Iterator[tuple[str, Mutant]]:
    codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    left = [name for name, code in codes.items() if code in _LIVES]
    if not left:
        return
    tree = ast.parse(meta.with_suffix("").read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    for name in left:
        module, _, mangled = name.rpartition(".")
        plain = mangled.partition("__mutmut_")[0]
        before, after = functions[f"{plain}__mutmut_orig"], functions[mangled]
        if not only_words_differ(before, after):
            yield name, Mutant(module, readable(plain), change(_code(before), _code(after)))


def readable(mangled: str) -> str:
    """``xǁClassǁmethod`` and ``x_function`` as they are called."""
    if mangled.startswith("xǁ"):
        return mangled[2:].replace("ǁ", ".")
    return mangled.removeprefix("x_")


def change(before: str, after: str) -> str:
    """What differs between two texts, with a little of what stands around it."""
    start = _alike(before, after)
    while _is_within_a_word(before, start) or _is_within_a_word(after, start):
        start -= 1
    end = _alike(before[start:][::-1], after[start:][::-1])
    while any(_is_within_a_word(text, len(text) - end) for text in (before, after)):
        end -= 1
    was, becomes = before[start : len(before) - end], after[start : len(after) - end]
    around = before[max(0, start - _CONTEXT) : start], before[len(before) - end :][:_CONTEXT]
    return f"{_line(around[0])}[{_line(was)}→{_line(becomes)}]{_line(around[1])}"


def _is_within_a_word(text: str, at: int) -> bool:
    """Whether a cut there would part a word, or an operator of several signs."""
    return at > 0 and bool(re.match(r"\w\w|[<>=!]{2}", text[at - 1 : at + 1]))


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def only_words_differ(before: Function, after: Function) -> bool:
    """Whether nothing differs but texts of several words: sentences for people, which tests do not quote."""
    return _code(before, wordless=True) == _code(after, wordless=True)


def _code(function: Function, *, wordless: bool = False) -> str:
    said = 1 if ast.get_docstring(function) else 0
    body = ast.Module(body=function.body[said:], type_ignores=[])
    if wordless:
        body = _Wordless().visit(ast.parse(ast.unparse(body)))
    return ast.unparse(body)


class _Wordless(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """A text of several words becomes one that is the same for all of them."""
        is_sentence = isinstance(node.value, str) and " " in node.value
        return ast.Constant("a sentence") if is_sentence else node
