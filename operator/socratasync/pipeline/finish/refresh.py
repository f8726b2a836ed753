"""After the merge: vacuum and statistics of the target, then the materialized views over it.

Each outside any transaction and each on its own: one view that cannot be refreshed does not keep
the others stale.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg
from psycopg import sql

from socratasync.errors import SyncError
from socratasync.pipeline.target.catalog import MaterializedView
from socratasync.pipeline.target.connection import Connection, translate

log = logging.getLogger(__name__)

Vacuum = Literal["Analyze", "Full", "None"]


@dataclass(slots=True)
class Refreshed:
    """What was not as hoped: sentences, and the first error."""

    warnings: list[str] = field(default_factory=list)
    error: SyncError | None = None


def vacuum_statement(target: sql.Identifier, kind: Vacuum) -> sql.Composed | None:
    """``VACUUM`` of this one table. ``Full`` rewrites it and locks readers out meanwhile."""
    if kind == "None":
        return None
    options = sql.SQL("FULL, ANALYZE" if kind == "Full" else "ANALYZE")
    return sql.SQL("VACUUM ({}) {}").format(options, target)


def refresh_statement(view: MaterializedView) -> sql.Composed:
    """``REFRESH`` of one view, letting readers go on where the view allows it."""
    how = sql.SQL("CONCURRENTLY " if view.concurrently else "")
    return sql.SQL("REFRESH MATERIALIZED VIEW {}{}").format(
        how, sql.Identifier(*view.name.split("."))
    )


def refresh(
    connection: Connection,
    target: sql.Identifier,
    vacuum: Vacuum,
    views: Sequence[MaterializedView],
) -> Refreshed:
    """Vacuum first: the views' plans need fresh statistics. Never raises for a database error."""
    done = Refreshed()
    if statement := vacuum_statement(target, vacuum):
        _try(connection, statement, f"vacuum of {target.as_string(connection)}", done)
    for view in views:
        _try(connection, refresh_statement(view), f"refresh of {view.name}", done)
        if not view.concurrently:
            done.warnings.append(
                f"materialized view {view.name} was refreshed with readers locked out; a unique index on "
                "it (over all rows) lets them read on"
            )
    return done


def _try(connection: Connection, statement: sql.Composed, what: str, done: Refreshed) -> None:
    log.info("%s", what)
    try:
        connection.execute(statement)
    except psycopg.Error as exc:
        error = translate(exc)
        failed = type(error)(f"the data is in, but the {what} failed: {error.message}")
        done.warnings.append(failed.message)
        done.error = done.error or failed
