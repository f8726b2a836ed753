"""Days of one SocrataSync, lived by the operator's own code, and scraped as Prometheus would: input for promtool.

The series that an alert is tested with are those that the operator makes of a status, restarts and all. The API
server is the one of ``tests/unit/controller/cluster_model.py``; the clock is the story's. promtool's own begins
in 1970, and so do the stories: the first day is a Thursday.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.unit.controller.cluster_model import ClusterModel, Object, operator_of

from socratasync.controller.cluster.errors import ClusterError, Unreachable
from socratasync.controller.metrics.series import Metrics

START = datetime.fromtimestamp(0, UTC)
SPEC: Mapping[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "rq3b-xjk8"}],
    "schedule": "0 7 * * *",
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
}
LIST_EVERY, SCRAPE_EVERY = 5, 2
"""Minutes."""


@dataclass(frozen=True)
class Ends:
    """How a run ends: after so many minutes, with this exit code; None for never."""

    after: int | None = 4
    code: int = 0
    report: Mapping[str, Any] = field(default_factory=dict)


GOOD = Ends(
    report={
        "datasets": [
            {
                "id": "rq3b-xjk8",
                "rows": {"target": 1000},
                "sourceRows": 1000,
                "verified": True,
                "schemaInSync": True,
            }
        ]
    }
)


class Cluster(ClusterModel):
    """One that may answer nothing, or start no pod."""

    is_away = starts_no_pod = False

    def _call(self) -> None:
        if self.is_away:
            raise Unreachable("no answer")


class Story:
    """A life, minute by minute. ``ends`` says of each run how it ends, by when it was started."""

    def __init__(self, *, ends: Callable[[datetime], Ends] = lambda _: GOOD, **spec: Any) -> None:
        fields = {k: v for k, v in {**SPEC, **spec}.items() if v is not None}
        self.cluster = Cluster(START, fields)
        self._ends = ends
        self._pods = 0
        self._samples: dict[str, list[str]] = {}
        self.minutes = 0
        self.restart()

    def ends_from(self, ends: Callable[[datetime], Ends]) -> None:
        """From now on runs end so."""
        self._ends = ends

    # the operator

    def restart(self, *, waits_for_crd: bool = False) -> None:
        """A new pod, with nothing in memory."""
        self._pods += 1
        self.metrics: Metrics | None = Metrics(lambda: self.cluster.now)
        self._waits_for_crd = waits_for_crd
        self._due: datetime | None = self.cluster.now
        self._seen: object = None
        self._operator = operator_of(self.cluster, metrics=self.metrics)

    def stop(self) -> None:
        """The operator is gone."""
        self.metrics = None

    def _work(self, metrics: Metrics) -> None:
        if self._waits_for_crd:
            return
        if self.minutes % LIST_EVERY == 0:
            self._list(metrics)
        for _ in range(6):
            if not self._is_time_to_look():
                return
            self._seen = self._there()
            try:
                self._due = asyncio.run(self._operator.reconcile(self.cluster.key))
            except ClusterError:
                self._due = self.cluster.now + timedelta(minutes=1)
                return

    def _list(self, metrics: Metrics) -> None:
        try:
            with metrics.looks.at_all():
                self.cluster._call()
        except ClusterError:
            return

    def _is_time_to_look(self) -> bool:
        is_due = self._due is not None and self._due <= self.cluster.now
        return is_due or self._seen != self._there()

    def _there(self) -> object:
        jobs = {name: bool(job["status"].get("conditions")) for name, job in self._jobs.items()}
        return self.cluster.body["metadata"]["resourceVersion"], jobs

    @property
    def _jobs(self) -> dict[str, Object]:
        return self.cluster.jobs

    # the kubelet

    def _run_pods(self) -> None:
        for job in self.cluster.active_jobs():
            name = job["metadata"]["name"]
            created = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
            if "deletionTimestamp" in job["metadata"]:
                self.cluster.remove(name)
                continue
            if not self.cluster.is_at_work(name):
                self.cluster.pod(name, at_work=not self.cluster.starts_no_pod)
            if self.cluster.starts_no_pod:
                continue
            ends = self._ends(created)
            if ends.after is not None and self.cluster.now - created >= timedelta(
                minutes=ends.after
            ):
                self.cluster.end(name, ok=ends.code == 0, code=ends.code, **ends.report)

    # time

    def passes(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> None:
        """So much time; the operator and the kubelet work each minute, Prometheus comes every other one."""
        for _ in range((days * 24 + hours) * 60 + minutes):
            self._run_pods()
            if self.metrics:
                self._work(self.metrics)
            if self.minutes % SCRAPE_EVERY == 0:
                self._scrape()
            self.minutes += 1
            self.cluster.now += timedelta(minutes=1)

    def until(self, *, day: int, hour: int, minute: int = 0) -> None:
        """Time passes to that moment; the first day is 0."""
        self.passes(minutes=(day * 24 + hour) * 60 + minute - self.minutes)

    def _scrape(self) -> None:
        found = dict(self._series(self.metrics)) if self.metrics else {}
        for name in found.keys() - self._samples.keys():
            self._samples[name] = ["_"] * (self.minutes // SCRAPE_EVERY)
        for name, samples in self._samples.items():
            gone = "stale" if samples and samples[-1] not in ("stale", "_") else "_"
            samples.append(found.get(name, gone))

    def _series(self, metrics: Metrics) -> Iterator[tuple[str, str]]:
        """As Prometheus stores them: with the labels of who was scraped."""
        lines = b"".join(metrics.scrape()).decode().splitlines()
        for line in lines:
            if line.startswith("socratasync") and "_seconds_" not in line.partition("{")[0]:
                series, _, number = line.rpartition(" ")
                yield _stored(series, self._pods), number.removesuffix(".0")

    def input_series(self) -> list[dict[str, str]]:
        """For promtool."""
        return [
            {"series": name, "values": " ".join(_shortened(samples))}
            for name, samples in sorted(self._samples.items())
        ]


@cache
def _stored(series: str, pod: int) -> str:
    name, _, labels = series.rstrip("}").partition("{")
    target = [f'job="socratasync-metrics", pod="operator-{pod}"']
    if 'namespace="' not in labels:
        target.append('namespace="socratasync-system"')
    return f"{name}{{{', '.join([*([labels] if labels else []), *target])}}}"


def _shortened(samples: list[str]) -> list[str]:
    """Equal samples that follow each other, in promtool's short form."""
    runs: list[tuple[str, int]] = []
    for sample in samples:
        if runs and runs[-1][0] == sample and sample != "stale":
            runs[-1] = (sample, runs[-1][1] + 1)
        else:
            runs.append((sample, 1))
    return [_short(sample, count) for sample, count in runs]


def _short(sample: str, count: int) -> str:
    if count == 1:
        return sample
    return f"_x{count}" if sample == "_" else f"{sample}x{count - 1}"
