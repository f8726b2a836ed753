"""SQL of the tables that ``COPY`` fills, composed with ``psycopg.sql``: made, filled, emptied, dropped. Pure.

A stage has the target's columns and types, then the source's ``:updated_at`` and ``:id``, and a
number for each row. What brings its rows into the target is in ``merge.statements``. A new table is laid out as the
target that it is going to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, LiteralString

from psycopg import sql

from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, header
from socratasync.pipeline.target.types import Relation, relation, spatial, type_sql

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
        "{} bigint GENERATED ALWAYS AS IDENTITY (CACHE 10000){}) WITH (autovacuum_enabled = false)"
    ).format(
        shape.staged,
        column_definitions((c.staged, c.type) for c in shape.columns),
        sql.Identifier(UPDATED_AT),
        sql.Identifier(ROW_ID),
        sql.Identifier(ARRIVAL),
        _no_empty_geometry((c.staged, c.type) for c in shape.columns),
    )


NO_EMPTY_GEOMETRY = ":no_empty_geometry"
"""A constraint of tables that ``COPY`` fills: it takes an empty geometry for a value, and a row that has one goes another
way in (``value_by_value``)."""


def is_no_empty(column: sql.Composable, pg_type: str) -> sql.Composed | None:
    """That a geometry is not an empty one, as SQL; None for any other type."""
    if not (where := spatial(pg_type)):
        return None
    return sql.SQL("NOT {}({})").format(where.function("st_isempty"), column)


def _no_empty_geometry(columns: Iterable[tuple[str, str]]) -> sql.Composable:
    """The constraint, for a definition of the table; nothing for one without geometry."""
    checks = [is_no_empty(sql.Identifier(name), pg_type) for name, pg_type in columns]
    if not (found := [check for check in checks if check]):
        return sql.SQL("")
    return sql.SQL(", CONSTRAINT {} CHECK ({})").format(
        sql.Identifier(NO_EMPTY_GEOMETRY), sql.SQL(" AND ").join(found)
    )


def newest_change(shape: Shape) -> sql.Composed:
    """The latest change that a staged row tells of."""
    return sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(UPDATED_AT), shape.staged)


def drop_staged(shape: Shape) -> sql.Composed:
    """Remove the stage if it is there, and keep what was left out of it."""
    return sql.SQL("DROP TABLE IF EXISTS {}").format(shape.staged)


def drop_stage(shape: Shape) -> sql.Composed:
    """Remove the stage if it is there, and what was left out of it."""
    return sql.SQL("DROP TABLE IF EXISTS {}, {}").format(shape.staged, skipped(shape))


def begin_page(time_zone: str) -> sql.Composed:
    """How a page's transaction is to be. It need not wait for the disk: a page that a crash of the server takes is read
    again. Texts that name no zone are times of ``time_zone``; whatever comes after the page is in the session's."""
    return sql.SQL(
        "SELECT set_config('synchronous_commit', 'off', true), set_config('timezone', {}, true)"
    ).format(sql.Literal(time_zone))


def read_in(time_zone: str) -> sql.Composed:
    """Until the transaction ends, a text that names no zone is a time of this one."""
    return sql.SQL("SET LOCAL timezone TO {}").format(sql.Literal(time_zone))


def skipped(shape: Shape) -> Relation:
    """The ``:id`` of rows that were left out of the stage; there if there are any."""
    return relation("socratasync", f"{shape.stage}_skipped")


DATASET_SETTING = "socratasync.dataset"
"""Of a session: the dataset whose rows it copies into a new table."""


def create_new(shape: Shape, columns: Iterable[tuple[str, str]]) -> list[sql.Composed]:
    """The table of (name, type) columns that is going to be the target, still without its key. Rows get the dataset of
    the session that copies them, which so costs no byte on the wire."""
    laid_out = list(columns)
    return [
        sql.SQL("CREATE TABLE {} ({}{}) WITH (autovacuum_enabled = false)").format(
            shape.new, column_definitions(laid_out), _no_empty_geometry(laid_out)
        ),
        sql.SQL("ALTER TABLE {} ALTER socrata_dataset SET DEFAULT current_setting({})").format(
            shape.new, sql.Literal(DATASET_SETTING)
        ),
        # Having no key, it would let nobody delete from it where all tables are published.
        sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(shape.new),
    ]


def drop_new(shape: Shape) -> sql.Composed:
    """Remove it, if it is there."""
    return sql.SQL("DROP TABLE IF EXISTS {}").format(shape.new)


def name_dataset(shape: Shape) -> sql.Composed:
    """Rows that this session copies into the new table are of this dataset from now on."""
    return sql.SQL("SELECT set_config({}, {}, false)").format(
        sql.Literal(DATASET_SETTING), sql.Literal(shape.dataset)
    )


def count_in_new(shape: Shape) -> sql.Composed:
    """``(count,)`` of the dataset's rows in the new table."""
    return _of_dataset(shape, "SELECT count(*)")


def newest_in_new(shape: Shape) -> sql.Composed:
    """``newest_change`` of those."""
    return _of_dataset(shape, "SELECT max(socrata_updated_at)")


def delete_from_new(shape: Shape) -> sql.Composed:
    """Those rows are to come anew."""
    return _of_dataset(shape, "DELETE")


def _of_dataset(shape: Shape, verb: LiteralString) -> sql.Composed:
    return sql.SQL("{} FROM {} WHERE socrata_dataset = {}").format(
        sql.SQL(verb), shape.new, sql.Literal(shape.dataset)
    )


def vacuum_new(shape: Shape) -> sql.Composed:
    """What was deleted makes room for what comes."""
    return sql.SQL("VACUUM {}").format(shape.new)


def move_to_new(shape: Shape) -> sql.Composed:
    """Staged rows into the new table, in a session that ``name_dataset`` was told to."""
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
        shape.new, names(new_columns(shape)), names(header(shape.columns)), shape.staged
    )


def new_columns(shape: Shape) -> list[str]:
    """The new table's names for what a page brings, in the page's order."""
    return [*(column.name for column in shape.columns), "socrata_updated_at", "socrata_id"]


Header = Literal["TRUE", "MATCH", "FALSE"]
"""Whether the CSV begins with a header line, and whether PostgreSQL is to compare it with the columns."""


def copy_into(table: Relation, shape: Shape, *, header_match: bool) -> sql.Composed:
    """``COPY`` of Socrata's CSV into the stage or a table that has its columns."""
    return _copy(table, header(shape.columns), "MATCH" if header_match else "TRUE")


def copy_into_new(shape: Shape, *, has_header: bool) -> sql.Composed:
    """The same into the new table, which has names of its own."""
    return _copy(shape.new, new_columns(shape), "TRUE" if has_header else "FALSE")


def _copy(table: Relation, columns: Sequence[str], header: Header) -> sql.Composed:
    """Socrata's CSV follows PostgreSQL's rules for null and empty."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER {})").format(
        table, names(columns), sql.SQL(header)
    )


def names(columns: Iterable[str]) -> sql.Composed:
    """The columns, quoted and separated."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))
