"""The stage's SQL, composed with ``psycopg.sql``: made, filled by ``COPY``, dropped. Pure.

A stage has the target's columns and types, then the source's ``:updated_at`` and ``:id``, and a
number for each row. What brings its rows into the target is in ``merge.statements``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from psycopg import sql

from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, header
from socratasync.pipeline.target.types import Relation, relation, type_sql

ARRIVAL = ":arrival"
"""The stage's own column: rows numbered as they came, which is the source's order. Where they lie is
not: ``COPY`` puts a small row into an earlier block that has room."""


def column_definitions(
    columns: Iterable[tuple[str, str]], between: LiteralString = ", "
) -> sql.Composed:
    """(name, type) columns as ``CREATE TABLE`` wants them."""
    return sql.SQL(between).join(
        sql.SQL("{} {}").format(sql.Identifier(name), type_sql(pg_type))
        for name, pg_type in columns
    )


def create_stage(shape: Shape) -> sql.Composed:
    """Unlogged, without autovacuum: it lives for one run and is rebuilt after a crash."""
    return sql.SQL(
        "CREATE UNLOGGED TABLE {} ({}, {} timestamp with time zone, {} text NOT NULL, "
        "{} bigint GENERATED ALWAYS AS IDENTITY (CACHE 10000)) WITH (autovacuum_enabled = false)"
    ).format(
        shape.staged,
        column_definitions((c.staged, c.type) for c in shape.columns),
        sql.Identifier(UPDATED_AT),
        sql.Identifier(ROW_ID),
        sql.Identifier(ARRIVAL),
    )


def newest_change(shape: Shape) -> sql.Composed:
    """The latest change that a staged row tells of."""
    return sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(UPDATED_AT), shape.staged)


def drop_stage(shape: Shape) -> sql.Composed:
    """Remove the stage if it is there, and what was left out of it."""
    return sql.SQL("DROP TABLE IF EXISTS {}, {}").format(shape.staged, skipped(shape))


def skipped(shape: Shape) -> Relation:
    """The ``:id`` of rows that were left out of the stage; there if there are any."""
    return relation("socratasync", f"{shape.stage}_skipped")


def copy_into(table: Relation, shape: Shape, *, header_match: bool) -> sql.Composed:
    """``COPY`` of Socrata's CSV, which follows PostgreSQL's rules for null and empty, into the stage or a table
    that has its columns."""
    check = sql.SQL("MATCH" if header_match else "TRUE")
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER {})").format(
        table, names(header(shape.columns)), check
    )


def names(columns: Iterable[str]) -> sql.Composed:
    """The columns, quoted and separated."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
