"""What a run says of a value for which it fails: where it is, and what helps. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.contract.bad_values import BadValueExample, shown
from socratasync.pipeline.columns import Column
from socratasync.pipeline.stage.value_statements import StageColumn
from socratasync.pipeline.target.catalog import Target


def sentence(
    *,
    dataset: str,
    example: BadValueExample,
    why: str,
    others: int,
    column: Column | None,
    staged: StageColumn,
    is_text: bool,
    target: Target,
    chosen: Mapping[str, str],
    types: Mapping[str, str],
) -> str:
    """``why`` is PostgreSQL's word on the value; ``others`` so many more of its page do not fit either. ``column``
    is None for a system column of Socrata's; ``is_text``: whether PostgreSQL stores such a text at all. ``chosen`` and
    ``types`` are the manifest's ``target.fields`` and ``target.types``."""
    kind = column.type if column else staged.base
    more = f" (and {others:,} more)" if others else ""
    found = (
        f"dataset {dataset}, row {example.row}: column {example.column} ({kind}) does not take "
        f"{shown(example.value)}{more}: {why}"
    )
    ways = ["Correct it at the source"]
    if column and is_text and column.type != "text":
        ways.append(_as_text(column, target, chosen, types))
    instead = '"Null" or "Skip"' if staged.takes_null else '"Skip"'
    ways.append(f"set spec.target.onBadValue to {instead}")
    return f"{found}. {', or '.join(ways)}"


def _as_text(
    column: Column, target: Target, chosen: Mapping[str, str], types: Mapping[str, str]
) -> str:
    """How the column comes to take any text, as it is now."""
    written = f"{column.name}: text in {'spec.target.fields' if chosen else 'spec.target.types'}"
    if target.column(column.name) is None:
        return f"write {written}"
    alter = f'ALTER TABLE {target.name} ALTER COLUMN "{column.name}" TYPE text'
    given = chosen.get(column.name) or types.get(column.name)
    return f"run {alter}" + (f", and write {written}" if given else "")
