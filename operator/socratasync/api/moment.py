"""A moment as people type it: on a command line, in a request, in a variable. A manifest is stricter."""

from __future__ import annotations

from datetime import UTC, datetime

from socratasync.errors import InvalidSpec
from socratasync.times import is_within_reach


def read_moment(text: str, name: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC. Raises ``InvalidSpec``, saying ``name``."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as exc:
        raise InvalidSpec(
            f"{name} must be a date or time, such as 2024-01-31 or 2024-01-31T07:00:00Z, not {text!r}"
        ) from exc
    if not is_within_reach(at):
        raise InvalidSpec(f"{name} must lie in the years 2 to 9998, not {text!r}")
    return at if at.tzinfo else at.replace(tzinfo=UTC)
