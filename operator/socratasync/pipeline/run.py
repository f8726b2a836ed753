"""One run, on one screen: plan, load (stage → verify → merge), recount, refresh, call hooks.

Everything that may go wrong ends in the report: a run always tells what it did. Datasets go side
by side, ``parallelism`` at once, each on a connection of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

from socratasync.contract.report import DatasetReport, RunReport, summarise
from socratasync.errors import SchemaChanged, SyncError, Terminated, Unexpected
from socratasync.pipeline.dataset import load_dataset
from socratasync.pipeline.finish.comments import comment
from socratasync.pipeline.finish.follow_up import follow_up
from socratasync.pipeline.finish.indexes import clear_the_way
from socratasync.pipeline.finish.interface_report import tell_announced, tell_interface
from socratasync.pipeline.finish.recount import recount
from socratasync.pipeline.finish.size import measure
from socratasync.pipeline.follow import followed, forget_pinned, tell_adopted
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.merge.merge import tidy
from socratasync.pipeline.merge.new_table import begin_table, give_name
from socratasync.pipeline.merge.replace import Deferred, Outcome, replace_all
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan import obstacles, planner, target_state
from socratasync.pipeline.plan.following import Followed
from socratasync.pipeline.plan.frozen import Remembered, still_there
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.planner import Plans
from socratasync.pipeline.request import RunContext, RunOptions, RunRequest
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.stage.abandoned import drop_abandoned
from socratasync.pipeline.stage.changeover import check_all
from socratasync.pipeline.target import catalog, migrations, surroundings
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connection, Connections
from socratasync.pipeline.target.planned_table import PlannedTable
from socratasync.pipeline.target.refusals import translated
from socratasync.pipeline.target.table_lock import TableLock, exclusive

log = logging.getLogger(__name__)


def run(request: RunRequest, options: RunOptions) -> RunReport:
    """Carry out the request. Never raises: what failed is in the report."""
    journal = Journal(_blank(request))
    with (
        reported(journal, options),
        opened(request, options, journal) as context,
        listened(context),
    ):
        context, plans = followed(context, plan_all)
        with recorded(context) as done:
            forget_pinned(context)
            remember(context, plans)
            drop_abandoned(context, in_use=to_be_staged(plans))
            is_new = not plans.state.target.exists and not done
            begin_table(context, plans.plans.values())
            indexes_are_due = clear_the_way(context, plans.state.target)
            outcomes = load_all(context, plans, done)
            if request.resets:
                outcomes = replace_all(context, outcomes)
            else:
                outcomes = give_name(context, outcomes)
            report_datasets(context, plans, outcomes)
            tell_adopted(context, outcomes)
            tidy(context, well(plans, outcomes))
            recount(context, is_new=is_new)
            follow_up(context, is_new=is_new, indexes_are_due=indexes_are_due)
            comment(context)
            measure(context)
    return journal.report


def _blank(request: RunRequest) -> RunReport:
    return RunReport(
        run=request.run,
        mode=request.mode,
        only=request.selection.text or None,
        redact=request.redactor(),
    )


@contextmanager
def reported(journal: Journal, options: RunOptions) -> Iterator[None]:
    """Whatever is raised inside ends in the report."""
    try:
        yield
    except Terminated:
        journal.report.terminated = True
    except SyncError as exc:
        _fail(journal, options, exc)
    except Exception as exc:
        log.exception("internal error")
        _fail(journal, options, Unexpected.because_of(exc))


def _fail(journal: Journal, options: RunOptions, error: SyncError) -> None:
    """A statement that SIGTERM cancelled fails, too: that is no error."""
    if options.stopping.is_set():
        journal.report.terminated = True
    else:
        journal.fail(error)


@contextmanager
def opened(request: RunRequest, options: RunOptions, journal: Journal) -> Iterator[RunContext]:
    """The source, the target's connection, and its lock: one run per table. A target that cannot be
    loaded into is told at once, without waiting for the lock."""
    connections = Connections(
        request.dsn, target_wait_s=options.target_wait_s, silence_s=options.silence_s
    )
    with closing(source(request, options)) as asked, connections.connect() as connection:
        check(connection, request)
        with exclusive(connection, request.target, options.lock_wait_s) as lock:
            yield RunContext(
                request=request,
                options=options,
                journal=journal,
                source=asked,
                connections=connections,
                connection=connection,
                ledger=Ledger(connection, request.target, request.run, lock),
                lock=TableLock(request.target),
                table=PlannedTable(),
                started=options.clock(),
                followed=Followed(spec=request.spec),
            )


@contextmanager
def listened(context: RunContext) -> Iterator[None]:
    """What the portal announces meanwhile is in the report, whatever becomes of the run."""
    try:
        yield
    finally:
        tell_announced(context)


def source(request: RunRequest, options: RunOptions) -> Source:
    """The domain of the request, not asked yet."""
    return Source(
        request.spec.domain,
        api=request.spec.source.api,
        app_token=request.secrets.app_token,
        credentials=request.secrets.credentials,
        requests_at_once=request.spec.parallelism,
        policy=options.policy,
        timeouts=options.timeouts or Timeouts.of(request.spec.source.timeouts),
        stopping=options.stopping,
    )


def check(connection: Connection, request: RunRequest) -> None:
    """Raises ``Misconfigured`` or ``PermissionDenied`` for a target that no run can load into."""
    target_state.check_rights(connection, request.spec)
    target = target_state.checked_target(connection, request.spec)
    around = surroundings.read(connection, target)
    obstacles.check_obstacles(target, around, resets=request.resets)
    catalog.check_types(connection, request.spec.target.fields, request.spec.target.types)
    if target.exists:
        catalog.read_views(connection, request.spec.refresh.materialized_views)


def plan_all(context: RunContext) -> Plans:
    """Every dataset's plan. Raises what is wrong where no dataset fits the target, so that nothing is
    touched then."""
    request = context.request
    state = target_state.look(context.connection, request.spec)
    context.table.was_planned(state.target, state.before.rows)
    if state.was_emptied:
        context.journal.warn(
            "the target is empty though it was loaded before; everything is loaded again"
        )
    plans = planner.plan_all(
        request.spec,
        context.source,
        state,
        mode=request.mode,
        since=request.lower_bound,
        only=request.selection.range,
        now=context.options.clock(),
    )
    checked = check_all(
        context.connections,
        context.source,
        plans.plans,
        at_once=request.spec.parallelism,
        resets=request.resets,
    )
    plans = replace(plans, plans=checked)
    if plans.refused and not migrations.bookkeeping_exists(context.connection):
        report_datasets(context, plans, {})
        raise _together(context)
    return plans


def _together(context: RunContext) -> SyncError:
    error = summarise((d.id, d.error) for d in context.journal.report.datasets if d.error)
    assert error is not None, "every dataset is refused"
    return error


@contextmanager
def recorded(context: RunContext) -> Iterator[dict[str, DatasetReport]]:
    """The run's row in the bookkeeping, begun and finished. Gives what an earlier try of this very run
    merged; an error ends in the report, and so in the row."""
    migrations.bring_up_to_date(context.connection)
    done = context.ledger.begin(context.request.mode)
    try:
        with translated():
            yield done
    except SyncError as exc:
        _fail(context.journal, context.options, exc)
    _write_down(context)


def remember(context: RunContext, plans: Plans) -> None:
    """Bring the bookkeeping to what the table holds, before a dataset changes that. Else rows, or a column,
    that somebody removed and one dataset brings back would count as loaded for the others, too."""
    if plans.state.was_emptied:
        context.ledger.forget_other_datasets([])
        context.ledger.forget_outranked()
    for dataset, known in plans.state.known.items():
        plan = plans.plans.get(dataset)
        if isinstance(plan, DatasetPlan) and plan.nothing_to_do:
            columns: Remembered = plan.columns_after
        else:
            columns = still_there(known.columns, plans.state.target)
        if columns != known.columns:
            context.ledger.record_columns(dataset, columns)


def _write_down(context: RunContext) -> None:
    """Keep the report in the bookkeeping. Not being able to is an error only where there is no other:
    one that passes is tried again."""
    tell_announced(context)
    try:
        with translated():
            context.ledger.finish(context.journal.report)
    except SyncError as exc:
        if context.journal.report.ok:
            _fail(context.journal, context.options, exc)
        else:
            context.journal.warn(f"the run could not be recorded: {exc.message}")


def load_all(
    context: RunContext, plans: Plans, done: Mapping[str, DatasetReport]
) -> dict[str, Outcome]:
    """What became of each dataset, side by side; of those that are ``done``, their earlier report."""
    return in_parallel(
        {dataset: _task(context, plan, done.get(dataset)) for dataset, plan in plans.plans.items()},
        at_once=context.request.spec.parallelism,
        stopping=context.options.stopping,
        on_stop=context.connections.cancel_all,
    )


def _task(
    context: RunContext, plan: DatasetPlan | SyncError, done: DatasetReport | None
) -> Callable[[], DatasetReport | Deferred]:
    if done is not None and not (isinstance(plan, DatasetPlan) and plan.starts_over):
        return lambda: done
    if isinstance(plan, SyncError):
        return partial(_raise, plan)
    return partial(load_dataset, context, plan)


def _raise(error: SyncError) -> DatasetReport:
    raise error


def report_datasets(context: RunContext, plans: Plans, outcomes: Mapping[str, Outcome]) -> None:
    """The datasets' entries in the report, whatever became of them."""
    context.journal.report.datasets = [
        _entry(context, plans, dataset, outcomes.get(dataset, plan))
        for dataset, plan in plans.plans.items()
    ]
    for each in context.journal.report.datasets:
        tell_interface(context, each, plans.plans[each.id], plans.state.known.get(each.id))


