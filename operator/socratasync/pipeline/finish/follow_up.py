"""What follows once the rows are in and counted: indexes, vacuum, views, hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from socratasync.contract.progress import StepName
from socratasync.pipeline.finish.hooks import call_hooks
from socratasync.pipeline.finish.indexes import keep_indexes
from socratasync.pipeline.finish.refresh import refresh
from socratasync.pipeline.request import RunContext


def follow_up(context: RunContext, *, is_new: bool, indexes_are_due: bool) -> None:
    """All of it for rows of this run, or of an earlier one that did not get so far; where only the manifest's indexes
    changed, those. Raises the first failure once all was tried. ``is_new``: this try of this run made the table;
    ``indexes_are_due``: before rows came, the table's indexes were not the manifest's."""
    pending = context.ledger.refresh_is_pending()
    if not pending and not indexes_are_due:
        return
    with context.journal.timed("refresh"), shown(context, "refresh"):
        failed = keep_indexes(context, is_new=is_new)
        if pending:
            refresh(context, is_new=is_new)
            call_hooks(context)
    if pending:
        context.ledger.mark_refreshed()
    if failed:
        raise failed


@contextmanager
def shown(context: RunContext, step: StepName) -> Iterator[None]:
    """The step is what the run is at, for those who watch."""
    context.options.progress.begin(step, step, None)
    try:
        yield
    finally:
        context.options.progress.finish(step)
