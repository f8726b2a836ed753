"""One run: load (download → stage → merge), refresh, tell. Start reading at ``Run.execute``.

Everything that may go wrong ends in the report: a run always tells what it did. Datasets go side
by side, ``parallelism`` at once, each on a connection of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from psycopg import sql

from socratasync.contract.progress import StepName
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import Misconfigured, SyncError, Terminated, Unexpected
from socratasync.pipeline import dataset as dataset_run
from socratasync.pipeline.finish import hooks, refresh, slack
from socratasync.pipeline.finish.recount import count_target
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.merge import merge
from socratasync.pipeline.merge.replace import Deferred, Outcome, replace_all
from socratasync.pipeline.merge.table import check
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.planner import Plans, survey
from socratasync.pipeline.request import RunContext, RunOptions, RunRequest
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target import bookkeeping, catalog
from socratasync.pipeline.target.bookkeeping import Known, Ledger
from socratasync.pipeline.target.catalog import MaterializedView, Target
from socratasync.pipeline.target.connection import Connection, Connections, exclusive, translated
from socratasync.pipeline.target.table_lock import TableLock

__all__ = ["RunOptions", "RunRequest", "run"]

log = logging.getLogger(__name__)


def run(request: RunRequest, options: RunOptions) -> RunReport:
    """Carry out the request. Never raises: what failed is in the report."""
    return Run(request, options).execute()


class Run:
    """The state of one run; used once."""

    def __init__(self, request: RunRequest, options: RunOptions) -> None:
        self._request = request
        self._spec = request.spec
        self._options = options
        self._connections = Connections(request.dsn, target_wait_s=options.target_wait_s)
        self._report = RunReport(run=request.run, mode=request.mode, redact=request.redactor())
        self._journal = Journal(self._report)
        self._failed_before = False
        self._source = Source(
            request.spec.domain,
            app_token=request.secrets.app_token,
            credentials=request.secrets.credentials,
            requests_at_once=request.spec.parallelism,
            policy=options.policy,
            timeouts=options.timeouts,
            stopping=options.stopping,
        )

    def execute(self) -> RunReport:
        """Load, refresh, tell."""
        try:
            with closing(self._source), self._connections.connect() as connection:
                self._with_target(connection)
        except Terminated:
            self._report.terminated = True
        except SyncError as exc:
            self._failed(exc)
        except Exception as exc:
            log.exception("a fault of Socrata Sync")
            self._failed(Unexpected.because_of(exc))
        if not self._report.terminated:
            slack.tell_people(
                self._request, self._report, self._journal, failed_before=self._failed_before
            )
        return self._report

    def _failed(self, error: SyncError) -> None:
        """A statement that SIGTERM cancelled fails, too."""
        if self._options.stopping.is_set():
            self._report.terminated = True
        else:
            log.error("%s: %s", error.reason, error.message)
            self._report.error = self._report.error or error

    def _with_target(self, connection: Connection) -> None:
        """Check and lock the target, plan, then load, refresh and write down how it went."""
        target = check(connection, self._request)
        catalog.check_types(connection, self._spec.target.fields)
        if target.exists:
            self._views(connection)
        with exclusive(connection, target.name, self._options.lock_wait_s):
            target = check(connection, self._request)
            known = self._known(connection, target)
            plans = self._survey(target, known)
            if _is_refused(plans) and not bookkeeping.exists(connection):
                self._report.datasets = [self._named(d, o, known) for d, o in plans.plans.items()]
                return
            bookkeeping.create(connection)
            ledger = Ledger(connection, target.name, self._request.run)
            self._failed_before = ledger.last_run_failed()
            done = ledger.begin(self._request.mode)
            try:
                with translated():
                    self._load(connection, ledger, plans, known, done, is_new=not target.exists)
                    self._refresh(connection, ledger, is_new=not target.exists)
            except SyncError as exc:
                self._failed(exc)
            self._write_down(ledger)

    def _write_down(self, ledger: Ledger) -> None:
        """Keep the report in the bookkeeping. Not being able to is an error only where there is no other:
        one that passes is tried again."""
        try:
            with translated():
                ledger.finish(self._report)
        except SyncError as exc:
            if self._report.ok:
                self._failed(exc)
            else:
                self._journal.warn(f"the run could not be recorded: {exc.message}")

    def _survey(self, target: Target, known: Mapping[str, Known]) -> Plans:
        return survey(
            self._spec,
            self._source,
            target,
            known,
            mode=self._request.mode,
            since=self._request.lower_bound,
            now=self._options.clock(),
        )

    def _known(self, connection: Connection, target: Target) -> dict[str, Known]:
        """What is in already; nothing, if somebody emptied or dropped the table since."""
        if not bookkeeping.exists(connection):
            return {}
        known = Ledger(connection, target.name, self._request.run).known()
        table = sql.Identifier(target.schema, target.table)
        there = target.exists and not catalog.is_empty(connection, table)
        if known and not there and any(k.source_rows != 0 for k in known.values()):
            self._journal.warn(
                "the target is empty though it was loaded before; everything is loaded again"
            )
            return {}
        return known

    # -- load ------------------------------------------------------------------------------------

    def _load(
        self,
        connection: Connection,
        ledger: Ledger,
        plans: Plans,
        known: Mapping[str, Known],
        done: Mapping[str, DatasetReport],
        *,
        is_new: bool,
    ) -> None:
        context = RunContext(
            request=self._request,
            options=self._options,
            source=self._source,
            connections=self._connections,
            ledger=ledger,
            journal=self._journal,
            table=plans.table,
            turns=TableLock(self._options.stopping),
        )
        outcomes = in_parallel(
            {d: _task(context, plan, done.get(d)) for d, plan in plans.plans.items()},
            at_once=self._spec.parallelism,
            stopping=self._options.stopping,
            on_stop=self._connections.cancel_all,
        )
        if self._request.resets:
            outcomes = replace_all(connection, context, outcomes)
        self._report.datasets = [self._named(d, o, known) for d, o in outcomes.items()]
        well = [p for d, p in plans.plans.items() if isinstance(outcomes.get(d), DatasetReport)]
        merge.tidy(connection, context, [p for p in well if isinstance(p, DatasetPlan)])
        count_target(
            connection,
            self._request,
            ledger,
            self._report,
            self._journal,
            is_new=is_new and not done,
        )

    def _named(
        self, dataset: str, outcome: Outcome | DatasetPlan, known: Mapping[str, Known]
    ) -> DatasetReport:
        """The dataset's entry in the report, whatever became of it."""
        if isinstance(outcome, DatasetReport):
            return outcome
        if isinstance(outcome, SyncError):
            log.error("%s: %s", outcome.reason, outcome.message)
        earlier = known.get(dataset)
        return DatasetReport(
            id=dataset,
            year=next(d.year for d in self._spec.datasets if d.id == dataset),
            mode=self._request.mode,
            result="Failed",
            last_synced_since=earlier.synced_since if earlier else None,
            error=outcome if isinstance(outcome, SyncError) else None,
        )

    # -- refresh ---------------------------------------------------------------------------------

    def _refresh(self, connection: Connection, ledger: Ledger, *, is_new: bool) -> None:
        """Views, vacuum and hooks; also those that an earlier run owes."""
        if not ledger.refresh_is_pending():
            return
        target = sql.Identifier(self._spec.target.schema_, self._spec.target.table)
        with self._journal.timed("refresh"), self._showing("refresh"):
            views = self._views(connection, is_new=is_new)
            done = refresh.refresh(connection, target, self._spec.refresh.vacuum, views)
            for warning in done.warnings:
                self._journal.warn(warning)
            error = done.error or hooks.call_hooks(self._request, self._report, self._journal)
        if error:
            raise error
        ledger.mark_refreshed()

    @contextmanager
    def _showing(self, step: StepName) -> Iterator[None]:
        self._options.progress.begin(step, step, None)
        try:
            yield
        finally:
            self._options.progress.finish(step)

    def _views(self, connection: Connection, *, is_new: bool = False) -> list[MaterializedView]:
        """The views to refresh. On a table that this very run made there can be none yet."""
        views: list[MaterializedView] = []
        for name in self._spec.refresh.materialized_views:
            try:
                views.append(catalog.read_view(connection, name))
            except Misconfigured as exc:
                if not is_new:
                    raise
                self._journal.warn(exc.message)
        return views


def _task(
    context: RunContext, plan: DatasetPlan | SyncError, done: DatasetReport | None
) -> Callable[[], DatasetReport | Deferred]:
    """What is left to do for one dataset."""

    def load() -> DatasetReport | Deferred:
        if done is not None:
            return done  # by an earlier try of this very run
        if isinstance(plan, SyncError):
            raise plan
        return dataset_run.load(context, plan)

    return load


def _is_refused(plans: Plans) -> bool:
    """Whether the manifest and the target fit no dataset, so that nothing is to be touched."""
    return all(isinstance(plan, Misconfigured) for plan in plans.plans.values())
