"""Whether what was staged, or is in the target, is what the source counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from socratasync.report import DatasetReport


def allowed_difference(tolerance: int | str, rows: int) -> int:
    """The tolerance in rows: a number of rows, or a percentage such as ``0.5%`` of ``rows``."""
    text = str(tolerance)
    if not text.endswith("%"):
        return int(text)
    return int(Fraction(text[:-1]) * rows / 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """``staged`` rows against the source's count ``before`` the first page and ``after`` the last."""

    staged: int
    before: int
    after: int

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
