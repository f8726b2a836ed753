"""A histogram as numbers: cumulative buckets are made when somebody reads them. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate


class Histogram:
    """Counts by upper bound. ``samples`` are what a scrape gets."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def samples(self, labels: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], float]]:
        """Buckets (``le`` comes last among the labels), sum and count."""
        running = list(accumulate(self._counts))
        for bound, count in zip((*map(str, self._bounds), "+Inf"), running, strict=True):
            yield "_bucket", (*labels, bound), float(count)
        yield "_sum", labels, self._total
        yield "_count", labels, float(running[-1])
