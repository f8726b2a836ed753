"""One dataset's way through a run: download → stage → verify → merge.

A dataset whose rows are to be merged together with the others' (``reset``) stops before the merge
and waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from socratasync.contract.report import DatasetReport
from socratasync.errors import RowCountMismatch, SourceUnavailable, SyncError
from socratasync.pipeline.merge import merge
from socratasync.pipeline.merge.fill_ahead import FillAhead
from socratasync.pipeline.merge.replace import Deferred
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source import soql
from socratasync.pipeline.stage.archive import ArchiveFile
from socratasync.pipeline.stage.fill import Stage, Staged
from socratasync.pipeline.stage.verify import Counted, StagedDataset, suspicious_loss
from socratasync.pipeline.target.connection import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the counts say of a stage. ``trusted``: within the tolerance, so the watermark may move.
    ``exact``: to the row, so that what is missing from it may be deleted."""

    trusted: bool = True
    exact: bool = True


def load(context: RunContext, plan: DatasetPlan) -> DatasetReport | Deferred:
    """Carry out the plan. Raises ``SyncError``; nothing is merged then."""
    for warning in plan.warnings:
        context.journal.warn(warning)
    if plan.nothing_to_do:
        return _no_change(plan)
    log.info("%s: %s, %s", plan.dataset, "full" if plan.load.full else "update", plan.load.why)
    try:
        with context.connections.connect() as connection:
            return _DatasetRun(context, plan, connection).execute()
    finally:
        context.options.progress.finish(plan.dataset)


