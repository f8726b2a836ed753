"""When the operator tries a failed run again. Pure.

A Job gives up within minutes. What it gave up for may pass in the next hour, and the next slot may be a
day away. All of it follows from the status, so a restart of the operator loses no retry and adds none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from socratasync.api.retry import RetrySpec
from socratasync.api.spec import SyncSpec
from socratasync.api.status import LastRun, SyncStatus
from socratasync.api.status_words import Result
from socratasync.controller.observed.due import Slots, read_slots
from socratasync.controller.observed.reasons import POD_NOT_STARTING
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.verdict import wants_another_run
from socratasync.errors import Terminated, TryAgain
from socratasync.times import write_instant

_PASSING_EXITS = (TryAgain.exit_code, Terminated.exit_code)

BY_THE_NODE = ("Evicted", "Preempted", "NodeLost", "NodeShutdown", "Shutdown", "Disrupted")
"""Reasons of a pod that its node stopped."""

_DOUBLED_AT_MOST = 20
"""Beyond that every pause is the longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The next retry: which one it is, of how many, and when it is due."""

    number: int
    of: int
    due: datetime
    failed: LastRun

    @property
    def sentence(self) -> str:
        """For the condition."""
        due = write_instant(self.due, "seconds")
        return (
            f"run {self.failed.job} failed for a cause that may pass ({self.failed.reason}); "
            f"retry {self.number} of {self.of} is due at {due}"
        )


def planned_retry(resource: Resource, slots: Slots) -> Retry | None:
    """The retry that comes before the next slot; None if none does.

    A slot that is open is run instead, and what a suspension skipped is not made up for.
    """
    spec, last = resource.spec, resource.status.last_run
    if spec is None or not _may_be_retried(spec, resource.status) or slots.open is not None:
        return None
    assert last is not None, "what may be retried has run"
    assert last.end is not None, "and has ended"
    number = (last.retry or 0) + 1
    due = last.end + pause(spec.retry, number)
    late = slots.next_due is not None and due >= slots.next_due
    if number > spec.retry.limit or due <= slots.settled or late:
        return None
    return Retry(number=number, of=spec.retry.limit, due=due, failed=last)


def read_retry(resource: Resource, now: datetime) -> Retry | None:
    """The same where nobody has read the schedule yet; it is read only if there is something to retry."""
    if resource.spec is None or not _may_be_retried(resource.spec, resource.status):
        return None
    return planned_retry(resource, read_slots(resource, now))


def _may_be_retried(spec: SyncSpec, status: SyncStatus) -> bool:
    last = status.last_run
    if last is None or last.end is None or not passes(last):
        return False
    return not (spec.suspend or status.active_run or wants_another_run(spec, status))


def passes(run: LastRun) -> bool:
    """Whether what the run failed for is known to pass by itself. A deadline, memory that was too small and an
    internal error are not."""
    if run.result is not Result.FAILED:
        return False
    return run.exit_code in _PASSING_EXITS or run.reason in (POD_NOT_STARTING, *BY_THE_NODE)


def pause(retry: RetrySpec, number: int) -> timedelta:
    """The pause before the retry of that number."""
    doubled: timedelta = retry.interval * 2 ** min(number - 1, _DOUBLED_AT_MOST)
    return min(doubled, retry.max_interval)
