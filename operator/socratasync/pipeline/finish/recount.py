"""After a run: what the target holds, dataset by dataset, against what the sources count."""

from __future__ import annotations

from psycopg import sql

from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import RowCountMismatch
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.merge.table import check
from socratasync.pipeline.request import RunRequest
from socratasync.pipeline.stage.verify import missing_rows
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connection


def count_target(
    connection: Connection,
    request: RunRequest,
    ledger: Ledger,
    report: RunReport,
    journal: Journal,
    *,
    is_new: bool,
) -> None:
    """Fill in the report's counts of the target, and say where rows are missing. ``is_new``: this
    run made it."""
    target = check(connection, request)
    if not target.exists:
        return
    table = sql.Identifier(target.schema, target.table)
    if not request.spec.target.provenance or target.column("socrata_dataset") is None:
        report.target_rows = catalog.count(connection, catalog.count_rows(table))
        return
    rows = _rows_by_dataset(connection, table, report, is_new)
    report.target_rows = sum(rows.values())
    known = ledger.known()
    for dataset in report.datasets:
        dataset.rows.target = rows.get(dataset.id, 0)
        if dataset.error is None and dataset.id in known:
            left_out = known[dataset.id].left_out
            _note_left_out(ledger, dataset, left_out)
            _compare(request, dataset, left_out, journal, alone=set(rows) <= {dataset.id})


def _rows_by_dataset(
    connection: Connection, table: sql.Identifier, report: RunReport, is_new: bool
) -> dict[str | None, int]:
    """What this run did nothing but insert into a table that it made need not be counted."""
    if is_new and all(d.strategy in (Strategy.CREATE, Strategy.FILL) for d in report.datasets):
        return {d.id: d.rows.inserted for d in report.datasets}
    return dict(connection.execute(catalog.count_by_dataset(table)).fetchall())


def _note_left_out(ledger: Ledger, report: DatasetReport, left_out: int) -> None:
    """Updates read some rows twice, and so leave them out twice; only those count that are missing."""
    if report.source_rows is None:
        return
    missing = max(0, report.source_rows - (report.rows.target or 0))
    if missing < left_out:
        ledger.record_left_out(report.id, missing)


def _compare(
    request: RunRequest, report: DatasetReport, left_out: int, journal: Journal, *, alone: bool
) -> None:
    """Where keys may be shared with another dataset, or with rows read earlier, fewer rows prove
    nothing: that is worth a warning, not a failure."""
    verify = request.spec.verify
    if verify.row_count == "Off":
        return
    sentence = missing_rows(report, report.rows.target or 0, left_out, verify.tolerance)
    if sentence is None:
        return
    report.verified = False
    journal.warn(sentence)
    if verify.row_count == "Fail" and report.mode == "full" and alone:
        report.error = RowCountMismatch(f"the data is in, but {sentence}")
