"""SQL that brings a page's rows from text into the stage's types, value by value, composed with
``psycopg.sql``. Pure; the pieces and what each does are in ``target/sql/values.sql``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from socratasync.contract.bad_values import EXAMPLES
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.source.soql import ROW_ID, header
from socratasync.pipeline.stage.statements import names, skipped
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import Relation, Spatial, relation, spatial, type_sql

_SQL = load("values")

MOST_CHARACTERS = 300
"""Of a value, or of PostgreSQL's word on it, more does not leave the database."""

VALUE_STATES = ("22", "23", "54", "0A000", "42601", "P0001", "XX000")
"""How the SQLSTATEs begin by which types, domains and what extensions bring refuse a value. Others tell of the
server, the connection or a missing right."""

_WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint", "money"})
_TIMES = frozenset({"timestamp without time zone", "timestamp with time zone", "date"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StageColumn:
    """A column of the stage. ``base``: its type, or what a domain is made of in the end. ``takes_null``:
    whether its type and the target's column do. A geometry that is broken or empty is NULL whatever the manifest says
    of bad values: it is forgiven."""

    name: str
    base: str
    takes_null: bool
    is_location: bool = False
    """Whether its texts are Socrata's locations: an address and, below it, latitude and longitude."""

    @property
    def place(self) -> Spatial | None:
        """Where the functions of its geometry are; None if it holds none."""
        return spatial(self.base)


def is_about_a_value(sqlstate: str | None) -> bool:
    """Whether PostgreSQL refused a value, by the SQLSTATE that it gave."""
    return (sqlstate or "").startswith(VALUE_STATES)


def loose(shape: Shape) -> Relation:
    """Where a page's rows lie as text."""
    return relation("socratasync", f"{shape.stage}_text")


def create_loose(shape: Shape, table: Relation | None = None) -> sql.Composed:
    """A table of the page's columns, all of type text: ``loose``, unless it is to have another name."""
    columns = (name for name in header(shape.columns) if name != ROW_ID)
    return sql.SQL(_SQL["create_loose"]).format(
        loose=table or loose(shape),
        columns=sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in columns),
    )


def drop_loose(shape: Shape) -> sql.Composed:
    """Remove it."""
    return sql.SQL("DROP TABLE {}").format(loose(shape))


def create_skipped(shape: Shape) -> sql.Composed:
    """The table for rows left out, unless an earlier page made it. It survives a crash, as a new table's rows do."""
    return sql.SQL('CREATE TABLE IF NOT EXISTS {} (":id" text NOT NULL)').format(skipped(shape))


def judge_page(
    shape: Shape, columns: Sequence[StageColumn], *, nulls: bool, has_escapes: bool
) -> sql.Composed:
    """Every row of ``loose`` into the stage whose values fit, or are NULL instead (``nulls``), and the ``:id`` of
    every other into ``skipped``. What was found is left in the setting ``socratasync.judged``, until the transaction ends."""
    made = [sql.SQL("made.{}").format(sql.Identifier(column.name)) for column in columns]
    return sql.SQL(_SQL["judge_page"]).format(
        stage=shape.staged,
        loose=loose(shape),
        skipped=skipped(shape),
        escaped=sql.SQL("strpos(l::text, chr(1)) > 0" if has_escapes else "false"),
        assignments=sql.SQL("\n").join(map(_assigned, columns)),
        attempts=sql.SQL("\n").join(
            _attempt(column, _one_of_few(column, columns), nulls=nulls, has_escapes=has_escapes)
            for column in columns
        ),
        columns=names(column.name for column in columns),
        values=sql.SQL(", ").join(made),
    )


def try_rows(
    types: Mapping[str, str], columns: Sequence[StageColumn], *, nulls: bool, has_escapes: bool
) -> sql.Composed:
    """Every row of the setting ``socratasync.sample``, value by value, into a record of these ``types`` (name → type),
    and nowhere else. What was found is left as by ``judge_page``."""
    named = [sql.Identifier(name) for name in types]
    nothing = (
        sql.SQL("NULL::{} AS {}").format(type_sql(pg_type), name)
        for name, pg_type in zip(named, types.values(), strict=True)
    )
    cells = (
        sql.SQL("cells ->> {} AS {}").format(sql.Literal(number), name)
        for number, name in enumerate(named)
    )
    return sql.SQL(_SQL["try_rows"]).format(
        nothing=sql.SQL(", ").join(nothing),
        cells=sql.SQL(", ").join(cells),
        escaped=sql.SQL("strpos(cells::text, '\\u0001') > 0" if has_escapes else "false"),
        assignments=sql.SQL("\n").join(map(_assigned, columns)),
        attempts=sql.SQL("\n").join(
            _attempt(column, _first_of(column), nulls=nulls, has_escapes=has_escapes)
            for column in columns
        ),
    )


def _one_of_few(column: StageColumn, columns: Sequence[StageColumn]) -> sql.Composed:
    """What is forgiven leaves room for the value that a run fails for."""
    has_both = not column.place and any(other.place for other in columns)
    most = EXAMPLES * 2 if has_both else EXAMPLES
    return sql.SQL(_SQL["is_one_of_few"]).format(most=sql.Literal(most))


def _assigned(column: StageColumn) -> sql.Composed:
    """A value as it came, but for a location, which never fits as it is."""
    plain = "as_location" if column.place and column.is_location else "plain"
    return _filled(plain, column)


def _filled(piece: str, column: StageColumn) -> sql.Composed:
    """The piece, and for a geometry that it is none if it is empty."""
    identifier = sql.Identifier(column.name)
    assigned = sql.SQL(_SQL[piece]).format(column=identifier)
    if not column.place:
        return assigned
    is_empty = column.place.function("st_isempty")
    return assigned + sql.SQL(_SQL["refuse_empty"]).format(column=identifier, is_empty=is_empty)


def _first_of(column: StageColumn) -> sql.Composed:
    return sql.SQL(_SQL["is_first_of_column"]).format(name=sql.Literal(column.name))


def _attempt(
    column: StageColumn, is_told: sql.Composed, *, nulls: bool, has_escapes: bool
) -> sql.Composed:
    identifier = sql.Identifier(column.name)
    as_it_is = respelled = "unescaped" if has_escapes else "plain"
    if column.base in _WHOLE_NUMBERS:
        respelled = "as_whole_number"
    elif column.base in _TIMES:
        respelled = "as_time"
    elif column.place and column.is_location:
        as_it_is = respelled = "as_location"
    return sql.SQL(_SQL["attempt"]).format(
        column=identifier,
        as_it_is=_filled(as_it_is, column),
        respelled=_filled(respelled, column),
        name=sql.Literal(column.name),
        states=sql.Literal([f"{state}%" for state in VALUE_STATES]),
        nulls=_truth(column.takes_null and (nulls or column.place is not None)),
        is_forgiven=_truth(column.place is not None),
        is_told=is_told,
        most_characters=sql.Literal(MOST_CHARACTERS),
    )


def _truth(holds: bool) -> sql.SQL:
    return sql.SQL("true" if holds else "false")
