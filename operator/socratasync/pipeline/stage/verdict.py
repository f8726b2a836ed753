"""What follows from the counts of a stage: what may be merged, whether the watermark may move, and what may
be deleted. Pure; ``verify`` counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from socratasync.api.target import VerifySpec
from socratasync.errors import RowCountMismatch, SourceUnavailable, SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Snapshot
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.interface import UNKNOWN_TIME
from socratasync.pipeline.stage.counts import Counted, allowed_difference, suspicious_loss
from socratasync.pipeline.stage.staged import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed upon for a run: how counts are ``verify``-ed, whether it ``resets`` the table, and
    whether it ``prunes`` what is gone at the source. ``is_range``: whether it reads a range, which no later run does
    by itself."""

    verify: VerifySpec
    resets: bool
    prunes: bool
    is_range: bool = False

    @property
    def afterwards(self) -> str:
        """What comes of a stage that is merged though its count is wrong."""
        return (
            "no later run reads them again: ask for the range once more"
            if self.is_range
            else "the next run reads them again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the counts say of a stage. ``trusted``: within the tolerance, so the watermark may move.
    ``exact``: to the row, so that what is missing from it may be deleted. ``warning``: what is merged all
    the same."""

    trusted: bool = True
    exact: bool = True
    warning: str = ""


def are_too_many(left_out: int, snapshot: Snapshot, verify: VerifySpec) -> bool:
    """Whether nothing may be merged for so many rows that are left out: they are missing rows, and the manifest
    says how many of these there may be."""
    allowed = allowed_difference(verify.tolerance, snapshot.rows or 0)
    return verify.row_count == "Fail" and left_out > allowed


def may_destroy(
    terms: Terms, plan: DatasetPlan, before: int, count: Callable[[str | None], int]
) -> bool:
    """Whether rows that are not staged are to be deleted, of a source that counted ``before`` rows. An update
    may do so when it asks for every row there is, as it does after a dataset was replaced wholesale: one more
    ``count``, of the rows that it does not ask for, finds none."""
    if terms.resets or not terms.prunes:
        return terms.resets
    if plan.load.full:
        return True
    rows = plan.snapshot.rows
    if before == 0 or (rows is not None and before < rows):
        return False  # no row at all is rather a dataset that is being replaced just now
    assert plan.load.bound is not None, "an update asks for rows from then on"
    return count(soql.both(plan.where, soql.before(plan.watermark, plan.load.bound))) == 0


def suffices(counted: Counted, terms: Terms, *, destroys: bool) -> bool:
    """Whether a stage need not be filled anew."""
    return counted.is_exact if destroys else counted.agrees(terms.verify.tolerance)


def judge(dataset: str, counted: Counted, terms: Terms) -> Verdict:
    """The verdict on a stage that will not get better. Raises ``RowCountMismatch`` where a wrong count must
    not pass."""
    tolerance = terms.verify.tolerance
    if counted.agrees(tolerance) and (counted.is_steady(tolerance) or not terms.resets):
        return Verdict(exact=counted.is_exact)
    sentence = counted.sentence(dataset)
    if terms.verify.row_count == "Fail" or terms.resets:
        raise RowCountMismatch(f"{sentence}; nothing was merged, and the next run tries again")
    warning = f"{sentence}; they were merged, and {terms.afterwards}"
    return Verdict(trusted=False, exact=False, warning=warning)


def silent_as_of(plan: DatasetPlan, snapshot: Snapshot, latest: datetime | None) -> datetime | None:
    """The state of a replica that said nothing of how current it is, and whose newest change is ``latest``. None
    if that is the source's newest, or if no row that was asked for need be."""
    newest, bound = snapshot.newest, plan.load.bound
    if plan.load.only:
        return None  # the newest change may lie beyond it
    if newest is None or plan.watermark.field != soql.UPDATED_AT or (bound and newest < bound):
        return None
    if latest is None:
        return UNKNOWN_TIME
    return latest if latest < newest else None


def lag(plan: DatasetPlan, replica_as_of: datetime | None) -> SyncError | None:
    """Why a range is not merged that came from a replica that is behind: no watermark goes back for it, so nobody
    would read again what it lacks."""
    if plan.load.only is None or replica_as_of is None:
        return None
    return SourceUnavailable(
        f"dataset {plan.dataset} was answered by a replica that is behind; nothing was merged"
    )


def doubt(
    plan: DatasetPlan,
    staged: Staged,
    verdict: Verdict,
    terms: Terms,
    *,
    had: Callable[[], int],
    now: datetime,
) -> SyncError | None:
    """Why rows that were not staged may exist all the same; None: they are gone at the source. ``had`` counts
    the dataset's rows in the target."""
    dataset, known = plan.dataset, plan.known
    if not verdict.exact and not terms.resets:
        return RowCountMismatch(
            f"dataset {dataset} changed while it was read, which leaves in doubt what is gone"
        )
    if known is None or terms.verify.row_count == "Off":
        return None
    if staged.replica_as_of is not None:
        return SourceUnavailable(
            f"dataset {dataset} was answered by a replica that is behind, and may lack rows that are in"
        )
    if known.query != (plan.where or ""):
        return None  # other rows are asked for than were loaded
    loss = suspicious_loss(dataset, had(), staged.came, plan.last_change, now)
    return RowCountMismatch(loss) if loss else None
