"""`/metrics`: the operator's own series, and those of every resource, made at the scrape.

Thousands of resources with dozens of series each are numbers here and text only while they are read.
Gauges come from statuses and are back as soon as the operator is; counters start at zero with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import chain

from prometheus_client import ProcessCollector

from socratasync.api.status import LastRun
from socratasync.api.status_parts import StageSeconds
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.report import ROWS_MOVED
from socratasync.controller.action import Missed, RunToStart
from socratasync.controller.metrics.counts import Counts
from socratasync.controller.metrics.gauges import (
    PER_DATASET,
    PER_RESOURCE,
    RUN_STATES,
    SOURCE_INFO,
    Gauges,
    read_gauges,
)
from socratasync.controller.metrics.looks import Looks
from socratasync.controller.metrics.text import (
    Family,
    Histogram,
    Series,
    counter,
    gauge,
    histogram,
    write,
    write_collected,
    written,
)
from socratasync.controller.observed.resource import Key, Resource

_SKEW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_STEPS = tuple(each.name for each in fields(StageSeconds))
_ENDS = (Result.SUCCEEDED, Result.NO_CHANGE, Result.FAILED)
_RUNS_TOTAL = "socratasync_runs_total"
_FAILURES_TOTAL = "socratasync_failures_total"
_MISSED_TOTAL = "socratasync_missed_runs_total"
_ROWS_TOTAL = "socratasync_rows_total"
_NOTIFICATIONS_TOTAL = "socratasync_notifications_total"
_BYTES_TOTAL = "socratasync_downloaded_bytes_total"
_DURATION = "socratasync_run_duration_seconds"
_MISSED = ("StartingDeadlineExceeded", "Superseded")


class Metrics:
    """Fed by the reconciler, read by the scrape's thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._gauges: dict[Key, tuple[str, Gauges]] = {}
        self._counts = Counts()
        self._skew = Histogram(_SKEW_SECONDS)
        self._process = ProcessCollector(registry=None)
        self.looks = Looks(now)

    def observe(self, resource: Resource) -> None:
        """The resource as it stands now."""
        key = resource.key
        known = self._gauges.get(key)
        self._gauges[key] = (known[0] if known else _of(key), read_gauges(resource, self._now()))

    def forget(self, key: Key) -> None:
        """All series of the resource go."""
        self._gauges.pop(key, None)
        self.looks.forget(key)
        self._counts.forget(key)

    def job_created(self, run: RunToStart, now: datetime) -> None:
        """How late a slot's Job was; a catch-up's lateness is the downtime's, not the operator's."""
        if run.trigger is Trigger.SCHEDULE:
            self._skew.observe(max(0.0, (now - run.due).total_seconds()))

    def slots_missed(self, key: Key, missed: Missed) -> None:
        """Slots that passed without a run."""
        self._count(key, _MISSED_TOTAL, missed.count, reason=missed.reason)

    def notified(self, key: Key, result: str) -> None:
        """A channel was told (``told``) or not (``failed``), or the Job for that is refused for now (``refused``)."""
        self._count(key, _NOTIFICATIONS_TOTAL, 1, result=result)

    def run_ended(self, key: Key, run: LastRun) -> None:
        """Count a run. To be called once for each, after its result is in the status."""
        self._count(key, _RUNS_TOTAL, 1, result=run.result or "", trigger=run.trigger or "")
        if run.result is Result.FAILED:
            self._count(key, _FAILURES_TOTAL, 1, reason=run.reason or "Failed")
        for op in ROWS_MOVED:
            if count := getattr(run.rows, op, None):
                self._count(key, _ROWS_TOTAL, count, op=op)
        if run.bytes:
            self._count(key, _BYTES_TOTAL, run.bytes)
        for stage in _STEPS:
            seconds: float | None = getattr(run.seconds, stage, None)
            if seconds is not None:
                now = self._now().timestamp()
                self._counts.observe(key, _DURATION, _more(stage=stage), seconds, now)

    def _count(self, key: Key, family: str, number: int, **labels: str) -> None:
        self._counts.add(key, family, _more(**labels), number, self._now().timestamp())

    def scrape(self) -> Iterator[bytes]:
        """Everything, in Prometheus' text format, piece by piece. May be read in another thread."""
        yield from write(self._families())
        yield from write_collected(self._process)

    def _families(self) -> Iterator[Family]:
        everything = list(self._gauges.items())
        yield from self.looks.families()
        yield _runs_now(everything)
        yield histogram(
            "socratasync_job_creation_skew_seconds",
            "From when a scheduled run was due to when its Job was created.",
            [("", self._skew)],
        )
        yield from _of_resources(everything)
        yield from _of_datasets(everything)
        yield from self._of_runs(everything)

    def _of_runs(self, everything: Everything) -> Iterator[Family]:
        now, counts = self._now().timestamp(), self._counts
        for name, text, ordinary in (
            (_RUNS_TOTAL, "Runs that ended.", _ordinary_runs),
            (_FAILURES_TOTAL, "Failed runs by reason.", _none),
            (_MISSED_TOTAL, "Slots without a run.", _misses),
            (_ROWS_TOTAL, "Rows by what became of them.", _row_counts),
            (_BYTES_TOTAL, "Bytes received.", _one),
            (_NOTIFICATIONS_TOTAL, "Notifications by what became of them.", _notifications),
        ):
            zeros = (
                (own + labels, 0.0)
                for key, (own, gauges) in everything
                for labels in ordinary(gauges)
                if not counts.has(key, name, labels)
            )
            shown = (
                (_of(key) + labels, number) for key, labels, number in counts.numbers(name, now)
            )
            yield counter(name, text, chain(zeros, shown))
        yield histogram(
            _DURATION,
            "Seconds that runs spent, by stage.",
            ((_of(key) + labels, seen) for key, labels, seen in counts.histograms(_DURATION, now)),
        )


