"""A table that the run makes: filled under another name, given its key once, and moved to its own name with the
watermarks and the run's record in one transaction. Readers see nothing, then everything.

Rows are copied straight into it (``stage.landing``), so none is written twice. Only where keys turn out to be no keys,
rows go on into stages, which know how to be cleaned and merged.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import LiteralString, cast

from psycopg import Rollback, sql
from psycopg import errors as pg

from socratasync.contract.report import DatasetReport
from socratasync.errors import SyncError
from socratasync.pipeline.merge import outranked, table_statements
from socratasync.pipeline.merge.clean import NOTHING
from socratasync.pipeline.merge.merge import UNCLEAN, merging, record, settle
from socratasync.pipeline.merge.merged import Merged, written
from socratasync.pipeline.merge.replace import Deferred, Outcome, insert_beside
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.merge.table import complete_table
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.plan.watermark import may_resume
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage import statements
from socratasync.pipeline.stage.landing import drop_stage
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.sql.statements import load

log = logging.getLogger(__name__)

_SQL = load("grants")

_FOR_INDEX = "SET LOCAL maintenance_work_mem = '256MB'"

_NEEDS_CARE = (*UNCLEAN, pg.ProgramLimitExceeded)
"""Keys that are missing, shared, or too long for an index: the usual merge tells whose they are."""


def begin_table(context: RunContext, plans: Iterable[object]) -> None:
    """Make the table, or go on with the one of an earlier try that has the same columns, without rows of datasets that
    left the manifest since, or whose checkpoint is gone."""
    new = [p for p in plans if isinstance(p, DatasetPlan) and p.shape.new_table]
    if not new:
        return
    plan, connection = new[0], context.connection
    name = str(plan.shape.new_table)
    if _may_go_on(context, plan):
        known = [p.dataset for p in new if context.ledger.checkpoint(p.shape.stage)]
        connection.execute(table_statements.keep_only(plan.shape, known))
        return
    with connection.transaction():
        connection.execute(statements.drop_new(plan.shape))
        for statement in statements.create_new(plan.shape, plan.table):
            connection.execute(statement)
        context.ledger.start_checkpoint(name, _layout(plan), context.options.clock(), {})


def _may_go_on(context: RunContext, plan: DatasetPlan) -> bool:
    name = str(plan.shape.new_table)
    found = context.ledger.checkpoint(name)
    return (
        found is not None
        and may_resume(
            same_rows=found.fingerprint == _layout(plan),
            same_run=found.run == context.ledger.run,
            started_at=found.started_at,
            now=context.options.clock(),
        )
        and catalog.read_target(context.connection, "socratasync", name).exists
    )


def _layout(plan: DatasetPlan) -> str:
    return hashlib.sha256(json.dumps(plan.table).encode()).hexdigest()[:32]


def give_name(context: RunContext, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The table of the datasets that are whole becomes the target. Returns what became of each. Rows of a dataset that
    failed go: the next try reads them anew, into the table that is there then."""
    whole = [o.staged for o in outcomes.values() if isinstance(o, Deferred)]
    if not whole:
        return dict(outcomes)
    connection = context.connection
    with context.journal.timed("merge"), _shown(context, whole):
        try:
            named = _name(context, whole, some_failed=len(whole) < len(outcomes))
        except _NEEDS_CARE as exc:
            log.info("merging by key, since %s", exc.diag.message_primary)
            return {**outcomes, **_merge(context, whole)}
    reports = (settle(context, connection, *each) for each in zip(whole, named, strict=True))
    return {**outcomes, **{report.id: report for report in reports}}


@contextmanager
def _shown(context: RunContext, whole: Sequence[StagedDataset]) -> Iterator[None]:
    """All datasets are at it: the key of a large table takes minutes."""
    progress = context.options.progress
    for staged in whole:
        progress.begin(staged.plan.dataset, "merge", None)
    try:
        yield
    finally:
        for staged in whole:
            progress.finish(staged.plan.dataset)


