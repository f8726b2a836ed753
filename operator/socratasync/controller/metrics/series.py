"""`/metrics`: the operator's own series, and those of every resource, made at the scrape.

Thousands of resources with dozens of series each are numbers here and text only while they are read.
Gauges come from statuses and are back as soon as the operator is; counters start at zero with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from socratasync import __version__
from socratasync.controller.action import Missed, Run, Trigger
from socratasync.controller.metrics.gauges import PER_DATASET, PER_RESOURCE, Gauges, read_gauges
from socratasync.controller.metrics.text import (
    Histogram,
    Labels,
    Slices,
    counter,
    gauge,
    histogram,
    write,
)
from socratasync.controller.observed.resource import Key, Resource

_RESOURCE = ("namespace", "name")
_STAGE_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
_SKEW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_LOOK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_OPS = ("downloaded", "inserted", "updated", "unchanged", "deleted")


class Metrics:
    """Fed by the reconciler, read by the scrape's thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._gauges: dict[Key, Gauges] = {}
        self._runs: Counter[Labels] = Counter()
        self._missed: Counter[Labels] = Counter()
        self._rows: Counter[Labels] = Counter()
        self._bytes: Counter[Labels] = Counter()
        self._stages: dict[Labels, Histogram] = {}
        self._skew = Histogram(_SKEW_SECONDS)
        self._looks = Histogram(_LOOK_SECONDS)
        self._looked = 0.0

    @contextmanager
    def reconciling(self) -> Iterator[None]:
        """Time one look."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._looks.observe(time.monotonic() - started)
            self.alive()

    def alive(self) -> None:
        """The operator has just looked around, even if nothing was to be done."""
        self._looked = self._now().timestamp()

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
            histogram = self._stages.setdefault((*key, stage), Histogram(_STAGE_SECONDS))
            histogram.observe(seconds)

    def scrape(self) -> Iterator[bytes]:
        """Everything, in Prometheus' text format, piece by piece. May be read in another thread."""
        return write(self._families())

    def _families(self) -> Iterator[Slices]:
        yield from self._own()
        everything = list(self._gauges.items())
        yield from _of_resources(everything)
        yield from _of_datasets(everything)
        yield from self._of_runs()

    def _own(self) -> Iterator[Slices]:
        yield gauge(
            "socratasync_operator_build_info",
            "Always 1; the operator's version is a label.",
            ("version",),
            [((__version__,), 1.0)],
        )
        yield gauge(
            "socratasync_operator_last_reconcile_timestamp_seconds",
            "When the operator last looked at a resource, or at all of them.",
            (),
            [((), self._looked)],
        )
        yield histogram(
            "socratasync_operator_reconcile_duration_seconds",
            "One look at one resource.",
            (),
            [((), self._looks)],
        )
        yield histogram(
            "socratasync_job_creation_skew_seconds",
            "From when a scheduled run was due to when its Job was created.",
            (),
            [((), self._skew)],
        )

    def _of_runs(self) -> Iterator[Slices]:
        for name, text, label, counted in (
            ("socratasync_runs_total", "Runs that ended.", ("result", "trigger"), self._runs),
            ("socratasync_missed_runs_total", "Slots without a run.", ("reason",), self._missed),
            ("socratasync_rows_total", "Rows by what became of them.", ("op",), self._rows),
            ("socratasync_downloaded_bytes_total", "Bytes received.", (), self._bytes),
        ):
            yield counter(name, text, (*_RESOURCE, *label), list(counted.items()))
        yield histogram(
            "socratasync_run_duration_seconds",
            "Seconds that runs spent, by stage.",
            (*_RESOURCE, "stage"),
            list(self._stages.items()),
        )


Everything = list[tuple[Key, Gauges]]


def _of_resources(everything: Everything) -> Iterator[Slices]:
    yield gauge(
        "socratasync_info",
        "Always 1; what the resource is, as labels.",
        (*_RESOURCE, "domain", "mode", "schedule"),
        (((*key, *gauges.info), 1.0) for key, gauges in everything),
    )
    yield gauge(
        "socratasync_status_condition",
        "Always 1, for the status that the condition has.",
        (*_RESOURCE, "type", "status"),
        (((*key, *each), 1.0) for key, gauges in everything for each in gauges.conditions),
    )
    for number, (name, text) in enumerate(PER_RESOURCE.items()):
        yield gauge(name, text, _RESOURCE, _resource_series(everything, number))


def _of_datasets(everything: Everything) -> Iterator[Slices]:
    for number, (name, text) in enumerate(PER_DATASET.items()):
        yield gauge(name, text, (*_RESOURCE, "dataset"), _dataset_series(everything, number))


def _resource_series(everything: Everything, number: int) -> Iterator[tuple[Labels, float]]:
    for key, gauges in everything:
        if (value := gauges.numbers[number]) is not None:
            yield key, value


def _dataset_series(everything: Everything, number: int) -> Iterator[tuple[Labels, float]]:
    for key, gauges in everything:
        for dataset, numbers in gauges.datasets:
            if (value := numbers[number]) is not None:
                yield (*key, dataset), value
