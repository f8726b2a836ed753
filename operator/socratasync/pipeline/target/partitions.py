"""The partitions of a target that it is partitioned into by one column, and the statement that makes one more.

Reads only. Which ones are lacking is decided in ``plan/partitions``.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import class_row, dict_row

from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import relation

_SQL = load("partitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One that is there. ``bounds``: as PostgreSQL writes them, such as ``FOR VALUES IN (2024)``. ``is_plain``: no
    foreign table, not unlogged, and not partitioned itself. ``tablespace``: None where one more
    comes to be there by itself."""

    schema: str
    name: str
    owner: str
    tablespace: str | None
    is_plain: bool
    bounds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitioned:
    """A table that takes rows by the values (``way``: l) or by the ranges (r) of one column, of the type that
    PostgreSQL calls ``type``, and has no partition for all other rows."""

    schema: str
    table: str
    way: str
    column: str
    type: str
    partitions: tuple[Partition, ...]

    @property
    def name(self) -> str:
        """``schema.table``, as people write it."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPartition:
    """One that is to be made. ``values``: the one value of a list, or the two ends of a range. ``owner`` and
    ``tablespace``: None where nothing need be said of them."""

    schema: str
    name: str
    values: tuple[str | int] | tuple[str | int, str | int]
    owner: str | None = None
    tablespace: str | None = None


def read(connection: Connection, target: Target) -> Partitioned | None:
    """How the table takes rows; None where it is not partitioned, takes all of them, or does not take them by one
    column."""
    column = target.column(target.partitioned_by[0] or "") if target.partitioned_by[:1] else None
    if column is None or len(target.partitioned_by) > 1:
        return None
    oid = {"oid": target.oid}
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SQL["read_way"], oid).fetchone()
    if found is None or found["has_default"] or found["way"] not in ("l", "r"):
        return None
    with connection.cursor(row_factory=class_row(Partition)) as partitions:
        return Partitioned(
            schema=target.schema,
            table=target.table,
            way=found["way"],
            column=column.name,
            type=column.type,
            partitions=tuple(partitions.execute(_SQL["read_partitions"], oid).fetchall()),
        )


def create_partition(schema: str, table: str, new: NewPartition) -> sql.Composed:
    """``CREATE TABLE … PARTITION OF``; indexes, constraints and triggers come from the table."""
    values = [sql.Literal(value) for value in new.values]
    bounds = "IN ({})" if len(values) == 1 else "FROM ({}) TO ({})"
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES ").format(
        relation(new.schema, new.name), relation(schema, table)
    ) + sql.SQL(bounds).format(*values)
    if new.tablespace is not None:
        statement += sql.SQL(" TABLESPACE {}").format(sql.Identifier(new.tablespace))
    return statement


def own_partition(new: NewPartition) -> sql.Composed | None:
    """What gives it to the owner of its like; None where that is nobody in particular."""
    if new.owner is None:
        return None
    return sql.SQL("ALTER TABLE {} OWNER TO {}").format(
        relation(new.schema, new.name), sql.Identifier(new.owner)
    )


def way_of_parent(connection: Connection, schema: str, table: str) -> str | None:
    """How the table is partitioned; None if it is not."""
    words = {"schema": schema, "table": table}
    row = connection.execute(_SQL["read_parent"], words).fetchone()
    return row[0] if row else None
