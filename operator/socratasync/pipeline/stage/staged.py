"""What is known of a stage and its pages, for those who fill it and judge it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.pipeline.plan.model import Snapshot


@dataclass(slots=True, kw_only=True)
class Staged:
    """A filled stage. ``snapshot`` is the source as it was before the first of these rows."""

    rows: int
    bytes: int
    snapshot: Snapshot
    last_id: str | None
    replica_as_of: datetime | None = None
    """The oldest state of a replica that was behind, among the pages."""
    is_silent: bool = False
    """Whether a page came that said nothing of its replica, where one that is behind need not say so."""
    bad: BadValues = NO_BAD_VALUES
    """Values that do not fit; the rows left out for them came, but are not among ``rows``."""

    @property
    def came(self) -> int:
        """Rows that the source sent."""
        return self.rows + self.bad.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page brought. ``is_odd``: ``COPY`` would have refused the page; ``bad``: what of it did not fit, rows
    left out not among ``rows``."""

    rows: int
    bad: BadValues
    is_odd: bool
    bytes: int
    last_id: str | None
    replica_as_of: datetime | None
    is_silent: bool

    @property
    def came(self) -> int:
        """Rows that the source sent."""
        return self.rows + self.bad.skipped
