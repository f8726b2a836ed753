"""Brings staged rows into the target: rows, deletions, watermark and run record in one transaction.

Run again, it changes nothing. Which statement does it is chosen by ``strategy``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from psycopg import errors as pg
from psycopg import sql

from socratasync.contract.report import DatasetReport
from socratasync.errors import RowCountMismatch
from socratasync.pipeline.merge import outranked, statements
from socratasync.pipeline.merge.clean import NOTHING, Cleaned, clean
from socratasync.pipeline.merge.in_place import Counts, in_place
from socratasync.pipeline.merge.merged import Merged, Written, merged, written
from socratasync.pipeline.merge.partitions import make_partitions
from socratasync.pipeline.merge.strategy import Strategy, choose, choose_by_key
from socratasync.pipeline.merge.table import complete_table, is_complete
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.target_state import checked_target, measure
from socratasync.pipeline.plan.watermark import known_after
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.landing import drop_stage
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import adoptions, catalog
from socratasync.pipeline.target.connection import Connection

log = logging.getLogger(__name__)

UNCLEAN = (pg.UniqueViolation, pg.NotNullViolation, pg.CardinalityViolation)

_AGAIN = range(2)
"""``MERGE`` fails on a key that somebody else inserts at the same moment; next time it finds the row."""

_SETTINGS = "SET LOCAL work_mem = '64MB'"
_NO_NESTED_LOOPS = "SET LOCAL enable_nestloop = off"
"""On a target that was filled since it was analysed, the planner believes it to be tiny and loops."""


def bring_in(context: RunContext, connection: Connection, staged: StagedDataset) -> Merged:
    """Merge one dataset. Datasets that are new to the table come in side by side. Raises
    ``RowCountMismatch`` where too many rows have no key of their own; the next try reads them anew."""
    with context.journal.timed("merge"):
        _make_ready(context, connection, staged)
        try:
            return _fill(context, connection, staged) or _merge(context, connection, staged)
        except RowCountMismatch:
            drop_stage(connection, staged.shape)
            raise


def _make_ready(context: RunContext, connection: Connection, staged: StagedDataset) -> None:
    """The table has all columns that the dataset brings, and exists, if others want to fill it, too; and it has a
    partition for each row."""
    if not is_complete(checked_target(connection, context.request.spec), staged.plan):
        with connection.transaction():
            context.lock.exclusive(connection)
            complete_table(context, connection, staged.plan)
    make_partitions(context, connection, staged)


def _fill(context: RunContext, connection: Connection, staged: StagedDataset) -> Merged | None:
    """A dataset whose keys are hardly there, beside others of that kind. None: some were there, and
    nothing was written; or it is not of that kind."""
    strategy = choose(staged.plan, staged.staged_rows)
    if strategy is not Strategy.FILL:
        return None
    try:
        with merging(connection):
            context.lock.shared(connection)
            context.table.hold(connection)
            return _write_and_record(context, connection, staged, strategy)
    except (pg.UniqueViolation, pg.DeadlockDetected, pg.LockNotAvailable) as exc:
        log.info("%s: merging by key, since %s", staged.plan.dataset, exc.diag.message_primary)
        return None


def _merge(context: RunContext, connection: Connection, staged: StagedDataset) -> Merged:
    """A dataset some of whose keys are there: alone."""
    existing = outranked.find_existing(context, connection, staged)
    for _ in _AGAIN:
        try:
            return _merge_once(context, connection, staged, existing)
        except pg.UniqueViolation as exc:
            log.info("%s: merging again, since %s", staged.plan.dataset, exc.diag.message_primary)
    return _merge_once(context, connection, staged, existing)


def _merge_once(
    context: RunContext, connection: Connection, staged: StagedDataset, existing: Collection[str]
) -> Merged:
    with merging(connection):
        context.lock.exclusive(connection)
        context.table.hold(connection)
        before = measure(connection, checked_target(connection, context.request.spec))
        strategy = choose_by_key(before, staged.staged_rows)
        return _write_and_record(context, connection, staged, strategy, existing)


@contextmanager
def merging(connection: Connection) -> Iterator[None]:
    """A transaction with the settings that merging wants."""
    with connection.transaction():
        connection.execute(_SETTINGS)
        yield


def _write_and_record(
    context: RunContext,
    connection: Connection,
    staged: StagedDataset,
    strategy: Strategy,
    existing: Collection[str] = (),
) -> Merged:
    what = write(context, connection, strategy, staged, existing)
    if staged.delete_missing:
        connection.execute(_NO_NESTED_LOOPS)
        what.rows.deleted += outranked.remove_missing(context, connection, staged)
    return record(context, connection, staged, what, strategy)


def write(
    context: RunContext,
    connection: Connection,
    strategy: Strategy,
    staged: StagedDataset,
    existing: Collection[str] = (),
) -> Written:
    """The staged rows into the target, by the strategy, in the caller's transaction. ``existing``: what
    ``outranked.find_existing`` found. Raises ``RowCountMismatch`` where too many rows have no key of
    their own."""
    outranked.begin(context, connection, staged)
    if strategy is not Strategy.FILL:
        return _write_by_key(context, connection, strategy, staged, existing)
    cleaned, counts = _once_clean(context, connection, staged)
    return written(staged, cleaned, *counts)


def _write_by_key(
    context: RunContext,
    connection: Connection,
    strategy: Strategy,
    staged: StagedDataset,
    existing: Collection[str],
) -> Written:
    if strategy is not Strategy.UPSERT:
        connection.execute(catalog.analyze(staged.shape.staged))
        connection.execute(_NO_NESTED_LOOPS)
    displaced = outranked.find_displaced(connection, staged)
    rekeyed = outranked.remove_rekeyed(context, connection, staged, displaced)
    cleaned = clean(context, connection, staged)
    staged = outranked.stamping(context, connection, staged)
    if displaced.taken:
        outranked.note_rivals(context, connection, staged, existing)
    statement = _BY_KEY[strategy](staged.shape)
    counts = in_place(connection, staged, lambda: _counted(connection, statement))
    what = written(staged, cleaned, *counts)
    what.rows.deleted = rekeyed
    return what


_BY_KEY = {
    Strategy.UPSERT: statements.upsert,
    Strategy.MERGE: statements.merge,
    Strategy.DIFFERENCE: statements.difference,
}


def _once_clean(
    context: RunContext, connection: Connection, staged: StagedDataset
) -> tuple[Cleaned, Counts]:
    """Insert in the hope that keys are unique and present; clean the stage only if they are not.

    Looking first would cost every first load a sort of all its keys.
    """
    try:
        with connection.transaction():
            return NOTHING, _insert(connection, staged)
    except UNCLEAN:
        cleaned = clean(context, connection, staged)
        if not cleaned.left_out:
            raise
        return cleaned, _insert(connection, staged)


def _insert(connection: Connection, staged: StagedDataset) -> Counts:
    statement = statements.insert_all(staged.shape)
    return in_place(connection, staged, lambda: (connection.execute(statement).rowcount, 0))


def _counted(connection: Connection, statement: sql.Composed) -> Counts:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0], row[1]


def record(
    context: RunContext,
    connection: Connection,
    staged: StagedDataset,
    what: Written,
    strategy: Strategy,
) -> Merged:
    """Watermark and run record, in the caller's transaction."""
    plan, left_out = staged.plan, what.cleaned.left_out + staged.skipped
    known = known_after(plan, trusted=staged.trusted, left_out=left_out)
    counted = context.request.spec.verify.row_count != "Off"
    done = merged(staged, what, known, strategy, counted=counted)
    ledger = context.ledger.on(connection)
    ledger.record_watermark(known)
    ledger.record_merge(done.report)
    if adoption := context.followed.adopting.get(plan.dataset):
        adoptions.record(connection, context.request.target, context.request.run, adoption)
    ledger.drop_checkpoint(staged.shape.stage)  # with the merge: no later run may go on with it
    return done


def settle(
    context: RunContext, connection: Connection, staged: StagedDataset, done: Merged
) -> DatasetReport:
    """What is left once the rows are in: say what was left out, and let go of the stage."""
    for warning in done.warnings:
        context.journal.warn(warning)
    drop_stage(connection, staged.shape)
    return done.report


def tidy(context: RunContext, plans: Iterable[DatasetPlan]) -> None:
    """Remove the stages of datasets that are well: of one merged just before its run was killed, or
    begun by a run that failed, and not wanted any more."""
    for plan in plans:
        drop_stage(context.connection, plan.shape)
        context.ledger.drop_checkpoint(plan.shape.stage)
