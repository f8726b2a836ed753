"""Statements that merge leave no value out, and name only what is there: the two tables, and their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from psycopg import sql
from tests.unit.pipeline import plans

from socratasync.pipeline.columns import PROVENANCE, Column
from socratasync.pipeline.merge import outranked_statements, statements
from socratasync.pipeline.plan.model import KeepsNewer, Shape
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT
from socratasync.pipeline.stage.statements import ARRIVAL
from socratasync.pipeline.target.types import relation

COLUMNS = (
    Column(name="number", field="srnumber", source_type="text", type="text"),
    Column(name="Place", field="location", source_type="json", type="json"),
)
LOADED = replace(plans.SHAPE, columns=COLUMNS, key=("number",))
BY_STAMP = KeepsNewer(
    believed_until=plans.LATER, read_again_after=plans.NOON, asked_since=plans.EARLIER
)
BY_DATE = KeepsNewer(believed_until=plans.LATER, read_again_after=None, asked_since=None)
SHAPES = {
    "a full load": LOADED,
    "an update": replace(LOADED, keeps_newer=BY_STAMP, stamps_equal_rows=True),
    "other ids": replace(LOADED, renews_ids=True),
    "an update by a date": replace(LOADED, keeps_newer=BY_DATE),
    "in two": replace(LOADED, in_two=True),
    "keyed by the row's id": replace(LOADED, key=("socrata_dataset", "socrata_id")),
    "keyed by a time as well": replace(LOADED, key=("number", "socrata_updated_at")),
    "without provenance": replace(LOADED, provenance=False),
    "nothing but its key": replace(LOADED, columns=COLUMNS[:1], provenance=False),
}

OF_ANY_TABLE: dict[str, Callable[[Shape], sql.Composed]] = {
    "insert_all": statements.insert_all,
    "upsert": statements.upsert,
    "difference": statements.difference,
    "merge": statements.merge,
    "count_in_place": statements.count_in_place,
    "find_duplicates": statements.find_duplicates,
    "delete_duplicates": statements.delete_duplicates,
    "find_null_keys": statements.find_null_keys,
    "delete_null_keys": statements.delete_null_keys,
}
WITH_PROVENANCE: dict[str, Callable[[Shape], sql.Composed]] = {
    "forget": lambda shape: outranked_statements.forget("here", shape, ["row-1"]),
    "find_displaced": lambda shape: outranked_statements.find_displaced(shape, 9),
    "delete_rekeyed": lambda shape: outranked_statements.delete_rekeyed("here", shape, ["row-1"]),
    "delete_all_rekeyed": lambda shape: outranked_statements.delete_rekeyed("here", shape, None),
    "delete_missing": lambda shape: outranked_statements.delete_missing(
        "here", shape, some_are_skipped=True
    ),
    "note_keyless": lambda shape: outranked_statements.note_keyless("here", shape),
    "note_skipped": lambda shape: outranked_statements.note_skipped("here", shape),
    "note_duplicates": lambda shape: outranked_statements.note_duplicates("here", shape),
    "find_rivals": lambda shape: outranked_statements.find_rivals(shape, 9),
    "note_rivals": lambda shape: outranked_statements.note_rivals(
        "here", shape, ["row-1"], ["othe-rone"]
    ),
    "count_stale": lambda shape: outranked_statements.count_stale(
        "here", shape.dataset, relation(shape.schema, shape.table)
    ),
}


def leaves(part: sql.Composable) -> Iterator[sql.Composable]:
    """The names, values and texts that a statement is made of."""
    if isinstance(part, sql.Composed):
        for each in part:
            yield from leaves(each)
    else:
        yield part


def names(shape: Shape) -> set[str]:
    """All that a statement may name, as it is written: a column behind its table's alias, or alone."""
    system = (ROW_ID, UPDATED_AT, ARRIVAL)
    staged = {(column.staged,) for column in shape.columns} | {(name,) for name in system}
    kept = {(column.name,) for column in shape.columns}
    if shape.provenance:
        kept |= {(name,) for name in PROVENANCE}
    of_tables = {(alias, *name) for alias in ("t", "excluded") for name in kept}
    of_stages = {("s", *name) for name in staged}
    tables = {(shape.schema, shape.table), ("socratasync", shape.stage)}
    left_out = {("socratasync", f"{shape.stage}_skipped")}
    known = staged | kept | of_tables | of_stages | tables | left_out
    return {sql.Identifier(*name).as_string(None) for name in known}


def assert_whole(statement: sql.Composed, shape: Shape) -> None:
    parts = list(leaves(statement))
    written = {part.as_string(None) for part in parts if isinstance(part, sql.Identifier)}
    assert written <= names(shape)
    assert "NULL" not in [part.as_string(None) for part in parts if isinstance(part, sql.Literal)]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("builder", OF_ANY_TABLE)
def test_a_statement_names_what_is_there_and_leaves_no_value_out(
    builder: str, shape: Shape
) -> None:
    assert_whole(OF_ANY_TABLE[builder](shape), shape)


@pytest.mark.parametrize("shape", [s for s in SHAPES.values() if s.provenance])
@pytest.mark.parametrize("builder", WITH_PROVENANCE)
def test_so_does_one_of_the_book_of_rows_left_out(builder: str, shape: Shape) -> None:
    assert_whole(WITH_PROVENANCE[builder](shape), shape)
