"""A run's life in the cluster: its Job made, watched, stopped and cleared away.

Between ``reconcile``, which decides, and ``cluster``, which calls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from socratasync.api.spec import SyncSpec
from socratasync.api.status import Progress, SyncStatus
from socratasync.contract.progress_lines import LINES, read_progress
from socratasync.controller.action import RunToStart
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import ClusterError, Conflict, Refused
from socratasync.controller.jobs.build import CONTAINER, build_job
from socratasync.controller.jobs.defaults import NOTHING_SAID, JobDefaults
from socratasync.controller.jobs.look import look_at
from socratasync.controller.jobs.outcome import Outcome, read_outcome
from socratasync.controller.observed.job import (
    JobState,
    ObservedJob,
    active_job,
    owned_by,
    owner_uid,
    read_job,
)
from socratasync.controller.observed.memory import has_recorded, known_away
from socratasync.controller.observed.resource import Key, Resource
from socratasync.controller.observed.worker import WorkerSeen

log = logging.getLogger("socratasync.operator")

LOOK_EVERY = timedelta(seconds=15)
"""Between two looks at an active run's pod."""


class Looked(NamedTuple):
    """The last look at a run's pods: when it was, and what was known of the run and of what is wanted."""

    at: datetime
    about: tuple[object, ...]


class Runs:
    """Jobs of SocrataSyncs, by way of ``cluster``."""

    def __init__(self, cluster: Cluster, image: str, defaults: JobDefaults = NOTHING_SAID) -> None:
        self._cluster = cluster
        self._defaults = defaults
        self.image = image
        """Of the workers; may become known only later, before the first run starts."""
        self._looked: dict[Key, Looked] = {}

    async def of(self, resource: Resource) -> list[ObservedJob]:
        """The resource's own Jobs, as they are now."""
        jobs = await self._cluster.list_jobs(resource.key)
        return [read_job(job) for job in owned_by(resource.uid, jobs)]

    async def start(self, resource: Resource, run: RunToStart) -> ObservedJob:
        """Create the run's Job. One of the same name is the same run if it is this resource's.

        Raises ``Refused`` if the API server, or another object of that name, is in the way.
        """
        try:
            job = build_job(resource, run, self.image, self._defaults)
            return read_job(await self._cluster.create_job(job))
        except Conflict:
            found = await self._cluster.get_job(resource.key.namespace, run.job)
        if found is None:
            raise Conflict(f"Job {run.job} is just being deleted")
        if owner_uid(found) != resource.uid:
            raise Refused(
                f"Job {run.job} belongs to something else; delete it, or rename this SocrataSync"
            )
        return read_job(found)

    async def cancel(self, resource: Resource, job: ObservedJob) -> None:
        """Stop the Job's pods; the Job stays until they have stopped, so no other run starts before."""
        await self._cluster.delete_job(resource.key.namespace, job.name, job.uid, pods_first=True)

    async def outcome(
        self, resource: Resource, job: ObservedJob, now: datetime, *, cancelled: bool
    ) -> Outcome:
        """What became of a Job that is over."""
        pods = await self._cluster.list_pods(resource.key.namespace, job.name)
        away = known_away(resource.status, job)
        return read_outcome(job, pods, now, cancelled=cancelled, away=away)

    async def look(
        self, resource: Resource, jobs: Sequence[ObservedJob], now: datetime
    ) -> WorkerSeen | None:
        """How the worker of the active run stands; None without one, and where nobody has looked just now.

        At most every fifteen seconds, and at once when the spec changed, something was asked for, or a pod
        became ready or failed; trouble here is no trouble of the run's.
        """
        job, key = active_job(jobs), resource.key
        if job is None or job.deleting or not self._is_time(resource, job, now):
            return None
        try:
            pods = await self._cluster.list_pods(key.namespace, job.name)
        except ClusterError as exc:
            log.debug("%s: the pods could not be listed: %s", key, exc.message, extra=key.logged)
            return None
        return look_at(job, key.namespace, pods, now)

    async def progress(self, resource: Resource, seen: WorkerSeen | None) -> Progress | None:
        """How far the worker that was seen is; None if nobody can tell."""
        if seen is None or seen.pod is None:
            return None
        namespace = resource.key.namespace
        try:
            text = await self._cluster.read_log(namespace, seen.pod, CONTAINER, LINES)
        except ClusterError as exc:
            log.debug(
                "%s: no progress to be had: %s",
                resource.key,
                exc.message,
                extra=resource.key.logged,
            )
            return None
        return read_progress(text)

    def forget(self, key: Key) -> None:
        """Look again as soon as there is something to look at."""
        self._looked.pop(key, None)

    async def clear_away(self, resource: Resource, jobs: Sequence[ObservedJob]) -> None:
        """Delete the Jobs beyond the history limits, of those whose results are in the status."""
        if resource.spec is None:
            return
        for job in surplus_jobs(jobs, resource.spec, resource.status):
            await self._cluster.delete_job(
                resource.key.namespace, job.name, job.uid, pods_first=False
            )

    def _is_time(self, resource: Resource, job: ObservedJob, now: datetime) -> bool:
        looked = self._looked.get(resource.key)
        about = (resource.generation, resource.asked, job.uid, job.running_pods, job.failed_pods)
        if looked and looked.about == about and now - looked.at < LOOK_EVERY:
            return False
        self._looked[resource.key] = Looked(now, about)
        return True


def surplus_jobs(
    jobs: Sequence[ObservedJob], spec: SyncSpec, status: SyncStatus
) -> list[ObservedJob]:
    """The recorded Jobs beyond the history limits, oldest first."""
    done = [job for job in jobs if not job.deleting and has_recorded(status, job)]
    return [
        *_beyond(done, JobState.SUCCEEDED, spec.successful_runs_history_limit),
        *_beyond(done, JobState.FAILED, spec.failed_runs_history_limit),
    ]


def _beyond(jobs: Sequence[ObservedJob], state: JobState, limit: int) -> list[ObservedJob]:
    ended = sorted((job for job in jobs if job.state is state), key=lambda job: job.age)
    return ended[: max(0, len(ended) - limit)]
