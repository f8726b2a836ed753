"""After a run: what the target holds, dataset by dataset, against what the sources count."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import RowCountMismatch, SyncError
from socratasync.pipeline.finish.recall import recall
from socratasync.pipeline.merge.outranked import count_stale, forget_gone
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source import soql
from socratasync.pipeline.stage.counts import Asked, Held, contradiction, is_in
from socratasync.pipeline.target import catalog, last_count, surroundings
from socratasync.pipeline.target.bookkeeping import Outranked
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.last_count import DatasetCount, LastCount
from socratasync.pipeline.target.types import Relation, relation

log = logging.getLogger(__name__)


def recount(context: RunContext, *, is_new: bool) -> None:
    """Fill in the report's counts of the target, and say where there are too few rows, or too many.
    ``is_new``: this try of this run made the table. Where nothing was loaded, what an earlier run counted will
    do as long as nobody wrote to the table since."""
    connection, ledger, report = context.connection, context.ledger, context.journal.report
    target = checked_target(connection, context.request.spec)
    if not target.exists:
        return
    now, evidence = context.options.clock(), last_count.read_evidence(connection, target)
    count = recall(context, evidence, now)
    if count is None:
        held = _count(context, target, is_new=is_new)
        # What a run put into a table of its own was added up, not counted.
        count = _counted(report, held, "" if is_new else evidence or "", now)
    report.counted_at = count.at
    if count.evidence:
        last_count.record(connection, ledger.target, ledger.run, count)


def _counted(
    report: RunReport, held: Mapping[str, Held], evidence: str, now: datetime
) -> LastCount:
    """What was counted, for runs to come; nothing of datasets that failed, or whose rows are not all there."""
    return LastCount(
        at=now,
        evidence=evidence,
        rows=report.target_rows or 0,
        datasets={
            each.id: DatasetCount(
                target=each.rows.target,
                left_out=each.left_out,
                shared=each.shared,
                held=_numbers(held.get(each.id)),
            )
            for each in report.datasets
            if each.error is None
        },
    )


def _numbers(held: Held | None) -> tuple[int, int, int, int] | None:
    return None if held is None else (held.rows, held.left_out, held.shared, held.owed)


def _count(context: RunContext, target: Target, *, is_new: bool) -> dict[str, Held]:
    """Count, judge, and tell in the report. Returns what is held of each dataset that could be judged."""
    connection, report = context.connection, context.journal.report
    table = relation(target.schema, target.table)
    provenance = context.request.spec.target.provenance
    if not provenance or target.column("socrata_dataset") is None:
        report.target_rows = catalog.count(connection, catalog.count_rows(table))
        return _judge_whole(context, report.target_rows)
    rows = _rows_by_dataset(connection, table, report, is_new)
    report.target_rows = sum(rows.values())
    known, book = context.ledger.known(), context.ledger.outranked()
    held: dict[str, Held] = {}
    for dataset in report.datasets:
        dataset.rows.target = rows.get(dataset.id, 0)
        if dataset.error is None and dataset.id in known:
            there, noted = dataset.rows.target, book.get(dataset.id)
            held[dataset.id] = _judge(context, dataset, there, table, noted)
    return held


def _rows_by_dataset(
    connection: Connection, table: Relation, report: RunReport, is_new: bool
) -> dict[str | None, int]:
    """What this run did nothing but insert into a table that it made need not be counted."""
    if is_new and all(d.strategy in (Strategy.CREATE, Strategy.FILL) for d in report.datasets):
        return {d.id: d.rows.inserted for d in report.datasets}
    return dict(connection.execute(catalog.count_by_dataset(table)).fetchall())


def _judge(
    context: RunContext,
    report: DatasetReport,
    rows: int,
    table: Relation,
    outranked: Outranked | None,
) -> Held:
    """A dataset whose rows tell where they came from."""
    held = _held(context, rows, table, outranked)
    if outranked and held.accounted > (report.source_rows or 0):
        forget_gone(context, report.id, context.ledger.known()[report.id].api)
        held = _held(context, rows, table, context.ledger.outranked().get(report.id))
    _compare(context, report, held)
    report.left_out, report.shared = held.left_out, held.shared
    context.ledger.record_left_out(report.id, held.left_out)
    return held


def _held(context: RunContext, rows: int, table: Relation, outranked: Outranked | None) -> Held:
    """A row of the table that is noted as left out is there as it was before, not as it is."""
    if outranked is None:
        return Held(rows=rows)
    stale = count_stale(context, outranked.dataset, table) if outranked.left_out else 0
    return Held(
        rows=rows - stale,
        left_out=outranked.left_out,
        shared=outranked.shared,
        owed=outranked.owed,
    )


def _judge_whole(context: RunContext, rows: int) -> dict[str, Held]:
    """A table that does not tell where its rows came from: it can be counted if there is but one dataset."""
    known, held = context.ledger.known(), dict[str, Held]()
    for report in context.journal.report.datasets:
        if report.error is not None or report.id not in known:
            continue
        report.left_out = known[report.id].left_out
        if len(known) == 1:
            # Updates read some rows twice, and so leave them out twice.
            missing = max(0, (report.source_rows or 0) - rows)
            report.left_out = min(report.left_out, missing)
            held[report.id] = Held(rows=rows, left_out=report.left_out)
            _compare(context, report, held[report.id])
            context.ledger.record_left_out(report.id, report.left_out)
    return held


def _compare(context: RunContext, report: DatasetReport, held: Held) -> None:
    """Judge what is held by what the source counts. A count that differs is taken again: rows may have come
    or gone since."""
    verify = context.request.spec.verify
    if verify.row_count == "Off" or report.source_rows is None:
        return
    if context.request.selection.range:
        report.verified = None  # rows beyond the range may have come since the last update
        return
    sources = [report.source_rows]
    if not is_in(held, sources, verify.tolerance):
        sources += _count_again(context, report.id)
        report.source_rows = sources[-1]
    if is_in(held, sources, verify.tolerance):
        return
    sentence = contradiction(report.id, held, sources[-1], _asked(context, report.id))
    report.verified = False
    context.journal.warn(sentence)
    if verify.row_count == "Fail":
        report.error = RowCountMismatch(f"the data is in, but {sentence}")


def _count_again(context: RunContext, dataset: str) -> list[int]:
    where = context.request.spec.dataset(dataset).where
    try:
        return [context.source.count(dataset, soql.count(where))]
    except SyncError as exc:
        log.info("%s: not counted again, since %s", dataset, exc.message)
        return []


def _asked(context: RunContext, dataset: str) -> Asked:
    spec, connection = context.request.spec, context.connection
    around = surroundings.read(connection, checked_target(connection, spec))
    return Asked(
        key=tuple(spec.target.key),
        where=bool(spec.dataset(dataset).where),
        may_skip=spec.target.on_bad_value != "Fail",
        triggers=around.row_triggers,
    )
