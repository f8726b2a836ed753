"""How the worker of an active run stands, as its pods tell. Plain data between looking and deciding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Why the worker is not at work: a stable reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """One look at the pods of an active Job.

    ``pod``: in which the worker is at work. ``idle``: it is at work in none, and the Job is not about to end;
    ``away`` says why, unless it is ordinary so far. ``starting_since``: from when on a pod was expected to
    start that has not; None while nobody expects one, as between two tries.
    """

    pod: str | None = None
    idle: bool = False
    away: Away | None = None
    starting_since: datetime | None = None
