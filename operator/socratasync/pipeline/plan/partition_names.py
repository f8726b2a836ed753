"""How partitions are named after what they take, as far as the names of those that are there show it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from socratasync.pipeline.plan.bounds import Grid, Point, units
from socratasync.pipeline.target.partitions import Partitioned

LONGEST_NAME = 63
"""Bytes; PostgreSQL cuts what is longer."""

_WORD = re.compile("[A-Za-z0-9_-]+")

Part = str | tuple[Point, Point]
"""What a partition takes: one value of a list, or a range."""

Label = Callable[[Part], str]
"""The part of a name that is made of what the partition takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A partition's name: ``label`` of what it takes, with the same before and behind it in all."""

    label: Label
    before: str
    behind: str

    def name(self, part: Part) -> str | None:
        """None for one that PostgreSQL would cut, or that has other letters than names have."""
        label = self.label(part)
        name = f"{self.before}{label}{self.behind}"
        fits = _WORD.fullmatch(label) and len(name.encode()) <= LONGEST_NAME
        return name if fits else None


def find_naming(
    of: Partitioned, parts: Mapping[str, Part], labels: Sequence[Label]
) -> Naming | None:
    """How the names are made of what the partitions take, if there is one way only, and they are alike
    otherwise."""
    alike = {(each.schema, each.owner, each.tablespace, each.is_plain) for each in of.partitions}
    if not parts or len(alike) != 1 or not of.partitions[0].is_plain:
        return None
    for label in labels:
        around = [set(_around(name, label(part))) for name, part in parts.items()]
        common = set.intersection(*around)
        if len(common) == 1:
            before, behind = common.pop()
            return Naming(label=label, before=before, behind=behind)
    return None


def _around(name: str, label: str) -> Iterator[tuple[str, str]]:
    """What is before and behind the label, wherever it stands in the name as a word or a number of its own."""
    place = name.find(label) if label else -1
    while place >= 0:
        before, behind = name[:place], name[place + len(label) :]
        if not (_runs_on(before[-1:], label[0]) or _runs_on(label[-1], behind[:1])):
            yield before, behind
        place = name.find(label, place + 1)


def _runs_on(one: str, other: str) -> bool:
    return (one.isdigit() and other.isdigit()) or (one.isalpha() and other.isalpha())


LIST_LABELS: tuple[Label, ...] = (
    lambda value: str(value),
    lambda value: str(value).replace("-", "_"),
    lambda value: str(value).replace("-", ""),
    lambda value: str(value).replace("-", "_").lower(),
)


def range_labels(grid: Grid) -> tuple[Label, ...]:
    """Longer ones first: a shorter one may be a part of them."""
    forms: tuple[str, ...]
    if grid.unit == "number":
        forms = ("{low}_{last}", "{low}_{high}", "{low}")
    elif grid.unit == "days":
        forms = ("{y:04}_{m:02}_{d:02}", "{y:04}{m:02}{d:02}")
    elif grid.size % 12 == 0:
        forms = ("{y:04}_{last_y:04}", "{y:04}", "{last_y:04}")
    elif grid.size == 3 and grid.offset == 0:
        forms = ("{y:04}_q{q}", "{y:04}q{q}", "{y:04}_{m:02}", "{y:04}{m:02}")
    else:
        forms = ("{y:04}_{m:02}", "{y:04}m{m:02}", "{y:04}{m:02}")
    return tuple(_label(grid, form) for form in forms)


def _label(grid: Grid, form: str) -> Label:
    def of(part: Part) -> str:
        assert not isinstance(part, str), "a grid is of ranges"
        low, high = part
        words: dict[str, object] = {"low": low, "high": high}
        if isinstance(low, int) and isinstance(high, int):
            words["last"] = high - 1
        elif not isinstance(low, int):
            last_y = (units("months", high) - 1) // 12
            words |= {"y": low.year, "m": low.month, "d": low.day, "q": (low.month + 2) // 3}
            words["last_y"] = last_y
        return form.format(**words)

    return of
