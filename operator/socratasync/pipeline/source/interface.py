"""What the two interfaces of Socrata have in common: each can ask a query, and says in its own words how current
the rows of an answer are. Nothing outside this folder needs to know which of them is in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from socratasync.api.source import Interface as Name
from socratasync.pipeline.source.request import Form, Request
from socratasync.pipeline.source.soql import Query

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a replica that is behind by nobody knows how much."""

CURRENT = frozenset({"", "false", "[]"})
"""What ``X-SODA2-Data-Out-Of-Date`` says of rows that are current. What else it says, nobody knows: such rows are
taken for old ones."""

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What an answer says of the replica that it came from. ``as_of``: the time whose state the rows are, if it is
    behind; None if it is current, or says nothing. ``is_silent``: whether it says nothing, where one that is
    behind might say nothing either."""

    as_of: datetime | None = None
    is_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One of them. ``ask``: the request for a query of a dataset, whose answer may take so many seconds.
    ``replica``: read from an answer's headers. ``rename``: the query as it is asked once more where an answer holds
    more columns than were selected, and ``aliases`` what its columns are called then."""

    name: Name
    ask: Callable[[str, Query, Form, float], Request]
    replica: Callable[[Headers], Replica]
    rename: Callable[[Query], Query] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)


def out_of_date(headers: Headers) -> str | None:
    """What the portal says of how current the rows are, in small letters; None if it says nothing."""
    said = headers.get("X-SODA2-Data-Out-Of-Date")
    return None if said is None else said.strip().lower()


def http_date(text: str | None) -> datetime | None:
    """A time of a header; None for what is none."""
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
