"""SQL that makes, fills and counts tables only known at run time, composed with ``psycopg.sql``. Pure.

A stage has the target's columns and types, then the source's ``:updated_at`` and ``:id``, and a
number for each row. What brings its rows into the target is in ``merge_statements``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from socratasync.errors import InvalidSpec
from socratasync.pipeline.columns import Column
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, header

ARRIVAL = ":arrival"
"""The stage's own column: rows numbered as they came, which is the source's order. Where they lie is
not: ``COPY`` puts a small row into an earlier block that has room."""

_WORD = r'([a-z_][a-z0-9_$]*|"([^"\0]|"")+")'
_LENGTH = r"(\([a-z0-9]+(, ?-?[0-9]+)?\))"
_FIELD = "(year|month|day|hour|minute|second)"
_TYPE = re.compile(
    rf"({_WORD}(\.{_WORD})?{_LENGTH}?|double precision|(character|bit) varying{_LENGTH}?"
    rf"|time(stamp)?{_LENGTH}? with(out)? time zone|interval {_FIELD}( to {_FIELD})?{_LENGTH}?)(\[\])*",
    re.IGNORECASE | re.ASCII,
)
"""Types as people write them and as ``format_type`` does; no more words, which could be constraints."""

_SERIAL = re.compile("(small|big)?serial[248]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeShape:
    """One dataset's way into the target: names only, no data. ``keeps_newer``: a row of the target that
    is newer than the one staged stays. A full load knows better: the newer one is gone."""

    schema: str
    table: str
    stage: str
    dataset: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    provenance: bool
    keeps_newer: bool = False

    @property
    def target(self) -> sql.Identifier:
        """The target table, qualified."""
        return sql.Identifier(self.schema, self.table)

    @property
    def staged(self) -> sql.Identifier:
        """The stage table, qualified."""
        return sql.Identifier("socratasync", self.stage)


def type_sql(pg_type: str) -> sql.SQL:
    """A column type as SQL. Raises ``InvalidSpec`` for anything that is not plainly a type."""
    if not _TYPE.fullmatch(pg_type):
        raise InvalidSpec(
            f"spec.target.fields: {pg_type!r} is not a PostgreSQL type; write one such as text, "
            "integer, numeric(10,2) or timestamp with time zone"
        )
    if _SERIAL.fullmatch(pg_type):
        raise InvalidSpec(
            f"spec.target.fields: {pg_type} counts by itself and takes no nulls; write integer or bigint"
        )
    return sql.SQL(pg_type)


def _column_definitions(columns: Iterable[tuple[str, str]]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), type_sql(pg_type))
        for name, pg_type in columns
    )


def create_stage(shape: MergeShape) -> sql.Composed:
    """Unlogged, without autovacuum: it lives for one run and is rebuilt after a crash."""
    return sql.SQL(
        "CREATE UNLOGGED TABLE {} ({}, {} timestamp with time zone, {} text NOT NULL, "
        "{} bigint GENERATED ALWAYS AS IDENTITY (CACHE 10000)) WITH (autovacuum_enabled = false)"
    ).format(
        shape.staged,
        _column_definitions((c.staged, c.type) for c in shape.columns),
        sql.Identifier(UPDATED_AT),
        sql.Identifier(ROW_ID),
        sql.Identifier(ARRIVAL),
    )


def drop_stage(shape: MergeShape) -> sql.Composed:
    """Remove the stage if it is there."""
    return sql.SQL("DROP TABLE IF EXISTS {}").format(shape.staged)


def copy_stage(shape: MergeShape, *, header_match: bool) -> sql.Composed:
    """``COPY`` of Socrata's CSV, which follows PostgreSQL's rules for null and empty."""
    check = sql.SQL("MATCH" if header_match else "TRUE")
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER {})").format(
        shape.staged, names(header(shape.columns)), check
    )


def count_rows(table: sql.Identifier) -> sql.Composed:
    """``(count,)`` of a whole table."""
    return sql.SQL("SELECT count(*) FROM {}").format(table)


def count_by_dataset(target: sql.Identifier) -> sql.Composed:
    """``(dataset, rows)`` for the whole target, rows of no known dataset under null."""
    return sql.SQL("SELECT socrata_dataset, count(*) FROM {} GROUP BY 1").format(target)


def create_target(target: sql.Identifier, columns: Iterable[tuple[str, str]]) -> sql.Composed:
    """The target of (name, type) columns, without its key: ``add_key`` builds that after the first
    fill."""
    return sql.SQL("CREATE TABLE {} ({})").format(target, _column_definitions(columns))


def add_key(shape: MergeShape) -> sql.Composed:
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


def names(columns: Iterable[str]) -> sql.Composed:
    """The columns, quoted and separated."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def analyze(table: sql.Identifier) -> sql.Composed:
    """Statistics, without which the planner guesses a stage to be tiny."""
    return sql.SQL("ANALYZE {}").format(table)
