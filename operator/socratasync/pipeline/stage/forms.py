"""Whether the rows of a dataset look the same by the interface that it goes over to.

Nobody promised that the two write the digits of a point, or the parts of a link, alike. Rows that are written anew
for that did not change, and whoever sees their number in a report is to know why. Some rows are compared, in tables
that a transaction makes and takes back; what differs is a warning, and never keeps rows from being loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg import sql

from socratasync.contract.report import shorten
from socratasync.errors import BadValue, SyncError
from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.plan.model import DatasetPlan, is_point_of_location
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.stage import form_statements as statements
from socratasync.pipeline.stage.archive import Nowhere
from socratasync.pipeline.stage.pagecopy import checked, page_errors
from socratasync.pipeline.stage.statements import copy_into, read_in
from socratasync.pipeline.stage.value_by_value import readable
from socratasync.pipeline.stage.value_statements import create_loose, is_about_a_value
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import FIRST_WITH_HEADER_MATCH, Connection
from socratasync.pipeline.target.types import Relation

log = logging.getLogger(__name__)

MOST_ROWS = 100
VALUE_CHARACTERS = 60
"""So much of a value is told."""

_TIME = r"^[+-]?[0-9]{4,9}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
EXPECTED = {
    "number": r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$",
    "checkbox": "^(true|false)$",
    "floating_timestamp": f"{_TIME}$",
    "fixed_timestamp": f"{_TIME}(Z|[+-][0-9:]+)?$",
    "point": "^POINT[ (]",
    "line": "^LINESTRING[ (]",
    "polygon": "^POLYGON[ (]",
    "multipoint": "^MULTIPOINT[ (]",
    "multiline": "^MULTILINESTRING[ (]",
    "multipolygon": "^MULTIPOLYGON[ (]",
}
"""How values of a Socrata type begin, or look, in CSV; of other types nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a statement finds of a column: ``odd`` of so many ``rows`` are not as expected, such as one that is
    ``now`` this, and ``was`` that."""

    odd: int
    rows: int
    was: str | None
    now: str | None


def other_forms(
    connection: Connection, source: Source, plan: DatasetPlan, ids: Sequence[str]
) -> tuple[str, ...]:
    """A sentence for each column in which rows have another form by ``plan.api`` than by the interface that they
    came by. ``ids``: rows to look at; none are known of a table without provenance, and any rows will do.
    Raises ``SyncError`` where the dataset cannot be read at all. Leaves nothing in the database."""
    with _taken_back(connection):
        connection.execute(read_in(plan.time_zone))
        try:
            _copy_new(connection, source, plan, ids)
        except BadValue as exc:
            return (
                f"{exc.message}; this was read by {plan.api}, to be compared with earlier rows",
            )
        columns = _make_old(connection, source, plan, ids)
        if columns and _can_be_compared(connection, plan):
            told = [column for column in columns if not is_point_of_location(column)]
            return tuple(_compared(connection, plan, told))
        return tuple(_looked_over(connection, plan))


@contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    """A transaction that is rolled back, whatever it did."""
    with connection.transaction() as transaction:
        yield
        raise psycopg.Rollback(transaction)


# -- both sides ------------------------------------------------------------------------------------


def _copy_new(
    connection: Connection, source: Source, plan: DatasetPlan, ids: Sequence[str]
) -> None:
    query = _query(plan, ids)
    source.retrying(
        lambda: _copy(
            connection,
            plan,
            statements.new(plan.shape),
            lambda: source.rows(plan.dataset, query, by=plan.api),
        )
    )


def _query(plan: DatasetPlan, ids: Sequence[str]) -> soql.Query:
    return soql.rows(
        plan.shape.columns,
        where=soql.one_of(ids) if ids else plan.where,
        after=None,
        limit=MOST_ROWS,
        shown=[column.field for column in plan.source],
    )


def _copy(
    connection: Connection,
    plan: DatasetPlan,
    table: Relation,
    page: Callable[[], AbstractContextManager[RowStream]],
) -> None:
    """The page as text: so a value is compared although it does not fit its column."""
    match = connection.info.server_version >= FIRST_WITH_HEADER_MATCH
    statement = copy_into(table, plan.shape, header_match=match)
    with page_errors(plan.dataset), connection.transaction(), page() as stream:
        connection.execute(create_loose(plan.shape, table))
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for chunk in checked(plan, stream, Nowhere()):
                copy.write(chunk)


def _make_old(
    connection: Connection, source: Source, plan: DatasetPlan, ids: Sequence[str]
) -> tuple[Column, ...]:
    """The rows to compare with, and which columns they have: as the interface that they came by answers now, else
    as the table holds them. None if there are no such rows."""
    if _copy_old(connection, source, plan, ids):
        return plan.shape.columns
    columns = _loaded(plan)
    if not ids or plan.row_triggers:  # what the triggers made of values, nobody knows
        return ()
    with suppress(pg.UndefinedTable, pg.UndefinedColumn), connection.transaction():
        connection.execute(statements.take_rows(plan.shape, columns, ids))
        return columns
    return ()


def _copy_old(
    connection: Connection, source: Source, plan: DatasetPlan, ids: Sequence[str]
) -> bool:
    """Whether the other interface still answers. It is asked once, unless it was this run that found it gone."""
    assert plan.known is not None, "rows came by another interface"
    if source.why_changed(plan.dataset):
        return False
    name, query = plan.known.api, _query(plan, ids)
    try:
        _copy(
            connection,
            plan,
            statements.old(plan.shape),
            lambda: source.rows_by(name, plan.dataset, query),
        )
    except SyncError as exc:
        log.info("%s: not compared with rows of %s, since %s", plan.dataset, name, exc.message)
        return False
    return True


def _loaded(plan: DatasetPlan) -> tuple[Column, ...]:
    """The columns that the table has with values of the fields that they are to have."""
    assert plan.known is not None, "rows came by another interface"
    loaded, missing = plan.known.columns.get("loaded", {}), {name for name, _ in plan.add}
    return tuple(
        c for c in plan.shape.columns if loaded.get(c.name) == c.field and c.name not in missing
    )


# -- what differs ----------------------------------------------------------------------------------


def _can_be_compared(connection: Connection, plan: DatasetPlan) -> bool:
    try:
        with connection.transaction():
            return catalog.count(connection, statements.count_unchanged(plan.shape)) > 0
    except psycopg.Error as exc:
        if not is_about_a_value(exc.sqlstate):
            raise
        return False  # one side's times are none


def _compared(
    connection: Connection, plan: DatasetPlan, columns: Sequence[Column]
) -> Iterator[str]:
    assert plan.known is not None, "rows came by another interface"
    for column in columns:
        try:
            found = _find(connection, statements.compare(plan.shape, column))
        except BadValue as exc:
            yield (
                f"dataset {plan.dataset}: by {plan.api} a value of column {column.name} has another form than by "
                f"{plan.known.api}, and does not fit {column.type}: {exc.message}"
            )
            continue
        if found.odd:
            yield (
                f"dataset {plan.dataset}: by {plan.api} {found.odd} of {found.rows} rows that did not change have "
                f"another form in column {column.name} than by {plan.known.api}, such as {_told(found.now)} for "
                f"{_told(found.was)}. Rows with another form are written once more when they are read; their data "
                "did not change"
            )


def _looked_over(connection: Connection, plan: DatasetPlan) -> Iterator[str]:
    for column in plan.shape.columns:
        kind = SourceColumn(field=column.field, type=column.source_type).canonical
        if kind not in EXPECTED:
            continue
        found = _find(connection, statements.look_over(plan.shape, column, EXPECTED[kind]))
        if found.odd:
            yield (
                f"dataset {plan.dataset}: by {plan.api} {found.odd} of {found.rows} values of column {column.name} do "
                f"not look like {kind}, such as {_told(found.now)}"
            )


def _find(connection: Connection, statement: sql.Composed) -> _Found:
    """What the statement finds. Raises ``BadValue`` for a value that is none of the column's type."""
    try:
        with connection.transaction():
            row = connection.execute(statement).fetchone()
    except psycopg.Error as exc:
        if not is_about_a_value(exc.sqlstate):
            raise
        raise BadValue(_told(exc.diag.message_primary)) from exc
    assert row is not None
    return _Found(odd=row[0], rows=row[1], was=row[2], now=row[3])


def _told(value: str | None) -> str:
    return "nothing" if value is None else shorten(readable(value), VALUE_CHARACTERS)
