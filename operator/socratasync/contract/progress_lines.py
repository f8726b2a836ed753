"""How far a run is, as the operator reads it from the end of the worker's log."""

from __future__ import annotations

import json

from pydantic import TypeAdapter
from pydantic_core import from_json

from socratasync.api import status
from socratasync.times import instant_or_none, write_instant

_PROGRESS = TypeAdapter(status.Progress)

LINES = 40
"""So many lines of a log's end: a line of each dataset under way is among them, whatever else is logged."""


def read_progress(text: str) -> status.Progress | None:
    """What the newest progress line of a log says, its time in whole seconds; None if there is none."""
    lines = (line for line in reversed(text.split("\n")) if '"progress"' in line)
    return next((found for line in lines if (found := _read(line)) is not None), None)


def _read(line: str) -> status.Progress | None:
    try:
        entry = from_json(line)
        if not isinstance(entry, dict) or entry.get("event") != "progress":
            return None
        told = {name: entry.get(name) for name in ("dataset", "stage", "rows", "total", "percent")}
        told["updatedAt"] = write_instant(instant_or_none(entry.get("ts")), "seconds")
        return _PROGRESS.validate_json(json.dumps(told), strict=True)
    except ValueError:  # of a reader of JSON, and of its models
        return None
