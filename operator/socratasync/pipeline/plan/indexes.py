"""Which indexes are to be made, named anew and dropped, so that a table has those of the manifest. Pure.

One that is there already counts, whoever made it. What this product did not make it neither renames nor drops.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from socratasync.api.indexes import RESERVED, IndexSpec
from socratasync.api.target import TargetSpec
from socratasync.pipeline.target.indexes import TableIndex

LONGEST_NAME = 63
"""Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredIndex:
    """An index of the manifest. ``path``: where it stands; ``digest``: of its definition; ``name``: what it is called once
    it is made, ``name_before`` until then."""

    path: str
    index: IndexSpec
    digest: str
    name: str
    name_before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChanges:
    """What brings the table's indexes to the manifest's: ``make``, then ``name`` those that have another name, or no
    mark, then ``drop``."""

    make: tuple[DeclaredIndex, ...] = ()
    name: tuple[tuple[TableIndex, DeclaredIndex], ...] = ()
    drop: tuple[TableIndex, ...] = ()

    @property
    def are_due(self) -> bool:
        """Whether there is something to do."""
        return bool(self.make or self.name or self.drop)

    @property
    def in_the_way(self) -> tuple[TableIndex, ...]:
        """What must go before rows come: one that may refuse rows though the manifest no longer has it, also one that
        was left half made, which refuses rows as well and helps no reader."""
        return tuple(index for index in self.drop if index.is_unique or not index.is_valid)


def declared(target: TargetSpec) -> tuple[DeclaredIndex, ...]:
    """The manifest's indexes, with names."""
    return tuple(_declared(target, number, index) for number, index in enumerate(target.indexes))


def _declared(target: TargetSpec, number: int, index: IndexSpec) -> DeclaredIndex:
    digest = _digest(*index.definition)
    whole = _digest(target.schema_, target.table, digest)
    return DeclaredIndex(
        path=f"spec.target.indexes[{number}]",
        index=index,
        digest=digest,
        name=index.name or _name(target.table, index.columns, whole),
        name_before=f"{RESERVED}{whole}",
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _name(table: str, columns: Sequence[str], digest: str) -> str:
    """Table and columns for people, as much of them as fits, and some of the digest, which no other index has."""
    end = f"_{digest[:8]}"
    whole = "_".join((table, *columns)).encode()[: LONGEST_NAME - len(end)]
    return whole.decode(errors="ignore") + end


def decide(
    wanted: Iterable[DeclaredIndex],
    there: Sequence[TableIndex],
    *,
    means_the_same: Callable[[str, str], bool],
) -> IndexChanges:
    """What is to be done. ``means_the_same``: whether two conditions do; asked only of those that are written
    differently, and of indexes that are alike in all else."""
    make: list[DeclaredIndex] = []
    kept: dict[int, DeclaredIndex] = {}
    for each in wanted:
        if ours := _ours(each, [index for index in there if index.oid not in kept]):
            kept[ours.oid] = each
        elif not any(_is_the_same(each, index, means_the_same) for index in there):
            make.append(each)
    mine = [index for index in there if index.is_ours]
    return IndexChanges(
        make=tuple(make),
        name=tuple(
            (index, kept[index.oid])
            for index in mine
            if index.oid in kept and not _has_its_name(index, kept[index.oid])
        ),
        drop=tuple(index for index in mine if index.oid not in kept),
    )


def _has_its_name(index: TableIndex, each: DeclaredIndex) -> bool:
    return index.name == each.name and index.digest == each.digest


def _ours(each: DeclaredIndex, there: Sequence[TableIndex]) -> TableIndex | None:
    """The index that we made from this definition, best the one that has its name; columns are compared, too, since
    those of the table can be renamed."""
    made = [
        index
        for index in there
        if index.is_ours
        and index.is_valid
        and (index.digest == each.digest or index.name == each.name_before)
        and _is_alike(each.index, index)
    ]
    return min(made, key=lambda index: index.name != each.name, default=None)


def _is_alike(wanted: IndexSpec, index: TableIndex) -> bool:
    """The same in all but the condition."""
    return (
        index.is_plain
        and tuple(index.columns) == wanted.columns
        and index.method == wanted.method
        and index.is_unique == wanted.unique
    )


def _is_the_same(
    each: DeclaredIndex, index: TableIndex, means_the_same: Callable[[str, str], bool]
) -> bool:
    """Whether somebody else's index is just what is wanted."""
    if index.is_ours or not index.is_valid or not _is_alike(each.index, index):
        return False
    one, other = each.index.where, index.condition
    if one is None or other is None:
        return one is other
    return one == other or means_the_same(one, other)
