"""Which datasets of a portal follow those that are loaded, and which of them may be loaded as they are. Pure.

A name is all that tells a series of years: so a dataset follows only if everything else agrees as well, its owner,
that it is official, and that it has rows. Whether it is loaded without a person having looked is another question:
not if there is a choice, nor if it lacks a column that the newest dataset fills.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from socratasync.api.follow import YEAR
from socratasync.api.source import DatasetSpec
from socratasync.api.spec import MOST_DATASETS, SyncSpec
from socratasync.api.successor_status import SUCCESSORS
from socratasync.contract.report import listed
from socratasync.contract.successors import Successor
from socratasync.pipeline import parts
from socratasync.pipeline.columns import SourceColumn, part_type, postgres_type
from socratasync.pipeline.plan.selection import wanted_fields
from socratasync.pipeline.source.catalogue import CatalogueEntry

_YEARS = (1900, 2200)
_OFFICIAL = "official"
_NAMED = 5
MOST_NEWER: Final = 50
"""Of datasets whose names fit, so many are looked at: a portal with more of them has another meaning of the name."""


def year_in(pattern: str, name: str) -> int | None:
    """The year that the name has where the pattern has ``{year}``; None if the name is another. Neither blanks nor
    capitals make a difference."""
    shape = re.escape(_plain(pattern)).replace(re.escape(YEAR), "([0-9]{4})")
    found = re.fullmatch(shape, _plain(name))
    if found is None:
        return None
    year = int(found[1])
    return year if _YEARS[0] <= year <= _YEARS[1] else None


def words(pattern: str) -> str:
    """The pattern's words, to search for. Those that the year is a part of, such as FY{year}, are left out."""
    return " ".join(word for word in pattern.split() if YEAR not in word)


def pattern_of(name: str, year: int | None) -> str | None:
    """The pattern of the series that a dataset belongs to by its name; None if the name does not have its year,
    once."""
    if year is None or len(re.findall(rf"(?<![0-9]){year}(?![0-9])", name)) != 1:
        return None
    return re.sub(rf"(?<![0-9]){year}(?![0-9])", YEAR, name)


