"""What the status page tells of one resource: taken from its status, and little from its spec. Pure.

This is all that the page and `status.json` can show, so it is where one sees that no secret is among it: of the
spec domain, schedule, table, and the datasets' ids and years; of the status no value of a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from socratasync.api.status_parts import Instant, Part
from socratasync.api.status_words import Phase
from socratasync.contract.report import shorten
from socratasync.controller.observed.resource import Key
from socratasync.process.redact import mask_passwords

ACTIVE_RUN: Final = "ActiveRun"
"""Stands for a condition where a run cannot start."""

_CHARACTERS = 1024
"""As many as a condition's message has."""
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
"""Control characters but for the line feed, and what turns the direction of text round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(Part):
    """Something that is wrong, with the advice."""

    condition: str
    """The condition that says so, or ActiveRun of a run that cannot start."""
    reason: str
    """Why, as one stable CamelCase word."""
    message: str
    """Why, as a sentence to act on."""
    since: Instant | None = None
    """When the condition turned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Part):
    """A run that ended."""

    start: Instant | None = None
    end: Instant | None = None
    trigger: str | None = None
    """Why it was started."""
    only: str | None = None
    """What a one-off run was limited to, such as year=2020; absent for a run of everything."""
    result: str | None = None
    """Succeeded, NoChange, Failed, Cancelled or Lost."""
    reason: str | None = None
    """Why it ended so, as one stable CamelCase word."""
    downloaded: int | None = None
    inserted: int | None = None
    updated: int | None = None
    deleted: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.start is None or self.end is None:
            return None
        return max(0.0, (self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Active(Part):
    """The run under way, as of its last progress."""

    start: Instant | None = None
    trigger: str | None = None
    step: str | None = None
    """download, merge or refresh."""
    rows: int | None = None
    total: int | None = None
    percent: float | None = None
    waits: str | None = None
    """Why its worker is not at work, as one stable CamelCase word; absent while it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Part):
    """A dataset as its last run left it; without counts if none has loaded it."""

    id: str
    year: int | None = None
    api: str | None = None
    """The interface of Socrata's that it is read by."""
    source_rows: int | None = None
    """Rows that the source counted."""
    target_rows: int | None = None
    """Its rows in the table."""
    left_out: int | None = None
    """Its rows that the table does not hold as they are."""
    source_updated_at: Instant | None = None
    """When the source last changed."""
    synced_since: Instant | None = None
    """Where its next update starts."""
    frozen_columns: int | None = None
    """Columns of the table that keep old values."""
    reason: str | None = None
    """Why its last run failed, as one stable CamelCase word."""
    message: str | None = None
    """The same as a sentence to act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Part):
    """One sync."""

    namespace: str
    name: str
    phase: Phase
    domain: str | None = None
    """The portal; absent while the spec cannot be read."""
    table: str | None = None
    """The table that is kept in step, with its schema unless that is public."""
    schedule: str | None = None
    """With its time zone; absent of a sync that runs on a change of its spec only."""
    suspended: bool = False
    needs_attention: bool = False
    """Whether something is wrong, and the sync is not suspended."""
    troubles: tuple[Trouble, ...] = ()
    warnings: tuple[str, ...] = ()
    """What a person should know although the last run went well, and what the portal says of an interface's end."""
    last_success: Instant | None = None
    """When the last run that succeeded ended."""
    last_failure: Instant | None = None
    consecutive_failures: int | None = None
    source_updated_at: Instant | None = None
    """When one of the datasets last changed at the source, as of the last run that looked."""
    next_run: Instant | None = None
    next_retry: Instant | None = None
    rows: int | None = None
    """What the table held after the last run."""
    active: Active | None = None
    runs: tuple[Run, ...] = ()
    """The last ten, newest first."""
    datasets: tuple[Dataset, ...] = ()

    @property
    def key(self) -> Key:
        """Which resource."""
        return Key(self.namespace, self.name)


ENTRY: Final = TypeAdapter(Entry)
"""Writes an entry as JSON, and reads it again."""


def readable(text: str) -> str:
    """The text for a stranger's eyes: of bounded length, without what a screen would not show as it is, and,
    though whoever wrote it masked it already, without what looks like a password in a DSN."""
    return _UNSAFE.sub("\ufffd", shorten(mask_passwords(text), _CHARACTERS))
