"""What is decided about a dataset before its first row is read, as plain values. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from socratasync.api.selection import Range
from socratasync.api.source import Interface
from socratasync.api.target import BadValuePolicy
from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn, zones_of
from socratasync.pipeline.plan.frozen import NOTHING_FROZEN, Frozen
from socratasync.pipeline.source.soql import Watermark, between, both, either, one_of, since
from socratasync.pipeline.target.bookkeeping import FIRST_INTERFACE, Known, called, read_by
from socratasync.pipeline.target.types import Relation, relation, spatial
from socratasync.times import instant_or_none, write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsNewer:
    """Which rows of the target an update leaves as they are, though a row of the same dataset and key was
    staged: newer ones, unless a change would be lost with the row that was staged.

    ``believed_until``: a row stamped later was stamped by a clock that was ahead, and does not stay.
    ``read_again_after``: rows staged with a later stamp are read again by the next update, so they can
    wait. ``asked_since``: rows stamped from then on were asked for, so that one which did not come, but
    another of its key, is gone. Both are None where the watermark is a date that people keep: nothing
    follows from stamps then, and a newer row stays unless it is the same row."""

    believed_until: datetime
    read_again_after: datetime | None
    asked_since: datetime | None


def is_point_of_location(column: Column) -> bool:
    """Whether the column holds the points of locations, which come as texts."""
    return column.source_type == "location" and spatial(column.type) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One dataset's way into the target: names only, no data. ``keeps_newer``: what an update leaves as
    it is. A full load (None) knows better: the newer row is gone. ``stamps_equal_rows``: a row that is equal
    but for its time of change is written, since another dataset's row with its key is judged by that.
    ``renews_ids``: so is a row that is equal but for its ``:id``, since it has another one from now on. ``in_two``:
    new rows and changed ones are written by a statement each. ``new_table``: where the rows go while the run makes the
    target; None where it is there, or its rows do not tell where they came from."""

    schema: str
    table: str
    stage: str
    dataset: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    provenance: bool
    keeps_newer: KeepsNewer | None = None
    stamps_equal_rows: bool = False
    renews_ids: bool = False
    in_two: bool = False
    new_table: str | None = None

    @property
    def never_fits(self) -> bool:
        """Whether no page is as ``COPY`` takes it: a location's text is not yet the point that its column holds."""
        return any(map(is_point_of_location, self.columns))

    @property
    def target(self) -> Relation:
        """The target table, qualified."""
        return relation(self.schema, self.table)

    @property
    def staged(self) -> Relation:
        """The stage table, qualified."""
        return relation("socratasync", self.stage)

    @property
    def new(self) -> Relation:
        """The table that is going to be the target, qualified."""
        assert self.new_table, "the target is there"
        return relation("socratasync", self.new_table)


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
    """``full``: every row; ``only``: those of a range that a one-off run was asked for; else rows that changed at or
    after ``bound``. ``advances``: whether the watermark may move afterwards. ``why`` is a sentence for people."""

    full: bool
    bound: datetime | None = None
    only: Range | None = None
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
    hidden: tuple[str, ...] = ()
    """Fields that the portal hides, which are not loaded."""
    name: str = ""
    """What the portal calls the dataset."""
    description: str = ""
    """What the portal says of it to people."""
    about: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)
    """What the bookkeeping is to keep of that for comments (``about``)."""
    table: tuple[tuple[str, str], ...] = ()
    """The columns (name, type) of a target still to be made."""
    api: Interface = "SODA2"
    """The interface that ``snapshot`` came by, and by which the rows are to come."""
    new_datasets: tuple[str, ...] = ()
    """The datasets that the run loads for the first time."""
    add: tuple[tuple[str, str], ...] = ()
    known: Known | None = None
    on_bad_value: BadValuePolicy = "Fail"
    warnings: tuple[str, ...] = ()
    schema_in_sync: bool = True
    frozen: Frozen = NOTHING_FROZEN
    nothing_to_do: bool = False
    owed: tuple[str, ...] = ()
    """``:id``s of rows that an update reads whether or not they changed: what stood for them is gone."""
    starts_over: bool = False
    """Whether rows that did not change must be read, whatever the mode: what was merged is not there."""
    row_triggers: tuple[str, ...] = ()
    """The table's triggers that may change a row, or keep it out, before it is written."""
    source_updated_at: datetime | None = None
    """When rows last changed, as the portal said to this run; ``snapshot`` may be that of an earlier try, whose
    stage is gone on with."""
    last_change: datetime | None = None
    """The same, if it tells of deletions, too; None where it comes from the rows, or nobody says."""
    replica_as_of: datetime | None = None
    """How old the rows read were, when they came from a replica that was behind (``rowstream``)."""

    @property
    def condition(self) -> str | None:
        """The rows to read: the manifest's ``where``, and the lower bound but for what is owed, or the range."""
        if self.load.only:
            return both(
                self.where, between(self.watermark, self.load.only.since, self.load.only.until)
            )
        changed = since(self.watermark, self.load.bound)
        if changed and self.owed:
            changed = either(changed, one_of(self.owed))
        return both(self.where, changed)

    @property
    def time_zone(self) -> str:
        """The zone in which texts are read as times; UTC where no column asks for one."""
        return next(iter(zones_of(self.shape.columns).values()), "UTC")

    @property
    def columns_after(self) -> dict[str, dict[str, str]]:
        """What the bookkeeping is to remember of the columns once this is done (``Known.columns``)."""
        return {
            "source": {c.field: c.canonical for c in self.source},
            "loaded": {c.name: c.field for c in self.shape.columns},
            "frozen": dict(self.frozen.columns),
            "provenance": dict(PROVENANCE) if self.shape.provenance else {},
            **read_by(self.api),
            **called(self.name),
            **{part: dict(texts) for part, texts in self.about.items()},
            **({"zones": zones} if (zones := zones_of(self.shape.columns)) else {}),
        }

    @property
    def fingerprint(self) -> str:
        """Stages with the same fingerprint hold the same columns of the same rows, bad values treated alike."""
        columns = [(c.name, c.field, c.type) for c in self.shape.columns]
        parts: list[object] = [self.dataset, columns, self.condition, self.on_bad_value]
        if zones := zones_of(self.shape.columns):
            parts.append(zones)
        if self.api != FIRST_INTERFACE:
            parts.append(self.api)  # where one interface stopped reading, another cannot go on
        text = json.dumps(parts, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
