"""Collects what the threads of one run have to tell into its report: warnings, seconds, bytes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from socratasync.contract.progress import StepName
from socratasync.contract.report import RunReport
from socratasync.errors import SyncError

log = logging.getLogger(__name__)


class Journal:
    """Writes to one ``report``. Shared between threads."""

    def __init__(self, report: RunReport) -> None:
        self.report = report
        self._guard = threading.Lock()

    def fail(self, error: SyncError) -> None:
        """Log it now; the first one is the run's error."""
        log.error("%s: %s", error.reason, error.message)
        with self._guard:
            self.report.error = self.report.error or error

    def warn(self, sentence: str) -> None:
        """Log it now and report it once, as it may be told."""
        log.warning("%s", sentence)
        sentence = self.report.told(sentence)
        with self._guard:
            if sentence not in self.report.warnings:
                self.report.warnings.append(sentence)

    def received(self, wire_bytes: int) -> None:
        """So many bytes came from the source."""
        with self._guard:
            self.report.bytes += wire_bytes

    @contextmanager
    def timed(self, step: StepName) -> Iterator[None]:
        """Add the time spent to the report; datasets side by side add up."""
        started = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - started
            with self._guard:
                self.report.seconds[step] = self.report.seconds.get(step, 0.0) + spent
