"""Metric families as Prometheus' text, written by prometheus-client a slice of a family at a time. Pure.

Ten thousand resources have a quarter of a million series; all at once, as the library's objects, they
would take more memory for a moment than the operator does all day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from typing import TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Labels = tuple[str, ...]
Slices = Iterator[Metric]
"""One family in parts: each has the family's name and kind, and some of its series."""

T = TypeVar("T")

_SERIES_AT_ONCE = 1000
_HISTOGRAMS_AT_ONCE = 100


class Histogram:
    """How many values there were up to each bound, and their sum."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many values up to it), the bounds as labels; the last one is infinite."""
        bounds = (*map(str, self._bounds), "+Inf")
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))

    @property
    def total(self) -> float:
        """The sum of all values."""
        return self._total


def gauge(name: str, text: str, labels: Labels, series: Iterable[tuple[Labels, float]]) -> Slices:
    """A gauge: for each series its labels' values, and its number."""
    for part in _parts(series, _SERIES_AT_ONCE):
        family = GaugeMetricFamily(name, text, labels=labels)
        for values, number in part:
            family.add_metric(values, number)
        yield family


def counter(name: str, text: str, labels: Labels, series: Iterable[tuple[Labels, float]]) -> Slices:
    """A counter, whose ``name`` ends in ``_total``."""
    for part in _parts(series, _SERIES_AT_ONCE):
        family = CounterMetricFamily(name, text, labels=labels)
        for values, number in part:
            family.add_metric(values, number)
        yield family


def histogram(
    name: str, text: str, labels: Labels, series: Iterable[tuple[Labels, Histogram]]
) -> Slices:
    """A histogram: each of its series is one, with buckets, sum and count."""
    for part in _parts(series, _HISTOGRAMS_AT_ONCE):
        family = HistogramMetricFamily(name, text, labels=labels)
        for values, counted in part:
            family.add_metric(values, counted.buckets(), counted.total)
        yield family


def write(families: Iterable[Slices]) -> Iterator[bytes]:
    """The families' text, slice by slice; what a family is stands once, before its first series."""
    for slices in families:
        for number, metric in enumerate(slices):
            text = generate_latest(_Only(metric))
            yield text if number == 0 else text.removeprefix(_head(metric))


def _head(metric: Metric) -> bytes:
    return generate_latest(_Only(Metric(metric.name, metric.documentation, metric.type)))


def _parts(series: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many; at least one, if need be an empty one: a family without series is described."""
    rest = iter(series)
    yield list(islice(rest, size))
    while part := list(islice(rest, size)):
        yield part


class _Only(Collector):
    """A registry of one family, which is all that the library's writer asks of one."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        """The family."""
        return (self._metric,)
