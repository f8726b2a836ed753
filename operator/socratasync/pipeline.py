"""One run: download → stage → merge → refresh. Start reading at ``Run._load``.

Everything that may go wrong ends in the report: a run always tells what it did. Datasets go side
by side, ``parallelism`` at once, each on a connection of its own; a dataset that fails leaves the
others alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from psycopg import sql

from socratasync import bookkeeping, catalog, hooks, merge, notify, refresh, soql, statements
from socratasync.api import SyncSpec
from socratasync.archive import ArchiveFile
from socratasync.bookkeeping import Ledger
from socratasync.drift import check_table
from socratasync.errors import HookFailed, RowCountMismatch, SyncError, Terminated
from socratasync.plan import DatasetPlan, Known, Mode
from socratasync.postgres import Connection, Connections, exclusive, translated
from socratasync.progress import Progress, Silent
from socratasync.report import DatasetReport, RunReport
from socratasync.retry import RetryPolicy
from socratasync.socrata import Source, Timeouts
from socratasync.stage import Stage, Staged
from socratasync.survey import survey
from socratasync.table import MaterializedView, Target
from socratasync.verify import Counted, missing_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run. Secrets are values here; nothing in this class is ever logged."""

    name: str
    run: str
    spec: SyncSpec
    mode: Mode
    dsn: str
    since: datetime | None = None
    app_token: str | None = None
    credentials: tuple[str, str] | None = None
    slack_webhook: str | None = None
    hook_headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    archive_folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How to run: what differs between a Job, a terminal and a test."""

    progress: Progress = field(default_factory=Silent)
    stopping: threading.Event = field(default_factory=threading.Event)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    lock_wait_s: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A dataset that is staged and waits for the others, because all are merged at once."""

    job: merge.Job
    stage: Stage


def run(order: Order, circumstances: Circumstances) -> RunReport:
    """Carry out the order. Never raises: what failed is in the report."""
    return Run(order, circumstances).execute()


