"""When which resource is reconciled: one heap of due times and one task, instead of a timer for each.

A resource is reconciled by one task at a time; one that is asked for meanwhile is reconciled again
afterwards. What fails is tried again, later each time.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from socratasync.controller.cluster.errors import ClusterError, Conflict
from socratasync.controller.observed.resource import Key

log = logging.getLogger("socratasync.operator")

AT_ONCE = 10
"""Resources reconciled at the same time: more would only queue at the API server."""

_LONGEST_SLEEP_S = 5.0
"""The wall clock may jump (a suspended laptop, NTP), so it is read at least this often."""

_LONGEST_BACKOFF_S = 60.0

_A_CENTURY_S = 100 * 365 * 86_400.0
"""Nothing is overdue for so long."""

Reconcile = Callable[[Key], Awaitable[datetime | None]]
"""Brings one resource a step further; returns when to do so again, None for not before it changes."""


class Scheduler:
    """Calls ``reconcile`` for each key when it is due. ``run`` it in one task."""

    def __init__(self, reconcile: Reconcile, now: Callable[[], datetime]) -> None:
        self._reconcile = reconcile
        self._now = now
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()
        self.ticked: datetime | None = None
        """When the loop last came round."""

    def __len__(self) -> int:
        return len(self._due.keys() | self._running.keys())

    def wake(self, key: Key, since: datetime | None = None) -> None:
        """Reconcile it as soon as possible; before others if it is overdue, and they are so for less long."""
        overdue = (since or self._now()).timestamp()
        self.at(key, min(overdue, self._due.get(key, float("inf"))))

    def hurry(self, key: Key) -> None:
        """Reconcile it before all that is due, after those that hurried earlier: others wait for it."""
        ahead = self._now().timestamp() - _A_CENTURY_S
        self.at(key, min(ahead, self._due.get(key, float("inf"))))

    def at(self, key: Key, due: float | datetime) -> None:
        """Reconcile it then; replaces what was planned."""
        moment = due.timestamp() if isinstance(due, datetime) else due
        if self._due.get(key) == moment:
            return
        self._due[key] = moment
        heapq.heappush(self._heap, (moment, _lot(moment, key), key))
        self._compact()
        self._changed.set()

    def plan(self, key: Key, when: datetime | None) -> None:
        """Reconcile it then; as soon as possible, if that is past; for None, not before it is planned again."""
        if when is None:
            self.forget(key)
        elif when <= self._now():
            self.wake(key, since=when)
        else:
            self.at(key, when)

    def forget(self, key: Key) -> None:
        """Do not reconcile it any more: it is gone."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    async def run(self) -> None:
        """Goes on until cancelled; then what is under way is cancelled as well."""
        try:
            while True:
                self.ticked = self._now()
                self._start_due()
                await self._sleep()
        finally:
            for task in self._running.values():
                task.cancel()

    def _start_due(self) -> None:
        now = self._now().timestamp()
        while self._heap and self._heap[0][0] <= now and len(self._running) < AT_ONCE:
            moment, _, key = heapq.heappop(self._heap)
            if self._due.get(key) != moment or key in self._running:
                continue  # planned anew, or under way: then _finished plans it again
            del self._due[key]
            self._running[key] = asyncio.create_task(self._one(key), name=f"reconcile {key}")

    async def _sleep(self) -> None:
        self._changed.clear()
        wait = _LONGEST_SLEEP_S
        if self._heap and len(self._running) < AT_ONCE:
            wait = min(wait, max(0.0, self._heap[0][0] - self._now().timestamp()))
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _one(self, key: Key) -> None:
        try:
            again = await self._reconcile(key)
            self._failures.pop(key, None)
        except Conflict as exc:
            log.debug("%s changed meanwhile: %s", key, exc.message, extra=key.logged)
            again = self._now()
        except ClusterError as exc:
            again = self._later(key, exc.message)
        except Exception:  # one resource's trouble must not stop the others
            log.exception("%s could not be reconciled", key, extra=key.logged)
            again = self._later(key, "internal error")
        self._finished(key, again)

    def _later(self, key: Key, why: str) -> datetime:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(_LONGEST_BACKOFF_S, 0.5 * 2 ** min(failures, 10))
        log.warning("%s: %s; trying again in %.0f s", key, why, wait, extra=key.logged)
        return datetime.fromtimestamp(self._now().timestamp() + wait, self._now().tzinfo)

    def _finished(self, key: Key, again: datetime | None) -> None:
        del self._running[key]
        planned = self._due.get(key)
        if planned is not None:  # asked for meanwhile: the heap's entry may be used up already
            again_at = planned if again is None else min(planned, again.timestamp())
            del self._due[key]
            self.at(key, again_at)
        elif again is not None:
            self.at(key, again)
        self._changed.set()

    def _compact(self) -> None:
        """Plans that were replaced stay in the heap until their time. Rebuilt when they are the most of it."""
        if len(self._heap) > 2 * len(self._due) + 1000:
            self._heap = [(moment, _lot(moment, key), key) for key, moment in self._due.items()]
            heapq.heapify(self._heap)


def _lot(moment: float, key: Key) -> int:
    """Who comes first of those that are due at the same moment: drawn for each moment anew, so that of all
    who name seven o'clock nobody is the last every day."""
    return zlib.crc32(f"{moment} {key}".encode())
