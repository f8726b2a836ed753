"""Which staged row it is that the table refuses: PostgreSQL's words show the row's first columns, or the
columns of a constraint, and a person looks for its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from socratasync.errors import TargetMismatch
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.partitions import way_of_parent
from socratasync.pipeline.target.refusals import sentence, translate
from socratasync.pipeline.target.sql.statements import load

_SQL = load("catalog")

_LONGEST = 100
_LONGEST_DETAIL = 400


@contextmanager
def refused_rows(connection: Connection, shape: Shape) -> Iterator[None]:
    """The driver's errors leave as ours: with the dataset and, where a row must not be null or does not meet a
    check, the key of one such row. The transaction, or its savepoint, must be rolled back by then."""
    try:
        yield
    except psycopg.Error as exc:
        if isinstance(exc, psycopg.errors.CheckViolation) and not exc.diag.constraint_name:
            _check_partitions(connection, shape, exc)
        key = _key(connection, shape, exc) if isinstance(exc, psycopg.IntegrityError) else None
        named = ", ".join(shape.key)
        whose = f"{shape.dataset}, the row whose {named} is {key}" if key else shape.dataset
        raise translate(exc, whose) from exc


_ONE_MORE = {
    "l": "DEFAULT",
    "r": "DEFAULT",
    "h": "FOR VALUES WITH (MODULUS …, REMAINDER …), as its other ones have it",
}
"""By list, range or hash: the partition that takes a row which no other does."""


def _check_partitions(connection: Connection, shape: Shape, exc: psycopg.Error) -> None:
    """Raises ``TargetMismatch`` where it is a partitioned table that has no partition for the row, which is no fault of
    the row's."""
    schema, table = str(exc.diag.schema_name), str(exc.diag.table_name)
    way = way_of_parent(connection, schema, table)
    if way is None:
        return
    detail = " ".join((exc.diag.message_detail or sentence(exc)).split())[:_LONGEST_DETAIL]
    raise TargetMismatch(
        f"dataset {shape.dataset}: {schema}.{table} has no partition for a row ({detail}). Make it, or one for all "
        f"such rows: CREATE TABLE {schema}.{table}_rest PARTITION OF {schema}.{table} {_ONE_MORE[way]}"
    ) from exc


def _key(connection: Connection, shape: Shape, exc: psycopg.Error) -> str | None:
    """The key of a staged row that breaks the constraint; None if that cannot be told."""
    try:
        broken = _broken(connection, shape, exc)
        row = connection.execute(_find(shape, broken)).fetchone() if broken else None
    except psycopg.Error:
        return None  # a constraint over columns that the stage does not have
    return ", ".join(str(part) for part in row)[:_LONGEST] if row else None


def _broken(connection: Connection, shape: Shape, exc: psycopg.Error) -> sql.Composable | None:
    """The condition that a refused row meets."""
    diag = exc.diag
    if isinstance(exc, psycopg.errors.NotNullViolation) and diag.column_name:
        return sql.SQL("{} IS NULL").format(sql.Identifier(diag.column_name))
    if not isinstance(exc, psycopg.errors.CheckViolation):
        return None
    words = {"table": shape.target.as_string(connection), "name": diag.constraint_name}
    row = connection.execute(_SQL["read_check"], words).fetchone()
    # The server's own text of a condition that it has just judged these rows by.
    return sql.SQL("NOT ({})").format(sql.SQL(cast(LiteralString, row[0]))) if row else None


def _find(shape: Shape, broken: sql.Composable) -> sql.Composed:
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(sql.Identifier(c.staged), sql.Identifier(c.name))
        for c in shape.columns
    )
    key = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(k)) for k in shape.key)
    return sql.SQL("SELECT {} FROM (SELECT {} FROM {}) AS staged WHERE {} LIMIT 1").format(
        key, columns, shape.staged, broken
    )