Everything = list[tuple[Key, tuple[str, Gauges]]]


def _of(key: Key) -> str:
    return written(name=key.name, namespace=key.namespace)


# What is there with 0 before it is counted: what ordinarily comes. The rest shows 0 when it comes (``counts``).


def _more(**labels: str) -> str:
    """Labels that a series has besides the resource's."""
    return f",{written(**labels)}" if labels else ""


_ON_SCHEDULE, _ON_CHANGE = (
    tuple(_more(result=end, trigger=trigger) for end in _ENDS)
    for trigger in (Trigger.SCHEDULE, Trigger.SPEC_CHANGE)
)
_MISSES = tuple(_more(reason=reason) for reason in _MISSED)
_NOTIFIED = tuple(_more(result=result) for result in ("told", "failed", "refused"))
_ROWS = tuple(_more(op=op) for op in ROWS_MOVED)


def _ordinary_runs(gauges: Gauges) -> tuple[str, ...]:
    return _ON_SCHEDULE if gauges.scheduled else _ON_CHANGE


def _misses(gauges: Gauges) -> tuple[str, ...]:
    return _MISSES if gauges.scheduled else ()


def _row_counts(_: Gauges) -> tuple[str, ...]:
    return _ROWS


def _notifications(gauges: Gauges) -> tuple[str, ...]:
    return _NOTIFIED if gauges.notifies else ()


def _one(_: Gauges) -> tuple[str, ...]:
    return ("",)


def _none(_: Gauges) -> tuple[str, ...]:
    return ()


def _runs_now(everything: Everything) -> Family:
    states = [gauges.run for _, (_, gauges) in everything]
    return gauge(
        "socratasync_operator_runs",
        "Runs by where they stand.",
        [(written(state=state), float(states.count(state))) for state in RUN_STATES],
    )


def _of_resources(everything: Everything) -> Iterator[Family]:
    yield gauge(
        "socratasync_info",
        "Always 1; what the resource is, as labels.",
        ((f"{own},{gauges.info}", 1.0) for _, (own, gauges) in everything),
    )
    yield gauge(
        "socratasync_status_condition",
        "Always 1, for the status that the condition has.",
        (
            (f"{own},{condition}", 1.0)
            for _, (own, gauges) in everything
            for condition in gauges.conditions
        ),
    )
    yield gauge(
        "socratasync_status_reason",
        "Always 1; the reason of each condition that tells of trouble.",
        ((f"{own},{reason}", 1.0) for _, (own, gauges) in everything for reason in gauges.reasons),
    )
    for number, (name, text) in enumerate(PER_RESOURCE.items()):
        yield gauge(name, text, _resource_series(everything, number))


def _of_datasets(everything: Everything) -> Iterator[Family]:
    yield gauge(
        SOURCE_INFO,
        "Always 1; the interface that the dataset is read by.",
        (
            (f"{interface},{own}", 1.0)
            for _, (own, gauges) in everything
            for interface in gauges.interfaces
        ),
    )
    for number, (name, text) in enumerate(PER_DATASET.items()):
        yield gauge(name, text, _dataset_series(everything, number))


def _resource_series(everything: Everything, number: int) -> Series:
    for _, (own, gauges) in everything:
        if (value := gauges.numbers[number]) is not None:
            yield own, value


def _dataset_series(everything: Everything, number: int) -> Series:
    for _, (own, gauges) in everything:
        for dataset, numbers in gauges.datasets:
            if (value := numbers[number]) is not None:
                yield f"{dataset},{own}", value
