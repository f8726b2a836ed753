"""Asks the portal what a manifest is made from, in at most six questions; what is then not known stays unknown.

The first dataset is looked at closely. Of others the catalogue says enough, and where they have a key in common, whether
values of it are there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from socratasync.errors import (
    DatasetNotFound,
    SourceUnavailable,
)
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.selection import select_columns
from socratasync.pipeline.plan.unnamed import Unnamed
from socratasync.pipeline.source import answers, soql
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.description import Description
from socratasync.suggest import sample, series
from socratasync.suggest.key import Counted, Key, candidates, choose
from socratasync.suggest.questions import Questions
from socratasync.suggest.sample import Sample, read_sample
from socratasync.suggest.series import LeftOut, Shown, Sibling

LONGEST_COMPARED = 40
"""Characters of a value that another dataset is asked for: fifty of them fit into an address."""

_NEVER = datetime.min.replace(tzinfo=UTC)
NEIGHBOURS = 100
"""Entries of the catalogue that are looked through for the series: one page of it."""

_WITHOUT_ROWS = frozenset(
    "file blob blobby story href link federated_href form measure calendar".split()
)
"""What the catalogue calls that which has no rows. A map or a chart may be a table, too, if it has columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """The key of a dataset, and what it was found by. ``rows``: None where they were not counted."""

    key: Key
    rows: int | None
    sample: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is known. ``shares_keys``: whether a value of
    the key is there in two of the datasets; None where nobody asked."""

    domain: str
    first: Shown
    described: Description
    columns: tuple[Column, ...]
    keyed: Keyed
    siblings: tuple[Sibling, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    shares_keys: bool | None = None
    newest: Shown
    days: Sequence[date] = ()
    unknown: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Of the first dataset; of all of them where ``shares_keys`` is False."""
        return self.keyed.key

    @property
    def metadata(self) -> Metadata:
        """The first dataset's columns and time of change."""
        return self.described.metadata


def survey(source: Source, ids: Sequence[str]) -> Survey:
    """Look at the datasets, of one portal; the first one's columns and key are those of the table. Raises what keeps the
    first one from being read, and ``DatasetNotFound`` for one that has no rows or is not in the catalogue."""
    questions = Questions()
    described = _describe(source, ids[0], questions)
    first, columns = _first(described), _columns(described)
    given = _given(source, ids[1:], questions)
    keyed = _find_key(source, described, columns, questions)
    neighbours = given or _neighbours(source, first, questions)
    siblings, left_out = _judged(first, neighbours, keyed.key, named=bool(given))
    shares = _shares_keys(source, first, siblings, keyed, questions)
    newest = max([first, *(s.dataset for s in siblings)], key=lambda d: d.changed_at or _NEVER)
    days = questions.optional("rhythm", lambda: source.days_of_change(newest.id)) or []
    return Survey(
        domain=source.domain,
        first=first,
        described=described,
        columns=columns,
        keyed=keyed,
        siblings=tuple(siblings),
        left_out=tuple(left_out),
        shares_keys=shares,
        newest=newest,
        days=days,
        unknown=tuple(questions.unknown),
    )


def _find_key(
    source: Source, described: Description, columns: Sequence[Column], questions: Questions
) -> Keyed:
    dataset, declared = described.metadata.id, described.row_identifier
    seen = questions.optional("size", lambda: _sample(source, dataset, columns), keeping=1)
    if source.why_changed(dataset):
        questions.asked(3)  # SODA2's refusal, a count by SODA3 to be sure, and the sample by that
    seen = seen or Sample()
    asked = candidates(described.metadata.columns, seen, declared)
    answer = questions.optional("key", lambda: source.distinct(dataset, asked))
    counted = Counted(rows=answer[0], values=answer[1]) if answer else None
    key = choose(declared, counted, asked)
    return Keyed(key=key, rows=counted.rows if counted else None, sample=seen)


def _describe(source: Source, dataset: str, questions: Questions) -> Description:
    described = source.description(dataset)
    questions.asked()
    if described:
        return described
    questions.asked(4)  # newest change, header line, catalogue, and columns that only this lists
    return Description(metadata=source.metadata(dataset))


