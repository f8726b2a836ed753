"""A staged dataset's arrival in the target: the table is made fit for it, then its rows come in.

Each step waits for its turn, since other datasets of the run arrive at the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from socratasync.contract.report import DatasetReport
from socratasync.pipeline.means import Means
from socratasync.pipeline.merge import merge
from socratasync.pipeline.plan.drift import check_table
from socratasync.pipeline.plan.watermark import DatasetPlan
from socratasync.pipeline.request import Order
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.relations import Target


def check(connection: Connection, order: Order) -> Target:
    """The target as it is now. Raises ``TargetMismatch`` when it cannot be loaded into."""
    target = catalog.read_target(connection, order.spec.target.schema_, order.spec.target.table)
    check_table(target, order.spec.target.key)
    return target


def bring_in(connection: Connection, means: Means, job: merge.Job) -> DatasetReport:
    """Merge one dataset. Datasets that are new to the table come in side by side."""
    if not is_complete(check(connection, means.order), means, job, make=means.several):
        with means.turns.alone(), means.journal.timed("merge"):
            complete_table(connection, means, job, make=means.several)
    with means.turns.beside(), means.journal.timed("merge"):
        report = merge.fill(connection, job, means.ledger)
    if report is not None:
        return report
    with means.turns.alone(), means.journal.timed("merge"):
        return merge.merge(connection, job, means.ledger, table_columns(means))


def complete_table(
    connection: Connection, means: Means, job: merge.Job, *, make: bool = False
) -> None:
    """Give an existing table the columns that this dataset brings; ``make`` one where there is none."""
    target = check(connection, means.order)
    if target.exists:
        merge.add_columns(connection, job.shape, _lacking(target, means, job))
    elif make:
        with connection.transaction():
            merge.create_table(connection, job.shape, table_columns(means))


def is_complete(target: Target, means: Means, job: merge.Job, *, make: bool) -> bool:
    """Whether ``complete_table`` has nothing to do, as for all but the first of several datasets."""
    return not _lacking(target, means, job) if target.exists else not make


def _lacking(target: Target, means: Means, job: merge.Job) -> list[tuple[str, str]]:
    """The columns (name, type) that the dataset brings and the existing table does not have."""
    names = {column.name for column in target.columns}
    lacking = [(c.name, c.type) for c in job.shape.columns if c.name not in names]
    if means.order.spec.target.provenance:
        lacking += merge.provenance_columns(names)
    return lacking


def table_columns(means: Means) -> Sequence[tuple[str, str]]:
    """The columns of a table still to be made."""
    extra = merge.provenance_columns(set()) if means.order.spec.target.provenance else []
    return [*means.table, *extra]


def settle(connection: Connection, means: Means, job: merge.Job, report: DatasetReport) -> None:
    """What is left once the rows are in: say what was odd, and let go of the stage."""
    report.verified = job.trusted if means.order.spec.verify.row_count != "Off" else None
    report.schema_in_sync = job.plan.schema_in_sync
    for warning in job.warnings:
        means.journal.warn(warning)
    merge.drop_stage(connection, job.shape)


def tidy(connection: Connection, means: Means, plans: Iterable[DatasetPlan]) -> None:
    """Remove the stages of datasets that are well: of one merged just before its run was killed, or
    begun by a run that failed, and not wanted any more."""
    for plan in plans:
        merge.drop_stage(connection, plan.shape)
        means.ledger.on(connection).drop_checkpoint(plan.shape.stage)
