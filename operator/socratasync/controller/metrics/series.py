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

from socratasync.api.status import LastRun, Result, StageSeconds, Trigger
from socratasync.contract.report import ROWS_MOVED
from socratasync.controller.action import Missed, RunToStart
from socratasync.controller.metrics.counts import Counted, Tally
from socratasync.controller.metrics.gauges import (
    PER_DATASET,
    PER_RESOURCE,
    RUN_STATES,
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

_STAGE_SECONDS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0)
_SKEW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_STEPS = tuple(each.name for each in fields(StageSeconds))
_ENDS = (Result.SUCCEEDED, Result.NO_CHANGE, Result.FAILED)
_MISSED = ("StartingDeadlineExceeded", "Superseded")


class Metrics:
    """Fed by the reconciler, read by the scrape's thread."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._gauges: dict[Key, tuple[str, Gauges]] = {}
        self._runs = Counted(Tally)
        self._failures = Counted(Tally)
        self._missed = Counted(Tally)
        self._rows = Counted(Tally)
        self._bytes = Counted(Tally)
        self._stages = Counted(lambda: Histogram(_STAGE_SECONDS))
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
        for counted in (self._runs, self._failures, self._missed, self._rows, self._bytes):
            counted.forget(key)
        self._stages.forget(key)

    def job_created(self, run: RunToStart, now: datetime) -> None:
        """How late a slot's Job was; a catch-up's lateness is the downtime's, not the operator's."""
        if run.trigger is Trigger.SCHEDULE:
            self._skew.observe(max(0.0, (now - run.due).total_seconds()))

    def slots_missed(self, key: Key, missed: Missed) -> None:
        """Slots that passed without a run."""
        self._count(self._missed, key, missed.count, reason=missed.reason)

    def run_ended(self, key: Key, run: LastRun) -> None:
        """Count a run. To be called once for each, after its result is in the status."""
        self._count(self._runs, key, 1, result=run.result or "", trigger=run.trigger or "")
        if run.result is Result.FAILED:
            self._count(self._failures, key, 1, reason=run.reason or "Failed")
        for op in ROWS_MOVED:
            if count := getattr(run.rows, op, None):
                self._count(self._rows, key, count, op=op)
        if run.bytes:
            self._count(self._bytes, key, run.bytes)
        for stage in _STEPS:
            seconds: float | None = getattr(run.seconds, stage, None)
            if seconds is not None:
                labels = _of(key, stage=stage)
                self._stages.under(key, labels, self._now().timestamp()).observe(seconds)

    def _count(self, counted: Counted[Tally], key: Key, number: int, **labels: str) -> None:
        counted.under(key, _of(key, **labels), self._now().timestamp()).number += number

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
        now = self._now().timestamp()
        for name, text, counted, ordinary in (
            ("socratasync_runs_total", "Runs that ended.", self._runs, _ordinary_runs),
            ("socratasync_failures_total", "Failed runs by reason.", self._failures, _none),
            ("socratasync_missed_runs_total", "Slots without a run.", self._missed, _misses),
            ("socratasync_rows_total", "Rows by what became of them.", self._rows, _row_counts),
            ("socratasync_downloaded_bytes_total", "Bytes received.", self._bytes, _one),
        ):
            zeros = (
                (labels, 0.0)
                for key, (own, gauges) in everything
                for more in ordinary(gauges)
                if not counted.has(key, labels := own + more)
            )
            shown = ((labels, tally.number) for labels, tally in counted.shown(now))
            yield counter(name, text, chain(zeros, shown))
        yield histogram(
            "socratasync_run_duration_seconds",
            "Seconds that runs spent, by stage.",
            self._stages.shown(now),
        )


Everything = list[tuple[Key, tuple[str, Gauges]]]


def _of(key: Key, **more: str) -> str:
    return written(namespace=key.namespace, name=key.name, **more)


# What is there with 0 before it is counted: what ordinarily comes. The rest shows 0 when it comes (``counts``).


def _more(**labels: str) -> str:
    return f",{written(**labels)}"


_ON_SCHEDULE, _ON_CHANGE = (
    tuple(_more(result=end, trigger=trigger) for end in _ENDS)
    for trigger in (Trigger.SCHEDULE, Trigger.SPEC_CHANGE)
)
_MISSES = tuple(_more(reason=reason) for reason in _MISSED)
_ROWS = tuple(_more(op=op) for op in ROWS_MOVED)


def _ordinary_runs(gauges: Gauges) -> tuple[str, ...]:
    return _ON_SCHEDULE if gauges.scheduled else _ON_CHANGE


def _misses(gauges: Gauges) -> tuple[str, ...]:
    return _MISSES if gauges.scheduled else ()


def _row_counts(_: Gauges) -> tuple[str, ...]:
    return _ROWS


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
                yield f"{own},{dataset}", value
