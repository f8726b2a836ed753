"""Instants as Kubernetes writes them: RFC 3339 in UTC, whole seconds. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def write(at: datetime | None) -> str | None:
    """``2026-11-23T07:00:00Z``; None for None."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read(text: Any) -> datetime | None:
    """The instant; None for whatever is not one. A bare local time is none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
