"""Which of several operators works: the one that holds a Lease, an object of Kubernetes for just that.

The holder renews it every few seconds. Who stands by takes it over once it was given back, or once nothing of it
changed for as long as it says it lasts, by the observer's own clock: what clocks of other machines say is not
compared. The holder stops a third of that time earlier, by its own clock, and the process ends with it. A
process that was asleep meanwhile writes nothing when it wakes up: ``may_write`` is asked before each write.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import ClusterError, Conflict, Unreachable
from socratasync.controller.observed.resource import Key
from socratasync.times import write_instant

log = logging.getLogger("socratasync.operator")

LASTS_S: Final = 15
"""A lease that is not renewed for so long is anybody's."""

HELD_S: Final = 10.0
"""Its holder works no longer than this after the last time it was renewed."""

_EVERY_S: Final = 2.0
"""Between two looks at it, and two renewals."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Object = dict[str, Any]


def seconds_awake_and_asleep() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a lease said, and when that was first seen."""

    said: tuple[object, ...]
    holder: str
    lasts_s: float
    since: float


def look(lease: Mapping[str, Any], before: Seen | None, now: float) -> Seen:
    """What the lease says; since ``before``, if it said the same then."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    said = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
    if before is not None and before.said == said:
        return before
    return Seen(said, holder, float(spec.get("leaseDurationSeconds") or LASTS_S), now)


def is_free(seen: Seen, now: float) -> bool:
    """Whether nobody holds the lease: it was given back, or is not renewed any more."""
    return not seen.holder or now - seen.since > seen.lasts_s


class Leadership:
    """One process's part in the election. ``win``, then ``hold``, then ``give_back``."""

    def __init__(
        self,
        cluster: Cluster,
        lease: Key,
        me: str,
        clock: Callable[[], float] = seconds_awake_and_asleep,
    ) -> None:
        self._cluster = cluster
        self._lease = lease
        self._me = me
        self._clock = clock
        self._seen: Seen | None = None
        self._until = float("-inf")

    def may_write(self) -> bool:
        """Whether this process holds the lease, for certain, at this moment."""
        return self._clock() < self._until

    async def win(self, looked: Callable[[], None]) -> None:
        """Return once the lease is this process's. ``looked`` is called after each look that was answered."""
        told = ""
        while not self.may_write():
            try:
                await self._try_to_win()
                told = self._tell(told)
                looked()
            except Conflict:
                pass  # somebody was faster, or wrote a note on it
            except ClusterError as exc:
                if exc.message != told:
                    log.warning("the lease %s: %s", self._lease, exc.message)
                    told = exc.message
            if not self.may_write():
                await asyncio.sleep(_EVERY_S)
        log.info("this operator, %s, holds the lease %s and works", self._me, self._lease)

    async def hold(self) -> None:
        """Renew the lease for as long as that works. Raises ``Unreachable`` when it is lost."""
        while self.may_write():
            await asyncio.sleep(_EVERY_S)
            try:
                async with asyncio.timeout(max(0.0, self._until - self._clock())):
                    await self._renew()
            except (ClusterError, TimeoutError) as exc:
                log.warning(
                    "the lease %s could not be renewed: %s", self._lease, exc or "no answer"
                )
        raise Unreachable(f"the lease {self._lease} is lost: another operator may work now")

    async def give_back(self) -> None:
        """Let the next operator begin at once. To be called when nothing more is done."""
        if not self.may_write():
            return
        self._until = float("-inf")
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(5):
                lease = await self._cluster.get_lease(self._lease)
                if lease is not None and look(lease, None, 0).holder == self._me:
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._cluster.replace_lease(lease)
                    log.info("the lease %s is given back", self._lease)

    def _tell(self, told: str) -> str:
        holder = self._seen.holder if self._seen else ""
        if holder not in (told, self._me, ""):
            log.info("standing by: %s holds the lease %s", holder, self._lease)
        return holder

    async def _try_to_win(self) -> None:
        asked_at = self._clock()
        lease = await self._cluster.get_lease(self._lease)
        if lease is None:
            if self._seen and not is_free(self._seen, asked_at):
                return  # somebody deleted it; its holder may not know yet
            lease = await self._cluster.create_lease(_new(self._lease, self._spec(0, _now())))
        else:
            self._seen = look(lease, self._seen, self._clock())
            if not is_free(self._seen, self._clock()):
                return
            times = int((lease.get("spec") or {}).get("leaseTransitions") or 0)
            asked_at = self._clock()
            lease["spec"] = self._spec(times + 1, _now())
            lease = await self._cluster.replace_lease(lease)
        self._is_mine(lease, asked_at)

    async def _renew(self) -> None:
        asked_at = self._clock()
        lease = await self._cluster.get_lease(self._lease)
        if lease is None:
            raise Unreachable("it is gone")
        holder = look(lease, None, 0).holder
        if holder != self._me:
            self._until = float("-inf")
            raise Unreachable(f"{holder or 'nobody'} holds it")
        lease["spec"] |= {"renewTime": _now(), "leaseDurationSeconds": LASTS_S}
        self._is_mine(await self._cluster.replace_lease(lease), asked_at)

    def _is_mine(self, lease: Object, asked_at: float) -> None:
        self._seen = look(lease, None, asked_at)
        self._until = asked_at + HELD_S

    def _spec(self, times: int, now: str) -> Object:
        return {
            "holderIdentity": self._me,
            "leaseDurationSeconds": LASTS_S,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": times,
        }


@asynccontextmanager
async def leading(
    cluster: Cluster, lease: str | None, looked: Callable[[], None]
) -> AsyncIterator[Coroutine[Any, Any, None]]:
    """Wait until this operator is the one that works; with no name of a lease it is. Gives what is to be run
    meanwhile: it ends when another may work. Once the block has ended, the next one may begin."""
    if lease is None:
        yield _for_ever()
        return
    leadership = Leadership(cluster, Key(os.environ["POD_NAMESPACE"], lease), _own_name())
    cluster.may_write = leadership.may_write
    await leadership.win(looked)
    try:
        yield leadership.hold()
    finally:
        await leadership.give_back()


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _own_name() -> str:
    """Another one for each process: a pod's name outlives a restart of its container."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"


def _new(lease: Key, spec: Object) -> Object:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": lease.name, "namespace": lease.namespace},
        "spec": spec,
    }


def _now() -> str:
    return write_instant(datetime.now(UTC), "microseconds")
