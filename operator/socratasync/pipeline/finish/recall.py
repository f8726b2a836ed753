"""What an earlier run counted, where that is still so: a run that found nothing to load need not read the
whole table to say that it is as it was.

Only good news is taken from there. Whatever is not as it should be is counted anew, and told of what is there now.
"""

from __future__ import annotations

from datetime import datetime

from socratasync.contract.report import DatasetReport
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.counts import Held, is_in
from socratasync.pipeline.target import last_count
from socratasync.pipeline.target.last_count import DatasetCount, LastCount


def recall(context: RunContext, evidence: str | None, now: datetime) -> LastCount | None:
    """The last count, told in the report; None if the table must be counted. ``evidence``: of the table as
    it is (``last_count.read_evidence``)."""
    datasets = context.journal.report.datasets
    if evidence is None or any(d.result not in ("NoChange", "Failed") for d in datasets):
        return None
    count = last_count.read(context.connection, context.ledger.target, context.ledger.run)
    if count is None or not count.holds(evidence, now):
        return None
    if not all(_is_right(context, report, count.datasets.get(report.id)) for report in datasets):
        return None
    context.journal.report.target_rows = count.rows
    for report in datasets:
        _tell(report, count.datasets[report.id])
    return count


def _is_right(context: RunContext, report: DatasetReport, count: DatasetCount | None) -> bool:
    """Whether a dataset was counted, and held what its source counts now."""
    if count is None:
        return False
    verify = context.request.spec.verify
    judged = report.error is None and verify.row_count != "Off"
    if not judged or report.source_rows is None or count.held is None:
        return True
    rows, left_out, shared, owed = count.held
    held = Held(rows=rows, left_out=left_out, shared=shared, owed=owed)
    return is_in(held, [report.source_rows], verify.tolerance)


def _tell(report: DatasetReport, count: DatasetCount) -> None:
    report.rows.target = count.target
    if report.error is None:
        report.left_out, report.shared = count.left_out, count.shared
