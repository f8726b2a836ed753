"""``spec.target``, ``verify`` and ``freshness``: the table, and what it is held to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from socratasync.api.dsn import DsnFrom
from socratasync.api.indexes import Indexes
from socratasync.api.names import (
    PROVENANCE_COLUMNS,
    ColumnName,
    ColumnType,
    GivenType,
    SchemaName,
    TableName,
    distinct,
    is_column_name,
)
from socratasync.api.rules import Block, IntOrString, Rule
from socratasync.api.secrets import DsnSecretRef
from socratasync.api.times import Duration, matches

_PERCENT = "^(100|[0-9]{1,2}([.][0-9]{1,6})?)%$"

Key = Annotated[
    tuple[ColumnName, ...],
    Field(min_length=1, max_length=16),
    distinct("must name each column once"),
]
_NAMES = Rule(
    message="must have column names of at most 63 bytes, without quotes or control characters",
    holds=lambda fields: all(is_column_name(name) for name in fields),
    cel="""self.all(c, size(c) <= 63 && c.matches('^[^"\\\\x00-\\\\x1f]+$'))""",
)
Fields = Annotated[dict[ColumnName, ColumnType], Field(max_length=300), _NAMES]
Types = Annotated[
    dict[ColumnName, GivenType],
    Field(max_length=300),
    _NAMES,
    Rule(
        message=f"must not name {', '.join(PROVENANCE_COLUMNS)}: their types are fixed",
        holds=lambda types: not set(types) & set(PROVENANCE_COLUMNS),
        cel=f"!self.exists(c, c in {list(PROVENANCE_COLUMNS)})",
    ),
]
GeometryChoice = Literal["Auto", "PostGIS", "Text"]
"""What points, lines, polygons and locations become where the manifest does not give their type."""
BadValuePolicy = Literal["Fail", "Null", "Skip"]
"""In the CRD it is nullable, so that the API server refuses a null, which is no choice, and does not put the
default in its place: YAML takes Null without quotes for one."""
Tolerance = Annotated[
    int | str,
    IntOrString(),
    Rule(
        message='must be a number of rows, such as 10, or a percentage up to 100, such as "0.5%"',
        holds=lambda value: value >= 0 if isinstance(value, int) else matches(_PERCENT, value),
        cel=f"type(self) == int ? self >= 0 : string(self).matches('{_PERCENT}')",
    ),
]


class TargetSpec(Block):
    """The table that is kept in step."""

    rules = (
        Rule(
            message="must be given, or dsnFrom with the connection in parts, and not both",
            holds=lambda target: (target.dsn_secret_ref is None) != (target.dsn_from is None),
            cel="has(self.dsnSecretRef) != has(self.dsnFrom)",
            field="dsnSecretRef",
        ),
        Rule(
            message="must not be true beside reset: a reset removes what is gone at the source anyway; "
            "choose one",
            holds=lambda target: not (target.reset and target.prune),
            cel="!(self.reset && self.prune)",
            field="prune",
        ),
        Rule(
            message="needs provenance: true, which tells whose rows may be deleted",
            holds=lambda target: target.provenance or not target.prune,
            cel="self.provenance || !self.prune",
            field="prune",
        ),
        Rule(
            message="must be columns that fields lists: add them to fields",
            holds=lambda target: (
                not target.fields
                or all(k in target.fields or k in PROVENANCE_COLUMNS for k in target.key)
            ),
            cel="!has(self.fields) || size(self.fields) == 0 || "
            f"self.key.all(k, k in self.fields || k in {list(PROVENANCE_COLUMNS)})",
            field="key",
        ),
        Rule(
            message=f"must not name {', '.join(PROVENANCE_COLUMNS)} while provenance is false: "
            "nothing would fill them",
            holds=lambda target: target.provenance or not set(target.key) & set(PROVENANCE_COLUMNS),
            cel=f"self.provenance || !self.key.exists(k, k in {list(PROVENANCE_COLUMNS)})",
            field="key",
        ),
        Rule(
            message="must not name a column that fields lists: write its type there, and in one place",
            holds=lambda target: not set(target.types) & set(target.fields),
            cel="!has(self.types) || !has(self.fields) || !self.types.exists(c, c in self.fields)",
            field="types",
        ),
    )

    dsn_secret_ref: DsnSecretRef | None = None
    """The secret that holds the connection string."""
    dsn_from: DsnFrom | None = None
    """The connection in parts, each written here or a key of a secret, instead of dsnSecretRef."""
    schema_: SchemaName = Field(default="public", alias="schema")
    """The schema of the table; it must exist."""
    table: TableName
    """The table's name, without its schema. Created by the first run if it does not exist."""
    key: Key
    """The columns that tell rows apart. An existing table needs a unique constraint, or
    index, on exactly these."""
    fields: Fields = Field(default_factory=dict)
    """Column → PostgreSQL type, for the columns to load; "" takes the type from the dataset. Left out:
    all columns, typed from the dataset's metadata."""
    types: Types = Field(default_factory=dict)
    """Column → PostgreSQL type, for single columns by their names in the table; the others keep the type that the
    dataset gives them. Which columns are loaded is not chosen by it."""
    provenance: StrictBool = True
    """Adds socrata_dataset, socrata_id and socrata_updated_at, which say where a row came from."""
    reset: StrictBool = False
    """On a full run, make the table hold exactly what was loaded: all other rows go."""
    prune: StrictBool = False
    """On a full run, delete rows that are gone at the source. Rows of other origin stay."""
    comments: StrictBool = True
    """Tell in comments on the table and its columns what the portal says of them: titles, descriptions, attribution,
    licence, addresses. A comment that a person wrote, or edited, stays. False: write none, and leave those that are
    there."""
    geometry: GeometryChoice = "Auto"
    """What points, lines, polygons, their multiples and locations become in columns whose type fields does not give.
    Auto: PostGIS's geometry in a table that the run makes, where the database has PostGIS, else text. PostGIS: geometry,
    also in columns that a table gets later; refused where there is none. Text: WKT. Columns that are there stay what
    they are."""
    on_schema_change: Literal["AddColumns", "Ignore", "Fail"] = "AddColumns"
    """When the dataset's columns change: add new ones to the table, leave them out, or stop."""
    on_bad_value: BadValuePolicy = Field(default="Fail", json_schema_extra={"nullable": True})
    """What is done with a value that its column cannot hold, in no spelling: nothing of the dataset is merged
    (Fail); it becomes NULL, or its row is left out where it is part of the key or must not be null ("Null",
    with its quotes, for YAML takes the bare word for nothing); or its row is left out (Skip). Of a row that is
    left out the table keeps what it has, until a reset; to verify it is a missing row. A change holds for rows
    that are read from then on; a full run reads all."""
    indexes: Indexes = ()
    """The indexes that the table has besides its key: made once the rows are in, while readers read on. One that is
    taken out of the list is dropped, if this product made it."""


