"""`/metrics`: the operator's own series, and those of every resource, made at the scrape.

The client library would keep an object for each series; thousands of resources with dozens of series
each are numbers here and series only while they are read. Counters start at zero with the operator.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from socratasync import __version__
from socratasync.controller.action import Missed, Run, Trigger
from socratasync.controller.gauges import PER_DATASET, PER_RESOURCE, Gauges, read_gauges, samples
from socratasync.controller.resource import Key, Resource

_RESOURCE = ("namespace", "name")
_STAGE_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
_SKEW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_OPS = ("downloaded", "inserted", "updated", "unchanged", "deleted")

Labels = tuple[str, ...]


class _Stage:
    """One histogram of one resource's stage."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_STAGE_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one run's stage."""
        fits = (n for n, bound in enumerate(_STAGE_SECONDS) if seconds <= bound)
        self.counts[next(fits, len(_STAGE_SECONDS))] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Bounds and cumulative counts, as the exposition format wants them."""
        running, found = 0, []
        for bound, count in zip((*map(str, _STAGE_SECONDS), "+Inf"), self.counts, strict=True):
            running += count
            found.append((bound, float(running)))
        return found


class Metrics(Collector):
    """Fed by the reconciler, read by the scrape's thread. ``registry`` is what a server exposes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._gauges: dict[Key, Gauges] = {}
        self._runs: Counter[Labels] = Counter()
        self._missed: Counter[Labels] = Counter()
        self._rows: Counter[Labels] = Counter()
        self._bytes: Counter[Labels] = Counter()
        self._stages: dict[Labels, _Stage] = {}
        self.registry = CollectorRegistry()
        self._skew = Histogram(
            "socratasync_job_creation_skew_seconds",
            "From when a scheduled run was due to when its Job was created.",
            buckets=_SKEW_SECONDS,
            registry=self.registry,
        )
        self._reconcile = Histogram(
            "socratasync_operator_reconcile_duration_seconds",
            "One look at one resource.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0),
            registry=self.registry,
        )
        self._reconciled = Gauge(
            "socratasync_operator_last_reconcile_timestamp_seconds",
            "When the operator last looked at a resource, or at all of them.",
            registry=self.registry,
        )
        Gauge(
            "socratasync_operator_build_info",
            "Always 1; the operator's version is a label.",
            ["version"],
            registry=self.registry,
        ).labels(__version__).set(1)
        self.registry.register(self)

    @contextmanager
    def reconciling(self) -> Iterator[None]:
        """Time one look."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._reconcile.observe(time.monotonic() - started)
            self.alive()

    def alive(self) -> None:
        """The operator has just looked around, even if nothing was to be done."""
        self._reconciled.set(self._now().timestamp())

    def observe(self, resource: Resource) -> None:
        """The resource as it stands now."""
        self._gauges[resource.key] = read_gauges(resource, self._now())

    def forget(self, key: Key) -> None:
        """All series of the resource go."""
        self._gauges.pop(key, None)
        for counted in (self._runs, self._missed, self._rows, self._bytes, self._stages):
            for labels in [labels for labels in counted if labels[:2] == key]:
                del counted[labels]

    def job_created(self, run: Run, now: datetime) -> None:
        """How late a slot's Job was; a catch-up's lateness is the downtime's, not the operator's."""
        if run.trigger is Trigger.SCHEDULE:
            self._skew.observe(max(0.0, (now - run.due).total_seconds()))

    def slots_missed(self, key: Key, missed: Missed) -> None:
        """Slots that passed without a run."""
        self._missed[*key, missed.reason] += missed.count

    def run_ended(self, key: Key, run: Mapping[str, Any], report: Mapping[str, Any] | None) -> None:
        """Count a run. To be called once for each, after its result is in the status."""
        self._runs[*key, run["result"], run.get("trigger", "")] += 1
        for op in _OPS:
            if count := (run.get("rows") or {}).get(op):
                self._rows[*key, op] += count
        if report and run.get("bytes"):
            self._bytes[key] += run["bytes"]
        for stage, seconds in (run.get("seconds") or {}).items():
            self._stages.setdefault((*key, stage), _Stage()).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """The series of all resources, for one scrape."""
        everything = list(self._gauges.items())
        yield from _resource_gauges(everything)
        yield from _dataset_gauges(everything)
        yield _counter("socratasync_runs", "Runs that ended.", ("result", "trigger"), self._runs)
        yield _counter("socratasync_missed_runs", "Slots without a run.", ("reason",), self._missed)
        yield _counter("socratasync_rows", "Rows by what became of them.", ("op",), self._rows)
        yield _counter("socratasync_downloaded_bytes", "Bytes from the source.", (), self._bytes)
        durations = HistogramMetricFamily(
            "socratasync_run_duration_seconds",
            "Seconds that runs spent, by stage.",
            labels=(*_RESOURCE, "stage"),
        )
        for labels, stage in list(self._stages.items()):
            durations.add_metric(labels, buckets=stage.buckets(), sum_value=stage.total)
        yield durations

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not scrape."""
        return iter(())


def _resource_gauges(everything: list[tuple[Key, Gauges]]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "socratasync_info",
        "Always 1; what the resource is, as labels.",
        labels=(*_RESOURCE, "domain", "mode", "schedule"),
    )
    conditions = GaugeMetricFamily(
        "socratasync_status_condition",
        "Always 1 for the status that the condition has.",
        labels=(*_RESOURCE, "type", "status"),
    )
    families = {
        name: GaugeMetricFamily(name, text, labels=_RESOURCE) for name, text in PER_RESOURCE.items()
    }
    for key, gauges in everything:
        info.add_metric((*key, *gauges.info), 1)
        for condition in gauges.conditions:
            conditions.add_metric((*key, *condition), 1)
        for name, value in samples(gauges):
            families[name].add_metric(key, value)
    return iter((info, conditions, *families.values()))


def _dataset_gauges(everything: list[tuple[Key, Gauges]]) -> Iterator[Metric]:
    families = [
        GaugeMetricFamily(name, text, labels=(*_RESOURCE, "dataset"))
        for name, text in PER_DATASET.items()
    ]
    for key, gauges in everything:
        for dataset, numbers in gauges.datasets:
            for family, value in zip(families, numbers, strict=True):
                if value is not None:
                    family.add_metric((*key, dataset), value)
    return iter(families)


def _counter(name: str, text: str, labels: Labels, counted: Counter[Labels]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(*_RESOURCE, *labels))
    for values, count in list(counted.items()):
        family.add_metric(values, count)
    return family
