"""How many runs may be active: operator-wide and per domain, the rest in order of their due time.

Socrata throttles by address and token, so a hundred syncs of one domain at seven o'clock must not all
start at seven. Deterministic and without I/O; forgotten at a restart and filled again from the Jobs.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from socratasync.controller.action import Capacity
from socratasync.controller.observed.resource import Key


class RunSlots:
    """A key that was granted a slot holds it until ``free``. ``wake`` is called with each waiting key that
    is granted one."""

    def __init__(self, most: int, most_per_domain: int, wake: Callable[[Key], None]) -> None:
        self._most = most
        self._most_per_domain = most_per_domain
        self._wake = wake
        self._holders: dict[Key, str] = {}
        self._held: Counter[str] = Counter()
        self._waiting: dict[Key, tuple[datetime, str]] = {}
        self._queues: dict[str, list[tuple[datetime, Key]]] = {}

    @property
    def active(self) -> int:
        """Slots held."""
        return len(self._holders)

    @property
    def waiting(self) -> int:
        """Keys in the queue."""
        return len(self._waiting)

    def occupy(self, key: Key, domain: str) -> None:
        """Hold a slot for a run that is active already, even beyond the limits."""
        self._waiting.pop(key, None)
        if key not in self._holders:
            self._holders[key] = domain
            self._held[domain] += 1

    def ask(self, key: Key, domain: str, due: datetime) -> Capacity:
        """Whether the key may start a run now; if not, it waits, and keeps its place."""
        if key in self._holders:
            return Capacity()
        if key not in self._waiting:
            self._waiting[key] = (due, domain)
            heapq.heappush(self._queues.setdefault(domain, []), (due, key))
        self._grant(asking=key)
        if key in self._holders:
            return Capacity()
        return Capacity(free=False, message=self._why(domain))

    def free(self, key: Key) -> None:
        """The key's run is over, or none is wanted any more."""
        self._waiting.pop(key, None)
        domain = self._holders.pop(key, None)
        if domain is None:
            return
        self._held[domain] -= 1
        if not self._held[domain]:
            del self._held[domain]
        self._grant()

    def _grant(self, asking: Key | None = None) -> None:
        while len(self._holders) < self._most:
            first = min(
                (head for domain in list(self._queues) if (head := self._head(domain))),
                default=None,
            )
            if first is None:
                return
            key = first[1]
            self.occupy(key, self._waiting[key][1])
            if key != asking:
                self._wake(key)

    def _head(self, domain: str) -> tuple[datetime, Key] | None:
        """The first of the domain's queue, if the domain has a slot left."""
        queue = self._queues[domain]
        while queue and self._waiting.get(queue[0][1]) != (queue[0][0], domain):
            heapq.heappop(queue)  # granted, or gone
        if not queue:
            del self._queues[domain]
            return None
        return queue[0] if self._held[domain] < self._most_per_domain else None

    def _why(self, domain: str) -> str:
        if len(self._holders) >= self._most:
            return f"waiting for one of the operator's {self._most} runs to end (--max-active-runs)"
        return (
            f"waiting for one of the {self._most_per_domain} runs on {domain} to end "
            "(--max-active-runs-per-domain)"
        )
