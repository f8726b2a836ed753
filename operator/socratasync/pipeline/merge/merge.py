"""Brings staged rows into the target: rows, deletions, watermark and run record in one transaction.

Run again, it changes nothing. Which statement does it is chosen by ``strategy``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from psycopg import IsolationLevel, sql
from psycopg import errors as pg

from socratasync.contract.report import DatasetReport, Rows
from socratasync.pipeline.merge import statements
from socratasync.pipeline.merge.strategy import Strategy, choose
from socratasync.pipeline.merge.table import (
    check,
    complete_table,
    create_table,
    is_complete,
    table_columns,
)
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.plan.watermark import known_after
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.statements import drop_stage as drop_stage_sql
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.catalog import count
from socratasync.pipeline.target.connection import FIRST_WITH_MERGE_ACTION, Connection

log = logging.getLogger(__name__)

_UNCLEAN = (pg.UniqueViolation, pg.NotNullViolation, pg.CardinalityViolation)

_TRIES = 3
"""``MERGE`` fails on a key that somebody else inserts at the same moment; next time it finds the row."""

_SETTINGS = "SET LOCAL work_mem = '64MB'"
_FOR_INDEX = "SET LOCAL maintenance_work_mem = '256MB'"
_NO_NESTED_LOOPS = "SET LOCAL enable_nestloop = off"
"""On a target that was filled since it was analysed, the planner believes it to be tiny and loops."""


def fill(connection: Connection, job: StagedDataset, ledger: Ledger) -> DatasetReport | None:
    """A dataset that is new to its table, in the hope that none of its keys is there. None: some are,
    or it is not new after all, and nothing was written. Safe beside others that do the same."""
    if choose_strategy(connection, job) is not Strategy.FILL:
        return None
    try:
        return _merge(connection, job, ledger, (), Strategy.FILL)
    except (pg.UniqueViolation, pg.DeadlockDetected, pg.LockNotAvailable) as exc:
        log.info("%s: merging by key, since %s", job.plan.dataset, exc.diag.message_primary)
        job.start_over()
        return None


def merge(
    connection: Connection, job: StagedDataset, ledger: Ledger, table: Sequence[tuple[str, str]]
) -> DatasetReport:
    """One dataset into the target, which is created with the columns ``table`` if it is not there."""
    for _ in range(_TRIES - 1):
        try:
            return _merge(connection, job, ledger, table, choose_strategy(connection, job))
        except pg.UniqueViolation as exc:
            log.info("%s: merging again, since %s", job.plan.dataset, exc.diag.message_primary)
            job.start_over()
    return _merge(connection, job, ledger, table, choose_strategy(connection, job))


def _merge(
    connection: Connection,
    job: StagedDataset,
    ledger: Ledger,
    table: Sequence[tuple[str, str]],
    strategy: Strategy,
) -> DatasetReport:
    with _transaction(connection, strategy):
        rows = _write(connection, strategy, job, table)
        return conclude(connection, job, rows, strategy, ledger)


def conclude(
    connection: Connection, job: StagedDataset, rows: Rows, strategy: Strategy, ledger: Ledger
) -> DatasetReport:
    """What belongs into the transaction that wrote ``rows``: deletions, watermark and run record."""
    if job.delete_missing:
        rows.deleted = _delete_missing(connection, job.shape)
    return _record(job, rows, strategy, ledger.on(connection))


def replace_all(
    connection: Connection,
    jobs: Sequence[StagedDataset],
    ledger: Ledger,
    table: Sequence[tuple[str, str]],
) -> list[DatasetReport]:
    """Make the target hold exactly what was staged: every dataset in one transaction, or none."""
    first = jobs[0].shape
    exists = catalog.read_target(connection, first.schema, first.table).exists
    with _transaction(connection, Strategy.REPLACE):
        gone = count(connection, catalog.count_rows(first.target)) if exists else 0
        if exists:
            connection.execute(statements.truncate(first.target))
        else:
            create_table(connection, first, table)
        reports = [_replace_with(connection, job, ledger) for job in jobs]
        reports[0].rows.deleted = gone
        ledger.on(connection).forget_other_datasets([job.plan.dataset for job in jobs])
    return reports


def _replace_with(connection: Connection, job: StagedDataset, ledger: Ledger) -> DatasetReport:
    """Into the emptied table; datasets after the first may have keys in common with it."""
    empty = catalog.is_empty(connection, job.shape.target)
    rows = _write(connection, Strategy.FILL if empty else _for_many(connection), job, ())
    return _record(job, rows, Strategy.REPLACE, ledger.on(connection))


def _for_many(connection: Connection) -> Strategy:
    has_merge = connection.info.server_version >= FIRST_WITH_MERGE_ACTION
    return Strategy.MERGE if has_merge else Strategy.DIFFERENCE


def choose_strategy(connection: Connection, job: StagedDataset) -> Strategy:
    """How the job's rows would best get into the target as it is now."""
    target = catalog.read_target(connection, job.shape.schema, job.shape.table)
    empty = not target.exists or catalog.is_empty(connection, job.shape.target)
    rows = target.estimate
    if not empty and rows == 0:  # never analysed
        rows = count(connection, catalog.count_rows(job.shape.target))
    return choose(
        exists=target.exists,
        empty=empty,
        is_new=job.keys_are_new and job.plan.known is None,
        staged_rows=job.staged_rows,
        target_rows=rows,
        server_version=connection.info.server_version,
    )


