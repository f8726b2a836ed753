"""``spec.datasets``, ``spec.source`` and ``spec.archive``: what is read, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from socratasync.api.names import (
    PROVENANCE_COLUMNS,
    ColumnName,
    DatasetId,
    FieldOrPart,
    ObjectName,
    SourceField,
    is_column_name,
)
from socratasync.api.rules import Block, Rule
from socratasync.api.secrets import AppTokenSecretRef, CredentialsSecretRef
from socratasync.api.times import TimeZone, matches, up_to

Interface = Literal["SODA2", "SODA3"]
"""Which of Socrata's interfaces rows are read by: ``/resource``, or ``/api/v3``."""
InterfaceChoice = Literal["Auto", "SODA2", "SODA3"]

Year = Annotated[StrictInt, Field(ge=1900, le=2200)]

_RESERVED = ", ".join(PROVENANCE_COLUMNS)

Columns = Annotated[
    dict[ColumnName, FieldOrPart],
    Field(max_length=100),
    Rule(
        message="must map the target's column names (at most 63 bytes, no quotes) to the dataset's fields",
        holds=lambda columns: all(is_column_name(name) for name in columns),
        cel="""self.all(c, size(c) <= 63 && c.matches('^[^"\\\\x00-\\\\x1f]+$'))""",
    ),
    Rule(
        message=f"must not map {_RESERVED}: spec.target.provenance fills them",
        holds=lambda columns: not set(columns) & set(PROVENANCE_COLUMNS),
        cel=f"!self.exists(c, c in {list(PROVENANCE_COLUMNS)})",
    ),
]

FrozenColumns = Annotated[tuple[ColumnName, ...], Field(max_length=300)]

Filter = Annotated[
    StrictStr,
    Field(min_length=1, max_length=4000),
    Rule(
        message="must be the condition alone, such as status = 'Closed', without $where= or WHERE",
        holds=lambda text: not matches(r"(?i)^\s*([$]?where\b|$)", text),
        cel=r"!self.matches('(?i)^\\s*([$]?where\\b|$)')",
    ),
]


class DatasetSpec(Block):
    """One dataset of the domain: one year's rows, or all there are."""

    id: DatasetId
    """The dataset's 4x4 id, the last part of its page's address, such as rq3b-xjk8."""
    year: Year | None = None
    """The year whose rows it holds; spec.years chooses by it."""
    columns: Columns = Field(default_factory=dict)
    """Target column → the dataset's field, for a dataset whose names differ from the others'. LA 311 of
    2026 calls srnumber casenumber: {srnumber: casenumber}. Of a location, point, url, document or phone also a part:
    {site: url.url, lon: location.longitude}."""
    frozen_columns: FrozenColumns = ()
    """Columns of the table that this dataset fills no more, and whose old values are wanted all the same:
    they are no longer told of. What is listed and not frozen does no harm."""
    where: Filter | None = None
    """SoQL condition that rows must meet to be loaded, such as requesttype = 'Bulky Items'."""


class TimeoutsSpec(Block):
    """How long is waited for Socrata before a request counts as failed. It is tried again then, and a page of
    rows is asked for with half its rows."""

    connect: Annotated[timedelta, up_to("10m")] = Field("10s", validate_default=True)
    """For a connection, its TLS handshake included."""
    first_byte: Annotated[timedelta, up_to("2h")] = Field("11m", validate_default=True)
    """From a request to the end of its answer's headers: as long as the query takes. Socrata gives up on a
    query after ten minutes, and says so if it is waited for that long."""
    silence: Annotated[timedelta, up_to("2h")] = Field("2m", validate_default=True)
    """For the next byte of a body that has begun."""
    page: Annotated[timedelta, up_to("24h")] = Field("30m", validate_default=True)
    """From the first byte of a page's rows until all of them are in the stage."""


class SourceSpec(Block):
    """How Socrata is asked."""

    api: InterfaceChoice = "Auto"
    """The interface that rows are read by. Auto stays with the one that a dataset was read by last, SODA2 at first, and
    goes over to the other when the portal has it no more, in the middle of a run, too. SODA2 and SODA3 read by that
    one alone."""
    app_token_secret_ref: AppTokenSecretRef | None = None
    """The secret that holds an app token. Without one Socrata throttles by address, sooner, and some portals answer no
    request by SODA3."""
    credentials_secret_ref: CredentialsSecretRef | None = None
    """The secret that holds user and password, for private datasets."""
    page_size: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 50_000
    """Rows asked for at once. A retried run goes on at the page where the last one stopped."""
    watermark: SourceField = ":updated_at"
    """The field whose newest value marks how far a dataset is loaded: Socrata's own change time, or a
    time column of the dataset."""
    time_zone: TimeZone | None = None
    """IANA time zone, such as America/Los_Angeles, whose clock times without a zone are told by. Needed where such a
    time goes into a timestamptz column; without it that is refused. A change reads all rows of such a table anew. The
    schedule's is spec.timeZone."""
    computed_regions: StrictBool = False
    """Loads the columns that a portal computes by itself from places, :@computed_region_…, as other columns. Without it
    those are loaded that target.fields or datasets[].columns name, or that the table has."""
    timeouts: TimeoutsSpec = TimeoutsSpec()
    """How long is waited for Socrata: connect, firstByte, silence, page."""


def years_of(datasets: tuple[DatasetSpec, ...]) -> set[Any]:
    """The years that datasets carry."""
    return {dataset.year for dataset in datasets if dataset.year is not None}


class ArchiveSpec(Block):
    """Each download also kept as gzip CSV, by dataset and year."""

    persistent_volume_claim: ObjectName
    """The claim that keeps the files."""
    keep_runs: Annotated[StrictInt, Field(ge=1, le=1000)] = 5
    """How many runs' files are kept of each dataset and year."""
