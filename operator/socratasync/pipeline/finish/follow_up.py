"""What follows once the rows are in and counted, and when: indexes, vacuum, views, the manifest's SQL and hooks where rows
changed; indexes alone, or the SQL, where only the manifest did."""

from __future__ import annotations

from socratasync.pipeline.finish.hooks import call_hooks
from socratasync.pipeline.finish.indexes import keep_indexes
from socratasync.pipeline.finish.refresh import refresh
from socratasync.pipeline.finish.sql import run_sql
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target import refresh_sql


def follow_up(context: RunContext, *, is_new: bool, indexes_are_due: bool) -> None:
    """All of it for rows of this run, or of an earlier one that did not get so far; else what the manifest has anew. Raises
    the first failure once all was tried. ``is_new``: this try of this run made the table; ``indexes_are_due``: before
    rows came, the table's indexes were not the manifest's."""
    pending = context.ledger.refresh_is_pending()
    sql_is_due = not pending and _sql_is_due(context)
    if not (pending or sql_is_due or indexes_are_due):
        return
    with context.journal.timed("refresh"), context.shown("refresh"):
        failed = None
        if pending or indexes_are_due:
            failed = keep_indexes(context, is_new=is_new)
        if pending:
            refresh(context, is_new=is_new)
            call_hooks(context)
        elif sql_is_due:
            failed = run_sql(context) or failed
    if pending:
        context.ledger.mark_refreshed()
    if failed:
        raise failed


def _sql_is_due(context: RunContext) -> bool:
    """Whether there is another text than the one that ran well last, and a table that it may be about."""
    spec = context.request.spec
    connection, digest = context.connection, spec.refresh.sql_digest
    is_new = refresh_sql.is_new(connection, context.ledger.target, digest)
    return is_new and checked_target(connection, spec).exists
