"""Which of the manifest's SQL is in force: that of the last run that ran some. Kept as a digest beside that run's report."""

from __future__ import annotations

from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("refresh_sql")


def is_new(connection: Connection, target: str, digest: str | None) -> bool:
    """Whether the SQL of that digest is not what was run last. None: there is no SQL. So is one that was run
    longer ago than runs are kept."""
    if digest is None:
        return False
    row = connection.execute(_SQL["read_sql_in_force"], {"target": target}).fetchone()
    return row is None or row[0] != digest


def record(connection: Connection, target: str, run: str, digest: str) -> None:
    """The run ran the SQL of that digest; in the transaction that does."""
    connection.execute(_SQL["record_sql"], {"target": target, "run": run, "digest": digest})
