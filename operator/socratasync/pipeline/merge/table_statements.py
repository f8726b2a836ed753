"""SQL that makes, completes and empties the target, composed with ``psycopg.sql``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.stage.statements import column_definitions, names
from socratasync.pipeline.target.types import type_sql


def create_target(target: sql.Identifier, columns: Iterable[tuple[str, str]]) -> sql.Composed:
    """The target of (name, type) columns, without its key: ``add_key`` builds that after the first
    fill."""
    return sql.SQL("CREATE TABLE {} (\n    {}\n)").format(
        target, column_definitions(columns, between=",\n    ")
    )


def add_key(shape: Shape) -> sql.Composed:
    """The primary key of a table made by ``create_target``."""
    return sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(shape.target, names(shape.key))


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