class Run:
    """The state of one run; used once."""

    def __init__(self, order: Order, circumstances: Circumstances) -> None:
        self._order = order
        self._spec = order.spec
        self._how = circumstances
        self._connections = Connections(order.dsn)
        self._report = RunReport(run=order.run, mode=order.mode)
        self._seconds: dict[str, float] = {}
        self._guard = threading.Lock()
        self._creating = threading.Lock()
        self._source = Source(
            order.spec.domain,
            app_token=order.app_token,
            credentials=order.credentials,
            requests_at_once=order.spec.parallelism,
            policy=circumstances.policy,
            timeouts=circumstances.timeouts,
            stopping=circumstances.stopping,
        )

    def execute(self) -> RunReport:
        """Load, refresh, tell."""
        failed_before = False
        try:
            with self._connections.connect() as connection:
                failed_before = self._with_target(connection)
        except SyncError as exc:
            self._report.error = exc
        except Terminated:
            self._report.terminated = True
            self._connections.cancel_all()
        if not self._report.terminated:
            self._tell_people(failed_before)
        return self._report

    def _with_target(self, connection: Connection) -> bool:
        """Check, lock and load the target; returns whether the run before failed."""
        target = self._check(connection)
        views = [catalog.read_view(connection, name) for name in self._spec.refresh.materialized_views]
        with exclusive(connection, target.name, self._how.lock_wait_s):
            bookkeeping.create(connection)
            ledger = Ledger(connection, target.name, self._order.run)
            failed_before = ledger.last_run_failed()
            done = ledger.begin(self._order.mode)
            try:
                self._load(connection, ledger, done)
                self._refresh(connection, ledger, views)
            except SyncError as exc:
                self._report.error = exc
            ledger.finish(self._report)
        return failed_before

    def _check(self, connection: Connection) -> Target:
        target = catalog.read_target(connection, self._spec.target.schema_, self._spec.target.table)
        check_table(target, self._spec.target.key)
        return target

    # -- download, stage, merge ------------------------------------------------------------------

    def _load(self, connection: Connection, ledger: Ledger, done: Mapping[str, DatasetReport]) -> None:
        target = self._check(connection)
        known = self._known(connection, target, ledger)
        plans = survey(
            self._spec,
            self._source,
            target,
            known,
            mode=self._order.mode,
            since=self._order.since,
            now=self._how.clock(),
        )
        work: dict[str, Callable[[], DatasetReport | Waiting]] = {}
        for dataset, plan in plans.plans.items():
            work[dataset] = self._task(dataset, plan, plans.table, ledger, done.get(dataset))
        outcomes = self._side_by_side(work)
        if self._resets:
            outcomes = self._replace(connection, ledger, outcomes, plans.table)
        self._report.datasets = [self._named(d, o, known) for d, o in outcomes.items()]
        self._count_target(connection, ledger)

    @property
    def _resets(self) -> bool:
        return self._spec.target.reset and self._order.mode == "full"

    def _known(self, connection: Connection, target: Target, ledger: Ledger) -> dict[str, Known]:
        """What is in already; nothing, if somebody emptied or dropped the table since."""
        known = ledger.known()
        there = target.exists and not catalog.is_empty(connection, _identifier(target))
        if known and not there and any(k.source_rows != 0 for k in known.values()):
            self._warn("the target is empty though it was loaded before; everything is loaded again")
            return {}
        return known

    def _task(
        self,
        dataset: str,
        plan: DatasetPlan | SyncError,
        table: tuple[tuple[str, str], ...],
        ledger: Ledger,
        done: DatasetReport | None,
    ) -> Callable[[], DatasetReport | Waiting]:
        """What is left to do for one dataset."""

        def load() -> DatasetReport | Waiting:
            if done is not None and not self._resets:
                return done  # by an earlier try of this very run
            if isinstance(plan, SyncError):
                raise plan
            for warning in plan.warnings:
                self._warn(warning)
            if plan.nothing_to_do:
                return _no_change(plan)
            with self._connections.connect() as connection:
                return self._dataset(connection, plan, table, ledger)

        return load

    def _side_by_side(
        self, work: Mapping[str, Callable[[], DatasetReport | Waiting]]
    ) -> dict[str, DatasetReport | Waiting | SyncError]:
        pool = ThreadPoolExecutor(max_workers=self._spec.parallelism, thread_name_prefix="dataset")
        try:
            futures = {dataset: pool.submit(task) for dataset, task in work.items()}
            return {dataset: _outcome(future) for dataset, future in futures.items()}
        except BaseException:
            self._how.stopping.set()
            self._connections.cancel_all()
            raise
        finally:
            pool.shutdown(wait=not self._how.stopping.is_set(), cancel_futures=True)

    def _dataset(
        self,
        connection: Connection,
        plan: DatasetPlan,
        table: tuple[tuple[str, str], ...],
        ledger: Ledger,
    ) -> DatasetReport | Waiting:
        """Download → stage → verify → merge, for one dataset."""
        log.info("%s: %s, %s", plan.dataset, "full" if plan.load.full else "update", plan.load.why)
        stage = self._stage(connection, plan, ledger)
        with self._timed("download"):
            staged, trusted = self._download(stage, plan)
        stage.finish_archive(self._spec.archive.keep_runs if self._spec.archive else 1)
        job = self._job(plan, staged, trusted)
        if self._resets:
            return Waiting(job=job, stage=stage)
        self._how.progress.begin(plan.dataset, "merge", None)
        with self._timed("merge"), self._one_creates(connection):
            self._complete_table(connection, job, table)
            report = merge.merge(connection, job, ledger, self._table(table))
        return self._merged(job, report, stage)

    def _stage(self, connection: Connection, plan: DatasetPlan, ledger: Ledger) -> Stage:
        archive = None
        if self._order.archive_folder and self._spec.archive:
            archive = ArchiveFile(
                self._order.archive_folder, plan.dataset, plan.year, self._order.run
            )
        return Stage(
            connection,
            self._source,
            plan,
            ledger=ledger,
            page_size=self._spec.source.page_size,
            progress=self._how.progress,
            archive=archive,
        )

    def _download(self, stage: Stage, plan: DatasetPlan) -> tuple[Staged, bool]:
        """Fill the stage and count it. A stage that is not what the source counts is gone on with,
        then filled anew, before the count is believed to be wrong for good."""
        policy = self._spec.verify.row_count
        before = self._count(plan) if policy != "Off" else None
        staged = stage.prepare(self._how.clock(), before)
        stage.fill(staged)
        if before is None:
            return staged, True
        counted = self._counted(plan, staged, before)
        for anew in (False, True):
            if counted.agrees(self._spec.verify.tolerance):
                return staged, True
            log.warning("%s; reading again", counted.sentence(plan.dataset))
            if anew:
                staged = stage.prepare(self._how.clock(), before, anew=True)
            stage.fill(staged)
            counted = self._counted(plan, staged, counted.after)
        if counted.agrees(self._spec.verify.tolerance):
            return staged, True
        sentence = counted.sentence(plan.dataset)
        if policy == "Fail" or self._resets:
            raise RowCountMismatch(f"{sentence}; nothing was merged, and the next run tries again")
        self._warn(f"{sentence}; they were merged, and the next run reads them again")
        return staged, False

    def _count(self, plan: DatasetPlan) -> int:
        if plan.load.full and plan.snapshot.rows is not None:
            return plan.snapshot.rows
        return int(self._source.first(plan.dataset, soql.count(plan.condition))["source_rows"])

    def _counted(self, plan: DatasetPlan, staged: Staged, before: int) -> Counted:
        after = self._source.first(plan.dataset, soql.count(plan.condition))["source_rows"]
        return Counted(staged=staged.rows, before=before, after=int(after))

    def _job(self, plan: DatasetPlan, staged: Staged, trusted: bool) -> merge.Job:
        plan = replace(
            plan, snapshot=staged.snapshot, replica_is_behind=staged.replica_is_behind
        )
        with self._guard:
            self._report.bytes += staged.bytes
        # An update that brought every row there is, is a full load in effect.
        complete = plan.load.full or (trusted and staged.rows == plan.snapshot.rows)
        delete = complete and trusted and self._spec.target.prune
        return merge.Job(plan=plan, staged_rows=staged.rows, trusted=trusted, delete_missing=delete)

    @contextmanager
    def _one_creates(self, connection: Connection) -> Iterator[None]:
        """Merges go side by side, but the first one makes the table and the others wait for it."""
        self._creating.acquire()
        exists = self._check(connection).exists
        if exists:
            self._creating.release()
        try:
            yield
        finally:
            if not exists:
                self._creating.release()

    def _complete_table(
        self, connection: Connection, job: merge.Job, table: tuple[tuple[str, str], ...]
    ) -> None:
        """Give an existing table the columns that this dataset brings."""
        target = self._check(connection)
        if not target.exists:
            return
        names = {column.name for column in target.columns}
        lacking = [(c.name, c.type) for c in job.shape.columns if c.name not in names]
        if self._spec.target.provenance:
            lacking += merge.provenance_columns(names)
        merge.add_columns(connection, job.shape, lacking)

    def _table(self, columns: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        """The columns of a table still to be made."""
        extra = merge.provenance_columns(set()) if self._spec.target.provenance else []
        return [*columns, *extra]

    def _merged(self, job: merge.Job, report: DatasetReport, stage: Stage) -> DatasetReport:
        report.verified = job.trusted if self._spec.verify.row_count != "Off" else None
        report.schema_in_sync = job.plan.schema_in_sync
        for warning in job.warnings:
            self._warn(warning)
        stage.drop()
        self._how.progress.finish(report.id)
        return report

    def _replace(
        self,
        connection: Connection,
        ledger: Ledger,
        outcomes: Mapping[str, DatasetReport | Waiting | SyncError],
        table: tuple[tuple[str, str], ...],
    ) -> dict[str, DatasetReport | Waiting | SyncError]:
        """``reset``: all datasets at once, or, if one is missing, none: its rows would be lost."""
        waiting = {d: o for d, o in outcomes.items() if isinstance(o, Waiting)}
        if len(waiting) < len(outcomes):
            self._warn("nothing was replaced, since not every dataset could be read")
            return dict(outcomes)
        jobs = [w.job for w in waiting.values()]
        with self._timed("merge"), translated():
            for job in jobs:
                self._complete_table(connection, job, table)
            reports = merge.replace_all(connection, jobs, ledger, self._table(table))
        return {
            d: self._merged(w.job, report, w.stage)
            for (d, w), report in zip(waiting.items(), reports, strict=True)
        }

    def _named(
        self, dataset: str, outcome: DatasetReport | Waiting | SyncError, known: Mapping[str, Known]
    ) -> DatasetReport:
        """The dataset's entry in the report, whatever became of it."""
        if isinstance(outcome, DatasetReport):
            return outcome
        year = next(d.year for d in self._spec.datasets if d.id == dataset)
        earlier = known.get(dataset)
        return DatasetReport(
            id=dataset,
            year=year,
            mode=self._order.mode,
            result="Failed",
            last_synced_since=earlier.synced_since if earlier else None,
            error=outcome if isinstance(outcome, SyncError) else None,
        )

    def _count_target(self, connection: Connection, ledger: Ledger) -> None:
        """What the target holds now, and whether that is as much as the sources do."""
        target = self._check(connection)
        if not target.exists:
            return
        if not self._spec.target.provenance or target.column("socrata_dataset") is None:
            self._report.target_rows = merge.count(connection, statements.count_rows(_identifier(target)))
            return
        rows = dict(connection.execute(statements.count_by_dataset(_identifier(target))).fetchall())
        self._report.target_rows = sum(rows.values())
        known = ledger.known()
        for report in self._report.datasets:
            report.rows.target = rows.get(report.id, 0)
            if report.error is None and report.id in known:
                self._compare(report, report.rows.target, known[report.id].left_out)

    def _compare(self, report: DatasetReport, in_target: int, left_out: int) -> None:
        verify = self._spec.verify
        if verify.row_count == "Off":
            return
        sentence = missing_rows(report, in_target, left_out, verify.tolerance)
        if sentence is None:
            return
        report.verified = False
        self._warn(sentence)
        if verify.row_count == "Fail":
            report.error = RowCountMismatch(f"the data is in, but {sentence}")

    # -- refresh ---------------------------------------------------------------------------------

    def _refresh(
        self, connection: Connection, ledger: Ledger, views: list[MaterializedView]
    ) -> None:
        """Views, vacuum and hooks; also those that an earlier run owes."""
        if not ledger.refresh_is_pending():
            return
        target = sql.Identifier(self._spec.target.schema_, self._spec.target.table)
        self._how.progress.begin("refresh", "refresh", None)
        with self._timed("refresh"):
            views = [catalog.read_view(connection, view.name) for view in views]
            done = refresh.refresh(connection, target, self._spec.refresh.vacuum, views)
            for warning in done.warnings:
                self._warn(warning)
            error = done.error or self._call_hooks()
        self._how.progress.finish("refresh")
        if error:
            raise error
        ledger.mark_refreshed()

    def _call_hooks(self) -> SyncError | None:
        failed: SyncError | None = None
        for number, hook in enumerate(self._spec.hooks):
            call = hooks.Hook(
                url=hook.url,
                method=hook.method,
                headers=self._order.hook_headers.get(number, {}),
                timeout_s=hook.timeout_seconds,
                required=hook.required,
            )
            try:
                hooks.call(call, self._report.as_dict())
            except HookFailed as exc:
                self._warn(f"hook: {exc.message}")
                if hook.required:
                    failed = failed or exc
        return failed

    def _tell_people(self, failed_before: bool) -> None:
        wanted = self._spec.notify.on if self._spec.notify else []
        what = notify.occasion(self._report, failed_before=failed_before)
        if not self._order.slack_webhook or not notify.is_wanted(what, wanted):
            return
        try:
            text = notify.slack_text(self._order.name, what, self._report)
            hooks.post_to_slack(self._order.slack_webhook, text)
        except HookFailed as exc:
            self._warn(f"nobody was told: {exc.message}")

    # -- small matters ---------------------------------------------------------------------------

    def _warn(self, sentence: str) -> None:
        log.warning("%s", sentence)
        with self._guard:
            if sentence not in self._report.warnings:
                self._report.warnings.append(sentence)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Add the time spent to the report; datasets side by side add up."""
        started = time.monotonic()
        try:
            yield
        finally:
            with self._guard:
                spent = self._report.seconds.get(stage, 0.0)
                self._report.seconds[stage] = spent + time.monotonic() - started


def _identifier(target: Target) -> sql.Identifier:
    return sql.Identifier(target.schema, target.table)


def _outcome(
    future: Future[DatasetReport | Waiting],
) -> DatasetReport | Waiting | SyncError:
    try:
        return future.result()
    except SyncError as exc:
        log.error("%s: %s", exc.reason, exc.message)
        return exc


def _no_change(plan: DatasetPlan) -> DatasetReport:
    log.info("%s: nothing changed at the source", plan.dataset)
    return DatasetReport(
        id=plan.dataset,
        year=plan.year,
        mode="update",
        result="NoChange",
        source_rows=plan.snapshot.rows,
        source_updated_at=plan.snapshot.rows_updated_at,
        last_synced_since=plan.known.synced_since if plan.known else None,
        verified=True,
        schema_in_sync=plan.schema_in_sync,
    )
