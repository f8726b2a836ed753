"""What the counts say: rows that were staged against rows that the source counts before and after, and
what follows from it: what may be merged, whether the watermark may move, what may be deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from socratasync.api.target import VerifySpec
from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.errors import RowCountMismatch, SourceUnavailable, SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Shape, Snapshot
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source import soql
from socratasync.pipeline.stage.counts import Counted, allowed_difference, suspicious_loss
from socratasync.pipeline.stage.fill import Stage, drop_stage
from socratasync.pipeline.stage.staged import Staged
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import Connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedDataset:
    """One dataset, staged and judged. ``trusted``: the rows were counted and are all there, so the
    watermark may move. ``delete_missing``: rows of the dataset that were not staged are gone at the
    source, and are to be deleted. ``received``: bytes over the wire. ``bad``: values that do not fit, and
    rows left out for them, which are not among ``staged_rows``."""

    plan: DatasetPlan
    staged_rows: int
    bad: BadValues = NO_BAD_VALUES
    received: int = 0
    trusted: bool = True
    delete_missing: bool = False

    @property
    def shape(self) -> Shape:
        """The names that the statements need."""
        return self.plan.shape

    @property
    def skipped(self) -> int:
        """Rows that came, and were left out."""
        return self.bad.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the counts say of a stage. ``trusted``: within the tolerance, so the watermark may move.
    ``exact``: to the row, so that what is missing from it may be deleted."""

    trusted: bool = True
    exact: bool = True


def are_too_many(left_out: int, snapshot: Snapshot, verify: VerifySpec) -> bool:
    """Whether nothing may be merged for so many rows that are left out: they are missing rows, and the manifest
    says how many of these there may be."""
    allowed = allowed_difference(verify.tolerance, snapshot.rows or 0)
    return verify.row_count == "Fail" and left_out > allowed


def fill_and_verify(
    context: RunContext, plan: DatasetPlan, connection: Connection, stage: Stage
) -> StagedDataset:
    """Stage the dataset, count it, and judge it. Raises ``RowCountMismatch`` or ``SourceUnavailable``
    where a wrong count must not pass."""
    return _Verification(context, plan, connection, stage).staged()


class _Verification:
    """The counts of one dataset, as they come in."""

    def __init__(
        self, context: RunContext, plan: DatasetPlan, connection: Connection, stage: Stage
    ) -> None:
        self._context = context
        self._spec = context.request.spec
        self._resets = context.request.resets
        self._plan = plan
        self._connection = connection
        self._stage = stage
        self._destroys = False

    def staged(self) -> StagedDataset:
        staged, verdict = self._fill()
        self._check_skipped(staged)
        return StagedDataset(
            plan=replace(self._plan, snapshot=staged.snapshot, replica_as_of=staged.replica_as_of),
            staged_rows=staged.rows,
            bad=staged.bad,
            received=staged.bytes,
            trusted=verdict.trusted,
            delete_missing=self._deletes(staged, verdict),
        )

    # -- counting --------------------------------------------------------------------------------

    def _fill(self) -> tuple[Staged, Verdict]:
        """If the count differs, read on once; if it still differs, read everything again; only then is
        the difference accepted."""
        clock = self._context.options.clock
        counts = self._spec.counts_rows(self._context.request.mode)
        before = self._count_before() if counts else None
        self._destroys = before is not None and self._may_destroy(before)
        staged = self._stage.prepare(clock(), before)
        self._stage.fill(staged)
        if before is None:
            return staged, Verdict()
        counted, changed_at = self._counted(staged, before, staged.snapshot.rows_updated_at)
        if not counted.is_exact:
            counted = self._read_on(staged, counted)
        if not self._suffices(counted):
            log.warning("%s; reading anew", counted.sentence(self._plan.dataset))
            staged = self._stage.prepare(clock(), before, anew=True)
            self._stage.fill(staged)
            counted, _ = self._counted(staged, counted.after, changed_at)
        return staged, self._judge(counted)

    def _count_before(self) -> int:
        if self._plan.load.full and self._plan.snapshot.rows is not None:
            return self._plan.snapshot.rows
        return self._count(self._plan.condition)

    def _may_destroy(self, before: int) -> bool:
        """Whether rows that are not staged are to be deleted. An update may do so when it asks for every
        row there is, as it does after a dataset was replaced wholesale: one more count, of the rows
        that it does not ask for, finds none."""
        if self._resets:
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
        counted = Counted(staged=staged.came, before=before, after=after, moved=now != changed_at)
        return counted, now

    def _read_on(self, staged: Staged, counted: Counted) -> Counted:
        """Read what came while pages were read, or was hidden by a page that came empty."""
        self._stage.fill(staged)
        after = self._count(self._plan.condition)
        again = replace(counted, staged=staged.came, before=counted.after, after=after)
        return again if again.is_exact else replace(again, before=counted.before)

    def _count(self, condition: str | None) -> int:
        return self._context.source.count(self._plan.dataset, soql.count(condition))

    def _check_skipped(self, staged: Staged) -> None:
        if are_too_many(staged.bad.skipped, staged.snapshot, self._spec.verify):
            raise RowCountMismatch(
                f"{staged.bad.sentence(self._plan.dataset)}. Nothing was merged: allow for such rows with "
                "spec.verify.tolerance, or set spec.verify.rowCount to Warn"
            )

    # -- judging ---------------------------------------------------------------------------------

    def _suffices(self, counted: Counted) -> bool:
        if self._destroys:
            return counted.is_exact
        return counted.agrees(0) or counted.agrees(self._spec.verify.tolerance)

    def _judge(self, counted: Counted) -> Verdict:
        tolerance = self._spec.verify.tolerance
        if counted.agrees(tolerance) and (counted.is_steady(tolerance) or not self._resets):
            return Verdict(exact=counted.is_exact)
        sentence = counted.sentence(self._plan.dataset)
        if self._spec.verify.row_count == "Fail" or self._resets:
            raise RowCountMismatch(f"{sentence}; nothing was merged, and the next run tries again")
        self._context.journal.warn(
            f"{sentence}; they were merged, and the next run reads them again"
        )
        return Verdict(trusted=False, exact=False)

    def _deletes(self, staged: Staged, verdict: Verdict) -> bool:
        """Whether rows that were not staged are gone at the source, and are to be deleted. Raises
        where all would be replaced by too little."""
        if not self._destroys:
            return False
        doubt = self._doubt(staged, verdict)
        if doubt and self._resets:
            drop_stage(self._connection, self._plan.shape)  # the next try is to read anew
            raise type(doubt)(f"nothing was replaced: {doubt.message}")
        if doubt:
            self._context.journal.warn(f"nothing was deleted: {doubt.message}")
        return not doubt and not self._resets

    def _doubt(self, staged: Staged, verdict: Verdict) -> SyncError | None:
        """Why rows that were not staged may exist all the same."""
        dataset, known = self._plan.dataset, self._plan.known
        if not verdict.exact and not self._resets:
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
            return None  # other rows are asked for than were loaded
        target = catalog.read_target(
            self._connection, self._plan.shape.schema, self._plan.shape.table
        )
        had = catalog.count_rows_of(self._connection, target, dataset)
        changed_at, now = self._plan.snapshot.rows_updated_at, self._context.options.clock()
        loss = suspicious_loss(dataset, had, staged.came, changed_at, now)
        return RowCountMismatch(loss) if loss else None
