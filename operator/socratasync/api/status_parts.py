"""What the parts of a status are made of: fields with their bounds, and how JSON tells them.

Plain frozen dataclasses, because the operator reads ten thousand statuses. Pydantic reads them from
JSON, writes them, and makes the CRD of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    TypeAdapter,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from socratasync.times import write_instant

Name = Annotated[str, Field(max_length=253)]
Word = Annotated[str, Field(max_length=64)]
Word256 = Annotated[str, Field(max_length=256)]
Sentence = Annotated[str, Field(max_length=4096)]
Integer = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
Instant = Annotated[
    AwareDatetime,
    # Within these bounds a time can be moved to any zone.
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9999, 1, 1, tzinfo=UTC)),
    PlainSerializer(lambda at: write_instant(at, "seconds"), return_type=str, when_used="json"),
]
"""Read from RFC 3339 in any zone; written in UTC and whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the status: camelCase in JSON. Fields that a newer release wrote are passed over."""

    __pydantic_config__: ClassVar = ConfigDict(
        alias_generator=to_camel, extra="ignore", use_attribute_docstrings=True
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Pydantic finds the docstrings of the fields that a class has itself; those that it inherits
        are added here."""
        schema = handler.resolve_ref_schema(handler(core))
        for parent in cls.__bases__:
            described = TypeAdapter(parent).json_schema(by_alias=True).get("properties", {})
            for name, field in described.items():
                schema["properties"][name]["description"] = field["description"]
        return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize(Part):
    """Disk that the table takes, as the last run that measured it found."""

    bytes: Count | None = None
    """Bytes of the table, its indexes aside; of a partitioned one, of all its partitions."""
    index_bytes: Count | None = None
    """Bytes of its indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds(Part):
    """Seconds spent, by step. Datasets side by side add up."""

    download: Annotated[float, Field(ge=0)] | None = None
    """Receiving and staging rows."""
    merge: Annotated[float, Field(ge=0)] | None = None
    """Merging it into the table."""
    refresh: Annotated[float, Field(ge=0)] | None = None
    """Views, vacuum and hooks."""
