"""What is counted of each resource since the operator started; each series shows 0 for a while first.

``increase()`` counts from what was scraped before: a series that comes into the world as 1 has not increased.
The first failure of a sync would be seen by no query, and neither would that of a run which ended while the
operator was down, for that is counted before the first scrape. So a new series shows 0 until every scraper has
come by.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

from socratasync.controller.metrics.text import Histogram
from socratasync.controller.observed.resource import Key

ZERO_FIRST_S = 120.0
"""Longer than Prometheus' own pause between two scrapes, which is a minute."""

_STAGE_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)


class Counts:
    """Numbers and histograms by resource and series. A series is its family's name and the labels that it has
    besides the resource's. Counted in one thread, read in another."""

    def __init__(self) -> None:
        self._numbers: dict[Key, dict[tuple[str, str], float]] = {}
        self._histograms: dict[Key, dict[tuple[str, str], Histogram]] = {}
        self._series: dict[tuple[str, str], tuple[str, str]] = {}
        self._shown_from: dict[tuple[Key, tuple[str, str]], float] = {}

    def add(self, key: Key, family: str, labels: str, number: float, now: float) -> None:
        """Count so much more."""
        mine, series = self._numbers.setdefault(key, {}), self._one(family, labels)
        if series not in mine:
            self._born(key, series, now)
        mine[series] = mine.get(series, 0.0) + number

    def observe(self, key: Key, family: str, labels: str, value: float, now: float) -> None:
        """Count one value of a histogram."""
        mine, series = self._histograms.setdefault(key, {}), self._one(family, labels)
        if series not in mine:
            self._born(key, series, now)
            mine[series] = Histogram(_STAGE_SECONDS)
        mine[series].observe(value)

    def has(self, key: Key, family: str, labels: str) -> bool:
        """Whether something was counted of the series."""
        return (family, labels) in self._numbers.get(key, ())

    def numbers(self, family: str, now: float) -> Iterator[tuple[Key, str, float]]:
        """Each of the family's series and what it shows now."""
        for key, mine in list(self._numbers.items()):
            for series, number in list(mine.items()):
                if series[0] == family:
                    yield key, series[1], number if self._is_shown(key, series, now) else 0.0

    def histograms(self, family: str, now: float) -> Iterator[tuple[Key, str, Histogram]]:
        """The same of histograms."""
        for key, mine in list(self._histograms.items()):
            for series, counted in list(mine.items()):
                if series[0] == family:
                    shown = self._is_shown(key, series, now)
                    yield key, series[1], counted if shown else Histogram(_STAGE_SECONDS)

    def forget(self, key: Key) -> None:
        """All of the resource goes."""
        self._numbers.pop(key, None)
        self._histograms.pop(key, None)

    def _one(self, family: str, labels: str) -> tuple[str, str]:
        """One object for all resources that have such a series."""
        series = (family, intern(labels))
        return self._series.setdefault(series, series)

    def _born(self, key: Key, series: tuple[str, str], now: float) -> None:
        while self._shown_from:
            oldest = next(iter(self._shown_from))
            if self._shown_from[oldest] > now:
                break
            del self._shown_from[oldest]
        self._shown_from.pop((key, series), None)
        self._shown_from[key, series] = now + ZERO_FIRST_S

    def _is_shown(self, key: Key, series: tuple[str, str], now: float) -> bool:
        return now >= self._shown_from.get((key, series), now)