class _DatasetRun:
    """One plan being carried out, on one connection."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        self._context = context
        self._spec = context.request.spec
        self._plan = plan
        self._connection = connection
        self._destroys = False

    def execute(self) -> DatasetReport | Deferred:
        with closing(FillAhead(self._context, self._plan, self._connection)) as ahead:
            job = self._downloaded(ahead)
            if self._context.request.resets:
                return Deferred(job=job)
            self._context.options.progress.begin(self._plan.dataset, "merge", None)
            report = ahead.commit(job)
        if report is None:
            report = merge.bring_in(self._connection, self._context, job)
        merge.settle(self._connection, self._context, job, report)
        return report

    def _downloaded(self, ahead: FillAhead) -> StagedDataset:
        with self._archive() as archive, self._context.journal.timed("download"):
            staged, verdict = self._download(self._stage(archive, ahead))
            if archive and self._spec.archive:
                archive.finish(self._spec.archive.keep_runs)
        self._context.journal.received(staged.bytes)
        return self._job(staged, verdict)

    @contextmanager
    def _archive(self) -> Iterator[ArchiveFile | None]:
        """Where the download is also written, closed at the end; what is unfinished stays to go on with."""
        folder = self._context.request.archive_folder
        if not folder or not self._spec.archive:
            yield None
            return
        archive = ArchiveFile(
            folder, self._plan.dataset, self._plan.year, self._context.request.run
        )
        try:
            yield archive
        finally:
            archive.close()

    def _stage(self, archive: ArchiveFile | None, ahead: FillAhead) -> Stage:
        return Stage(
            self._connection,
            self._context.source,
            self._plan,
            ledger=self._context.ledger,
            page_size=self._spec.source.page_size,
            progress=self._context.options.progress,
            follower=ahead,
            archive=archive,
        )

    # -- download and verify ---------------------------------------------------------------------

    def _download(self, stage: Stage) -> tuple[Staged, Verdict]:
        """Fill the stage and count it. A stage that is not what the source counts is gone on with,
        then filled anew, before the count is believed to be wrong for good."""
        before = self._count_before() if self._counts else None
        self._destroys = before is not None and self._may_destroy(before)
        staged = stage.prepare(self._context.options.clock(), before)
        stage.fill(staged)
        if before is None:
            return staged, Verdict()
        counted, changed_at = self._counted(staged, before, staged.snapshot.rows_updated_at)
        if not counted.is_exact:
            counted = self._go_on(stage, staged, counted)
        if not self._suffices(counted):
            log.warning("%s; reading anew", counted.sentence(self._plan.dataset))
            staged = stage.prepare(self._context.options.clock(), before, anew=True)
            stage.fill(staged)
            counted, _ = self._counted(staged, counted.after, changed_at)
        return staged, self._judge(counted, staged)

    def _go_on(self, stage: Stage, staged: Staged, counted: Counted) -> Counted:
        """Read what came while pages were read, or was hidden by a page that came empty."""
        stage.fill(staged)
        after = self._count(self._plan.condition)
        again = replace(counted, staged=staged.rows, before=counted.after, after=after)
        return again if again.is_exact else replace(again, before=counted.before)

    def _suffices(self, counted: Counted) -> bool:
        if self._destroys:
            return counted.is_exact
        return counted.agrees(0) or counted.agrees(self._spec.verify.tolerance)

    @property
    def _counts(self) -> bool:
        """Whether rows are counted: where rows are deleted for not being staged, always."""
        destroys = self._context.request.resets or self._spec.target.prune
        return destroys or self._spec.verify.row_count != "Off"

    def _count_before(self) -> int:
        if self._plan.load.full and self._plan.snapshot.rows is not None:
            return self._plan.snapshot.rows
        return self._count(self._plan.condition)

    def _may_destroy(self, before: int) -> bool:
        """Whether rows that are not staged are to be deleted. An update may do so when it asks for every
        row there is, as it does after a dataset was replaced wholesale: one more count, of the rows
        it does not ask for, finds none."""
        if self._context.request.resets:
            return True
        if not self._spec.target.prune:
            return False
        if self._plan.load.full:
            return True
        if before < max(1, self._plan.snapshot.rows or 0):
            return False  # no row at all is rather a dataset that is being replaced just now
        assert self._plan.load.bound is not None
        unread = soql.before(self._plan.watermark, self._plan.load.bound)
        return self._count(soql.both(self._plan.where, unread)) == 0

    def _counted(
        self, staged: Staged, before: int, changed_at: datetime | None
    ) -> tuple[Counted, datetime | None]:
        """The stage against the source's counts; and, where rows may be deleted, when the source says
        that it last changed, which ``changed_at`` was before the first page."""
        after = self._count(self._plan.condition)
        now = changed_at
        if self._destroys:
            now = self._context.source.metadata(self._plan.dataset).rows_updated_at
        counted = Counted(staged=staged.rows, before=before, after=after, moved=now != changed_at)
        return counted, now

    def _count(self, condition: str | None) -> int:
        return self._context.source.count(self._plan.dataset, soql.count(condition))

    def _judge(self, counted: Counted, staged: Staged) -> Verdict:
        """Raises ``RowCountMismatch`` where a wrong count must not pass."""
        tolerance = self._spec.verify.tolerance
        if counted.agrees(tolerance) and (
            counted.is_steady(tolerance) or not self._context.request.resets
        ):
            return Verdict(exact=counted.is_exact)
        sentence = counted.sentence(self._plan.dataset)
        if self._spec.verify.row_count == "Fail" or self._context.request.resets:
            raise RowCountMismatch(f"{sentence}; nothing was merged, and the next run tries again")
        self._context.journal.warn(
            f"{sentence}; they were merged, and the next run reads them again"
        )
        return Verdict(trusted=False, exact=False)

    # -- merge -----------------------------------------------------------------------------------

    def _job(self, staged: Staged, verdict: Verdict) -> StagedDataset:
        return StagedDataset(
            plan=replace(self._plan, snapshot=staged.snapshot, replica_as_of=staged.replica_as_of),
            staged_rows=staged.rows,
            trusted=verdict.trusted,
            delete_missing=self._deletes(staged, verdict),
        )

    def _deletes(self, staged: Staged, verdict: Verdict) -> bool:
        """Whether rows that were not staged are gone at the source, and are to be deleted. Raises
        ``RowCountMismatch`` or ``SourceUnavailable`` where all would be replaced by too little."""
        if not self._destroys:
            return False
        doubt = self._doubt(staged, verdict)
        resets = self._context.request.resets
        if doubt and resets:
            merge.drop_stage(self._connection, self._plan.shape)  # the next try is to read anew
            raise type(doubt)(f"nothing was replaced: {doubt.message}")
        if doubt:
            self._context.journal.warn(f"nothing was deleted: {doubt.message}")
        return not doubt and not resets

    def _doubt(self, staged: Staged, verdict: Verdict) -> SyncError | None:
        """Why rows that were not staged may exist all the same."""
        dataset, known = self._plan.dataset, self._plan.known
        if not verdict.exact and not self._context.request.resets:
            return RowCountMismatch(
                f"dataset {dataset} changed while it was read, which leaves in doubt what is gone"
            )
        if known is None or self._spec.verify.row_count == "Off":
            return None
        if staged.replica_as_of is not None:
            return SourceUnavailable(
                f"dataset {dataset} was answered by a replica that is behind, and may lack rows that are in"
            )
        if known.query != (self._plan.where or ""):
            return None
        had = merge.count_rows_of(self._connection, self._plan.shape)
        changed_at, now = self._plan.snapshot.rows_updated_at, self._context.options.clock()
        loss = suspicious_loss(dataset, had, staged.rows, changed_at, now)
        return RowCountMismatch(loss) if loss else None


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
