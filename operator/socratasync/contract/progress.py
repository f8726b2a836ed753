"""How far a run is: told as a bar on a terminal or as lines in a log.

The pipeline only speaks to ``Progress``; calls come from several threads at once. The operator reads what
``Logged`` wrote (``progress_lines``); nothing is decided by it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

log = logging.getLogger("socratasync.progress")

StepName = Literal["download", "merge", "refresh"]
"""The steps of a run whose time is measured. ``stage`` is their name in a status and in metrics."""


class Progress(Protocol):
    """Told of every step. ``dataset`` is the 4x4 id; the refresh, which is nobody's, has its own name for it."""

    def begin(self, dataset: str, step: StepName, total: int | None) -> None:
        """A step starts; ``total`` rows are expected, None if unknown."""

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        """So many rows more, and bytes received."""

    def finish(self, dataset: str) -> None:
        """Nothing more comes of this dataset."""


class Silent:
    """Tells nobody."""

    def begin(self, dataset: str, step: StepName, total: int | None) -> None:
        """Nothing to do."""

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        """Nothing to do."""

    def finish(self, dataset: str) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class Step:
    """One dataset's step under way."""

    name: StepName
    total: int | None
    started: float
    rows: int = 0
    bytes: int = 0
    told: float = field(default=0.0)

    def facts(self, now: float) -> dict[str, object]:
        """Rows, percent, rows per second, megabytes and the seconds still to go (estimates)."""
        spent = max(now - self.started, 1e-6)
        rate = self.rows / spent
        left = (self.total - self.rows) / rate if self.total and rate else None
        return {
            "stage": self.name,
            "rows": self.rows,
            "total": self.total,
            # Rows may outnumber what the source counted before the run; 100 is as far as it goes.
            "percent": min(100.0, round(100 * self.rows / self.total, 1)) if self.total else None,
            "rows_per_second": round(rate),
            "bytes": self.bytes,
            "eta_seconds": round(max(0.0, left)) if left is not None else None,
        }


class Logged:
    """A log line when a step begins and every ``every_s`` seconds while it goes on."""

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._steps: dict[str, Step] = {}
        self._guard = threading.Lock()

    def begin(self, dataset: str, step: StepName, total: int | None) -> None:
        """A step starts."""
        now = self._clock()
        with self._guard:
            self._steps[dataset] = begun = Step(step, total, started=now, told=now)
        self._tell(dataset, begun, now)

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        """Count; tell if the last line is old enough."""
        now = self._clock()
        with self._guard:
            step = self._steps[dataset]
            step.rows += rows
            step.bytes += wire_bytes
            due = now - step.told >= self._every_s
            if due:
                step.told = now
        if due:
            self._tell(dataset, step, now)

    def finish(self, dataset: str) -> None:
        """Forget the dataset."""
        with self._guard:
            self._steps.pop(dataset, None)

    def _tell(self, dataset: str, step: Step, now: float) -> None:
        facts = step.facts(now)
        whose = f"{dataset}: " if dataset != step.name else ""
        of_total = f" of {step.total:,}" if step.total else ""
        counted = f" {step.rows:,}{of_total} rows" if step.rows or step.total else ""
        log.info(
            "%s%s%s",
            whose,
            step.name,
            counted,
            extra={"facts": {"event": "progress", "dataset": dataset, **facts}},
        )
