"""Which rows of a dataset share a key, or have none, asked of the source before any is read.

Of several rows with one key the table holds one, and none that lacks a part of it. Who chose the wrong key learns of
it else only when all rows are in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from socratasync.errors import SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.source.answers import KeyGroup
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.soql import UPDATED_AT, sharing

MOST_GROUPS = 1000
EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A key, column → value, that so many ``rows`` have."""

    key: Mapping[str, str | None]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeys:
    """So many ``rows`` have one of so many ``keys`` that others have, too; so many lack a part of the key, and are
    ``without_key``. ``is_all``: whether there are no more of either. ``unknown``: why nobody knows."""

    rows: int = 0
    keys: int = 0
    without_key: int = 0
    is_all: bool = True
    examples: tuple[SharedKey, ...] = ()
    unknown: str | None = None


def find_shared(source: Source, plan: DatasetPlan) -> SharedKeys | None:
    """What the source says of the rows that the manifest selects, with one question; None where no two rows can
    share a key. A source that does not answer that keeps no one from a run."""
    fields = asked_of(plan.shape)
    if fields is None:
        return None
    names = {f"key_{number}": column for number, column in enumerate(fields)}
    query = sharing(
        {name: fields[column] for name, column in names.items()}, plan.where, MOST_GROUPS
    )
    try:
        groups = source.sharing(plan.dataset, query)
    except SyncError as exc:
        return SharedKeys(unknown=exc.message)
    return count_shared(groups, names)


def asked_of(shape: Shape) -> dict[str, str] | None:
    """The key's columns → fields of the source; None where it has the rows' own ids, or the dataset's alone."""
    if shape.provenance and "socrata_id" in shape.key:
        return None
    fields = {column.name: column.field for column in shape.columns if column.name in shape.key}
    if shape.provenance and "socrata_updated_at" in shape.key:
        fields["socrata_updated_at"] = UPDATED_AT
    return fields or None


def count_shared(groups: Sequence[KeyGroup], names: Mapping[str, str]) -> SharedKeys:
    """What the groups come to. ``names``: name in the answer → column."""
    lacking = [group for group in groups if any(group.key.get(name) is None for name in names)]
    shared = [group for group in groups if group not in lacking and group.rows > 1]
    return SharedKeys(
        rows=sum(group.rows for group in shared),
        keys=len(shared),
        without_key=sum(group.rows for group in lacking),
        is_all=len(groups) < MOST_GROUPS,
        examples=tuple(
            SharedKey(
                key={column: group.key.get(name) for name, column in names.items()},
                rows=group.rows,
            )
            for group in shared[:EXAMPLES]
        ),
    )
