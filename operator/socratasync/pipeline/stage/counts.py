"""Whether a number of rows, staged or in the target, is what the source counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from socratasync.contract.report import DatasetReport

MANY_ROWS = 1000
"""A dataset that had fewer may shrink as it likes."""

BELIEVED_AFTER = timedelta(days=1)
"""A dataset that has been small for that long is not being replaced just now."""


def allowed_difference(tolerance: int | str, rows: int) -> int:
    """The tolerance in rows: a number of rows, or a percentage such as ``0.5%`` of ``rows``."""
    text = str(tolerance)
    if not text.endswith("%"):
        return int(text)
    return int(Fraction(text[:-1]) * rows / 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """``staged`` rows against the source's count ``before`` the first page and ``after`` the last.
    ``moved``: whether the source said that it changed in between."""

    staged: int
    before: int
    after: int
    moved: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the staged rows are those of a source that stood still, so that what is not among
        them is gone; but while a publisher replaces a dataset, a missing row may only be not inserted
        yet (``suspicious_loss``)."""
        return self.before == self.staged == self.after and not self.moved

    def is_steady(self, tolerance: int | str) -> bool:
        """Whether nothing but the tolerance lies between the three numbers."""
        numbers = (self.staged, self.before, self.after)
        return max(numbers) - min(numbers) <= allowed_difference(tolerance, max(numbers))

    def agrees(self, tolerance: int | str) -> bool:
        """Whether a source that changed from ``before`` to ``after`` explains ``staged``.

        Both ends count: rows that come or go while pages are read may or may not be among them.
        """
        slack = allowed_difference(tolerance, max(self.before, self.after))
        low, high = sorted((self.before, self.after))
        return low - slack <= self.staged <= high + slack

    def sentence(self, dataset: str) -> str:
        """What is wrong, for people."""
        counted = (
            f"{self.before:,}"
            if self.before == self.after
            else f"{self.before:,} to {self.after:,}"
        )
        return f"dataset {dataset}: {self.staged:,} rows came, but Socrata counts {counted}"


def suspicious_loss(
    dataset: str, had: int, rows: int, changed_at: datetime | None, now: datetime
) -> str | None:
    """A sentence when a dataset of many rows has lost most of them, which a publisher's nightly
    replacement looks like half-way through; None when what is gone may be deleted. ``had``: rows in
    the target; ``changed_at``: the source's last change."""
    if had < MANY_ROWS or rows * 2 >= had:
        return None
    settled = changed_at is not None and now - changed_at >= BELIEVED_AFTER
    if settled and rows:
        return None
    when = "" if not rows else " Once it has been so for a day that is believed."
    return (
        f"dataset {dataset} has {rows:,} rows, the target {had:,} of it: it may be being replaced just now."
        f'{when} To delete them at once, set spec.verify.rowCount to "Off" for one full run'
    )


def missing_rows(
    report: DatasetReport, in_target: int, left_out: int, tolerance: int | str
) -> str | None:
    """A sentence when the target holds fewer rows of a dataset than its source, those that could not
    be taken aside; None when all is well. More is no fault: an update does not delete."""
    if report.source_rows is None:
        return None
    expected = report.source_rows - left_out
    if in_target >= expected - allowed_difference(tolerance, report.source_rows):
        return None
    return (
        f"dataset {report.id}: the target holds {in_target:,} of its rows, Socrata {report.source_rows:,}; "
        "a full run brings the rest, unless another dataset has the same keys"
    )
