"""Reads the portal's catalogue, ``/api/catalog/v1``: which datasets there are, and what columns they have. Pure.

The catalogue is made for people who search. It follows the datasets with a delay, calls types by words
that are shown (``Calendar date``), and lists columns in an order that is not the one of the rows.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.source import soql

T = TypeVar("T")
LONGEST_TEXT = 2000
"""Characters of a description that are kept: thousands of entries are to fit into a small memory."""

_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""What a terminal would obey, but for the end of a line."""

_TYPES = {
    "".join(c for c in name if c.isalnum()): name
    for name in (
        "text number double money percent stars checkbox flag calendar_date floating_timestamp date "
        "fixed_timestamp point line polygon multipoint multiline multipolygon location url email phone html "
        "document photo blob json drop_down_list dataset_link nested_table"
    ).split()
}
"""The words for types, in small letters and without what stands between, and their ``dataTypeName``s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueColumn:
    """A column as the catalogue describes it. ``word``: what it calls the type, whose ``dataTypeName`` is
    ``type``; text where nobody knows the word."""

    field: str
    type: str
    word: str
    label: str = ""
    description: str = ""

    @property
    def is_known(self) -> bool:
        """Whether ``type`` is what the word means, and not a guess."""
        return _plain_word(self.word) in _TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The account that a dataset belongs to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One dataset, map, chart, story … of a portal. ``page``: its address for people. ``parents``: the ids of
    the datasets that it was derived from."""

    id: str
    domain: str
    name: str
    type: str
    columns: tuple[CatalogueColumn, ...] = ()
    description: str = ""
    page: str | None = None
    owner: Owner | None = None
    provenance: str | None = None
    category: str | None = None
    data_updated_at: datetime | None = None
    metadata_updated_at: datetime | None = None
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguePage:
    """The entries of one answer, and how many there are in all."""

    entries: tuple[CatalogueEntry, ...]
    found: int


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, frozen=True)


_Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1000)]
_Field = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=1000)]
_Id = Annotated[str, Field(pattern="^[a-z0-9]{4}-[a-z0-9]{4}$")]


class _Resource(_Document):
    id: _Id
    name: str
    type: _Name
    description: str | None = None
    provenance: _Name | None = None
    parent_fxf: list[_Id] | _Id | None = None
    data_updated_at: str | None = None
    metadata_updated_at: str | None = None
    columns_field_name: list[_Field] | None = None
    columns_datatype: list[_Name] | None = None
    columns_name: list[str | None] | None = None
    columns_description: list[str | None] | None = None


class _Classification(_Document):
    domain_category: _Name | None = None


class _Metadata(_Document):
    domain: _Name


class _Owner(_Document):
    id: _Name
    display_name: str | None = None


class _Result(_Document):
    resource: _Resource
    metadata: _Metadata
    classification: _Classification | None = None
    permalink: str | None = None
    link: str | None = None
    owner: _Owner | None = None


class _Page(_Document):
    results: list[_Result]
    found: Annotated[int, Field(alias="resultSetSize", ge=0, lt=10**9)]


_PAGE = TypeAdapter(_Page)


def read_page(domain: str, body: bytes) -> CataloguePage:
    """The entries of an answer, in its order. Raises ``SourceUnavailable`` where one of them is damaged."""
    unreadable = f"the catalogue of {domain} cannot be read"
    try:
        page = _PAGE.validate_json(body.removeprefix(BOM_UTF8))
    except ValidationError as exc:
        raise SourceUnavailable(unreadable) from exc
    entries = tuple(_entry(result, unreadable) for result in page.results)
    return CataloguePage(entries=entries, found=page.found)


def _entry(result: _Result, unreadable: str) -> CatalogueEntry:
    resource, owner = result.resource, result.owner
    parents = resource.parent_fxf or []
    category = result.classification.domain_category if result.classification else None
    return CatalogueEntry(
        id=resource.id,
        domain=result.metadata.domain,
        name=_line(resource.name) or resource.id,
        type=resource.type,
        columns=_columns(resource, unreadable),
        description=_text(resource.description),
        page=next((a for a in (result.permalink, result.link) if a and _is_address(a)), None),
        owner=Owner(id=owner.id, name=_line(owner.display_name)) if owner else None,
        provenance=resource.provenance,
        category=category,
        data_updated_at=_moment(resource.data_updated_at),
        metadata_updated_at=_moment(resource.metadata_updated_at),
        parents=(parents,) if isinstance(parents, str) else tuple(parents),
    )


def _columns(resource: _Resource, unreadable: str) -> tuple[CatalogueColumn, ...]:
    fields = resource.columns_field_name or []
    lists = [
        _as_long(fields, values, f"{unreadable}: the lists of columns of {resource.id} differ")
        for values in (
            resource.columns_datatype or [],  # a type for each, or it is no description
            resource.columns_name or [None] * len(fields),
            resource.columns_description or [None] * len(fields),
        )
    ]
    if len(set(fields)) != len(fields):
        raise SourceUnavailable(f"{unreadable}: {resource.id} has a column twice")
    return tuple(
        CatalogueColumn(
            field=field,
            type=data_type(word or ""),
            word=word or "",
            label=_line(label),
            description=_text(description),
        )
        for field, word, label, description in zip(fields, *lists, strict=True)
    )


def _as_long(fields: Sequence[str], values: Sequence[T], differ: str) -> Sequence[T]:
    if len(values) != len(fields):
        raise SourceUnavailable(differ)
    return values


def data_type(word: str) -> str:
    """The ``dataTypeName`` for the catalogue's word; text for one that nobody knows, which holds every value."""
    return _TYPES.get(_plain_word(word), "text")


def _plain_word(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def _moment(text: str | None) -> datetime | None:
    return soql.parse_timestamp(text) if text else None


def _is_address(text: str) -> bool:
    return re.fullmatch(r"https?://[!-~]{1,2000}", text) is not None


def _text(text: str | None) -> str:
    return _CONTROLS.sub(" ", text or "")[:LONGEST_TEXT].strip()


def _line(text: str | None) -> str:
    return " ".join(_CONTROLS.sub(" ", text or "").split())[:200]
