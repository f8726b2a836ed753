"""Staged rows that cannot be merged by key: those without one, and all but the newest of each.

They are removed from the stage, counted, and told by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from socratasync.pipeline.merge import statements
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


def clean(connection: Connection, staged: StagedDataset) -> Cleaned:
    """Remove staged rows without a key, and all but the newest of each key."""
    keyless, about_keyless = _remove_keyless(connection, staged)
    duplicates, about_duplicates = _remove_duplicates(connection, staged)
    return Cleaned(
        left_out=keyless + duplicates,
        duplicates=duplicates,
        warnings=(*about_keyless, *about_duplicates),
    )


def _remove_keyless(connection: Connection, staged: StagedDataset) -> tuple[int, list[str]]:
    shape = staged.shape
    ids = [row[0] for row in connection.execute(statements.find_null_keys(shape)).fetchall()]
    if not ids:
        return 0, []
    removed = connection.execute(statements.delete_null_keys(shape)).rowcount
    why = f"for having no {', '.join(shape.key)}"
    return removed, [_sentence(staged, why, removed) + f", among them {', '.join(ids)}"]


def _remove_duplicates(connection: Connection, staged: StagedDataset) -> tuple[int, list[str]]:
    shape = staged.shape
    if connection.execute(statements.find_duplicates(shape)).fetchone() is None:
        return 0, []
    removed = connection.execute(statements.delete_duplicates(shape)).rowcount
    why = f"for a newer row with the same {', '.join(shape.key)}"
    return removed, [_sentence(staged, why, removed)]


def _sentence(staged: StagedDataset, why: str, rows: int) -> str:
    counted = "1 row" if rows == 1 else f"{rows:,} rows"
    return f"dataset {staged.plan.dataset}: left out, {why}: {counted}"
