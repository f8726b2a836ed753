"""What an operator does before it watches: it finds out what an earlier one has left, and what is new.

Runs first, so that the limits hold across a restart. Then every resource once, page by page: ten thousand
new ones cost one write each, and when the first run is started all that are due are known, and the first
due comes first. A process that is killed meanwhile has nothing half done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from socratasync.api.status import SyncStatus
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import ClusterError
from socratasync.controller.observed.job import ObservedJob, owner_key, read_job
from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.reconcile import Reconciler
from socratasync.controller.roster import Roster
from socratasync.controller.scheduler import AT_ONCE, Scheduler
from socratasync.controller.slots import RunSlots

log = logging.getLogger("socratasync.operator")


class Takeover:
    """To be done once, in order: ``active_runs``, then ``resources``. What needs more than a look is
    planned with the scheduler, which need not run yet. ``scopes``: namespaces, or None for all."""

    def __init__(
        self,
        cluster: Cluster,
        scopes: Sequence[str | None],
        roster: Roster,
        slots: RunSlots,
        scheduler: Scheduler,
        reconciler: Reconciler,
    ) -> None:
        self._cluster = cluster
        self._scopes = scopes
        self._roster = roster
        self._slots = slots
        self._scheduler = scheduler
        self._reconciler = reconciler
        self._with_jobs: set[Key] = set()
        self._new: set[Key] = set()

    async def active_runs(self) -> None:
        """Give the runs of an earlier process their places. The look at each, which comes next, corrects
        what has changed since. Raises ``ClusterError``."""
        for namespace in self._scopes:
            async for job in self._cluster.unsuccessful_jobs(namespace):
                owner = owner_key(job)
                if owner is not None:
                    await self._take_up(Key(*owner), read_job(job))

    async def _take_up(self, key: Key, job: ObservedJob) -> None:
        self._with_jobs.add(key)
        if not job.is_active:
            self._roster.is_old_news(key, job.uid)  # remembered until its resource is seen
            return
        if job.running_pods == 0 and await self._was_stuck(key, job):
            self._slots.set_aside(key)
        else:
            self._slots.occupy(key, job.domain)
        self._scheduler.wake(key)

    async def _was_stuck(self, key: Key, job: ObservedJob) -> bool:
        """Whether the status says so. A Job alone does not tell a pod that cannot start from one that is
        about to."""
        body = await self._cluster.get_sync(key)
        active = read_resource(body).status.active_run if body else None
        return active is not None and active.uid == job.uid and active.reason is not None

    async def resources(self) -> None:
        """Look at every resource for the first time. Trouble is logged: the watch, which lists them
        again, makes up for it."""
        try:
            for namespace in self._scopes:
                await self._look_at_all(self._cluster.syncs(namespace))
            if self._new:
                await self._find_runs_of_the_new()
        except ClusterError as exc:
            log.warning("the resources could not be listed: %s", exc.message)

    async def _look_at_all(self, bodies: AsyncIterator[Mapping[str, Any]]) -> None:
        """Some at a time, without ever holding more than a page of them. Raises ``ClusterError``."""
        turn = asyncio.Lock()
        looks = [self._look_at_each(bodies, turn) for _ in range(AT_ONCE)]
        for failed in await asyncio.gather(*looks, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _look_at_each(
        self, bodies: AsyncIterator[Mapping[str, Any]], turn: asyncio.Lock
    ) -> None:
        while True:
            async with turn:
                body = await anext(bodies, None)
            if body is None:
                return
            await self._look_at(body)

    async def _look_at(self, body: Mapping[str, Any]) -> None:
        resource = read_resource(body)
        key = resource.key
        if key in self._with_jobs:
            self._scheduler.plan(key, self._reconciler.needs_reconcile_at(resource))
            return
        if resource.status == SyncStatus():
            self._new.add(key)
        try:
            self._scheduler.plan(key, await self._reconciler.first_look(resource))
        except ClusterError:
            self._scheduler.wake(key)  # which tries again, and says so

    async def _find_runs_of_the_new(self) -> None:
        """A resource without a status may have had a run all the same: an earlier operator was killed
        between its start and its status, and the run has succeeded since."""
        for namespace in self._scopes:
            async for job in self._cluster.successful_jobs(namespace):
                owner = owner_key(job)
                if owner is not None and Key(*owner) in self._new:
                    self._scheduler.wake(Key(*owner))
