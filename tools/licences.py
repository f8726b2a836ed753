"""The licences of all that the image holds of others: listed, and none that nobody has looked at.

    python tools/licences.py FOLDER    # of libraries: the list, or exit code 1 and what is not allowed

Run while the image is built, so that the list in it is of what is in it. What may be there, and what the
packages mean by what they say, is in licences.toml. Only the standard library, since nothing else is there.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import Any

RULES: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
OURS = "socratasync"
_OF_A_LICENCE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Licensed:
    """A package. ``expression`` is SPDX's, empty if it is not known what the package means by ``said``;
    ``texts`` are the files with the licence, ``bundled`` the libraries of others that its wheel brings."""

    name: str
    version: str
    said: str
    expression: str
    texts: tuple[str, ...] = ()
    bundled: tuple[str, ...] = ()


def licensed(found: Iterable[Distribution], rules: Mapping[str, Any] = RULES) -> list[Licensed]:
    """What the packages say of their licences, by name; our own package is left out."""
    read = (_read(each, rules) for each in found)
    return sorted((each for each in read if each.name != OURS), key=lambda each: each.name)


def _read(found: Distribution, rules: Mapping[str, Any]) -> Licensed:
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    said = _said(found)
    known = rules["packages"].get(name, {}).get("licence") or rules["means"].get(said)
    files = [PurePosixPath(str(file)) for file in found.files or ()]
    return Licensed(
        name=name,
        version=found.version,
        said=said,
        expression=known or (said if _ids(said) <= _every_id(rules) else ""),
        texts=tuple(sorted(str(f) for f in files if _OF_A_LICENCE.search(f.name))),
        bundled=tuple(sorted(f.name for f in files if f.parts[0].endswith(".libs"))),
    )


def _said(found: Distribution) -> str:
    """The most exact of the three ways in which a package may name its licence."""
    for field in ("License-Expression", "License"):
        said = " ".join(found.metadata.get_all(field) or ()).strip()
        if said and "\n" not in said:  # a whole text says nothing of what it is called
            return said
    classifiers = found.metadata.get_all("Classifier") or ()
    return " AND ".join(c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::"))


def problems(packages: Iterable[Licensed], rules: Mapping[str, Any] = RULES) -> Iterator[str]:
    """One sentence for each package that nobody has allowed as it is now."""
    for each in packages:
        allowed = {*rules["allowed"], *rules["packages"].get(each.name, {}).get("allowed", ())}
        if not each.expression:
            yield f"{each.name} {each.version} says {each.said!r} of its licence: say in tools/licences.toml what that means"
        elif new := sorted(_ids(each.expression) - allowed):
            yield f"{each.name} {each.version} is under {each.expression}: {', '.join(new)} is not allowed in tools/licences.toml"
        if not each.texts:
            yield f"{each.name} {each.version} brings no text of its licence, which whoever ships it owes"


def _ids(expression: str) -> set[str]:
    """The licences of an SPDX expression. Of two to choose from both must be allowed, which is simpler."""
    return {*re.split(r"\s+(?:AND|OR|WITH)\s+|[()]+", expression)} - {""}


def _every_id(rules: Mapping[str, Any]) -> set[str]:
    """What counts as an SPDX identifier: those that some rule names."""
    named = {*rules["allowed"], *rules["refused"]}
    return named.union(*(rule.get("allowed", ()) for rule in rules["packages"].values()))


def table(packages: Iterable[Licensed]) -> str:
    """The list, a package a line, for people and for ``cut``."""
    head = ("package", "version", "licence", "text of the licence", "libraries in its wheel")
    rows = [
        (p.name, p.version, p.expression, " ".join(p.texts), " ".join(p.bundled) or "-")
        for p in packages
    ]
    return "".join("\t".join(row) + "\n" for row in (head, *rows))


def main(folder: str) -> int:
    """Print the list; 1 and the reasons if a package may not be there."""
    packages = licensed(distributions(path=[folder]))
    found = list(problems(packages))
    if not packages:
        found = [f"there are no packages in {folder}"]
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    if not found:
        sys.stdout.write(table(packages))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
