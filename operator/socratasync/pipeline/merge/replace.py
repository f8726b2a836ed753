"""``reset``: the table is made to hold exactly what was loaded, all datasets in one transaction.

If one dataset is missing nothing is replaced, since its rows would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.contract.report import DatasetReport
from socratasync.errors import SyncError
from socratasync.pipeline.dataset import Waiting
from socratasync.pipeline.means import Means
from socratasync.pipeline.merge import merge
from socratasync.pipeline.merge.table import complete_table, settle, table_columns
from socratasync.pipeline.target.connection import Connection

Outcome = DatasetReport | Waiting | SyncError


def replace_all(
    connection: Connection, means: Means, outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Put the staged datasets in place of what the table holds. Returns what became of each."""
    waiting = {dataset: o.job for dataset, o in outcomes.items() if isinstance(o, Waiting)}
    if any(isinstance(outcome, SyncError) for outcome in outcomes.values()):
        means.journal.warn("nothing was replaced, since not every dataset could be read")
        return dict(outcomes)
    if not waiting:
        return dict(outcomes)  # done by an earlier try of this run
    jobs = list(waiting.values())
    with means.journal.timed("merge"):
        for job in jobs:
            complete_table(connection, means, job)
        reports = merge.replace_all(connection, jobs, means.ledger, table_columns(means))
    for job, report in zip(jobs, reports, strict=True):
        settle(connection, means, job, report)
    return dict(zip(waiting, reports, strict=True))
