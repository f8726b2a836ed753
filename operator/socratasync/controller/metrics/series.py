"""`/metrics`: the operator's own series, and those of every resource, made at the scrape.

Thousands of resources with dozens of series each are numbers here and text only while they are read.
Gauges come from statuses and are back as soon as the operator is; counters start at zero with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime

from socratasync import __version__
from socratasync.api.status import LastRun, StageSeconds, Trigger
from socratasync.contract.report import ROWS_MOVED
from socratasync.controller.action import Missed, RunToStart
from socratasync.controller.metrics.gauges import PER_DATASET, PER_RESOURCE, Gauges, read_gauges
from socratasync.controller.metrics.histogram import Histogram
from socratasync.controller.metrics.text import Family, write
from socratasync.controller.observed.resource import Key, Resource

_RESOURCE = ("namespace", "name")
_STAGE_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
_SKEW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_LOOK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_STEPS = tuple(each.name for each in fields(StageSeconds))

Labels = tuple[str, ...]


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

    def job_created(self, run: RunToStart, now: datetime) -> None:
        """How late a slot's Job was; a catch-up's lateness is the downtime's, not the operator's."""
        if run.trigger is Trigger.SCHEDULE:
            self._skew.observe(max(0.0, (now - run.due).total_seconds()))

    def slots_missed(self, key: Key, missed: Missed) -> None:
        """Slots that passed without a run."""
        self._missed[*key, missed.reason] += missed.count

    def run_ended(self, key: Key, run: LastRun) -> None:
        """Count a run. To be called once for each, after its result is in the status."""
        self._runs[*key, run.result or "", run.trigger or ""] += 1
        for op in ROWS_MOVED:
            if count := getattr(run.rows, op, None):
                self._rows[*key, op] += count
        if run.bytes:
            self._bytes[key] += run.bytes
        for stage in _STEPS:
            seconds: float | None = getattr(run.seconds, stage, None)
            if seconds is not None:
                histogram = self._stages.setdefault((*key, stage), Histogram(_STAGE_SECONDS))
                histogram.observe(seconds)

    def scrape(self) -> Iterator[bytes]:
        """Everything, in Prometheus' text format, piece by piece."""
        return write(self._families())

    def _families(self) -> Iterator[Family]:
        yield from self._own()
        everything = list(self._gauges.items())
        yield from _resource_families(everything)
        yield from _dataset_families(everything)
        yield _counter(
            "socratasync_runs_total", "Runs that ended.", ("result", "trigger"), self._runs
        )
        yield _counter(
            "socratasync_missed_runs_total", "Slots without a run.", ("reason",), self._missed
        )
        yield _counter(
            "socratasync_rows_total", "Rows by what became of them.", ("op",), self._rows
        )
        yield _counter("socratasync_downloaded_bytes_total", "Bytes received.", (), self._bytes)
        yield Family(
            name="socratasync_run_duration_seconds",
            kind="histogram",
            text="Seconds that runs spent, by stage.",
            labels=(*_RESOURCE, "stage", "le"),
            samples=(s for labels, h in list(self._stages.items()) for s in h.samples(labels)),
        )

    def _own(self) -> Iterator[Family]:
        yield Family(
            name="socratasync_operator_build_info",
            kind="gauge",
            text="Always 1; the operator's version is a label.",
            labels=("version",),
            samples=[("", (__version__,), 1.0)],
        )
        yield Family(
            name="socratasync_operator_last_reconcile_timestamp_seconds",
            kind="gauge",
            text="When the operator last looked at a resource, or at all of them.",
            labels=(),
            samples=[("", (), self._looked)],
        )
        yield Family(
            name="socratasync_operator_reconcile_duration_seconds",
            kind="histogram",
            text="One look at one resource.",
            labels=("le",),
            samples=self._looks.samples(()),
        )
        yield Family(
            name="socratasync_job_creation_skew_seconds",
            kind="histogram",
            text="From when a scheduled run was due to when its Job was created.",
            labels=("le",),
            samples=self._skew.samples(()),
        )


Everything = list[tuple[Key, Gauges]]


def _resource_families(everything: Everything) -> Iterator[Family]:
    yield _gauge(
        "socratasync_info",
        "Always 1; what the resource is, as labels.",
        (*_RESOURCE, "domain", "mode", "schedule"),
        (((*key, *gauges.info), 1.0) for key, gauges in everything),
    )
    yield _gauge(
        "socratasync_status_condition",
        "Always 1, for the status that the condition has.",
        (*_RESOURCE, "type", "status"),
        (((*key, *each), 1.0) for key, gauges in everything for each in gauges.conditions),
    )
    for number, (name, text) in enumerate(PER_RESOURCE.items()):
        yield _gauge(
            name, text, _RESOURCE, _known((key, g.numbers[number]) for key, g in everything)
        )


def _dataset_families(everything: Everything) -> Iterator[Family]:
    for number, (name, text) in enumerate(PER_DATASET.items()):
        yield _gauge(
            name,
            text,
            (*_RESOURCE, "dataset"),
            _known(
                ((*key, dataset), numbers[number])
                for key, gauges in everything
                for dataset, numbers in gauges.datasets
            ),
        )


def _known(samples: Iterable[tuple[Labels, float | None]]) -> Iterator[tuple[Labels, float]]:
    return ((labels, value) for labels, value in samples if value is not None)


def _gauge(name: str, text: str, labels: Labels, samples: Iterable[tuple[Labels, float]]) -> Family:
    return Family(
        name=name,
        kind="gauge",
        text=text,
        labels=labels,
        samples=(("", values, value) for values, value in samples),
    )


def _counter(name: str, text: str, labels: Labels, counted: Counter[Labels]) -> Family:
    return Family(
        name=name,
        kind="counter",
        text=text,
        labels=(*_RESOURCE, *labels),
        samples=(("", values, float(count)) for values, count in list(counted.items())),
    )
