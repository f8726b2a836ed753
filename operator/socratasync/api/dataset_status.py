"""``status.datasets[]`` of a SocrataSync: how each dataset stands.

Only the operator writes it, from what the worker reports; what a run leaves out stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StrictBool

from socratasync.api.status_parts import Count, Instant, Integer, Part, Sentence, Word, Word256

FROZEN_COLUMNS: Final = 20
"""How many frozen columns a dataset names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts(Part):
    """Rows of one run."""

    downloaded: Count | None = None
    """Rows that came from the source."""
    inserted: Count | None = None
    """Rows new in the table."""
    updated: Count | None = None
    """Rows of the table that changed."""
    unchanged: Count | None = None
    """Rows that were equal already."""
    deleted: Count | None = None
    """Rows removed: by prune those that are gone at the source, by reset all that the table held."""
    target: Count | None = None
    """Rows in the table afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValue(Part):
    """A value that its column could not hold."""

    row: Word256 | None = None
    """The :id of its row at the source."""
    column: Word256 | None = None
    """The column of the table."""
    value: Word256 | None = None
    """The value's text, shortened; absent for a null where the column's type takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValues(Part):
    """What was done with values that their columns could not hold."""

    nulled: Count | None = None
    """Values that became NULL."""
    skipped: Count | None = None
    """Rows that were left out."""
    examples: Annotated[tuple[BadValue, ...], Field(max_length=5)] | None = None
    """A few of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError(Part):
    """What went wrong."""

    reason: Word | None = None
    """As one stable CamelCase word."""
    message: Sentence | None = None
    """As a sentence to act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNotice(Part):
    """What the portal says about the end of an interface that rows are read by."""

    interface: Word
    """The interface that ends: SODA2 or SODA3."""
    text: Sentence
    """The portal's own words."""
    date: Instant | None = None
    """The day that it names."""
    since: Instant | None = None
    """When the first run ended to which it said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatus(Part):
    """How one dataset stands."""

    id: Annotated[str, Field(max_length=64)]
    """The dataset's 4x4 id."""
    year: Integer | None = None
    """The year whose rows it holds."""
    api: Word | None = None
    """The interface of Socrata's that the last run which asked for its rows read them by: SODA2 or SODA3."""
    last_synced_since: Instant | None = None
    """Where its next update starts."""
    source_rows: Count | None = None
    """Rows that the source counts."""
    source_updated_at: Instant | None = None
    """When rows of the dataset last changed, as the portal says (rowsUpdatedAt): those of the whole dataset, whatever
    spec.datasets[].where leaves out. Rows that a publisher writes anew count, be they equal."""
    source_asked_at: Instant | None = None
    """When the run started that last learned sourceUpdatedAt. Until then, at least, there was no later change."""
    rows: RowCounts | None = None
    """Row counts of its last run; target is its share of the table."""
    left_out: Count | None = None
    """Its rows that the table does not hold, or only as they were before: for having no key, the key of another of
    its rows, or a value that its column cannot hold."""
    shared: Count | None = None
    """Keys of its rows that rows of other datasets have in the table."""
    bad_values: BadValues | None = None
    """Values among the rows that its last run read which their columns could not hold; absent if there were none.
    What earlier runs did to rows that were not read again is not counted here."""
    verified: StrictBool | None = None
    """Whether its rows were counted and agree; absent when nobody counted."""
    schema_in_sync: StrictBool | None = None
    """Whether its columns are as agreed."""
    frozen_columns: Annotated[tuple[Word, ...], Field(max_length=FROZEN_COLUMNS)] | None = None
    """Columns of the table that it filled once and fills no more, so that its rows keep old values, but for
    those that spec.datasets accepts. As many as there is room for."""
    frozen_column_count: Count | None = None
    """How many such columns there are."""
    error: RunError | None = None
    """What went wrong in its last run."""
