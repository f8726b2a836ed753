"""Brings one resource a step further: gather, decide, act, tell, write the status.

The operator may be killed between any two calls. The next reconciliation then decides the same again,
or finds it done: a Job carries all that its status must say. Acting comes before writing, because what
the status says is done is not done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from socratasync.api.status import Progress, SyncStatus
from socratasync.controller.action import Action, Capacity, Kind
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import ClusterError, JobRefused, Refused
from socratasync.controller.decide import decide
from socratasync.controller.jobs.outcome import Outcome, gone, without_report
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.next_look import earliest, look_again_at, needs_step_at
from socratasync.controller.notifications import Notifications
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import (
    known_away,
    newest_ended,
    recorded_runs,
    settled_through,
)
from socratasync.controller.observed.reasons import JOB_REFUSED, WAITING_FOR_CAPACITY
from socratasync.controller.observed.resource import Key, Resource, read_resource
from socratasync.controller.observed.worker import WorkerSeen
from socratasync.controller.page.board import Board
from socratasync.controller.roster import Roster
from socratasync.controller.runs import Runs
from socratasync.controller.slots import RunSlots
from socratasync.controller.status.events import Event, event_object, transitions
from socratasync.controller.status.next import next_status
from socratasync.controller.status.patch import status_patch
from socratasync.errors import InvalidSpec

log = logging.getLogger("socratasync.operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of acting: the action as it turned out, and what was learned by it. ``refused``: why the
    API server did not take the Job."""

    action: Action
    outcome: Outcome | None = None
    progress: Progress | None = None
    refused: str | None = None


