"""A sync through its runs, one a night: what its status holds after each, and which events are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from socratasync.api.status import SyncStatus
from socratasync.api.status_words import Result
from socratasync.contract.report_text import Report
from socratasync.controller.action import Action, Kind
from socratasync.controller.jobs.outcome import Outcome
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.events import Event, transitions
from socratasync.controller.status.next import next_status

MakeJob = Callable[..., ObservedJob]


@dataclass
class Nights:
    """The runs of a sync, of which the first is at ``first``; ``told`` are the events of the last step."""

    resource: Resource
    job: MakeJob
    first: datetime
    told: list[Event] = field(default_factory=list)
    night: int = 0

    @property
    def now(self) -> datetime:
        """When the next run ends."""
        return self.first + self.night * timedelta(days=1)

    def run(self, report: Report | None) -> SyncStatus:
        """A run succeeds, and this is what is known of it; the status then."""
        now = self.now
        done = self.job(f"la-311-{self.night}", "Complete", created=f"{now:%Y-%m-%dT%H:%M:%SZ}")
        action = Action(kind=Kind.RECORD, reason="", message="", settled=now, job=done)
        outcome = Outcome(
            result=Result.SUCCEEDED, reason="Succeeded", message="", ended=now, report=report
        )
        status = next_status(self.resource, action, now, outcome=outcome)
        self.told = transitions(self.resource.status, status, action, outcome)
        self.resource = replace(self.resource, status=status)
        self.night += 1
        return status
