"""Which PostgreSQL column each Socrata column becomes: its name and its type.

Pure. The type names come from three places that disagree (metadata ``dataTypeName``, the
``X-SODA2-Types`` header and legacy views), so all aliases map to one canonical name first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from socratasync.api.names import PROVENANCE_COLUMNS
from socratasync.pipeline import parts

PROVENANCE = dict(
    zip(PROVENANCE_COLUMNS, ("text", "text", "timestamp with time zone"), strict=True)
)
"""Columns of the target that say which dataset and source row a row came from."""

_PLAIN_NAME = re.compile(r"^[a-z_][a-z0-9_]*$")


_ALIASES = {
    "email": "text",
    "phone": "text",
    "drop_down_list": "text",
    "html": "text",
    "money": "number",
    "percent": "number",
    "stars": "number",
    "boolean": "checkbox",
    "calendar_date": "floating_timestamp",
    "date": "fixed_timestamp",
    "row_identifier": "text",
    "row_version": "text",
}

_POSTGRES_TYPES = {
    "text": "text",
    "number": "numeric",
    "double": "double precision",
    "checkbox": "boolean",
    "floating_timestamp": "timestamp without time zone",
    "fixed_timestamp": "timestamp with time zone",
    # Geometry arrives as WKT with the source's own digits; text keeps every one of them.
    "point": "text",
    "line": "text",
    "polygon": "text",
    "multipoint": "text",
    "multiline": "text",
    "multipolygon": "text",
    "location": "text",
    "url": "text",
    "document": "text",
    "photo": "text",
    "blob": "text",
    "json": "jsonb",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumn:
    """A column as the dataset's metadata describes it, in the order of the metadata. ``label`` and ``description``: what
    people see above it and are told of it, which may change and changes no row."""

    field: str
    type: str
    label: str = dataclasses.field(default="", compare=False)
    description: str = dataclasses.field(default="", compare=False)

    @property
    def canonical(self) -> str:
        """The type under its one name, aliases resolved."""
        name = self.type.lower()
        return _ALIASES.get(name, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column to load: ``field`` at the source, or a part of one (``url.url``), becomes ``name`` of ``type`` in
    PostgreSQL. ``whole_type``: the type of the whole field, where it is a part."""

    name: str
    field: str
    source_type: str
    type: str
    zone: str | None = None
    """Whose clock its times without a zone are told by; None for a column that holds no instants, or of which every
    value names its zone."""
    whole_type: str = ""

    @property
    def whole(self) -> str:
        """The field as the metadata has it."""
        return parts.whole(self.field) if self.whole_type else self.field

    @property
    def field_type(self) -> str:
        """The canonical type of the field as the metadata has it."""
        return self.whole_type or self.source_type

    @property
    def staged(self) -> str:
        """Its name in the query and the stage: ``name``, or a plain one where Socrata, which folds case
        and knows no blanks, would answer with another. To SoQL the name of an expression hides a column of
        that name, in the expression itself, too: so a part never has one that a field may have."""
        is_plain = _PLAIN_NAME.match(self.name) is not None
        if is_plain and not self.whole_type:
            return self.name
        head = self.name[:50] if is_plain else "column"
        return f"{head}_{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


def zones_of(columns: Iterable[Column]) -> dict[str, str]:
    """Column → the zone of its clock, of those whose values name none."""
    return {column.name: column.zone for column in columns if column.zone}


def postgres_type(column: SourceColumn) -> str:
    """The PostgreSQL type that keeps every value of ``column``; text for a type nobody knows."""
    return _POSTGRES_TYPES.get(column.canonical, "text")


def part_type(part: str) -> str:
    """The PostgreSQL type of a part. A coordinate has fifteen digits at most, which a double keeps, and it is what
    programs calculate with."""
    return "double precision" if parts.source_type(part) == "number" else "text"


def is_computed_region(field: str) -> bool:
    """Whether the portal computes the column by itself, from a place in another one and areas of its own."""
    return field.startswith(":@computed_region_")


def is_known_type(column: SourceColumn) -> bool:
    """Whether the type is one of Socrata's documented ones."""
    return column.canonical in _POSTGRES_TYPES
