"""After the merge: vacuum and statistics of the target, then the materialized views over it, then the manifest's SQL.

Each outside any transaction and each on its own: one view that cannot be refreshed does not keep
the others stale.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

import psycopg
from psycopg import sql

from socratasync.errors import Misconfigured, SyncError, TargetBusy
from socratasync.pipeline.finish.sql import run_sql
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.catalog import MaterializedView
from socratasync.pipeline.target.refusals import translate
from socratasync.pipeline.target.types import relation

log = logging.getLogger(__name__)

Vacuum = Literal["Analyze", "Full", "None"]


def vacuum_statement(target: sql.Identifier, kind: Vacuum) -> sql.Composed | None:
    """``VACUUM`` of this one table. ``Full`` rewrites it and locks readers out meanwhile."""
    if kind == "None":
        return None
    options = sql.SQL("FULL, ANALYZE" if kind == "Full" else "ANALYZE")
    return sql.SQL("VACUUM ({}) {}").format(options, target)


def refresh_statement(view: MaterializedView) -> sql.Composed:
    """``REFRESH`` of one view, letting readers go on where the view allows it."""
    how = sql.SQL("CONCURRENTLY " if view.concurrently else "")
    return sql.SQL("REFRESH MATERIALIZED VIEW {}{}").format(how, _identifier(view))


def _identifier(view: MaterializedView) -> sql.Identifier:
    return sql.Identifier(*view.name.split("."))


def refresh(context: RunContext, *, is_new: bool) -> None:
    """Vacuum first: the views' plans need fresh statistics. What fails is a warning and, once all was
    tried, the first such error is raised. ``is_new``: this very run made the table, so there can be no
    views over it yet."""
    spec, connection = context.request.spec, context.connection
    target = relation(spec.target.schema_, spec.target.table)
    tried: list[SyncError | None] = []
    if statement := vacuum_statement(target, spec.refresh.vacuum):
        vacuum = partial(_vacuum, context, statement, target)
        tried.append(_try(context, vacuum, f"vacuum of {target.as_string(connection)}"))
    for view in _views(context, is_new=is_new):
        tried.append(_try(context, partial(_refresh, context, view), f"refresh of {view.name}"))
        if not view.concurrently:
            context.journal.warn(
                f"materialized view {view.name} was refreshed with readers locked out; a unique index on "
                "it (over all rows) lets them read on"
            )
    tried.append(run_sql(context))
    if error := next((error for error in tried if error), None):
        raise error


def _views(context: RunContext, *, is_new: bool) -> list[MaterializedView]:
    try:
        return catalog.read_views(
            context.connection, context.request.spec.refresh.materialized_views
        )
    except Misconfigured as exc:
        if not is_new:
            raise
        context.journal.warn(exc.message)
        return []


def _vacuum(context: RunContext, statement: sql.Composed, target: sql.Identifier) -> None:
    """Housekeeping, which a later run can do as well: who holds the table meanwhile, with a ``CREATE INDEX
    CONCURRENTLY`` for example, fails no run."""
    full = context.request.spec.refresh.vacuum == "Full"
    try:
        context.patience.execute_alone(context.connection, statement, target, readers_matter=full)
    except TargetBusy as exc:
        context.journal.warn(
            f"the data is in, but its table was not vacuumed, and is by the next run that changes rows: {exc.message}"
        )


def _refresh(context: RunContext, view: MaterializedView) -> None:
    context.patience.execute(context.connection, refresh_statement(view), _identifier(view))


def _try(context: RunContext, action: Callable[[], None], what: str) -> SyncError | None:
    log.info("%s", what)
    try:
        action()
    except (psycopg.Error, TargetBusy) as exc:
        error = exc if isinstance(exc, TargetBusy) else translate(exc)
        failed = type(error)(f"the data is in, but the {what} failed: {error.message}")
        context.journal.warn(failed.message)
        return failed
    return None
