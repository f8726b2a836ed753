"""The list of judged modules and of the mutants that live on with a reason: read, compared, written. Pure
but for its file."""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tests.mutants.mutants import Mutant

LIST = Path(__file__).with_name("survivors.toml")

WITH_DATABASE = "tests with a database notice it"
"""The reason that ``make mutants`` finds by itself."""

_HEAD = """\
# Mutants that no test notices, and why that is right. Checked by `make mutants`, and by `.ci/run` for modules
# that changed. `change` reads before[was→becomes]after. `judged` has a digest of each module as it was judged;
# modules under `unjudged` were never looked through: their survivors are not known. Those under `with_database`
# need no reason: tests with a database notice them, as `make mutants` found.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``digests``: module → its digest when it was judged. ``unjudged``: modules not looked through yet.
    ``reasons``: why each survivor may live; equal mutants of one function stand there once."""

    digests: Mapping[str, str]
    unjudged: tuple[str, ...]
    reasons: Mapping[Mutant, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``new``: survivors that are not listed, or without the right reason. ``stale``: listed ones that some test
    notices by now, or whose code is gone."""

    new: tuple[Mutant, ...]
    stale: tuple[Mutant, ...]

    def sentences(self) -> Iterator[str]:
        """One line for each, and what to do."""
        for mutant in self.new:
            yield f"NEW    {mutant.module}.{mutant.function}: {mutant.change}"
        for mutant in self.stale:
            yield f"STALE  {mutant.module}.{mutant.function}: {mutant.change}"
        if self.new:
            yield f"write a test that notices each NEW one, or list it with a reason in {LIST.name}"
        if self.stale:
            yield f"take the STALE ones out of {LIST.name}"


def read(text: str) -> Judged:
    """The list from its text."""
    data = tomllib.loads(text)
    listed = [
        (Mutant(module, each["function"], each["change"]), each["reason"])
        for module, entries in data.get("survivors", {}).items()
        for each in entries
    ]
    listed += [
        (Mutant(module, function, change), WITH_DATABASE)
        for module, functions in data.get("with_database", {}).items()
        for function, changes in functions.items()
        for change in changes
    ]
    twice = [mutant for mutant, times in Counter(m for m, _ in listed).items() if times > 1]
    if twice:
        raise ValueError(f"listed twice: {twice[0]}")
    return Judged(
        digests=data.get("judged", {}),
        unjudged=tuple(data.get("unjudged", ())),
        reasons=dict(listed),
    )


def write(judged: Judged) -> str:
    """The list as text, in an order that makes small diffs."""
    lines = [_HEAD, f"unjudged = {json.dumps(sorted(judged.unjudged), indent=4)}", "", "[judged]"]
    lines += [f'"{module}" = "{digest}"' for module, digest in sorted(judged.digests.items())]
    for mutant, reason in sorted(judged.reasons.items()):
        if reason != WITH_DATABASE:
            lines += [
                "",
                f'[[survivors."{mutant.module}"]]',
                f"function = {_quoted(mutant.function)}",
            ]
            lines += [f"change = {_quoted(mutant.change)}", f"reason = {_quoted(reason)}"]
    lines += _noticed(sorted(m for m, why in judged.reasons.items() if why == WITH_DATABASE))
    return "\n".join(lines) + "\n"


def _noticed(mutants: Iterable[Mutant]) -> Iterator[str]:
    """A line for each, by module and function."""
    for module, theirs in groupby(mutants, attrgetter("module")):
        yield from ("", f'[with_database."{module}"]')
        for function, each in groupby(theirs, attrgetter("function")):
            yield f"{_quoted(function)} = ["
            yield from (f"    {_quoted(mutant.change)}," for mutant in each)
            yield "]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def digest(source: str) -> str:
    """Differs when the module's code does; imports, comments, docstrings and layout do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_aside(each)] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]


def _is_aside(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def changed(judged: Judged, digests: Mapping[str, str]) -> list[str]:
    """The modules whose code is not the judged one, new ones among them; not those never judged."""
    return [
        module
        for module, now in digests.items()
        if judged.digests.get(module) != now and module not in judged.unjudged
    ]


def compare(
    judged: Judged,
    modules: Iterable[str],
    left: Collection[Mutant],
    noticed: Collection[Mutant] | None,
) -> Difference:
    """What the unit tests ``left`` in these modules, against the list. ``noticed``: those of them that the
    tests with a database notice; None where they were not asked."""

    def is_right(mutant: Mutant) -> bool:
        reason = judged.reasons.get(mutant)
        return bool(reason) and (
            noticed is None or (reason == WITH_DATABASE) == (mutant in noticed)
        )

    looked_at = set(modules)
    listed = {mutant for mutant in judged.reasons if mutant.module in looked_at}
    return Difference(
        new=tuple(sorted(mutant for mutant in left if not is_right(mutant))),
        stale=tuple(sorted(listed.difference(left))),
    )


def recorded(
    judged: Judged,
    digests: Mapping[str, str],
    left: Iterable[Mutant],
    noticed: Collection[Mutant] | None,
) -> Judged:
    """The list once these modules (with their digests) were looked through: what lives on, with the reasons
    known; a survivor without one is listed with none, for a person to fill in."""
    others = {m: why for m, why in judged.reasons.items() if m.module not in digests}
    known = {
        mutant: why
        for mutant, why in judged.reasons.items()
        if noticed is None or why != WITH_DATABASE
    }
    theirs = dict.fromkeys(noticed or (), WITH_DATABASE)
    return replace(
        judged,
        digests={**judged.digests, **digests},
        unjudged=tuple(module for module in judged.unjudged if module not in digests),
        reasons={**others, **{m: theirs.get(m) or known.get(m, "") for m in left}},
    )
