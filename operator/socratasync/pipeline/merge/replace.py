"""``reset``: the table is made to hold exactly what was loaded, all datasets in one transaction.

If one dataset is missing nothing is replaced, since its rows would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from socratasync.contract.report import DatasetReport
from socratasync.errors import SyncError
from socratasync.pipeline.merge import merge
from socratasync.pipeline.merge.merge import settle
from socratasync.pipeline.merge.table import complete_table, table_columns
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A dataset that is staged and verified, and is merged once all are."""

    job: StagedDataset


Outcome = DatasetReport | Deferred | SyncError


def replace_all(
    connection: Connection, context: RunContext, outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Put the staged datasets in place of what the table holds. Returns what became of each."""
    waiting = {dataset: o.job for dataset, o in outcomes.items() if isinstance(o, Deferred)}
    if any(isinstance(outcome, SyncError) for outcome in outcomes.values()):
        context.journal.warn("nothing was replaced, since not every dataset could be read")
        return dict(outcomes)
    if not waiting:
        return dict(outcomes)  # done by an earlier try of this run
    jobs = list(waiting.values())
    with context.journal.timed("merge"):
        for job in jobs:
            complete_table(connection, context, job)
        reports = merge.replace_all(connection, jobs, context.ledger, table_columns(context))
    for job, report in zip(jobs, reports, strict=True):
        settle(connection, context, job, report)
    return dict(zip(waiting, reports, strict=True))