def newest(datasets: Iterable[DatasetSpec]) -> DatasetSpec | None:
    """The dataset of the latest year, which the next one is compared with; None if none has a year."""
    dated = [(dataset.year, dataset) for dataset in datasets if dataset.year is not None]
    return max(dated, key=lambda each: each[0])[1] if dated else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What is of interest among the portal's datasets: the entries of those ``in_use``, and those that are ``newer``,
    each with its year."""

    in_use: Mapping[str, CatalogueEntry]
    newer: tuple[tuple[int, CatalogueEntry], ...]


def sift(
    entries: Iterable[CatalogueEntry], pattern: str, datasets: Sequence[DatasetSpec]
) -> Sifted:
    """Look through the entries, however many there are; only what is of interest is kept."""
    ids = {dataset.id for dataset in datasets}
    last = newest(datasets)
    after = last.year if last and last.year is not None else _YEARS[1]
    in_use: dict[str, CatalogueEntry] = {}
    newer: list[tuple[int, CatalogueEntry]] = []
    for entry in entries:
        if entry.id in ids:
            in_use[entry.id] = entry
        elif len(newer) < MOST_NEWER and _is_published(entry):
            year = year_in(pattern, entry.name)
            if year is not None and year > after:
                newer.append((year, entry))
    return Sifted(in_use=in_use, newer=tuple(newer))


def of_same_owner(sifted: Sifted) -> tuple[tuple[int, CatalogueEntry], ...]:
    """The newer ones whose owner has one of the datasets in use, the earliest year first. The names of owners are
    anybody's choice; their ids are not."""
    owners = {entry.owner.id for entry in sifted.in_use.values() if entry.owner}
    ours = [each for each in sifted.newer if each[1].owner and each[1].owner.id in owners]
    return tuple(sorted(ours, key=lambda each: (each[0], each[1].id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A dataset that follows, beside the newest one in use. ``columns``: the map that it is loaded by, the newest
    one's or none. ``adopted``: as the manifest would name it."""

    successor: Successor
    adopted: DatasetSpec

    @property
    def fits(self) -> bool:
        """Whether nothing stands against loading it but what others have to say."""
        return self.successor.reason is None


def compare(
    spec: SyncSpec,
    last: DatasetSpec,
    known: CatalogueEntry | None,
    year: int,
    entry: CatalogueEntry,
) -> Compared:
    """What the dataset has other than the newest one, ``last``, of which the catalogue tells ``known``. Of the newest
    one's map and none, what leaves fewer columns missing counts."""
    maps: tuple[dict[str, str], ...] = (dict(last.columns), {})
    ways = [_compared(spec, last, known, year, entry, mapping) for mapping in maps]
    best = min(ways, key=lambda way: len(way.successor.columns_missing))
    reason = _misfit(spec, known, entry, best.successor)
    return replace(best, successor=replace(best.successor, reason=reason))


def _compared(
    spec: SyncSpec,
    last: DatasetSpec,
    known: CatalogueEntry | None,
    year: int,
    entry: CatalogueEntry,
    mapping: dict[str, str],
) -> Compared:
    before = _filled(spec, known, last.columns) if known else {}
    now = _filled(spec, entry, mapping)
    successor = Successor(
        id=entry.id,
        name=entry.name,
        year=year,
        columns_missing=tuple(name for name in before if name not in now),
        columns_new=tuple(name for name in now if name not in before) if known else (),
        columns_changed=tuple(n for n, kind in before.items() if now.get(n, kind) != kind),
    )
    adopted = last.model_copy(update={"id": entry.id, "year": year, "columns": mapping})
    return Compared(successor=successor, adopted=adopted)


def _filled(spec: SyncSpec, entry: CatalogueEntry, mapping: Mapping[str, str]) -> dict[str, str]:
    """Column of the table → type, of those that the dataset fills."""
    target = spec.target
    by_field = {c.field: SourceColumn(field=c.field, type=c.type) for c in entry.columns}
    own = {f: c for f, c in by_field.items() if not f.startswith(":")}
    wanted = wanted_fields(own, target.fields, mapping, target.provenance)
    return {
        name: _type(own[parts.whole(path)], path)
        for name, path in wanted.items()
        if parts.whole(path) in own
    }


def _type(whole: SourceColumn, path: str) -> str:
    """The type of a column that the field fills, or a part of it; another one where it has no such part."""
    _, part = parts.split(path)
    return (
        part_type(part)
        if part in parts.OF_TYPE.get(whole.type.lower(), ())
        else postgres_type(whole)
    )


def _misfit(
    spec: SyncSpec, known: CatalogueEntry | None, entry: CatalogueEntry, found: Successor
) -> str | None:
    """Why the columns do not let the dataset be loaded as it is; None if they do."""
    if known is None or not known.columns or not entry.columns:
        return "the portal's catalogue does not tell the columns"
    if found.columns_missing:
        return (
            f"it has no {listed(found.columns_missing, _NAMED)}: name it in spec.datasets, with the columns that "
            "are called otherwise in its columns"
        )
    if found.columns_changed:
        return f"{listed(found.columns_changed, _NAMED)} has another type: see whether the table can take it"
    if found.columns_new and spec.target.on_schema_change == "Fail":
        return f"it has {listed(found.columns_new, _NAMED)} besides, and spec.target.onSchemaChange is Fail"
    return None


def choose(
    spec: SyncSpec, found: Sequence[Compared], taken: Collection[str]
) -> tuple[tuple[Successor, ...], DatasetSpec | None]:
    """The successors, each with the reason if it is not to be loaded, and the one that is. ``taken``: what was adopted
    before."""
    fitting = [each for each in found if each.fits]
    judged = [(each, _reason(spec, each, fitting, taken)) for each in found]
    told = tuple(replace(each.successor, reason=reason) for each, reason in judged)
    return told, next((each.adopted for each, reason in judged if reason is None), None)


def _reason(
    spec: SyncSpec, each: Compared, fitting: Sequence[Compared], taken: Collection[str]
) -> str | None:
    year = each.successor.year
    if not spec.adopts:
        return each.successor.reason or "spec.follow.adopt is Propose"
    if not each.fits:
        return each.successor.reason
    if len(fitting) > 1:
        ids = listed([one.successor.id for one in fitting], _NAMED)
        return f"there is a choice: {ids} follow. Name in spec.datasets what is to be loaded"
    if spec.years and year not in spec.years:
        return (
            f"spec.years leaves {year} out: name the dataset in spec.datasets, and its year there"
        )
    if len(taken) >= SUCCESSORS or len(spec.datasets) >= MOST_DATASETS:
        return "there are as many datasets as there may be: name those that were adopted in spec.datasets"
    return None


def _is_published(entry: CatalogueEntry) -> bool:
    """Whether it is a dataset of the city's own, and no view, map or chart made of one."""
    return entry.type == "dataset" and entry.provenance == _OFFICIAL


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
