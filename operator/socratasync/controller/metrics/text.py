"""Metric families as Prometheus' text, a slice of a family at a time. Pure.

Ten thousand resources have a quarter of a million series. So a series is a line and nothing besides: as the
library's objects they take more memory for a moment than the operator does all day, and four times as long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Literal

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Lines = Iterable[str]
Series = Iterable[tuple[str, float]]
"""For each series its labels, as ``written`` writes them, and its number."""

_LINES_AT_ONCE = 1000
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """What a family is, and the lines of its series, made while they are read."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    text: str
    lines: Lines


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

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """Its buckets, its count and its sum."""
        counts = list(accumulate(self._counts))
        before = f"{labels}," if labels else ""
        for bound, count in zip((*self._bounds, "+Inf"), counts, strict=True):
            yield f'{name}_bucket{{{before}le="{bound}"}} {count}.0\n'
        within = f"{{{labels}}}" if labels else ""
        yield f"{name}_count{within} {counts[-1]}.0\n"
        yield f"{name}_sum{within} {self._total}\n"


def written(**labels: str) -> str:
    """Labels with their values, as they stand between the braces of a series."""
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())


def gauge(name: str, text: str, series: Series) -> Family:
    """A gauge."""
    return Family(name, "gauge", text, _lines(name, series))


def counter(name: str, text: str, series: Series) -> Family:
    """A counter, whose ``name`` ends in ``_total``."""
    return Family(name, "counter", text, _lines(name, series))


def histogram(name: str, text: str, series: Iterable[tuple[str, Histogram]]) -> Family:
    """A histogram: each of its series is one, with buckets, count and sum."""
    lines = (line for labels, counted in series for line in counted.lines(name, labels))
    return Family(name, "histogram", text, lines)


def write(families: Iterable[Family]) -> Iterator[bytes]:
    """The families' text, slice by slice; what a family is stands once, before its first series."""
    for family in families:
        yield f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n".encode()
        lines = iter(family.lines)
        while some := "".join(islice(lines, _LINES_AT_ONCE)):
            yield some.encode(errors="replace")


def write_collected(collector: Collector) -> Iterator[bytes]:
    """What one of the library's own collectors tells, family by family."""
    for metric in collector.collect():
        yield generate_latest(_Only(metric))


def _lines(name: str, series: Series) -> Lines:
    return (
        f"{name}{{{labels}}} {value}\n" if labels else f"{name} {value}\n"
        for labels, value in series
    )


class _Only(Collector):
    """A registry of one family, which is all that the library's writer asks of one."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        """The family."""
        return (self._metric,)
