"""What a run's report tells of Socrata's interfaces: by which one each dataset was read, why no longer by the other,
and what the portal announces of their end."""

from __future__ import annotations

from socratasync.contract.report import DatasetReport
from socratasync.errors import SyncError
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target.bookkeeping import Known


def tell_interface(
    context: RunContext,
    report: DatasetReport,
    plan: DatasetPlan | SyncError,
    known: Known | None,
) -> None:
    """Note in the dataset's entry how it was read, and why otherwise than before. One that could not be planned may
    have been asked by neither."""
    source = context.source
    if report.api is None and isinstance(plan, DatasetPlan):
        report.api = source.interface(report.id)
    report.api_changed = source.why_changed(report.id)
    if known and report.api not in (None, known.api) and not report.api_changed:
        report.api_changed = f"rows are read by {report.api} from now on, as spec.source.api says"


def tell_announced(context: RunContext) -> None:
    """Note what the portal announced so far; each piece once, however often this is called."""
    report = context.journal.report
    for notice in context.source.notices:
        if notice not in report.notices:
            report.notices.append(notice)
            context.journal.warn(notice.sentence)
