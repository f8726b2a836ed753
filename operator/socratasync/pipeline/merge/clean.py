"""Staged rows that cannot be merged by key: those without one, and all but the first of each key.

They are removed from the stage, counted, and told by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratasync.errors import RowCountMismatch
from socratasync.pipeline.merge import outranked_statements, statements
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.verdict import are_too_many
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was removed from a stage: rows ``left_out``, ``duplicates`` among them, and a sentence for
    each kind."""

    left_out: int = 0
    duplicates: int = 0
    warnings: tuple[str, ...] = ()


NOTHING = Cleaned()


def clean(context: RunContext, connection: Connection, staged: StagedDataset) -> Cleaned:
    """Remove staged rows without a key, and all but the newest of each key. Raises ``RowCountMismatch`` when
    they are more than the manifest allows to be missing."""
    keyless, about_keyless = _remove_keyless(context, connection, staged)
    duplicates, about_duplicates = _remove_duplicates(context, connection, staged)
    cleaned = Cleaned(
        left_out=keyless + duplicates,
        duplicates=duplicates,
        warnings=(*about_keyless, *about_duplicates),
    )
    _check(context, staged, cleaned)
    return cleaned


def _check(context: RunContext, staged: StagedDataset, cleaned: Cleaned) -> None:
    if are_too_many(cleaned.left_out, staged.plan.snapshot, context.request.spec.verify):
        raise RowCountMismatch(
            f"{'; '.join(cleaned.warnings)}. Nothing was merged: choose columns for spec.target.key that no "
            "two rows share, allow for such rows with spec.verify.tolerance, or set spec.verify.rowCount "
            "to Warn"
        )


def _remove_keyless(
    context: RunContext, connection: Connection, staged: StagedDataset
) -> tuple[int, list[str]]:
    shape = staged.shape
    ids = [row[0] for row in connection.execute(statements.find_null_keys(shape)).fetchall()]
    if not ids:
        return 0, []
    if shape.provenance:
        connection.execute(outranked_statements.note_keyless(context.ledger.target, shape))
    removed = connection.execute(statements.delete_null_keys(shape)).rowcount
    return removed, [about_keyless(shape, removed, ids)]


def _remove_duplicates(
    context: RunContext, connection: Connection, staged: StagedDataset
) -> tuple[int, list[str]]:
    shape = staged.shape
    if connection.execute(statements.find_duplicates(shape)).fetchone() is None:
        return 0, []
    if shape.provenance:
        connection.execute(outranked_statements.note_duplicates(context.ledger.target, shape))
    row = connection.execute(statements.delete_duplicates(shape)).fetchone()
    assert row is not None
    removed, as_new = row
    return removed, [about_duplicates(shape, removed, as_new)]


def about_keyless(shape: Shape, removed: int, ids: Sequence[str]) -> str:
    """So many rows have no key, some of which are named."""
    return (
        f"dataset {shape.dataset}: {_rows(removed)} left out for having no {', '.join(shape.key)}, "
        f"among them {', '.join(ids)}"
    )


def about_duplicates(shape: Shape, removed: int, as_new: int) -> str:
    """So many rows have the key of another one, which in ``as_new`` cases is as new."""
    return (
        f"dataset {shape.dataset}: {_rows(removed)} left out for having the {', '.join(shape.key)} of "
        f"another row, {_why(removed, as_new)}"
    )


def _why(removed: int, as_new: int) -> str:
    """Why the other row stayed."""
    if not as_new:
        return "which changed later"
    if as_new == removed:
        return "which is as new, and which the portal lists last"
    return f"which changed later or, in {as_new:,} cases, is as new and listed last by the portal"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
