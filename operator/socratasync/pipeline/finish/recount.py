"""After a run: what the target holds, dataset by dataset, against what the sources count."""

from __future__ import annotations

from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import RowCountMismatch
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.counts import missing_rows
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.types import Relation, relation


def recount(context: RunContext, *, is_new: bool) -> None:
    """Fill in the report's counts of the target, and say where rows are missing. ``is_new``: this
    try of this run made the table."""
    connection, spec = context.connection, context.request.spec
    target = checked_target(connection, spec)
    if not target.exists:
        return
    report = context.journal.report
    table = relation(target.schema, target.table)
    if not spec.target.provenance or target.column("socrata_dataset") is None:
        report.target_rows = catalog.count(connection, catalog.count_rows(table))
        return
    rows = _rows_by_dataset(connection, table, report, is_new)
    report.target_rows = sum(rows.values())
    known = context.ledger.known()
    for dataset in report.datasets:
        dataset.rows.target = rows.get(dataset.id, 0)
        if dataset.error is None and dataset.id in known:
            left_out = known[dataset.id].left_out
            _note_left_out(context.ledger, dataset, left_out)
            _compare(context, dataset, left_out, alone=set(rows) <= {dataset.id})


def _rows_by_dataset(
    connection: Connection, table: Relation, report: RunReport, is_new: bool
) -> dict[str | None, int]:
    """What this run did nothing but insert into a table that it made need not be counted."""
    if is_new and all(d.strategy in (Strategy.CREATE, Strategy.FILL) for d in report.datasets):
        return {d.id: d.rows.inserted for d in report.datasets}
    return dict(connection.execute(catalog.count_by_dataset(table)).fetchall())


def _note_left_out(ledger: Ledger, report: DatasetReport, left_out: int) -> None:
    """``left_out`` may be counted twice across updates; it is no more than the rows really missing."""
    if report.source_rows is None:
        return
    missing = max(0, report.source_rows - (report.rows.target or 0))
    if missing < left_out:
        ledger.record_left_out(report.id, missing)


def _compare(context: RunContext, report: DatasetReport, left_out: int, *, alone: bool) -> None:
    """Fewer rows prove nothing where keys may be shared, with another dataset or with rows read
    earlier: that is worth a warning, not a failure."""
    verify = context.request.spec.verify
    if verify.row_count == "Off":
        return
    sentence = missing_rows(report, report.rows.target or 0, left_out, verify.tolerance)
    if sentence is None:
        return
    report.verified = False
    context.journal.warn(sentence)
    if verify.row_count == "Fail" and alone:
        report.error = RowCountMismatch(f"the data is in, but {sentence}")
