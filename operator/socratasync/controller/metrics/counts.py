"""What is counted of each resource since the operator started; each series shows 0 for a while first.

``increase()`` counts from what was scraped before: a series that comes into the world as 1 has not increased.
The first failure of a sync would be seen by no query, and neither would that of a run which ended while the
operator was down, for that is counted before the first scrape. So a new series shows 0 until every scraper has
come by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from socratasync.controller.observed.resource import Key

ZERO_FIRST_S = 120.0
"""Longer than Prometheus' own pause between two scrapes, which is a minute."""


class Tally:
    """A number that only grows."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0.0


T = TypeVar("T")


class Counted(Generic[T]):
    """A family's counts, by resource and labels; ``zero`` makes one that has counted nothing. Read in
    another thread than they are counted in."""

    def __init__(self, zero: Callable[[], T]) -> None:
        self._zero = zero
        self._counted: dict[Key, dict[str, tuple[float, T]]] = {}

    def under(self, key: Key, labels: str, now: float) -> T:
        """What is counted under these labels, to count more. They are ``text.written``, the resource's own
        included."""
        mine = self._counted.setdefault(key, {})
        if labels not in mine:
            mine[labels] = (now + ZERO_FIRST_S, self._zero())
        return mine[labels][1]

    def has(self, key: Key, labels: str) -> bool:
        """Whether something was counted under these labels."""
        return labels in self._counted.get(key, ())

    def shown(self, now: float) -> Iterator[tuple[str, T]]:
        """Each series' labels, and what it shows now."""
        for mine in list(self._counted.values()):
            for labels, (shown_from, counted) in list(mine.items()):
                yield labels, counted if now >= shown_from else self._zero()

    def forget(self, key: Key) -> None:
        """All of the resource goes."""
        self._counted.pop(key, None)
