"""Families as text: written in slices, read as a whole by Prometheus' own parser."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from socratasync.controller.metrics.text import (
    Family,
    Histogram,
    counter,
    gauge,
    histogram,
    write,
    written,
)

Make = Callable[[int], Family]


def gauges(count: int) -> Family:
    return gauge("rows", "Rows.", ((written(name=f"n{i}"), float(i)) for i in range(count)))


def counters(count: int) -> Family:
    return counter("runs_total", "Runs.", ((written(name=f"n{i}"), float(i)) for i in range(count)))


def histograms(count: int) -> Family:
    return histogram(
        "seconds", "S.", ((written(name=f"n{i}"), observed(0.5)) for i in range(count))
    )


def observed(*values: float) -> Histogram:
    made = Histogram((0.1, 1.0, 10.0))
    for value in values:
        made.observe(value)
    return made


def read(family: Family) -> list[Metric]:
    return list(text_string_to_metric_families(b"".join(write([family])).decode()))


@pytest.mark.parametrize(
    ("make", "name", "kind"),
    [
        (gauges, "rows", "gauge"),
        (counters, "runs_total", "counter"),
        (histograms, "seconds", "histogram"),
    ],
)
@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_a_family_of_any_size_is_described_once_and_whole(
    make: Make, name: str, kind: str, count: int
) -> None:
    text = b"".join(write([make(count)])).decode()

    described = [line for line in text.splitlines() if line.startswith("#")]
    assert [line.split()[1:3] for line in described] == [["HELP", name], ["TYPE", name]]
    assert described[1].split()[3] == kind
    (family,) = text_string_to_metric_families(text)
    assert {s.labels["name"] for s in family.samples} == {f"n{i}" for i in range(count)}


@given(st.lists(st.floats(min_value=0, max_value=1e6)))
def test_a_histogram_counts_each_value_in_every_bucket_that_holds_it(values: list[float]) -> None:
    (family,) = read(histogram("seconds", "S.", [("", observed(*values))]))
    found = {(s.name, s.labels.get("le")): s.value for s in family.samples}

    for bound in (0.1, 1.0, 10.0):
        assert found["seconds_bucket", str(bound)] == sum(value <= bound for value in values)
    assert found["seconds_bucket", "+Inf"] == found["seconds_count", None] == len(values)
    assert found["seconds_sum", None] == pytest.approx(sum(values))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_label_may_hold_anything(value: str) -> None:
    (family,) = read(gauge("rows", "Rows.", [(written(name=value), 1.0)]))

    assert [s.labels for s in family.samples] == [{"name": value}]


def peak(pieces: Iterator[bytes]) -> int:
    """The most bytes that Python held at a time while the pieces were read."""
    tracemalloc.start()
    try:
        for _ in pieces:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [gauges, counters, histograms])
def test_memory_does_not_grow_with_the_family(make: Make) -> None:
    small, large = peak(write([make(2_000)])), peak(write([make(10_000)]))

    assert large < 1.2 * small
