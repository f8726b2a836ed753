"""Columns that a dataset filled once and no longer does: its rows keep their last values for ever. Pure.

A column freezes when it goes, or gets another name, at the source, or when the manifest loads its field
into another one. That ends when the table has it no more, or when the dataset fills it again, which
reads all rows (``watermark``). ``reset`` empties the table; no other load touches such a column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from socratasync.contract.report import listed
from socratasync.pipeline import parts
from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn
from socratasync.pipeline.target.catalog import Target

Remembered = Mapping[str, Mapping[str, str]]
"""What the bookkeeping has of a dataset's columns (``Known.columns``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A dataset's frozen ``columns``: target column → the field that filled it last. ``named``: those that
    the manifest does not accept. ``gone``: fields that left the source since the last load, which filled
    them until then."""

    columns: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def sentences(self, dataset: str) -> tuple[str, ...]:
        """One on the columns that are named, with the ways out; none if there are none."""
        if not self.named:
            return ()
        return (
            f"dataset {dataset} no longer fills {listed(self.named, 10)}: rows keep the values of their "
            "last load there, and new rows have none. Map a renamed column with datasets[].columns, drop "
            "one that no dataset fills from the table, or list it in datasets[].frozenColumns",
        )


NOTHING_FROZEN = Frozen()


def find_frozen(
    remembered: Remembered | None,
    columns: Iterable[Column],
    source: Iterable[SourceColumn],
    target: Target,
    *,
    accepted: Collection[str],
    chosen: Collection[str],
    empties: bool,
) -> Frozen:
    """What is frozen once ``columns`` are loaded into ``target``; ``remembered`` is None for a dataset that
    was never loaded, ``empties``: the target is emptied first.

    The manifest accepts what ``accepted`` (``datasets[].frozenColumns``) lists, and what is not among
    the columns that it has ``chosen`` (``target.fields``; empty: all).
    """
    if remembered is None:
        return NOTHING_FROZEN
    filled, loaded = {column.name for column in columns}, remembered.get("loaded", {})
    frozen = {
        name: last
        for name, last in {**remembered.get("frozen", {}), **loaded}.items()
        if name not in filled and target.column(name) is not None
    }
    named = not_accepted(frozen, accepted, chosen)
    there = {column.field for column in source}
    lost = dict.fromkeys(loaded[name] for name in named if name in loaded)
    gone = tuple(last for last in lost if parts.whole(last) not in there)
    return Frozen(gone=gone) if empties else Frozen(columns=frozen, named=named, gone=gone)


def not_accepted(
    frozen: Iterable[str], accepted: Collection[str], chosen: Collection[str]
) -> tuple[str, ...]:
    """Those of the frozen columns of which a person must still be told."""
    return tuple(name for name in frozen if name not in accepted and (not chosen or name in chosen))


def still_there(remembered: Remembered, target: Target) -> Remembered:
    """What was remembered, without the columns that the table has no more. They must be filled anew for all
    rows, also where another dataset brings them back first. Those of provenance count together."""
    kept: dict[str, Mapping[str, str]] = {
        part: {name: source for name, source in names.items() if target.column(name) is not None}
        for part, names in remembered.items()
        if part in ("loaded", "frozen")
    }
    if any(target.column(name) is None for name in PROVENANCE):
        kept["provenance"] = {}
    return {**remembered, **kept}


def has_provenance(remembered: Remembered) -> bool:
    """Whether all of the dataset's rows were loaded with the columns of provenance: so were those of a
    release that did not note it."""
    return bool(remembered.get("provenance", PROVENANCE))
