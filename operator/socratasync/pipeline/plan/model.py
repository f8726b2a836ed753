"""What is decided about a dataset before its first row is read, as plain values. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.source.soql import Watermark, both, either, one_of, since
from socratasync.pipeline.target.bookkeeping import Known
from socratasync.pipeline.target.types import Relation, relation
from socratasync.times import instant_or_none, write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsNewer:
    """What an update does with a staged row that is older than the dataset's own row in the target. The
    one in the target stays, unless a change would be lost with the other: what stays out must be read
    again, or be another row of the same key.

    ``believed_until``: a row of the target stamped later was stamped by a clock that was ahead, and
    does not stay. ``read_again_after``: rows stamped later are read again by the next update. Older ones
    are written, since nobody will look at them again. None: the watermark is a date that
    people keep, and nothing follows from a stamp; a row replaces itself then, whatever its stamp."""

    believed_until: datetime
    read_again_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One dataset's way into the target: names only, no data. ``keeps_newer``: what an update leaves as
    it is. A full load (None) knows better: the newer row is gone."""

    schema: str
    table: str
    stage: str
    dataset: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    provenance: bool
    keeps_newer: KeepsNewer | None = None

    @property
    def target(self) -> Relation:
        """The target table, qualified."""
        return relation(self.schema, self.table)

    @property
    def staged(self) -> Relation:
        """The stage table, qualified."""
        return relation("socratasync", self.stage)


SETTLED_AFTER = timedelta(hours=1)
"""A change younger than that may not have reached the replica that was read, which need not say so:
the next run looks again, and reads again from before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The target as it was before the run. ``rows``: about as many; 0 only if it is empty.
    ``server_version``: PostgreSQL's, such as 170004."""

    exists: bool
    rows: int
    server_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``full``: every row; else rows that changed at or after ``bound``. ``advances``: whether the
    watermark may move afterwards. ``why`` is a sentence for people."""

    full: bool
    bound: datetime | None = None
    advances: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the source said before the first page, and when."""

    rows: int | None
    newest: datetime | None
    rows_updated_at: datetime | None
    taken_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all replicas surely hold the change of ``rows_updated_at``, which comes from another
        place than the rows, and lacks the fraction of its second."""
        if self.taken_at is None or self.rows_updated_at is None:
            return True
        return self.taken_at - self.rows_updated_at > SETTLED_AFTER + timedelta(seconds=1)

    def as_dict(self) -> dict[str, Any]:
        """As a checkpoint stores it."""
        return {
            "rows": self.rows,
            "newest": write_instant(self.newest),
            "rows_updated_at": write_instant(self.rows_updated_at),
            "taken_at": write_instant(self.taken_at),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Snapshot:
        """From a checkpoint."""
        names = ("newest", "rows_updated_at", "taken_at")
        times = {n: instant_or_none(data.get(n)) for n in names}
        return cls(rows=data["rows"], **times)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPlan:
    """Everything decided about one dataset before its first row is read."""

    dataset: str
    year: int | None
    shape: Shape
    load: Load
    where: str | None
    watermark: Watermark
    snapshot: Snapshot
    source: tuple[SourceColumn, ...]
    before: Before
    table: tuple[tuple[str, str], ...] = ()
    """The columns (name, type) of a target still to be made."""
    alone: bool = True
    """Whether the run loads no other dataset."""
    add: tuple[tuple[str, str], ...] = ()
    known: Known | None = None
    warnings: tuple[str, ...] = ()
    schema_in_sync: bool = True
    nothing_to_do: bool = False
    owed: tuple[str, ...] = ()
    """``:id``s of rows that an update reads whether or not they changed: what stood for them is gone."""
    starts_over: bool = False
    """Whether rows that did not change must be read, whatever the mode: what was merged is not there."""
    replica_as_of: datetime | None = None
    """How old the rows read were, when they came from a replica that was behind (``rowstream``)."""

    @property
    def condition(self) -> str | None:
        """The rows to read: the manifest's ``where``, and the lower bound but for what is owed."""
        changed = since(self.watermark, self.load.bound)
        if changed and self.owed:
            changed = either(changed, one_of(self.owed))
        return both(self.where, changed)

    @property
    def fingerprint(self) -> str:
        """Stages with the same fingerprint hold the same columns of the same rows."""
        columns = [(c.name, c.field, c.type) for c in self.shape.columns]
        text = json.dumps([self.dataset, columns, self.condition], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
