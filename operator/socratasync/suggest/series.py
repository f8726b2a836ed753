"""Which datasets of a portal go into one table: those of one series, a dataset for each year. Pure.

Datasets belong together where their names differ in nothing but the year, their owner is the same, and their columns
are the same or plainly the same under other names. Where that is not sure, a dataset is named and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from socratasync.pipeline.columns import SourceColumn, postgres_type
from socratasync.pipeline.source.catalogue import CatalogueEntry, Owner

_YEAR = re.compile(r"(?<![0-9])(19[0-9]{2}|20[0-9]{2})(?![0-9])")

FEWEST_COLUMNS = 2
"""That two datasets have in common, by whatever name: one column alone, such as id, makes no series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A dataset as far as it is compared. ``labels``: field → what is shown above the column."""

    id: str
    name: str
    columns: tuple[SourceColumn, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    provenance: str | None = None
    changed_at: datetime | None = None
    is_derived: bool = False

    @property
    def year(self) -> int | None:
        """The year whose rows it holds; None where its name has none, or several."""
        return year_in(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """A dataset for the same table. ``columns``: target column → its field, where that has another name."""

    dataset: Shown
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A dataset that may belong to the table, and why that is not sure."""

    dataset: Shown
    why: str


def shown(entry: CatalogueEntry) -> Shown:
    """A dataset as the catalogue has it."""
    return Shown(
        id=entry.id,
        name=entry.name,
        columns=tuple(SourceColumn(field=c.field, type=c.type) for c in entry.columns),
        labels={c.field: c.label for c in entry.columns},
        owner=entry.owner,
        provenance=entry.provenance,
        changed_at=entry.data_updated_at,
        is_derived=bool(entry.parents) or entry.type != "dataset",
    )


def year_in(name: str) -> int | None:
    """The one year in a name; None for none, and for several, such as 2018-2019."""
    found = set(_YEAR.findall(name))
    return int(found.pop()) if len(found) == 1 else None


def without_year(name: str) -> str:
    """The name but for its year, such as what is searched for to find the others."""
    return " ".join(_YEAR.sub(" ", name).split()).strip(" -_()[],:") if year_in(name) else name


def of_series(first: Shown, others: Iterable[Shown]) -> list[Shown]:
    """Those of the others whose name is the first one's but for the year, by year."""
    if first.year is None:
        return []
    same = [
        d
        for d in others
        if d.id != first.id
        and d.year
        and _plain(without_year(d.name)) == _plain(without_year(first.name))
    ]
    return sorted((d for d in same if not d.is_derived), key=lambda d: (d.year or 0, d.id))


def judge(
    first: Shown, found: Sequence[Shown], *, named: bool
) -> tuple[list[Sibling], list[LeftOut]]:
    """Which of the datasets go into the first one's table, and which do not. ``named``: a person named them, who need
    not be asked whose they are."""
    years = [first.year, *(d.year for d in found)]
    siblings, left_out = [], []
    for dataset in found:
        why = "" if named else _doubt(first, dataset, years)
        columns = match_columns(first, dataset)
        why = why or _difference(first, dataset, columns, named=named)
        if why:
            left_out.append(LeftOut(dataset=dataset, why=why))
        else:
            renamed = {name: f for name, f in columns.items() if name != f}
            siblings.append(Sibling(dataset=dataset, columns=renamed))
    return siblings, left_out


def _doubt(first: Shown, other: Shown, years: Sequence[int | None]) -> str:
    if years.count(other.year) > 1:
        return f"there are several datasets of {other.year}"
    if first.owner and other.owner and first.owner.id != other.owner.id:
        return f"it belongs to another account ({other.owner.name or other.owner.id})"
    if (first.owner is None) != (other.owner is None):
        return "the portal does not say whose it is"
    if first.provenance != other.provenance:
        return f"it is {other.provenance or 'not said to be official'}, and {first.id} is not"
    return ""


def match_columns(first: Shown, other: Shown) -> dict[str, str]:
    """The first one's fields → the other one's: of the same name, else of the same label, else of a name that differs
    in nothing but underscores; each of the other one's at most once."""
    theirs = {c.field: c for c in _own(other)}
    matched = {c.field: c.field for c in _own(first) if c.field in theirs}
    for alike in (_label_of, _name_of):
        free = [f for f in theirs if f not in matched.values()]
        for column in _own(first):
            wanted = alike(first, column.field)
            close = [f for f in free if wanted and alike(other, f) == wanted]
            if column.field not in matched and len(close) == 1:
                matched[column.field] = close[0]
                free.remove(close[0])
    return matched


def _difference(first: Shown, other: Shown, matched: Mapping[str, str], *, named: bool) -> str:
    ours, theirs = ({c.field: c for c in _own(d)} for d in (first, other))
    if len(matched) < min(FEWEST_COLUMNS, len(ours)):
        return "it has other columns"
    for mine, its in matched.items():
        if postgres_type(ours[mine]) != postgres_type(theirs[its]):
            return f"its {its} is {theirs[its].canonical}, and {mine} is {ours[mine].canonical}"
    lacking = [f for f in ours if f not in matched]
    more = [f for f in theirs if f not in matched.values()]
    if named or not (lacking or more):
        return ""
    return "; ".join(
        part
        for part in (
            f"it has no {', '.join(lacking[:5])}" if lacking else "",
            f"it has {', '.join(more[:5])} besides" if more else "",
        )
        if part
    )


def _own(dataset: Shown) -> list[SourceColumn]:
    """Its columns, but for regions that the portal computes: whether it does differs from year to year."""
    return [c for c in dataset.columns if not c.field.startswith(":")]


def _label_of(dataset: Shown, name: str) -> str:
    return _plain(dataset.labels.get(name, ""))


def _name_of(dataset: Shown, name: str) -> str:
    return _plain(name)


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
