"""The words of a status that others use, too: a worker need not know a whole status for them."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """How a sync stands, in one word."""

    PENDING = "Pending"
    SYNCING = "Syncing"
    SYNCED = "Synced"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    INVALID = "Invalid"


class Result(StrEnum):
    """How a run ended."""

    SUCCEEDED = "Succeeded"
    NO_CHANGE = "NoChange"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    LOST = "Lost"

    @property
    def is_good(self) -> bool:
        """Whether the run ended without an error, be it that nothing was new."""
        return self in (Result.SUCCEEDED, Result.NO_CHANGE)


class Trigger(StrEnum):
    """Why a run was started."""

    SCHEDULE = "Schedule"
    CREATION = "Creation"
    SPEC_CHANGE = "SpecChange"
    MANUAL = "Manual"
    FULL = "Full"
    CATCH_UP = "CatchUp"
    RETRY = "Retry"
