"""How many runs may be at work at once: operator-wide, per domain and per namespace; the rest in order.

Socrata throttles by address and token, so a hundred syncs of one domain at seven o'clock must not all
start at seven. A place is for a run whose worker is at work, or is about to be. One that is *stuck*,
because its pod does not start or its Job waits to try again, holds none; it takes one again, even beyond
the limits, when a pod of it works after all. Deterministic and without I/O; forgotten at a restart and
filled again from the Jobs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from socratasync.contract.report import listed
from socratasync.controller.action import Capacity
from socratasync.controller.observed.resource import Key
from socratasync.times import write_instant

_NAMED = 3
"""Holders that a message names."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """``number``: among those due at the same time, who asked first is first."""

    due: datetime
    number: int
    domain: str


class RunSlots:
    """A key that was granted a place holds it until ``free`` or ``set_aside``. ``wake`` is called with each
    waiting key that is granted one. Without ``most_per_namespace`` a namespace has no limit."""

    def __init__(
        self,
        most: int,
        most_per_domain: int,
        wake: Callable[[Key], None],
        most_per_namespace: int | None = None,
    ) -> None:
        self._most = most
        self._most_per_domain = most_per_domain
        self._most_per_namespace = most_per_namespace
        self._wake = wake
        self._holders: dict[Key, str] = {}
        self._of_domain: Counter[str] = Counter()
        self._of_namespace: Counter[str] = Counter()
        self._stuck: set[Key] = set()
        self._waiting: dict[Key, _Waiting] = {}
        self._queue: list[tuple[datetime, int, Key]] = []
        self._asked = 0

    @property
    def active(self) -> int:
        """Places held."""
        return len(self._holders)

    @property
    def waiting(self) -> int:
        """Keys in the queue."""
        return len(self._waiting)

    @property
    def stuck(self) -> int:
        """Runs that are active and hold no place, since no worker of theirs is at work."""
        return len(self._stuck)

    def occupy(self, key: Key, domain: str) -> None:
        """Hold a place for a run whose worker is at work or about to be, even beyond the limits."""
        self._leave_queue(key)
        self._stuck.discard(key)
        if key not in self._holders:
            self._holders[key] = domain
            self._of_domain[domain] += 1
            self._of_namespace[key.namespace] += 1

    def set_aside(self, key: Key) -> None:
        """The key's run is active and stuck: its place goes to the next."""
        self._leave_queue(key)
        self._stuck.add(key)
        self._give_up_place(key)

    def ask(self, key: Key, domain: str, due: datetime, now: datetime) -> Capacity:
        """Whether the key may start a run now; if not, it waits, and keeps its place in the queue."""
        if self._holders.get(key, domain) != domain:
            self.free(key)  # it was granted one for another domain, which its spec no longer names
        if key in self._holders:
            return Capacity()
        self._stuck.discard(key)
        full = self._full(key, domain)
        if full is None:  # whoever waits could not take this place, or would have it
            self.occupy(key, domain)
            return Capacity()
        self._enqueue(key, domain, due)
        return Capacity(free=False, message=self._why(full, key, domain, now))

    def free(self, key: Key) -> None:
        """The key's run is over, or none is wanted any more."""
        self._leave_queue(key)
        self._stuck.discard(key)
        self._give_up_place(key)

    def _enqueue(self, key: Key, domain: str, due: datetime) -> None:
        known = self._leave_queue(key)
        if known is None:
            self._asked += 1
        first_due = min(due, known.due) if known else due
        waits = _Waiting(first_due, known.number if known else self._asked, domain)
        self._waiting[key] = waits
        insort(self._queue, (waits.due, waits.number, key))

    def _leave_queue(self, key: Key) -> _Waiting | None:
        waits = self._waiting.pop(key, None)
        if waits is not None:
            del self._queue[bisect_left(self._queue, (waits.due, waits.number, key))]
        return waits

    def _give_up_place(self, key: Key) -> None:
        domain = self._holders.pop(key, None)
        if domain is None:
            return
        for held, name in ((self._of_domain, domain), (self._of_namespace, key.namespace)):
            held[name] -= 1
            if not held[name]:
                del held[name]
        self._grant()

    def _grant(self) -> None:
        """Places that are free go to those that can take them, the first due first."""
        index = 0
        while index < len(self._queue) and len(self._holders) < self._most:
            key = self._queue[index][2]
            domain = self._waiting[key].domain
            if self._full(key, domain):
                index += 1
            else:
                self.occupy(key, domain)
                self._wake(key)

    def _full(self, key: Key, domain: str) -> str | None:
        """The flag of the limit that leaves the key no place; None if there is one for it."""
        if len(self._holders) >= self._most:
            return "--max-active-runs"
        if self._of_domain[domain] >= self._most_per_domain:
            return "--max-active-runs-per-domain"
        most = self._most_per_namespace
        if most is not None and self._of_namespace[key.namespace] >= most:
            return "--max-active-runs-per-namespace"
        return None

    def _why(self, flag: str, key: Key, domain: str, now: datetime) -> str:
        """Who holds the places is said as of a moment: the sentence stays as it is until the next look."""
        whose, most, holders = self._limit(flag, key, domain)
        names = listed([str(holder) for holder in holders], _NAMED)
        minute = write_instant(now.replace(second=0, microsecond=0))
        return (
            f"no place for a run is free: {whose} has {most} ({flag}), held at {minute} by {names}"
        )

    def _limit(self, flag: str, key: Key, domain: str) -> tuple[str, int | None, list[Key]]:
        """Whose limit it is, the limit, and who holds its places, those first that have the longest."""
        held = self._holders.items()
        match flag:
            case "--max-active-runs":
                return "the operator", self._most, list(self._holders)
            case "--max-active-runs-per-domain":
                return domain, self._most_per_domain, [one for one, on in held if on == domain]
        mine = [one for one in self._holders if one.namespace == key.namespace]
        return f"namespace {key.namespace}", self._most_per_namespace, mine
