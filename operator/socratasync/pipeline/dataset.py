"""One dataset's way through a run: stage → verify → merge.

A dataset that comes in together with the others (``reset``, or a table that the run makes) stops before the merge.
"""

from __future__ import annotations

import logging
from contextlib import closing

from socratasync.contract.report import DatasetReport
from socratasync.errors import InterfaceChanged
from socratasync.pipeline.merge.merge import bring_in, settle
from socratasync.pipeline.merge.replace import Deferred
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.snapshot import seen_anew
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.archive import archived
from socratasync.pipeline.stage.changeover import check_changeover
from socratasync.pipeline.stage.fill import Stage
from socratasync.pipeline.stage.landing import landing
from socratasync.pipeline.stage.refused_row import refused_rows
from socratasync.pipeline.stage.verify import StagedDataset, fill_and_verify
from socratasync.pipeline.target.connection import Connection

log = logging.getLogger(__name__)


def load_dataset(context: RunContext, plan: DatasetPlan) -> DatasetReport | Deferred:
    """Carry out the plan. Raises ``SyncError``; nothing is merged then."""
    for warning in plan.warnings:
        context.journal.warn(warning)
    if plan.nothing_to_do:
        return _no_change(context, plan)
    log.info("%s: %s, %s", plan.dataset, "full" if plan.load.full else "update", plan.load.why)
    try:
        return _load_anew_if_changed(context, plan)
    finally:
        context.options.progress.finish(plan.dataset)


def _load_anew_if_changed(context: RunContext, plan: DatasetPlan) -> DatasetReport | Deferred:
    """Load the dataset; once more, from its first row on, if it went over to the source's other interface
    meanwhile: no row that one read may stand beside those of the other."""
    try:
        return _connected(context, plan)
    except InterfaceChanged as exc:
        log.warning("%s; reading anew", exc.message)
    again = seen_anew(plan, context.source, context.options.clock())
    return _connected(context, _checked(context, again))


def _checked(context: RunContext, plan: DatasetPlan) -> DatasetPlan:
    """The plan by the other interface, once it is known that this does no harm."""
    with context.connections.connect() as connection:
        checked = check_changeover(connection, context.source, plan, resets=context.request.resets)
    for warning in checked.warnings:
        context.journal.warn(warning)
    return checked


def _connected(context: RunContext, plan: DatasetPlan) -> DatasetReport | Deferred:
    with (
        context.connections.connect() as connection,
        refused_rows(connection, plan.shape),
    ):
        return _load(context, plan, connection)


def _load(
    context: RunContext, plan: DatasetPlan, connection: Connection
) -> DatasetReport | Deferred:
    staged = _stage(context, plan, connection)
    if context.request.resets or plan.shape.new_table:
        return Deferred(staged=staged)
    context.options.progress.begin(plan.dataset, "merge", None)
    merged = bring_in(context, connection, staged)
    return settle(context, connection, staged, merged)


def _stage(context: RunContext, plan: DatasetPlan, connection: Connection) -> StagedDataset:
    with (
        closing(landing(context, plan, connection)) as place,
        archived(context, plan) as archive,
        context.journal.timed("download"),
    ):
        stage = Stage(context, plan, connection, place, archive)
        staged = fill_and_verify(context, plan, stage)
    context.journal.received(staged.received)
    return staged


def _no_change(context: RunContext, plan: DatasetPlan) -> DatasetReport:
    log.info("%s: nothing changed at the source", plan.dataset)
    return DatasetReport(
        id=plan.dataset,
        year=plan.year,
        mode="update",
        result="NoChange",
        api=plan.api,
        source_rows=plan.snapshot.rows,
        source_updated_at=plan.source_updated_at,
        last_synced_since=plan.known.synced_since if plan.known else None,
        verified=None if context.request.spec.verify.row_count == "Off" else True,
        schema_in_sync=plan.schema_in_sync,
        frozen_columns=plan.frozen.named,
    )
