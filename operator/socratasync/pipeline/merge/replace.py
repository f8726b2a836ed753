"""``reset``: the table is made to hold exactly what was loaded, all datasets in one transaction.

If one dataset is missing nothing is replaced, since its rows would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from socratasync.contract.report import DatasetReport
from socratasync.errors import RowCountMismatch, SyncError
from socratasync.pipeline.merge import table_statements
from socratasync.pipeline.merge.merge import merging, record, settle, write
from socratasync.pipeline.merge.merged import Merged, Written
from socratasync.pipeline.merge.partitions import make_partitions
from socratasync.pipeline.merge.strategy import Strategy, join_for
from socratasync.pipeline.merge.table import complete_table
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.landing import drop_stage
from socratasync.pipeline.stage.refused_row import refused_rows
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A dataset that is staged and verified, and is merged once all are."""

    staged: StagedDataset


Outcome = DatasetReport | Deferred | SyncError
"""What became of one dataset."""


def replace_all(context: RunContext, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Put the staged datasets in place of what the table holds. Returns what became of each."""
    deferred = [o.staged for o in outcomes.values() if isinstance(o, Deferred)]
    if any(isinstance(outcome, SyncError) for outcome in outcomes.values()):
        context.journal.warn("nothing was replaced, since not every dataset could be read")
        return dict(outcomes)
    if not deferred:
        return dict(outcomes)  # done by an earlier try of this run
    with context.journal.timed("merge"):
        try:
            merged = _replace(context, deferred)
        except RowCountMismatch:
            for staged in deferred:  # the next try is to read anew
                drop_stage(context.connection, staged.shape)
            raise
    reports = [
        settle(context, context.connection, staged, each)
        for staged, each in zip(deferred, merged, strict=True)
    ]
    return {report.id: report for report in reports}


def _replace(context: RunContext, deferred: Sequence[StagedDataset]) -> list[Merged]:
    """Every dataset in one transaction, or none."""
    connection, target = context.connection, deferred[0].shape.target
    datasets = [staged.plan.dataset for staged in deferred]
    with merging(connection):
        for staged in deferred:
            complete_table(context, connection, staged.plan)
            make_partitions(context, connection, staged)
        gone = catalog.count(connection, catalog.count_rows(target))
        context.patience.execute(connection, table_statements.truncate(target), target)
        context.ledger.forget_outranked()
        merged = [
            _insert(context, _as_new(staged, datasets), deleted=0 if number else gone)
            for number, staged in enumerate(deferred)
        ]
        context.ledger.forget_other_datasets(datasets)
    return merged


def _as_new(staged: StagedDataset, datasets: Sequence[str]) -> StagedDataset:
    """The dataset beside others that, like itself, are not in the table yet."""
    return replace(staged, plan=replace(staged.plan, new_datasets=tuple(datasets)))


def _insert(context: RunContext, staged: StagedDataset, *, deleted: int) -> Merged:
    """Into the emptied table. ``deleted``: rows of it that are told with this dataset."""
    written, _ = insert_beside(context, staged)
    written.rows.deleted = deleted
    return record(context, context.connection, staged, written, Strategy.REPLACE)


def insert_beside(context: RunContext, staged: StagedDataset) -> tuple[Written, Strategy]:
    """Into a table that holds nothing but what the same transaction put there: datasets after the first may have
    keys in common with that."""
    connection = context.connection
    empty = catalog.is_empty(connection, staged.shape.target)
    strategy = Strategy.FILL if empty else join_for(staged.plan.before.server_version)
    with refused_rows(connection, staged.shape), connection.transaction():
        return write(context, connection, strategy, staged), strategy