class VerifySpec(Block):
    """Whether rows are counted against the source's own count."""

    row_count: Literal["Off", "Warn", "Fail"] = "Warn"
    """What a wrong count does. Off: nothing; a run counts rows only where prune or reset deletes by it. Warn:
    a warning, and DataVerified is False. Fail: the run fails, and a dataset of which not all rows came is
    not merged. Write "Off" with its quotes, for YAML takes the bare word for false."""
    tolerance: Tolerance = 0
    """How far the counts may differ: a number of rows, or a percentage such as "0.5%"."""


class FreshnessSpec(Block):
    """How long the table may go without a good run, and its source without a change."""

    rules = (
        Rule(
            message="must be given, or sourceMaxAge, or both; to watch neither, take freshness out",
            holds=lambda freshness: freshness.max_lag or freshness.source_max_age,
            cel="has(self.maxLag) || has(self.sourceMaxAge)",
            field="maxLag",
        ),
    )

    max_lag: Duration | None = None
    """The condition Fresh is False when the last good run, be it one that found nothing new, ended longer
    ago than this, such as 36h, 90m or 1d12h. It says nothing of the source."""
    source_max_age: Duration | None = None
    """The condition SourceFresh is False when a run has found that none of the datasets in use changed for so
    long, such as 4d. The newest change of all of them counts: those of past years are expected to stand still."""
