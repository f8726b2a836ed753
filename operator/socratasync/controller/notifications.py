"""Tells people: Jobs for what a status owes, and what became of those Jobs.

A Job's name follows from the news and the channel. So one that is made twice, because the operator was killed before
it wrote that nothing is owed any more, is one. Jobs that cannot be made are tried again with growing pauses, for
they wait for the same that a run would: a quota, a policy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from socratasync.api.notify import NotifySpec
from socratasync.api.status import SyncStatus
from socratasync.contract.news import News
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import Conflict, Refused
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.jobs.notification import (
    CONTAINER,
    build_notification,
    notification_name,
)
from socratasync.controller.jobs.notification_end import why_nobody_was_told
from socratasync.controller.jobs.pods import what_holds_it_up
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.observed.job import JobState, ObservedJob, read_job
from socratasync.controller.observed.resource import Key, Resource
from socratasync.controller.status.events import Event
from socratasync.controller.status.news import news_of
from socratasync.controller.status.outbox import settled
from socratasync.errors import InvalidSpec

log = logging.getLogger("socratasync.operator")

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)

_HAS_BEGUN_AFTER = timedelta(minutes=1)
"""What a pod may take to start before somebody looks what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """News of which a Job was refused: how often, and when it is tried again."""

    times: int
    due: datetime


@dataclass(slots=True)
class Ended:
    """Jobs of one sync that ended and were not looked at yet, by uid; and those that were and are still there."""

    unseen: dict[str, ObservedJob] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


class Notifications:
    """Of all syncs. Remembers nothing that must outlive the process."""

    def __init__(
        self,
        cluster: Cluster,
        image: Callable[[], str],
        defaults: JobDefaults,
        runbooks: str | None,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._image = image
        self._defaults = defaults
        self._runbooks = runbooks
        self._metrics = metrics
        self._since = now()
        self._refusals: dict[Key, Refusal] = {}
        self._ended: dict[Key, Ended] = {}
        self._begun: dict[Key, dict[str, datetime]] = {}

    async def tell(self, resource: Resource, now: datetime) -> tuple[SyncStatus, list[Event]]:
        """Create the Jobs of what the resource owes: its status afterwards, which is to be written, and the events.

        Raises ``ClusterError`` if the API server does not answer.
        """
        status = resource.status
        if status.news is None or status.news.owed is None:
            self._refusals.pop(resource.key, None)
            return status, []
        if self._is_early(resource, now):
            return status, []
        news, sent = news_of(resource, status, status.news.owed), set(status.news.owed.sent or ())
        refused = None
        for channel in resource.audience.channels:
            name = notification_name(resource, news.id, channel)
            told = news.for_channel(channel.on)
            if told is None or name in sent:
                continue
            try:
                await self._create(resource, told, channel)
                sent.add(name)
                self._begun.setdefault(resource.key, {})[name] = now + _HAS_BEGUN_AFTER
            except (Refused, InvalidSpec) as exc:
                refused = exc.message
        left = settled(status.news, sent, complete=refused is None)
        events = self._note(resource.key, news, refused, now)
        return replace(status, news=left), events

    def due(self, key: Key) -> datetime | None:
        """When what was refused is tried again, or what was begun is looked at; None if there is neither."""
        refused, begun = self.refused_until(key), self._begun.get(key, {})
        return min([*begun.values(), *([refused] if refused else [])], default=None)

    def refused_until(self, key: Key) -> datetime | None:
        """When what was refused is tried again; None if nothing was."""
        refusal = self._refusals.get(key)
        return refusal.due if refusal else None

    def has_ended(self, key: Key, kind: str | None, job: ObservedJob) -> bool:
        """Whether a notification's Job, of which the watch tells this, has ended and a look is to be taken.

        One that succeeds leaves the watch as it was before; so does one that somebody deletes.
        """
        ended = self._ended.setdefault(key, Ended())
        is_known = job.uid in ended.failed
        if kind == "DELETED":
            ended.failed.discard(job.uid)
        if is_known or (job.is_active and kind != "DELETED"):
            return False
        ended.unseen[job.uid] = job
        self._begun.get(key, {}).pop(job.name, None)
        return True

    async def look(self, resource: Resource, now: datetime) -> list[Event]:
        """Count what has ended; tell of what failed, and of what should have begun and has not. Raises
        ``ClusterError``, and looks again then at what has ended."""
        ended = self._ended.get(resource.key)
        events = await self._held_up(resource.key, now)
        for job in list(ended.unseen.values()) if ended else []:
            if job.state is JobState.FAILED:
                events.append(await self._failed(resource, job, now))
            elif await self._has_told(resource, job):
                self._metrics.notified(resource.key, "told")
            assert ended is not None, "it has Jobs"
            del ended.unseen[job.uid]
            if job.state is JobState.FAILED:
                ended.failed.add(job.uid)
        return events

    def forget(self, key: Key) -> None:
        """The resource is gone, and its Jobs go."""
        self._refusals.pop(key, None)
        self._ended.pop(key, None)
        self._begun.pop(key, None)

    async def _held_up(self, key: Key, now: datetime) -> list[Event]:
        """Each is looked at once: a Job that never begins is given up in the end, which is told as well."""
        begun = self._begun.get(key, {})
        events = []
        for name in [name for name, due in begun.items() if due <= now]:
            del begun[name]
            pods = await self._cluster.list_pods(key.namespace, name)
            found = next(filter(None, (what_holds_it_up(pod, CONTAINER) for pod in pods)), None)
            if found:
                events.append(_event(f"a notification is not sent yet: {found}", about=name))
        return events

    async def _create(self, resource: Resource, news: News, channel: NotifySpec) -> None:
        job = build_notification(
            resource, news, channel, self._image(), self._defaults, self._runbooks
        )
        try:
            await self._cluster.create_job(job)
        except Conflict:  # made by an operator that was killed before it wrote so
            name = job["metadata"]["name"]
            log.debug("%s: %s is there", resource.key, name, extra=resource.key.logged)

    def _is_early(self, resource: Resource, now: datetime) -> bool:
        until = self.refused_until(resource.key)
        return until is not None and now < until

    def _note(self, key: Key, news: News, refused: str | None, now: datetime) -> list[Event]:
        """Remember what was refused, and when it is tried again; that is an event once."""
        before = self._refusals.pop(key, None)
        if refused is None:
            return []
        times = before.times + 1 if before else 1
        pause = min(_FIRST_PAUSE * 2 ** min(times - 1, 10), _LONGEST_PAUSE)
        self._refusals[key] = Refusal(times=times, due=now + pause)
        if times > 1:
            return []
        self._metrics.notified(key, "refused")
        said = f"a notification's Job could not be created, and is tried again: {refused}"
        return [_event(said, about=news.id)]

    async def _failed(self, resource: Resource, job: ObservedJob, now: datetime) -> Event:
        """An event twice is one. What failed before this process began was counted by the one before."""
        namespace = resource.key.namespace
        pods = await self._cluster.list_pods(namespace, job.name)
        if (job.finished or now) >= self._since:
            self._metrics.notified(resource.key, "failed")
        return _event(why_nobody_was_told(job, namespace, pods), about=job.uid)

    async def _has_told(self, resource: Resource, job: ObservedJob) -> bool:
        found = await self._cluster.get_job(resource.key.namespace, job.name)
        return found is not None and read_job(found).state is JobState.SUCCEEDED


def _event(message: str, *, about: str) -> Event:
    return Event(type="Warning", reason="NotificationFailed", message=message, about=about)
