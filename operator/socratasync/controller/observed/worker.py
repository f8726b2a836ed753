"""How the worker of an active run stands, as its pods tell. Plain data between looking and deciding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Why the worker is not at work: a stable reason and a sentence. ``news_from``: from when on people are to be
    told; None for at once."""

    reason: str
    message: str
    news_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """One look at the pods of an active Job.

    ``pod``: in which the worker is at work. ``away``: why it is in none; None also while the Job is about to
    end. ``ordinary``: nobody need be told of that yet. ``starting_since``: from when on a pod was expected to
    start that has not; None while nobody expects one, as between two tries.
    """

    pod: str | None = None
    away: Away | None = None
    ordinary: bool = False
    starting_since: datetime | None = None
