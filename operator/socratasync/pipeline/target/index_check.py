"""Whether PostgreSQL can make an index, asked without making it: reads only.

What it tells of no index before it makes one (a condition that calls a function of a function that changes by itself, rows
that are too long or share a key) is found when the index is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from socratasync.api.indexes import IndexSpec
from socratasync.errors import InvalidSpec, SyncError, TargetMismatch
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.indexes import written
from socratasync.pipeline.target.refusals import sentence
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import relation, type_sql

_SQL = load("indexes")

_OF_THE_MOMENT = re.compile(
    r"\b(CURRENT_(?:DATE|TIME|TIMESTAMP|USER|ROLE|CATALOG|SCHEMA)|LOCALTIME|LOCALTIMESTAMP|SESSION_USER|USER)\b"
)
_TEXTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CALLS = re.compile(r"\b([a-z_][a-z0-9_]*)\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureTable:
    """The table as it will be: ``target``, or nothing, with these columns (name → type) more."""

    target: Target
    more: Mapping[str, str]

    @property
    def rows(self) -> sql.Composed:
        """What stands for it in FROM. Nothing is known of its values, so that no condition is shortened by them."""
        columns: list[sql.Composable] = [
            sql.SQL("NULL::{} AS {}").format(type_sql(pg_type), sql.Identifier(name))
            for name, pg_type in self.more.items()
            if self.target.column(name) is None
        ]
        origin: sql.Composable = sql.SQL("")
        if self.target.exists:
            columns.insert(0, sql.SQL("there.*"))
            origin = sql.SQL(" FROM {} there").format(
                relation(self.target.schema, self.target.table)
            )
        return sql.SQL("(SELECT {}{} OFFSET 0) AS {}").format(
            sql.SQL(", ").join(columns), origin, sql.Identifier(self.target.table)
        )


def check_index(
    connection: Connection, table: FutureTable, path: str, index: IndexSpec
) -> SyncError | None:
    """Why PostgreSQL cannot make the index on the table; None if it can, as far as it can be known."""
    types = _types(connection, table)
    if missing := [name for name in index.columns if name not in types]:
        return InvalidSpec(
            f"{path}.columns: {table.target.name} has no column {', '.join(missing)}; there are {', '.join(types)}"
        )
    for name in index.columns:
        words: dict[str, Any] = {"type": types[name], "method": index.method}
        if row := connection.execute(_SQL["has_operators"], words).fetchone():
            return InvalidSpec(
                f"{path}.method: PostgreSQL has no {index.method} index for the column {name}, which is {row[0]}; choose "
                "another method or column, or create the extension that has it"
            )
    if index.unique and (problem := _not_unique(table.target, path, index)):
        return problem
    return _check_condition(connection, table, path, index.where) if index.where else None


def _types(connection: Connection, table: FutureTable) -> dict[str, int]:
    found = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table.rows))
    return {column.name: column.type_code for column in found.description or ()}


def _not_unique(target: Target, path: str, index: IndexSpec) -> SyncError | None:
    """A partitioned table has no index over all its partitions."""
    parts = [column for column in target.partitioned_by if column not in index.columns]
    if None in parts:
        return TargetMismatch(
            f"{path}.unique: {target.name} is partitioned by an expression, and can have no unique index; take it out"
        )
    if parts:
        return TargetMismatch(
            f"{path}.unique: {target.name} is partitioned by {', '.join(map(str, parts))}, which every unique index of it "
            "must contain; add it to columns, or take unique out"
        )
    return None


def _check_condition(
    connection: Connection, table: FutureTable, path: str, condition: str
) -> SyncError | None:
    try:
        plan = _explained(connection, table, condition)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as exc:
        return InvalidSpec(f"{path}.where: PostgreSQL refuses the condition: {sentence(exc)}")
    below = (each.get("Parent Relationship") for each in plan.get("Plans", ()))
    if any(each in ("InitPlan", "SubPlan") for each in below):
        return InvalidSpec(f"{path}.where: must have no subquery, which no index can have")
    if changing := _changing(connection, _shown(plan)):
        return InvalidSpec(
            f"{path}.where: {', '.join(changing)} changes by itself, and the rows of an index only with the table; "
            "compare with fixed values"
        )
    return None


def _explained(connection: Connection, table: FutureTable, condition: str) -> dict[str, Any]:
    statement = sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF) SELECT FROM {} WHERE ({}\n)").format(
        table.rows, written(condition)
    )
    row = connection.execute(statement, binary=True).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def _shown(plan: Mapping[str, Any]) -> str:
    """The condition as PostgreSQL understands it; one that is always true is left out of plans."""
    return str(plan.get("Filter") or plan.get("One-Time Filter") or "true")


def _changing(connection: Connection, condition: str) -> list[str]:
    """Functions called there that give another value at another time."""
    plain = _TEXTS.sub("''", condition)
    names = sorted(set(_CALLS.findall(plain)))
    rows = connection.execute(_SQL["find_changing"], {"names": names}).fetchall()
    return sorted(set(_OF_THE_MOMENT.findall(plain))) + [f"{row[0]}()" for row in rows]


def means_the_same(connection: Connection, table: FutureTable, one: str, other: str) -> bool:
    """Whether PostgreSQL understands two conditions as the same; one that it refuses is like no other."""
    try:
        return _shown(_explained(connection, table, one)) == _shown(
            _explained(connection, table, other)
        )
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return False