def _columns(described: Description) -> tuple[Column, ...]:
    """As a run loads them whose manifest chooses none, into a new table."""
    return select_columns(
        described.metadata.columns,
        fields={},
        mapping={},
        provenance=True,
        dataset=described.metadata.id,
        unnamed=Unnamed(),
    )


def _first(described: Description) -> Shown:
    metadata = described.metadata
    return Shown(
        id=metadata.id,
        name=metadata.name,
        columns=metadata.columns,
        labels=described.labels,
        owner=described.owner,
        provenance=described.provenance,
        changed_at=metadata.rows_updated_at,
    )


def _given(source: Source, ids: Sequence[str], questions: Questions) -> list[Shown]:
    """The other datasets that a person named, in that order."""
    if not ids:
        return []
    questions.asked()
    entries = {entry.id: entry for entry in source.catalogue(ids)}
    for id_ in ids:
        if id_ not in entries:
            raise DatasetNotFound(
                f"{id_}: the catalogue of {source.domain} has no such dataset; check the id, or add it to datasets "
                "by hand if it is private"
            )
        if not entries[id_].columns or entries[id_].type in _WITHOUT_ROWS:
            raise answers.no_table(id_, entries[id_].name, [entries[id_].type])
    return [series.shown(entries[id_]) for id_ in ids]


def _sample(source: Source, dataset: str, columns: Sequence[Column]) -> Sample:
    shown = [column.field for column in columns]
    query = soql.rows(columns, where=None, after=None, limit=sample.ROWS, shown=shown)
    fields = {column.staged: column.field for column in columns}

    def read() -> Sample:
        body = bytearray()
        with source.rows(dataset, query) as stream:
            for chunk in stream:
                body += chunk
                if len(body) >= sample.MOST_BYTES:
                    break
            wire = stream.wire_bytes
        return read_sample([fields.get(name, name) for name in stream.header], bytes(body), wire)

    return source.by_either(lambda: source.retrying(read))


def _neighbours(source: Source, first: Shown, questions: Questions) -> list[Shown]:
    """The datasets of the first one's series; none where its name has no year."""
    words = series.without_year(first.name)
    if first.year is None or not words:
        return []

    found = questions.optional(
        "other years",
        lambda: [series.shown(entry) for entry in source.search(words, NEIGHBOURS)],
        forgiven=(SourceUnavailable,),  # one that has no catalogue has rows all the same
    )
    return series.of_series(first, found or [])


def _judged(
    first: Shown, found: Sequence[Shown], key: Key, *, named: bool
) -> tuple[list[Sibling], list[LeftOut]]:
    """The siblings. One that lacks the key is none: its rows could not be told apart."""
    siblings, left_out = series.judge(first, found, named=named)
    keyed = [
        s for s in siblings if not key.field or key.field in series.match_columns(first, s.dataset)
    ]
    why = f"it has no {key.field}, the key"
    left_out += [LeftOut(dataset=s.dataset, why=why) for s in siblings if s not in keyed]
    return keyed, left_out


def _shares_keys(
    source: Source,
    first: Shown,
    siblings: Sequence[Sibling],
    keyed: Keyed,
    questions: Questions,
) -> bool | None:
    """Whether the nearest sibling has values of the key that the first one has, as row numbers would be."""
    key = keyed.key
    sampled = keyed.sample.columns.get(key.field or "")
    if not siblings or not key.field or not sampled or not sampled.values:
        return None
    nearest = min(siblings, key=lambda s: abs((s.dataset.year or 0) - (first.year or 0)))
    its = nearest.columns.get(key.field, key.field)
    kind = next(c.canonical for c in first.columns if c.field == key.field)
    written = (lambda v: v) if kind == "number" and sampled.is_whole else soql.quote
    values = [written(v) for v in sampled.values if len(v) <= LONGEST_COMPARED]
    if not values:
        return None
    where = f"{soql.identifier(its)} in ({', '.join(values)})"
    found = questions.optional(
        "keys of several years", lambda: source.count(nearest.dataset.id, soql.count(where))
    )
    return None if found is None else found > 0
