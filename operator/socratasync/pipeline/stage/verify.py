"""Rows that were staged, counted against those that the source has before and after. What follows from the
counts is in ``verdict``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.errors import RowCountMismatch
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source import soql
from socratasync.pipeline.stage.counts import Counted
from socratasync.pipeline.stage.fill import Stage
from socratasync.pipeline.stage.staged import Staged
from socratasync.pipeline.stage.verdict import (
    Terms,
    Verdict,
    are_too_many,
    doubt,
    judge,
    lag,
    may_destroy,
    silent_as_of,
    suffices,
)
from socratasync.pipeline.target import catalog

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


def fill_and_verify(context: RunContext, plan: DatasetPlan, stage: Stage) -> StagedDataset:
    """Stage the dataset, count it, and judge it. Raises ``RowCountMismatch`` or ``SourceUnavailable``
    where a wrong count must not pass."""
    return _Verification(context, plan, stage).staged()


class _Verification:
    """The counts of one dataset, as they come in."""

    def __init__(self, context: RunContext, plan: DatasetPlan, stage: Stage) -> None:
        spec = context.request.spec
        self._context = context
        self._terms = Terms(
            verify=spec.verify,
            resets=context.request.resets,
            prunes=spec.target.prune,
            is_range=plan.load.only is not None,
        )
        self._plan = plan
        self._stage = stage

    def staged(self) -> StagedDataset:
        counts = self._context.request.spec.counts_rows(self._context.request.mode)
        before = self._count_before() if counts else None
        destroys = before is not None and may_destroy(self._terms, self._plan, before, self._count)
        staged, verdict = self._fill(before, destroys=destroys)
        staged.replica_as_of = staged.replica_as_of or self._as_of_silent(staged)
        self._check_lag(staged)
        self._check_skipped(staged)
        return StagedDataset(
            plan=replace(self._plan, snapshot=staged.snapshot, replica_as_of=staged.replica_as_of),
            staged_rows=staged.rows,
            bad=staged.bad,
            received=staged.bytes,
            trusted=verdict.trusted,
            delete_missing=destroys and self._deletes(staged, verdict),
        )

    def _fill(self, before: int | None, *, destroys: bool) -> tuple[Staged, Verdict]:
        """If the count differs, read on once; if it still differs, read everything again; only then is
        the difference accepted."""
        clock = self._context.options.clock
        staged = self._stage.prepare(clock(), before)
        self._stage.fill(staged)
        if before is None:
            return staged, Verdict()
        counted, changed_at = self._counted(
            staged, before, staged.snapshot.rows_updated_at, destroys=destroys
        )
        if not counted.is_exact:
            counted = self._read_on(staged, counted)
        if not suffices(counted, self._terms, destroys=destroys):
            log.warning("%s; reading anew", counted.sentence(self._plan.dataset))
            staged = self._stage.prepare(clock(), before, anew=True)
            self._stage.fill(staged)
            counted, _ = self._counted(staged, counted.after, changed_at, destroys=destroys)
        verdict = judge(self._plan.dataset, counted, self._terms)
        if verdict.warning:
            self._context.journal.warn(verdict.warning)
        return staged, verdict

    def _count_before(self) -> int:
        if self._plan.load.full and self._plan.snapshot.rows is not None:
            return self._plan.snapshot.rows
        return self._count(self._plan.condition)

    def _counted(
        self, staged: Staged, before: int, changed_at: datetime | None, *, destroys: bool
    ) -> tuple[Counted, datetime | None]:
        """The stage against the source's counts; and, where rows may be deleted, when the source says
        that it last changed, which ``changed_at`` was before the first page."""
        after, now = self._count(self._plan.condition), changed_at
        if destroys:
            now = self._context.source.changed_at(self._plan.dataset)
        counted = Counted(staged=staged.came, before=before, after=after, moved=now != changed_at)
        return counted, now

    def _read_on(self, staged: Staged, counted: Counted) -> Counted:
        """Read what came while pages were read, or was hidden by a page that came empty."""
        self._stage.fill(staged)
        after = self._count(self._plan.condition)
        again = replace(counted, staged=staged.came, before=counted.after, after=after)
        return again if again.is_exact else replace(again, before=counted.before)

    def _count(self, condition: str | None) -> int:
        return self._context.source.count(
            self._plan.dataset, soql.count(condition), by=self._plan.api
        )

    def _as_of_silent(self, staged: Staged) -> datetime | None:
        """The state of a replica that said nothing of it; None if it had the newest change."""
        if not staged.is_silent:
            return None
        return silent_as_of(self._plan, staged.snapshot, self._stage.newest_change())

    def _check_lag(self, staged: Staged) -> None:
        if found := lag(self._plan, staged.replica_as_of):
            self._stage.discard()
            raise found

    def _check_skipped(self, staged: Staged) -> None:
        if are_too_many(staged.bad.skipped, staged.snapshot, self._terms.verify):
            raise RowCountMismatch(
                f"{staged.bad.sentence(self._plan.dataset)}. Nothing was merged: allow for such rows with "
                "spec.verify.tolerance, or set spec.verify.rowCount to Warn"
            )

    def _deletes(self, staged: Staged, verdict: Verdict) -> bool:
        """Whether rows that were not staged are gone at the source, and are to be deleted. Raises
        where all would be replaced by too little."""
        now = self._context.options.clock()
        found = doubt(self._plan, staged, verdict, self._terms, had=self._rows_of_target, now=now)
        if found and self._terms.resets:
            self._stage.discard()
            raise type(found)(f"nothing was replaced: {found.message}")
        if found:
            self._context.journal.warn(f"nothing was deleted: {found.message}")
        return not found and not self._terms.resets

    def _rows_of_target(self) -> int:
        shape, connection = self._plan.shape, self._context.connection
        target = catalog.read_target(connection, shape.schema, shape.table)
        return catalog.count_rows_of(connection, target, shape.dataset)