def _name(
    context: RunContext, whole: Sequence[StagedDataset], *, some_failed: bool
) -> list[Merged]:
    connection, shape = context.connection, whole[0].shape
    with merging(connection):
        context.table.hold(connection)
        if some_failed:
            datasets = [staged.plan.dataset for staged in whole]
            connection.execute(table_statements.keep_only(shape, datasets))
        _move(context, shape)
        connection.execute(_FOR_INDEX)
        connection.execute(table_statements.add_key(shape))
        context.ledger.drop_checkpoint(str(shape.new_table))
        named = [_record(context, staged) for staged in whole]
    context.table.is_now(checked_target(connection, context.request.spec))
    return named


def _move(context: RunContext, shape: Shape) -> None:
    """To its schema and name, with the rights that a table made there would have."""
    connection = context.connection
    words = {"from": "socratasync", "to": shape.schema, "table": shape.target.as_string(connection)}
    try:
        for statement in table_statements.move(shape):
            connection.execute(statement)
    except pg.DuplicateTable as exc:
        raise context.table.made_by_others() from exc
    for row in connection.execute(_SQL["default_rights"], words).fetchall():
        connection.execute(sql.SQL(cast(LiteralString, row[0])))  # quoted by the server


def _record(context: RunContext, staged: StagedDataset) -> Merged:
    connection = context.connection
    outranked.begin(context, connection, staged)
    what = written(staged, NOTHING, staged.staged_rows, updated=0)
    return record(context, connection, staged, what, Strategy.CREATE)


# -- keys that are none ----------------------------------------------------------------------------


def _merge(context: RunContext, whole: Sequence[StagedDataset]) -> dict[str, Outcome]:
    """The datasets by way of stages, one after the other, in one transaction. One that cannot be merged leaves the
    others whole; if none can, there is no table."""
    connection, shape = context.connection, whole[0].shape
    for staged in whole:
        _stage(context, staged)
    with merging(connection), connection.transaction() as table:
        complete_table(context, connection, whole[0].plan)
        merged = {staged.plan.dataset: _attempt(context, staged) for staged in whole}
        if all(isinstance(each, SyncError) for each in merged.values()):
            raise Rollback(table)
    connection.execute(statements.drop_new(shape))
    context.ledger.drop_checkpoint(str(shape.new_table))
    return {
        staged.plan.dataset: _settled(context, staged, merged[staged.plan.dataset])
        for staged in whole
    }


def _attempt(context: RunContext, staged: StagedDataset) -> Merged | SyncError:
    try:
        what, how = insert_beside(context, staged)
        told = Strategy.CREATE if how is Strategy.FILL else how
        return record(context, context.connection, staged, what, told)
    except SyncError as exc:
        return exc


def _settled(
    context: RunContext, staged: StagedDataset, merged: Merged | SyncError
) -> DatasetReport | SyncError:
    if isinstance(merged, Merged):
        return settle(context, context.connection, staged, merged)
    drop_stage(context.connection, staged.shape)  # the next try is to read anew
    context.ledger.drop_checkpoint(staged.shape.stage)
    return merged


def _stage(context: RunContext, staged: StagedDataset) -> None:
    """The dataset's rows into a stage. Of rows that are equally new the last one stays, and which that is only the
    portal knows: the table has lost the order in which they came."""
    connection, shape = context.connection, staged.shape
    with connection.transaction():
        connection.execute(table_statements.create_order(shape))
        if connection.execute(table_statements.has_ties(shape)).fetchone() is not None:
            _ask_for_order(context, staged)
        connection.execute(statements.drop_staged(shape))  # of a try that was killed here
        connection.execute(statements.create_stage(shape))
        connection.execute(table_statements.stage_from_new(shape))
        connection.execute(table_statements.drop_order(shape))


def _ask_for_order(context: RunContext, staged: StagedDataset) -> None:
    plan = staged.plan
    ids = context.source.ids(plan.dataset, plan.condition, by=plan.api)
    with (
        context.connection.cursor() as cursor,
        cursor.copy(table_statements.copy_order(plan.shape)) as copy,
    ):
        for row_id in ids:
            copy.write_row([row_id])
