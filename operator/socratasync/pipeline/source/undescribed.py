"""What is known of a dataset that ``/api/views`` describes no more, though its rows are there.

Its columns are those that the rows themselves have, in their order, and those of the catalogue and of earlier
loads that the rows answer for, such as computed regions, which ``*`` leaves out. So a catalogue that lags
neither hides a column nor invents one. Their types are what the rows' headers say, else the catalogue.
The time of change is the newest ``:updated_at``.

What nobody tells then:

- that rows were deleted, or changed that have no ``:updated_at``. Counts, and a question for such rows, must do.
- which columns the portal hides. One that the catalogue lists, and the rows answer for, is loaded.
- names of types that PostgreSQL keeps alike, such as url and text: the type of the last load stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.columns import SourceColumn, postgres_type
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.catalogue import CatalogueEntry
from socratasync.pipeline.source.soql import Query

NEWEST = Query(select=(f"max({soql.UPDATED_AT}) as newest",))
HEADING = Query(select=("*",), limit=1)

COLUMNS = 50
"""In one question whether the rows have them, so that it fits into an address."""

MOST_QUESTIONS = 100
"""For one dataset. A catalogue that takes more describes another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a page of all columns says before its rows: their fields, and the types of those for which the
    portal's headers, which it announced to drop, still have one."""

    fields: tuple[str, ...]
    types: Mapping[str, str]


def read_heading(dataset: str, fields: Sequence[str], types: Mapping[str, str]) -> Heading:
    """The heading, if it is one: names that are told apart, and that PostgreSQL and terminals take."""
    if len(set(fields)) != len(fields) or not all(f and f.isprintable() for f in fields):
        raise SourceUnavailable(f"the header line of {dataset} does not name its columns")
    return Heading(fields=tuple(fields), types=types)


class Rows(Protocol):
    """What is asked of the client."""

    domain: str

    def newest(self, dataset: str, query: Query) -> datetime | None:
        """The time that the query asks for."""

    def heading(self, dataset: str) -> Heading:
        """The columns that ``*`` stands for."""

    def has_columns(self, dataset: str, fields: Sequence[str]) -> bool:
        """Whether rows have all these columns."""

    def catalogue(self, ids: Sequence[str]) -> Iterator[CatalogueEntry]:
        """The catalogue's entries of these datasets."""


def describe(source: Rows, dataset: str, remembered: Mapping[str, str]) -> Metadata:
    """The dataset by its rows and the catalogue. ``remembered``: field → canonical type at its last load.

    Raises what the rows say where they are not there either, such as ``DatasetNotFound``, after one request;
    ``SourceUnavailable`` where nobody tells the type of a column.
    """
    changed_at = source.newest(dataset, NEWEST)
    heading = source.heading(dataset)
    entry = _entry(source, dataset)
    listed = {c.field: c for c in entry.columns} if entry else {}
    fields = [field for field in heading.fields if _is_column(field)]
    others = [f for f in dict.fromkeys([*listed, *remembered]) if f not in fields and _is_column(f)]
    fields += confirmed(lambda some: source.has_columns(dataset, some), others)
    told = {f: c.type for f, c in listed.items() if c.is_known or f not in remembered}
    told |= {f: t for f, t in heading.types.items() if f in fields}
    return Metadata(
        id=dataset,
        name=entry.name[:100] if entry else dataset,
        description=entry.description if entry else "",
        columns=tuple(
            replace(
                _column(dataset, field, told, remembered),
                label=listed[field].label if field in listed else "",
            )
            for field in fields
        ),
        rows_updated_at=changed_at,
        described_by="catalogue" if entry else "rows",
        warning=f"dataset {dataset}: the portal describes it no more at /api/views; its columns are taken from "
        + ("its rows and the portal's catalogue" if entry else "its rows"),
    )


def _entry(source: Rows, dataset: str) -> CatalogueEntry | None:
    """The dataset's entry; None where the catalogue has none, or is gone as well: the rows may do."""
    try:
        return next(source.catalogue([dataset]), None)
    except SourceUnavailable:
        return None


def _is_column(field: str) -> bool:
    """Whether it is a column of the dataset: not ``:id`` and its like, which every dataset has."""
    return not field.startswith(":") or field.startswith(":@")


def confirmed(has: Callable[[Sequence[str]], bool], fields: Sequence[str]) -> list[str]:
    """Those of the fields that the rows have, in their order. One question where they have all; a group of
    which they lack one is halved until it is found."""
    groups = [list(fields[start : start + COLUMNS]) for start in range(0, len(fields), COLUMNS)]
    groups.reverse()
    found: list[str] = []
    for _ in range(MOST_QUESTIONS):
        if not groups:
            return found
        group = groups.pop()
        if has(group):
            found += group
        elif len(group) > 1:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    raise SourceUnavailable("the portal's catalogue lists columns that the rows do not have")


def _column(
    dataset: str, field: str, told: Mapping[str, str], remembered: Mapping[str, str]
) -> SourceColumn:
    was = remembered.get(field)
    if field not in told and was is None:
        raise SourceUnavailable(
            f"nobody tells the type of {field} in dataset {dataset}: the portal describes the dataset no more at "
            "/api/views, its catalogue lacks it, and the rows come without X-SODA2-Types. If that lasts, ask "
            "the portal's owner"
        )
    earlier = SourceColumn(field=field, type=was or told[field])
    now = SourceColumn(field=field, type=told.get(field, earlier.type))
    if earlier.canonical == now.canonical:
        return now  # which may tell more: a phone is remembered as a text, and has parts
    return earlier if postgres_type(earlier) == postgres_type(now) else now
