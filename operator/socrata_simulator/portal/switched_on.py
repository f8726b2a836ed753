"""Faults that a test switches on. Each applies to some requests, a number of times, and is over.

``portal.faults.add(Fault.status(429, retry_after=1), times=2, dataset="abcd-1234", on="rows")``

``on`` is the kind of request: ``rows``, ``count`` (any query of aggregates), ``metadata``,
``catalog`` or ``any``. ``after=N`` lets the first N matching requests pass. ``interface="SODA3"`` chooses
only requests of that one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.interfaces import NEITHER, SODA2, SODA3

KINDS = ("any", "rows", "count", "metadata", "catalog")


@dataclass(slots=True)
class _SwitchedOn:
    """A fault, which requests meet it, and how often one did."""

    fault: Fault
    times: int | None
    skip: int
    dataset: str | None
    on: str
    interface: str | None
    used: int = field(default=0)

    def takes(self, kind: str, dataset: str, interface: str) -> bool:
        """Whether this request meets the fault. Counts the request if it is one of the fault's kind."""
        if self.on not in ("any", kind) or self.dataset not in (None, dataset):
            return False
        if self.interface not in (None, interface):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.used >= self.times:
            return False
        self.used += 1
        return True


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[_SwitchedOn] = []

    def add(
        self,
        fault: Fault,
        *,
        times: int | None = 1,
        after: int = 0,
        dataset: str | None = None,
        on: str = "any",
        interface: str | None = None,
    ) -> None:
        """Switch ``fault`` on for ``times`` requests (None: for good), after letting ``after`` pass.

        ``dataset``, ``on`` and ``interface`` choose the requests (see above). Raises ``ValueError`` for an
        ``on`` or an ``interface`` that there is not.
        """
        if interface not in (None, SODA2, SODA3):
            raise ValueError(f"interface is {SODA2} or {SODA3}, not {interface!r}")
        if on not in KINDS:
            raise ValueError(f"on is one of {', '.join(KINDS)}, not {on!r}")
        with self._lock:
            self._on.append(_SwitchedOn(fault, times, after, dataset, on, interface))

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._on.clear()

    @property
    def is_empty(self) -> bool:
        """Whether no fault is switched on, be it one that has happened as often as it should."""
        with self._lock:
            return not self._on

    @property
    def pending(self) -> int:
        """How many faults that end after a number of times have not ended yet."""
        with self._lock:
            return sum(1 for a in self._on if a.times is not None and a.used < a.times)

    def meet(self, kind: str, dataset: str, interface: str = NEITHER) -> list[Fault]:
        """The faults that this request meets, in the order in which they were added.

        None follows a refusal. Of two faults that exclude each other the first is met; the second
        waits for a later request.
        """
        met: list[Fault] = []
        with self._lock:
            for entry in self._on:
                if any(entry.fault.excludes(m) for m in met):
                    continue
                if entry.takes(kind, dataset, interface):
                    met.append(entry.fault)
                    if entry.fault.refusal:
                        break
        return met
