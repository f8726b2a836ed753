"""What the operator can do next, as plain data between deciding and acting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from socratasync.api.selection import EVERYTHING, Selection
from socratasync.api.spec import Mode
from socratasync.api.status_words import Trigger
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.worker import Away


class Kind(StrEnum):
    """What is to be done; ``decide`` says when."""

    RECORD = "Record"
    """A Job is finished: read its result and write it down."""
    RECORD_GONE = "RecordGone"
    """A Job that ran is no longer there: write down that it was cancelled, or its result lost."""
    FOLLOW = "Follow"
    """A run is active: note it, and how far it is."""
    NOTE = "Note"
    """The active run is about to be stopped, since its worker is not at work: note why, then look again."""
    CANCEL = "Cancel"
    """Stop the active run."""
    REJECT = "Reject"
    """The spec cannot be run; say so, start nothing."""
    START = "Start"
    """Create a Job."""
    WAIT = "Wait"
    """Do nothing until ``Action.next_due``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunToStart:
    """A run to start. ``due`` is when it ought to have started; the tokens are those that it answers;
    ``retry`` is the number of a retry. A one-off run is limited to its ``selection``."""

    job: str
    trigger: Trigger
    mode: Mode
    fingerprint: str
    due: datetime
    spec_hash: str | None = None
    retry: int | None = None
    slot: datetime | None = None
    requested: str | None = None
    full: str | None = None
    selection: Selection = EVERYTHING

    @property
    def only(self) -> str | None:
        """What a one-off run is limited to, in words; None for a run of all that the spec says."""
        return self.selection.text or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Slots that are settled without a run. ``reason``: StartingDeadlineExceeded or Superseded."""

    newest: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Whether one more run may be active; if not, ``message`` says what is waited for."""

    free: bool = True
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do, and why. Reason and message go into conditions.

    ``job`` belongs to RECORD, FOLLOW, NOTE and CANCEL, ``run`` to START. ``away`` says why the job's worker is
    not at work. ``settled`` and ``next_due`` are the schedule's part, ``refused`` says that new requests
    are answered with a no, ``refusal`` why a one-off run that was asked for is.
    """

    kind: Kind
    reason: str
    message: str
    settled: datetime
    job: ObservedJob | None = None
    away: Away | None = None
    run: RunToStart | None = None
    next_due: datetime | None = None
    missed: Missed | None = None
    refused: bool = False
    refusal: str = ""
    cancelled: bool = False
