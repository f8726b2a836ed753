"""Whether a number of rows, staged or in the target, is what the source counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

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
    told = rows and changed_at is not None  # else no day that passes is known to have passed
    when = " Once it has been so for a day that is believed." if told else ""
    return (
        f"dataset {dataset} has {rows:,} rows, the target {had:,} of it: it may be being replaced just now."
        f'{when} To delete them at once, set spec.verify.rowCount to "Off" for one full run'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the target holds of a dataset: ``rows`` of its own, and none of the ``left_out`` (which have no
    key of their own, or a value that its column cannot hold), of the ``owed`` (to be read anew by the next
    run) and of those whose key another dataset's row has (``shared``, one for each such key)."""

    rows: int
    left_out: int = 0
    shared: int = 0
    owed: int = 0

    @property
    def accounted(self) -> int:
        """Rows of the source that are in the table, or known not to be."""
        return self.rows + self.left_out + self.shared + self.owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the manifest says of a dataset, as far as a wrong count may come from it. ``may_skip``: whether rows
    are left out for values that their columns cannot hold. ``triggers``: those of the table that may keep rows
    out, or in."""

    key: tuple[str, ...]
    where: bool
    may_skip: bool = False
    triggers: tuple[str, ...] = ()


def is_in(held: Held, source: Sequence[int], tolerance: int | str) -> bool:
    """Whether the target holds what the source counted, in one of its counts or between them: rows come
    and go while they are read. Rows that are known to be missing make up for none that are too many."""
    low, high = min(source), max(source)
    slack = allowed_difference(tolerance, high)
    return held.accounted <= high + slack and held.rows + held.shared >= low - slack


def contradiction(dataset: str, held: Held, source: int, asked: Asked) -> str:
    """What is wrong with the rows of a dataset that are not in (``is_in``), and what helps."""
    also = f" and shares {held.shared:,} with other datasets" if held.shared else ""
    found = [
        f"dataset {dataset}: the target holds {held.rows:,} of its rows{also}, Socrata counts {source:,}"
    ]
    if held.accounted > source:
        found.append(_too_many(asked))
    if held.left_out or held.owed or held.accounted < source:
        found.append(_too_few(held, asked))
    if asked.triggers:
        found.append(f"the table's triggers ({', '.join(asked.triggers)}) may be why")
    return "; ".join(found)


def _too_few(held: Held, asked: Asked) -> str:
    key = ", ".join(asked.key)
    if held.owed:
        return f"{held.owed:,} of the missing rows are read anew by the next run"
    if held.left_out:
        if asked.may_skip:
            return (
                f"{held.left_out:,} left out, or as they were before, for having no {key} of their own or a "
                "value that its column cannot hold (spec.target.onBadValue). Allow for them with "
                "spec.verify.tolerance"
            )
        some = f"{held.left_out:,} rows have no {key} of their own and are left out"
        one = f"1 row has no {key} of its own and is left out"
        return (
            f"{one if held.left_out == 1 else some}. Choose columns for spec.target.key that no two rows "
            "share, or allow for such rows with spec.verify.tolerance"
        )
    return "a full run brings the rest"


def _too_many(asked: Asked) -> str:
    way_out = "until a full run with spec.target.prune: true"
    if "socrata_id" in asked.key:
        return (
            "rows that were published anew have new :ids, and the old ones stay beside them "
            f"{way_out}. A key of the publisher's own would have found them"
        )
    if asked.where:
        return f"rows that are gone at the source, or no longer meet its where, stay {way_out}"
    return f"rows that are gone at the source stay {way_out}"