@contextmanager
def _transaction(connection: Connection, strategy: Strategy) -> Iterator[None]:
    """A transaction with the settings that merging wants. ``MERGE`` gets a snapshot of its own: where
    it cannot tell new from changed, new rows are counted first, and both must see the same."""
    counted_first = (
        strategy is Strategy.MERGE and connection.info.server_version < FIRST_WITH_MERGE_ACTION
    )
    connection.isolation_level = IsolationLevel.REPEATABLE_READ if counted_first else None
    try:
        with connection.transaction():
            connection.execute(_SETTINGS)
            yield
    finally:
        connection.isolation_level = None


def _write(
    connection: Connection, strategy: Strategy, job: StagedDataset, table: Sequence[tuple[str, str]]
) -> Rows:
    match strategy:
        case Strategy.CREATE:
            inserted, updated = _once_clean(
                connection, job, lambda: _create(connection, job, table)
            )
        case Strategy.FILL:
            inserted, updated = _once_clean(connection, job, lambda: _fill(connection, job))
        case Strategy.UPSERT:
            _clean(connection, job)
            inserted, updated = _upsert(connection, job.shape)
        case _:
            _clean(connection, job)
            connection.execute(catalog.analyze(job.shape.staged))
            connection.execute(_NO_NESTED_LOOPS)
            inserted, updated = _join(connection, strategy, job.shape)
    unchanged = job.staged_rows - job.left_out - inserted - updated
    return Rows(downloaded=job.staged_rows, inserted=inserted, updated=updated, unchanged=unchanged)


def _create(
    connection: Connection, job: StagedDataset, table: Sequence[tuple[str, str]]
) -> tuple[int, int]:
    connection.execute(statements.create_target(job.shape.target, table))
    written = _fill(connection, job)
    connection.execute(_FOR_INDEX)
    connection.execute(statements.add_key(job.shape))
    return written


def _fill(connection: Connection, job: StagedDataset) -> tuple[int, int]:
    return connection.execute(statements.insert_all(job.shape)).rowcount, 0


def _once_clean(
    connection: Connection, job: StagedDataset, write: Callable[[], tuple[int, int]]
) -> tuple[int, int]:
    """Write in the hope that keys are unique and present; clean the stage only if they are not.

    Looking first would cost every first load a sort of all its keys.
    """
    try:
        with connection.transaction():
            return write()
    except _UNCLEAN:
        if not _clean(connection, job):
            raise
        return write()


def _upsert(connection: Connection, shape: Shape) -> tuple[int, int]:
    return _pair(connection, statements.upsert(shape))


def _join(connection: Connection, strategy: Strategy, shape: Shape) -> tuple[int, int]:
    if strategy is Strategy.DIFFERENCE:
        return _pair(connection, statements.difference(shape))
    if connection.info.server_version >= FIRST_WITH_MERGE_ACTION:
        return _pair(connection, statements.merge_counted(shape))
    return _merge_and_count(connection, shape)


def _merge_and_count(connection: Connection, shape: Shape) -> tuple[int, int]:
    """Before PostgreSQL 17 ``MERGE`` tells one number for both: keys that the target lacked before and
    holds after were inserted. A trigger may have refused some."""
    lacking = count(connection, statements.count_new(shape))
    written = connection.execute(statements.merge(shape)).rowcount
    still = count(connection, statements.count_new(shape)) if lacking else 0
    inserted = lacking - still
    return inserted, written - inserted


