"""SQL that makes, completes and empties the target, composed with ``psycopg.sql``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.source.soql import header
from socratasync.pipeline.stage.statements import (
    NO_EMPTY_GEOMETRY,
    column_definitions,
    names,
    new_columns,
)
from socratasync.pipeline.target.types import Relation, relation, type_sql


def create_target(target: sql.Identifier, columns: Iterable[tuple[str, str]]) -> sql.Composed:
    """The target of (name, type) columns, without its key."""
    return sql.SQL("CREATE TABLE {} (\n    {}\n)").format(
        target, column_definitions(columns, between=",\n    ")
    )


def add_key(shape: Shape) -> sql.Composed:
    """The primary key of a table made by ``create_target``."""
    return sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(shape.target, names(shape.key))


def move(shape: Shape) -> list[sql.Composed]:
    """The new table becomes the target."""
    moved = relation(shape.schema, str(shape.new_table))
    return [
        sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(shape.new, sql.Identifier(shape.schema)),
        sql.SQL("ALTER TABLE {} RENAME TO {}").format(moved, sql.Identifier(shape.table)),
        sql.SQL("ALTER TABLE {} ALTER socrata_dataset DROP DEFAULT").format(shape.target),
        sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}, RESET (autovacuum_enabled)").format(
            shape.target, sql.Identifier(NO_EMPTY_GEOMETRY)
        ),
        sql.SQL("ALTER TABLE {} REPLICA IDENTITY DEFAULT").format(shape.target),
    ]


def keep_only(shape: Shape, datasets: Sequence[str]) -> sql.Composed:
    """Rows of other datasets leave the new table."""
    return sql.SQL("DELETE FROM {} WHERE socrata_dataset <> ALL ({})").format(
        shape.new, sql.Literal(list(datasets))
    )


def has_ties(shape: Shape) -> sql.Composed:
    """A row if two rows of the dataset in the new table have one key and are equally new."""
    return sql.SQL(
        "SELECT FROM {} WHERE socrata_dataset = {} GROUP BY {}, socrata_updated_at HAVING count(*) > 1 LIMIT 1"
    ).format(shape.new, sql.Literal(shape.dataset), names(shape.key))


def create_order(shape: Shape) -> sql.Composed:
    """Where the source's order is kept, by ``:id``."""
    return sql.SQL(
        "CREATE UNLOGGED TABLE {} (id text, number bigint GENERATED ALWAYS AS IDENTITY)"
    ).format(ordered(shape))


def copy_order(shape: Shape) -> sql.Composed:
    """``COPY`` of the source's ``:id``s, in its order."""
    return sql.SQL("COPY {} (id) FROM STDIN").format(ordered(shape))


def drop_order(shape: Shape) -> sql.Composed:
    """Remove it."""
    return sql.SQL("DROP TABLE {}").format(ordered(shape))


def ordered(shape: Shape) -> Relation:
    """The source's order of a dataset's rows."""
    return relation("socratasync", f"{shape.stage}_order")


def stage_from_new(shape: Shape) -> sql.Composed:
    """The dataset's rows from the new table into its empty stage, in the source's order."""
    return sql.SQL(
        "INSERT INTO {} ({}) SELECT {} FROM {} n LEFT JOIN {} o ON o.id = n.socrata_id "
        "WHERE n.socrata_dataset = {} ORDER BY o.number"
    ).format(
        shape.staged,
        names(header(shape.columns)),
        sql.SQL(", ").join(sql.Identifier("n", column) for column in new_columns(shape)),
        shape.new,
        ordered(shape),
        sql.Literal(shape.dataset),
    )


def add_columns(target: sql.Identifier, columns: Sequence[tuple[str, str]]) -> sql.Composed:
    """Add nullable columns, (name, type) each."""
    added = sql.SQL(", ").join(
        sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(name), type_sql(pg_type))
        for name, pg_type in columns
    )
    return sql.SQL("ALTER TABLE {} {}").format(target, added)


def truncate(target: sql.Identifier) -> sql.Composed:
    """Empty the target, keeping its identity: grants, views and foreign keys stay."""
    return sql.SQL("TRUNCATE {}").format(target)
