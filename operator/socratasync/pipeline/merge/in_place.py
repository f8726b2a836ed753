"""Rows stay under the key that they have at the source, whatever the table's triggers make of them.

A trigger that changes a key hides the row from every later run, which would load it again, and delete it
for not being at the source. Only the merge itself can tell: it looks, where there are such triggers.
"""

from __future__ import annotations

from collections.abc import Callable

from socratasync.errors import TargetMismatch
from socratasync.pipeline.merge import statements
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import Connection

Counts = tuple[int, int]
"""Rows inserted and updated."""


def in_place(connection: Connection, staged: StagedDataset, write: Callable[[], Counts]) -> Counts:
    """``write`` the staged rows, in the caller's transaction. Raises ``TargetMismatch`` if the table's triggers
    gave some of them another key."""
    if not staged.plan.row_triggers:
        return write()
    before = _count(connection, staged)
    counts = write()
    if _count(connection, staged) - before != counts[0]:
        raise TargetMismatch(_sentence(staged))
    return counts


def _count(connection: Connection, staged: StagedDataset) -> int:
    return catalog.count(connection, statements.count_in_place(staged.shape))


def _sentence(staged: StagedDataset) -> str:
    shape, names = staged.shape, ", ".join(staged.plan.row_triggers)
    return (
        f"a trigger of {shape.schema}.{shape.table} ({names}) gives rows another {', '.join(shape.key)} than "
        "they have at the source, so that no later run would find them; nothing was merged. Have it leave "
        "the key alone, or drop it"
    )