def _entry(
    context: RunContext, plans: Plans, dataset: str, outcome: Outcome | DatasetPlan
) -> DatasetReport:
    if isinstance(outcome, DatasetReport):
        return outcome
    if isinstance(outcome, SyncError):
        log.error("%s: %s", outcome.reason, outcome.message)
    earlier = plans.state.known.get(dataset)
    in_sync, frozen = _compared(context, plans.plans[dataset], outcome)
    return DatasetReport(
        id=dataset,
        year=context.request.spec.dataset(dataset).year,
        mode=context.request.mode,
        result="Failed",
        last_synced_since=earlier.synced_since if earlier else None,
        error=outcome if isinstance(outcome, SyncError) else None,
        schema_in_sync=in_sync,
        frozen_columns=frozen,
    )


def _compared(
    context: RunContext, plan: DatasetPlan | SyncError, outcome: Outcome | DatasetPlan
) -> tuple[bool | None, tuple[str, ...] | None]:
    """Whether the columns of a dataset that failed are as agreed, and which are frozen; None if unknown.
    A reset that failed has not emptied the table, which its plan counts on."""
    if isinstance(outcome, SchemaChanged):
        return False, None
    if isinstance(plan, SyncError) or context.request.resets:
        return None, None
    return plan.schema_in_sync, plan.frozen.named


def to_be_staged(plans: Plans) -> list[str]:
    """The stages of the datasets that are about to be read, and the table that grows to be the target."""
    shapes = [
        plan.shape
        for plan in plans.plans.values()
        if isinstance(plan, DatasetPlan) and not plan.nothing_to_do
    ]
    return [name for shape in shapes for name in (shape.stage, shape.new_table) if name]


def well(plans: Plans, outcomes: Mapping[str, Outcome]) -> list[DatasetPlan]:
    """The plans that were carried out."""
    return [
        plan
        for dataset, plan in plans.plans.items()
        if isinstance(plan, DatasetPlan) and isinstance(outcomes.get(dataset), DatasetReport)
    ]
