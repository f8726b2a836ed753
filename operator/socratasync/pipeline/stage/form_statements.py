"""SQL that compares rows by one interface with rows by the other, composed with ``psycopg.sql``. Pure; the
pieces and what each does are in ``target/sql/changeover.sql``.

``n`` are the new rows, as text, and ``o`` the old ones, as text or in the target's types. Both lie in tables that no
transaction ever commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import (
    Relation,
    compared,
    relation,
    type_sql,
)

_SQL = load("changeover")

MOST_CHARACTERS = 300
"""More of a value does not leave the database."""


def new(shape: Shape) -> Relation:
    """Where the rows of the interface lie that the dataset goes over to."""
    return relation("socratasync", f"{shape.stage}_new")


def old(shape: Shape) -> Relation:
    """Where those lie that they are compared with."""
    return relation("socratasync", f"{shape.stage}_old")


def some_rows(shape: Shape, most: int) -> sql.Composed:
    """``(:id,)`` of up to twice so many rows that the target holds of the dataset."""
    return sql.SQL(_SQL["some_rows"]).format(
        table=shape.target, dataset=sql.Literal(shape.dataset), most=sql.Literal(most)
    )


def take_rows(shape: Shape, columns: Iterable[Column], ids: Sequence[str]) -> sql.Composed:
    """``old`` of the target's rows."""
    taken = (
        sql.SQL(", {} AS {}").format(sql.Identifier(c.name), sql.Identifier(c.staged))
        for c in columns
    )
    return sql.SQL(_SQL["take_rows"]).format(
        old=old(shape),
        columns=sql.SQL("").join(taken),
        table=shape.target,
        dataset=sql.Literal(shape.dataset),
        ids=sql.Literal(list(ids)),
    )


def count_unchanged(shape: Shape) -> sql.Composed:
    """How many rows can be compared; one row."""
    return sql.SQL("SELECT count(*) FROM {}").format(_unchanged(shape))


def _unchanged(shape: Shape) -> sql.Composed:
    return sql.SQL(_SQL["unchanged"]).format(new=new(shape), old=old(shape))


def compare(shape: Shape, column: Column) -> sql.Composed:
    """``(how many differ, of how many, an old value, its new one)`` of the unchanged rows."""
    return sql.SQL(_SQL["compare"]).format(
        column=sql.Identifier(column.staged),
        most=sql.Literal(MOST_CHARACTERS),
        old_value=_value("o", column),
        new_value=_value("n", column),
        unchanged=_unchanged(shape),
    )


def _value(side: str, column: Column) -> sql.Composable:
    """As the merge compares it (``merge.statements.differs``)."""
    value = sql.SQL("{}::{}").format(sql.Identifier(side, column.staged), type_sql(column.type))
    return compared(value, column.type)


def look_over(shape: Shape, column: Column, pattern: str) -> sql.Composed:
    """``(how many do not match, of how many, nothing, one of them)`` of the new rows' values."""
    return sql.SQL(_SQL["look_over"]).format(
        column=sql.Identifier(column.staged),
        most=sql.Literal(MOST_CHARACTERS),
        pattern=sql.Literal(pattern),
        new=new(shape),
    )
