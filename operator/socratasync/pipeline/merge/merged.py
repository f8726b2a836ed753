"""What is told of a dataset that was merged: its rows counted, and its report. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from socratasync.contract.report import DatasetReport, Rows
from socratasync.pipeline.merge.clean import NOTHING, Cleaned
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.bookkeeping import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a merge wrote, and what it had to leave out."""

    rows: Rows
    cleaned: Cleaned = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A dataset that is in: its report, and sentences about what was left out."""

    report: DatasetReport
    warnings: tuple[str, ...] = ()


def written(staged: StagedDataset, cleaned: Cleaned, inserted: int, updated: int) -> Written:
    """So many rows were inserted and updated; the others that are not left out were there as they came."""
    unchanged = staged.staged_rows - cleaned.left_out - inserted - updated
    rows = Rows(
        downloaded=staged.staged_rows + staged.skipped,
        inserted=inserted,
        updated=updated,
        unchanged=unchanged,
    )
    return Written(rows=rows, cleaned=cleaned)


def merged(
    staged: StagedDataset, what: Written, known: Known, strategy: Strategy, *, counted: bool
) -> Merged:
    """The report of what was written; ``counted``: whether anybody compares the rows."""
    plan = staged.plan
    report = DatasetReport(
        id=plan.dataset,
        year=plan.year,
        mode="full" if plan.load.full else "update",
        rows=what.rows,
        duplicates=what.cleaned.duplicates,
        bad_values=staged.bad,
        source_rows=plan.snapshot.rows,
        source_updated_at=plan.source_updated_at,
        last_synced_since=known.synced_since,
        strategy=strategy.value,
        verified=staged.trusted if counted else None,
        schema_in_sync=plan.schema_in_sync,
        frozen_columns=plan.frozen.named,
        api=plan.api,
    )
    told = [staged.bad.sentence(plan.dataset)] if staged.bad.found else []
    return Merged(report=report, warnings=(*what.cleaned.warnings, *told))
