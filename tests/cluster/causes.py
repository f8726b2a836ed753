"""Causes for which people are told something of a sync, as a table, and the story that each is led through.

A story is told in steps, so that many of them go on side by side, each in a sync of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cluster.api import Object
from tests.cluster.syncs import Sync, report
from tests.cluster.ways import (
    NO_SECRET,
    Play,
    asks,
    edits,
    fails,
    job_goes,
    job_spec,
    nothing_is_done,
    out_of_memory,
    quota,
    removes,
    runs_on,
    says_nothing,
    waits,
)

TROUBLES = ("Failure", "Stale", "SourceFrozen", "SchemaChanged", "RowCountMismatch", "Invalid")
DESK: Object = {"webhook": {"secretRef": {"name": "desk"}}, "on": ["Recovery", *TROUBLES]}
SILENT = {"limit": 0}
"""No retry: the first failure is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``begun`` is what one message says is wrong, with ``says`` in it; empty: nobody is told anything. ``mend`` does
    what helps; ``mark`` is what the source's newest change is then. Without ``runs`` no run is needed for that."""

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    there: Sequence[Object] = ()
    play: Play | None = says_nothing
    begun: frozenset[str] = frozenset({"Failure"})
    says: str = ""
    mend: Callable[[Sync], None] = asks
    runs: bool = True
    mark: str = "2026-11-23T06:00:00.000Z"


def _loads(**dataset: Any) -> Play:
    """A run that goes well, and tells that of its dataset."""

    def play(sync: Sync, job: str) -> None:
        pod = sync.kubelet.run(job, namespace=sync.namespace)
        said = json.loads(report(job))
        said["datasets"][0] |= dataset
        sync.kubelet.succeeded(pod, namespace=sync.namespace, message=json.dumps(said))

    return play


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="the source answers 5xx",
        spec={**job_spec(), "retry": SILENT},
        play=fails(75, "SourceUnavailable", "the portal answers 503"),
        says="503",
    ),
    Cause(
        name="the token is refused with 403",
        play=fails(77, "InvalidAppToken", "the token is refused"),
        says="the token is refused",
    ),
    Cause(
        name="out of memory", spec=job_spec(), play=out_of_memory, says="raise spec.job.resources"
    ),
    Cause(
        name="it takes too long",
        spec=job_spec(activeDeadlineSeconds=10),
        play=runs_on,
        says="spec.job.activeDeadlineSeconds",
        mend=edits(job={"activeDeadlineSeconds": 3600}),
    ),
    Cause(
        name="the image cannot be pulled",
        play=waits("ImagePullBackOff", "Back-off pulling image"),
        says="cannot be pulled",
    ),
    Cause(
        name="a secret is missing",
        play=waits("CreateContainerConfigError", NO_SECRET),
        says=NO_SECRET,
    ),
    Cause(
        name="the spec is bad",
        spec={"schedule": "0 0 31 2 *"},
        play=None,
        begun=frozenset({"Invalid"}),
        says="31 2",
        mend=edits(schedule="0 0 29 2 *"),
    ),
    Cause(
        name="a quota leaves no room for a pod",
        there=(quota(pods="0"),),
        says="no pod has been made",
        mend=removes("ResourceQuota", "full", then=asks),
    ),
    Cause(
        name="it is stale",
        spec={"freshness": {"maxLag": "15s"}},
        play=_loads(),
        begun=frozenset({"Stale"}),
        says="15s",
        mend=edits(freshness={"maxLag": "1d"}),
        runs=False,
    ),
    Cause(
        name="the source is frozen",
        spec={"freshness": {"sourceMaxAge": "1d"}},
        play=_loads(),
        begun=frozenset({"SourceFrozen"}),
        says="data.lacity.org",
        mark=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    ),
    Cause(
        name="columns changed",
        play=_loads(schemaInSync=False),
        begun=frozenset({"SchemaChanged"}),
        says="spec.target.onSchemaChange",
    ),
    Cause(
        name="counts differ",
        play=_loads(verified=False),
        begun=frozenset({"RowCountMismatch"}),
        says="rows are not as many",
    ),
    Cause(name="the result is lost", play=job_goes, says="is lost"),
    Cause(
        name="a retry heals it",
        spec={**job_spec(), "retry": {"interval": "5s"}},
        play=fails(75, "SourceUnavailable", "no answer"),
        begun=frozenset(),
        mend=nothing_is_done,
    ),
)


class Story:
    """One cause's: it goes wrong, is told, is mended, and is told to be over."""

    def __init__(self, cause: Cause, sync: Sync) -> None:
        self.cause, self.sync = cause, sync
        self.is_over = False
        self.told_after_s: float | None = None
        """How long after it went wrong the first message was there."""
        self._wrong_since = time.monotonic()
        self._begun = cause.play is None
        self._before: frozenset[str] | None = None
        self._ran = not cause.runs

    def apply(self) -> None:
        """The sync as it is in the beginning."""
        self.sync.apply(notify=[DESK], **self.cause.spec)

    def messages(self) -> list[Object]:
        """The news of each notification's Job, oldest first."""
        found = [news_of(job) for job in notifications(self.sync)]
        return sorted(found, key=lambda news: (news["at"], bool(news["over"])))

    def step(self) -> None:
        """Do what is due by now."""
        if self.is_over:
            return
        if not self._begun:
            self._begun = self._goes_wrong()
            self._wrong_since = time.monotonic()
        elif self._before is None:
            self._is_mended()
        elif not self._ran:
            self._ran = self._runs_well()
        else:
            self.is_over = self._is_told_of_its_end()

    def _goes_wrong(self) -> bool:
        job = self._active_job()
        if job is None:
            return False
        assert self.cause.play is not None
        self.cause.play(self.sync, job)
        return True

    def _is_mended(self) -> None:
        waits_for_run = not self.cause.begun and self._last_run() is None
        if waits_for_run or (self.cause.begun and not self.messages()):
            return
        if self.cause.begun:
            self.told_after_s = time.monotonic() - self._wrong_since
        self._before = frozenset(job["metadata"]["name"] for job in self.sync.jobs())
        self.cause.mend(self.sync)

    def _runs_well(self) -> bool:
        job = self._active_job()
        if job is None or job in (self._before or ()):
            return False
        pod = self.sync.at_work(job)
        said = report(job, mark=self.cause.mark)
        self.sync.kubelet.succeeded(pod, namespace=self.sync.namespace, message=said)
        return True

    def _is_told_of_its_end(self) -> bool:
        if not self.cause.begun:
            return (self._last_run() or {}).get("result") == "Succeeded"
        return any(message["over"] for message in self.messages())

    def _active_job(self) -> str | None:
        return (self.sync.status().get("activeRun") or {}).get("job")

    def _last_run(self) -> Object | None:
        return self.sync.status().get("lastRun")


def notifications(sync: Sync) -> list[Object]:
    """The Jobs that tell people of the sync."""
    told = f"socratasync.dev/notification={sync.name}"
    return sync.api.list("Job", namespace=sync.namespace, selector=told)


def env_of(job: Object) -> dict[str, Any]:
    """The variables of the Job's container: their values, or where they come from."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def news_of(job: Object) -> Object:
    """What the Job tells."""
    found: Object = json.loads(env_of(job)["SOCRATASYNC_NEWS"])
    return found