class Reconciler:
    """For one resource, one call at a time; the scheduler sees to that."""

    def __init__(
        self,
        cluster: Cluster,
        runs: Runs,
        slots: RunSlots,
        roster: Roster,
        metrics: Metrics,
        notifications: Notifications,
        now: Callable[[], datetime],
        board: Board | None = None,
    ) -> None:
        """``board``: where the status page reads how resources stand; None without a page."""
        self._cluster = cluster
        self._runs = runs
        self._slots = slots
        self._roster = roster
        self._metrics = metrics
        self._notifications = notifications
        self._now = now
        self._board = board

    async def reconcile(self, key: Key) -> datetime | None:
        """Bring the resource one step further.

        Returns when to reconcile again, None for not before it changes. Raises ``ClusterError``.
        """
        with self._metrics.looks.at(key):
            body = await self._cluster.get_sync(key)
            if body is None:
                self.forget(key)
                return None
            resource = read_resource(body)
            await self._look_at_notifications(resource)
            when = await self._step(resource)
            return earliest(when, self._notifications.due(key))

    def needs_reconcile_at(self, resource: Resource) -> datetime | None:
        """When the resource must be reconciled: now, later, or (None) not before it changes. A run that is
        overdue is so since the moment given: among many, the first due is to be looked at first.

        Judged without any call to the API, for most of ten thousand resources need nothing.
        """
        now = self._now()
        self._show(resource)
        self._note(resource)
        unrecorded = self._roster.unrecorded(resource.key, recorded_runs(resource.status))
        if resource.deleting:
            self._slots.free(resource.key)
            return None
        if resource.status.active_run or unrecorded:
            return now
        owes = resource.status.news is not None and resource.status.news.owed is not None
        if owes and self._notifications.refused_until(resource.key) is None:
            return now
        told = self._notifications.due(resource.key)
        return earliest(needs_step_at(resource, [], now), told)

    async def first_look(self, resource: Resource) -> datetime | None:
        """As ``needs_reconcile_at``; but where all that is to be done is to write a new resource's first
        status, it is done, in the one call that it takes. Raises ``ClusterError``.

        For resources without a Job that is active or failed. One that has succeeded is not thought of:
        it was started by an operator that was killed before it wrote so, and is the caller's to find.
        """
        when, now = self.needs_reconcile_at(resource), self._now()
        if when is None or when > now or resource.status != SyncStatus() or resource.deleting:
            return when
        action = decide(resource, [], now, Capacity())
        if action.kind not in (Kind.WAIT, Kind.REJECT):
            return when
        with self._metrics.looks.at(resource.key):
            when = await self._conclude(resource, [], Done(action=action), now)
            return earliest(when, self._notifications.due(resource.key))

    def forget(self, key: Key) -> None:
        """The resource is gone: so are its series, its place in the queue and its slot."""
        self._roster.forget(key)
        self._metrics.forget(key)
        if self._board is not None:
            self._board.forget(key)
        self._notifications.forget(key)
        self._runs.forget(key)
        self._slots.free(key)

    async def _step(self, resource: Resource) -> datetime | None:
        if resource.deleting:
            self._slots.free(resource.key)
            return None
        now = self._now()
        resource = await self._tell_people(resource, now)
        jobs = await self._runs.of(resource)
        seen = await self._runs.look(resource, jobs, now)
        action = self._within_capacity(resource, jobs, now, seen)
        done = await self._act(resource, action, now, seen)
        return await self._conclude(resource, jobs, done, now)

    async def _conclude(
        self, resource: Resource, jobs: Sequence[ObservedJob], done: Done, now: datetime
    ) -> datetime | None:
        """What was done is told and written."""
        status = next_status(
            resource, done.action, now, outcome=done.outcome, progress=done.progress
        )
        await self._tell(resource, status, done, now)
        try:
            written = await self._write(resource, status)
        except Refused as exc:
            done = _without_report(done, resource, exc.message)
            status = next_status(resource, done.action, now, outcome=done.outcome)
            written = await self._write(resource, status)
        self._hold_or_free_slot(resource, done.action, status)
        self._count(resource.key, status, done)
        self._show(written)
        written = await self._tell_people(written, now)
        if done.refused:
            raise JobRefused(done.refused)
        await self._runs.clear_away(written, jobs)
        if done.action.kind in (Kind.RECORD, Kind.RECORD_GONE) or done.action.refusal:
            return needs_step_at(written, jobs, now)
        if done.action.kind is Kind.NOTE:
            self._runs.forget(resource.key)  # what was noted is done only if it still holds
            return now
        return look_again_at(written, done.action, status, now)

    def _within_capacity(
        self,
        resource: Resource,
        jobs: Sequence[ObservedJob],
        now: datetime,
        seen: WorkerSeen | None,
    ) -> Action:
        action = decide(resource, jobs, now, Capacity(), seen)
        if action.run is None:
            return action
        capacity = self._slots.ask(resource.key, resource.domain, action.run.due, now)
        return action if capacity.free else decide(resource, jobs, now, capacity)

    async def _act(
        self, resource: Resource, action: Action, now: datetime, seen: WorkerSeen | None
    ) -> Done:
        match action.kind:
            case Kind.START:
                return await self._start(resource, action, now)
            case Kind.CANCEL:
                assert action.job is not None
                await self._runs.cancel(resource, action.job)
            case Kind.FOLLOW:
                return Done(action=action, progress=await self._runs.progress(resource, seen))
            case Kind.RECORD:
                assert action.job is not None
                outcome = await self._runs.outcome(
                    resource, action.job, now, cancelled=action.cancelled
                )
                return Done(action=action, outcome=outcome)
            case Kind.RECORD_GONE:
                lost, away = resource.status.active_run, known_away(resource.status)
                job = (lost.job if lost else None) or ""
                ended = gone(job, now, cancelled=action.cancelled, away=away)
                return Done(action=action, outcome=ended)
        return Done(action=action)

    async def _start(self, resource: Resource, action: Action, now: datetime) -> Done:
        assert action.run is not None
        try:
            job = await self._runs.start(resource, action.run)
        except (Refused, InvalidSpec) as exc:
            return Done(action=_refused(resource, action, exc.message, now), refused=exc.message)
        self._metrics.job_created(action.run, now)
        return Done(action=replace(action, job=job))

    async def _write(self, resource: Resource, status: SyncStatus) -> Resource:
        patch = status_patch(resource, status)
        if not patch:
            self._note(resource)
            return resource
        version = await self._cluster.patch_status(resource.key, patch, resource.version)
        written = replace(resource, version=version, status=status, unreadable={})
        self._note(written)
        return written

    def _show(self, resource: Resource) -> None:
        """To those who only look: how the resource stands now."""
        self._metrics.observe(resource)
        if self._board is not None:
            self._board.observe(resource)

    def _note(self, resource: Resource) -> None:
        last = newest_ended(resource.status)
        self._roster.note(resource.key, resource.version, last.uid if last else None)

    def _hold_or_free_slot(self, resource: Resource, action: Action, status: SyncStatus) -> None:
        active, key = status.active_run, resource.key
        if active is None:
            if action.reason != WAITING_FOR_CAPACITY:
                self._slots.free(key)
                self._runs.forget(key)
        elif active.reason:
            self._slots.set_aside(key)
        else:
            self._slots.occupy(key, action.job.domain if action.job else resource.domain)

    async def _tell(
        self, resource: Resource, status: SyncStatus, done: Done, now: datetime
    ) -> None:
        """Create the events of what the status is about to say.

        Events come before the write, because an event that is created twice is one: its name is made of
        what it tells. A kill between the two loses neither.
        """
        told = transitions(resource.status, status, done.action, done.outcome)
        await self._post_all(resource, told, now)

    def _count(self, key: Key, status: SyncStatus, done: Done) -> None:
        """Counters, unlike events, are not idempotent: so they count once the status is written."""
        ended = newest_ended(status)
        if done.outcome is not None and ended is not None:
            self._metrics.run_ended(key, ended)
        if done.action.missed:
            self._metrics.slots_missed(key, done.action.missed)

    async def _look_at_notifications(self, resource: Resource) -> None:
        """What became of earlier notifications is no trouble of the run's."""
        now = self._now()
        try:
            events = await self._notifications.look(resource, now)
        except ClusterError as exc:
            log.warning(
                "%s: a notification's end is not known: %s",
                resource.key,
                exc.message,
                extra=resource.key.logged,
            )
            return
        await self._post_all(resource, events, now)

    async def _tell_people(self, resource: Resource, now: datetime) -> Resource:
        """Start the notifications that the status owes, and write that nothing is owed any more."""
        status, events = await self._notifications.tell(resource, now)
        await self._post_all(resource, events, now)
        return resource if status == resource.status else await self._write(resource, status)

    async def _post_all(self, resource: Resource, events: Sequence[Event], now: datetime) -> None:
        for event in events:
            log.info(
                "%s: %s: %s", resource.key, event.reason, event.message, extra=resource.key.logged
            )
            await self._post(resource, event, now)

    async def _post(self, resource: Resource, event: Event, now: datetime) -> None:
        try:
            await self._cluster.create_event(event_object(event, resource, now))
        except ClusterError as exc:
            log.warning(
                "%s: event %s is lost: %s",
                resource.key,
                event.reason,
                exc.message,
                extra=resource.key.logged,
            )


def _without_report(done: Done, resource: Resource, refused: str) -> Done:
    """Raises ``Refused`` if it cannot have been for the report."""
    if done.outcome is None or done.outcome.report is None:
        raise Refused(refused)
    log.error(
        "%s: a status with the run's report was refused: %s",
        resource.key,
        refused,
        extra=resource.key.logged,
    )
    active = resource.status.active_run
    run = (active.job if active else None) or ""
    return replace(done, outcome=without_report(done.outcome, run, refused))


def _refused(resource: Resource, action: Action, message: str, now: datetime) -> Action:
    """Nothing was started, so nothing is settled."""
    return Action(
        kind=Kind.WAIT,
        reason=JOB_REFUSED,
        message=f"the run's Job could not be created: {message}",
        settled=settled_through(resource, now),
        next_due=action.next_due,
    )
