"""How far a run is, from the last lines of its pod's log. Pure; nothing is decided by it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from socratasync.api.status import Progress
from socratasync.times import instant_or_none

LINES = 40
"""Enough for a progress line of each dataset under way to be among them, whatever else is logged."""


def read_progress(log: str, now: datetime) -> Progress | None:
    """``activeRun.progress`` of the newest progress line; None if there is none."""
    for line in reversed(log.splitlines()):
        entry = _read(line)
        if entry is not None:
            return _progress(entry, now)
    return None


def _read(line: str) -> dict[str, Any] | None:
    if '"progress"' not in line:
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("event") == "progress" else None


def _progress(entry: dict[str, Any], now: datetime) -> Progress:
    percent = entry.get("percent")
    known = isinstance(percent, int | float) and percent >= 0
    return Progress(
        dataset=_word(entry.get("dataset")),
        stage=_word(entry.get("stage")),
        rows=_count(entry.get("rows")),
        total=_count(entry.get("total")),
        # Rows may outnumber what the source counted before the run; 100 is as far as it goes.
        percent=min(100.0, float(percent)) if known and percent is not None else None,
        updated_at=instant_or_none(entry.get("ts")) or now,
    )


def _word(text: Any) -> str | None:
    return text[:64] if isinstance(text, str) else None


def _count(said: Any) -> int | None:
    return said if isinstance(said, int) and said >= 0 else None