def _delete_missing(connection: Connection, shape: Shape) -> int:
    connection.execute(_NO_NESTED_LOOPS)
    return connection.execute(statements.delete_missing(shape)).rowcount


def _clean(connection: Connection, job: StagedDataset) -> bool:
    """Remove staged rows without a key, and all but the newest of each key. True if there were any."""
    shape = job.shape
    ids = [row[0] for row in connection.execute(statements.find_null_keys(shape)).fetchall()]
    if ids:
        count = connection.execute(statements.delete_null_keys(shape)).rowcount
        job.left_out += count
        job.warnings.append(
            f"dataset {job.plan.dataset}: left out, for having no {', '.join(shape.key)}: "
            f"{_number_of_rows(count)}, among them {', '.join(ids)}"
        )
    if connection.execute(statements.find_duplicates(shape)).fetchone() is not None:
        job.duplicates = connection.execute(statements.delete_duplicates(shape)).rowcount
        job.left_out += job.duplicates
        job.warnings.append(
            f"dataset {job.plan.dataset}: left out, for a newer row with the same {', '.join(shape.key)}: "
            f"{_number_of_rows(job.duplicates)}"
        )
    return job.left_out > 0


def _number_of_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _record(job: StagedDataset, rows: Rows, strategy: Strategy, ledger: Ledger) -> DatasetReport:
    plan = job.plan
    known = known_after(plan, trusted=job.trusted, left_out=job.left_out)
    report = DatasetReport(
        id=plan.dataset,
        year=plan.year,
        mode="full" if plan.load.full else "update",
        rows=rows,
        duplicates=job.duplicates,
        source_rows=plan.snapshot.rows,
        source_updated_at=plan.snapshot.rows_updated_at,
        last_synced_since=known.synced_since,
        strategy=strategy.value,
    )
    ledger.record_watermark(known)
    ledger.record_merge(report)
    ledger.drop_checkpoint(
        job.shape.stage
    )  # with the merge: no later run may go on with this stage
    return report


def drop_stage(connection: Connection, shape: Shape) -> None:
    """The rows are in: remove the stage."""
    connection.execute(drop_stage_sql(shape))


def count_rows_of(connection: Connection, shape: Shape) -> int:
    """How many rows of the dataset an existing target holds; of a table that does not say, all."""
    target = catalog.read_target(connection, shape.schema, shape.table)
    if target.column("socrata_dataset") is None:
        return count(connection, catalog.count_rows(shape.target)) if target.exists else 0
    counts = connection.execute(catalog.count_by_dataset(shape.target)).fetchall()
    return sum(rows for dataset, rows in counts if dataset == shape.dataset)


def _pair(connection: Connection, statement: sql.Composed) -> tuple[int, int]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0], row[1]


def bring_in(connection: Connection, context: RunContext, job: StagedDataset) -> DatasetReport:
    """Merge one dataset. Datasets that are new to the table come in side by side."""
    if not is_complete(check(connection, context.request), context, job, make=context.several):
        with context.turns.alone(), context.journal.timed("merge"):
            complete_table(connection, context, job, make=context.several)
    with context.turns.beside(), context.journal.timed("merge"):
        report = fill(connection, job, context.ledger)
    if report is not None:
        return report
    with context.turns.alone(), context.journal.timed("merge"):
        return merge(connection, job, context.ledger, table_columns(context))


def settle(
    connection: Connection, context: RunContext, job: StagedDataset, report: DatasetReport
) -> None:
    """What is left once the rows are in: say what was odd, and let go of the stage."""
    report.verified = job.trusted if context.request.spec.verify.row_count != "Off" else None
    report.schema_in_sync = job.plan.schema_in_sync
    for warning in job.warnings:
        context.journal.warn(warning)
    drop_stage(connection, job.shape)


def tidy(connection: Connection, context: RunContext, plans: Iterable[DatasetPlan]) -> None:
    """Remove the stages of datasets that are well: of one merged just before its run was killed, or
    begun by a run that failed, and not wanted any more."""
    for plan in plans:
        drop_stage(connection, plan.shape)
        context.ledger.on(connection).drop_checkpoint(plan.shape.stage)
