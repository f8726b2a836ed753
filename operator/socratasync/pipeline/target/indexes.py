"""The indexes that a table has, and the statements that make, name and drop one.

What is to be done is decided in ``plan/indexes``. An index that this product made says so in its comment, with a digest of what
it was made from. While it is made it has a name that nobody else gives, so that one left by a kill is known for what it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from socratasync.api.indexes import RESERVED, IndexSpec
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import Relation, relation

_SQL = load("indexes")

_UNDER_WAY = re.compile(rf"{RESERVED}[0-9a-f]{{32}}")
_MARK = re.compile(r"socratasync index ([0-9a-f]{32}):")
_COMMENT = "socratasync index {}: from spec.target.indexes; dropped once it is not listed there"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableIndex:
    """An index as it is. ``columns``: None for an expression; ``is_plain``: there is nothing to it but these, its
    method, ``is_unique`` and ``condition``; ``is_constraint``: a constraint of the table rests on it."""

    oid: int
    name: str
    columns: list[str | None]
    method: str
    is_unique: bool
    condition: str | None
    is_valid: bool
    is_plain: bool
    is_constraint: bool
    comment: str

    @property
    def is_under_way(self) -> bool:
        """Whether it is one of ours that was not given its name yet."""
        return _UNDER_WAY.fullmatch(self.name) is not None

    @property
    def digest(self) -> str | None:
        """What we made it from; None for one that is not ours, or not marked yet."""
        mark = _MARK.match(self.comment)
        return mark[1] if mark else None

    @property
    def is_ours(self) -> bool:
        """Whether this product made it, and nobody rests a constraint on it."""
        return (self.is_under_way or self.digest is not None) and not self.is_constraint


def read(connection: Connection, table: int) -> list[TableIndex]:
    """The indexes of the table of this oid."""
    with connection.cursor(row_factory=class_row(TableIndex)) as cursor:
        return cursor.execute(_SQL["read"], {"table": table}).fetchall()


def read_taken(
    connection: Connection, schema: str, names: Collection[str], but: Collection[TableIndex]
) -> dict[str, str]:
    """Which of the names something in the schema has, other than these indexes → the table that it is an index of, or ""."""
    words: dict[str, Any] = {"schema": schema, "names": list(names), "but": [i.oid for i in but]}
    return dict(connection.execute(_SQL["read_taken"], words).fetchall())


def missing_grant(connection: Connection, schema: str) -> str | None:
    """The statement that lets this role make an index in the schema; None if it may."""
    row = connection.execute(_SQL["may_create"], {"schema": schema}).fetchone()
    return None if row is None or row[0] else str(row[1])


def create(name: str, table: Relation, index: IndexSpec, *, concurrently: bool) -> sql.Composed:
    """The statement that makes the index. ``concurrently``: those who write go on as well, and it must stand alone."""
    condition: sql.Composable = sql.SQL("")
    if index.where is not None:
        # A line of its own: a comment at the condition's end leaves the bracket alone.
        condition = sql.SQL(" WHERE ({}\n)").format(written(index.where))
    return sql.SQL("CREATE {}INDEX {}{} ON {} USING {} ({}){}").format(
        sql.SQL("UNIQUE " if index.unique else ""),
        sql.SQL("CONCURRENTLY " if concurrently else ""),
        sql.Identifier(name),
        table,
        sql.SQL(index.method),
        sql.SQL(", ").join(map(sql.Identifier, index.columns)),
        condition,
    )


def written(condition: str) -> sql.SQL:
    """A condition of the manifest as part of a statement. To be executed with ``binary=True``: by that protocol
    PostgreSQL takes one statement, and nothing after it."""
    return sql.SQL(condition)


def drop(schema: str, name: str, *, concurrently: bool) -> sql.Composed:
    """The statement that drops an index, if it is there. ``concurrently``: readers go on, and it must stand alone."""
    how = sql.SQL("CONCURRENTLY " if concurrently else "")
    return sql.SQL("DROP INDEX {}IF EXISTS {}").format(how, relation(schema, name))


def rename(schema: str, name: str, to: str) -> sql.Composed:
    """The statement that gives an index another name. Readers and writers go on."""
    return sql.SQL("ALTER INDEX {} RENAME TO {}").format(relation(schema, name), sql.Identifier(to))


def mark(schema: str, name: str, digest: str) -> sql.Composed:
    """The statement that says that we made the index, and from what."""
    return sql.SQL("COMMENT ON INDEX {} IS {}").format(
        relation(schema, name), sql.Literal(_COMMENT.format(digest))
    )


def raise_work_memory(connection: Connection) -> str:
    """Let this session sort indexes with more memory than servers give by default. Returns what it had."""
    row = connection.execute(_SQL["work_memory"]).fetchone()
    assert row is not None
    connection.execute(_SQL["raise_work_memory"])
    return str(row[0])


def set_work_memory(connection: Connection, size: str) -> None:
    """What ``raise_work_memory`` returned."""
    connection.execute(_SQL["set_work_memory"], {"size": size})
