"""Whether pages lead on to an end: each must end at another row, and all hold about what the source counts.

A cache that does not look at queries answers with the same page for ever, and somebody else's server with
whatever it has. Both would fill the disk of the database. Pure.
"""

from __future__ import annotations

from socratasync.errors import SourceUnavailable

MARGIN = 10_000
"""Rows that may come while a dataset is read, or a tenth of it; more are counted before they are believed."""


def most_rows(counted: int) -> int:
    """How many rows may come where so many were counted."""
    return counted + max(MARGIN, counted // 10)


class Onward:
    """The ends of the pages so far. To find a circle of any length, it remembers the last one and the last
    whose number was a power of two (Brent's algorithm)."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._mark: str | None = None
        self._pages = 0

    def check(self, *, after: str | None, last: str | None, rows: int, asked: int) -> None:
        """Raises ``SourceUnavailable`` for a page that was asked for ``after`` a row and does not lead on."""
        if rows > asked:
            raise SourceUnavailable(
                f"dataset {self._dataset}: Socrata answered with {rows:,} rows where {asked:,} were asked for"
            )
        if rows and last is None:
            raise SourceUnavailable(
                f"dataset {self._dataset}: Socrata's rows do not end with their :id"
            )
        if rows and last in (after, self._mark):
            raise SourceUnavailable(
                f"dataset {self._dataset}: a page ends with row {last}, which was read before: whoever answers "
                "gives the same page again. A cache or a proxy may stand between"
            )

    def staged(self, last: str | None) -> None:
        """A page that ends with this row is staged for good."""
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:
            self._mark = last
