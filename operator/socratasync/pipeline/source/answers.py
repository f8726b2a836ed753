"""Reads Socrata's JSON answers: each into the one shape that was asked for, or not at all. Pure.

A body may hold whatever a server, a cache or a proxy makes up: arrays in the place of objects, numbers of
6,000 digits, half a character, a thousand brackets. Nothing gets past here that is not of the types below.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from socratasync.errors import DatasetNotFound, SourceUnavailable
from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.catalogue import LONGEST_TEXT
from socratasync.pipeline.source.lines import one_line

T = TypeVar("T")
LONGEST_DESCRIPTION = 500
"""Characters of what is said of a column that are kept: what follows is read at the portal."""
LONGEST_NAME = 200
"""The same of whose the dataset is, and of its licence."""
MOST_BYTES = 16 * 1024 * 1024
"""Unpacked. Descriptions of datasets are below one megabyte; something longer is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What ``/api/views/<id>.json`` says of a dataset, or whoever still does (``described_by``), with a
    ``warning`` for people then."""

    id: str
    name: str
    columns: tuple[SourceColumn, ...]
    rows_updated_at: datetime | None
    described_by: Literal["views", "catalogue", "rows"] = "views"
    warning: str | None = None
    hidden: tuple[str, ...] = ()
    """Fields that the portal shows nobody: no column of ours."""
    description: str = ""
    attribution: str = ""
    licence: str = ""

    @property
    def tells_every_change(self) -> bool:
        """Whether any change of a row moves ``rows_updated_at``: not where it comes from the rows, some of
        which may not say when they changed."""
        return self.described_by == "views" and self.rows_updated_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGroup:
    """So many ``rows`` have this ``key``: name → value, as text."""

    key: Mapping[str, str | None]
    rows: int


class _Answer(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", strict=True, allow_inf_nan=False, frozen=True
    )


_Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1000)]
"""PostgreSQL's names hold no NUL, and nobody's hold what controls a terminal."""


class _Column(_Answer):
    field_name: _Name | None = None
    name: str | None = None
    description: Any = None
    data_type_name: _Name | None = None
    position: float | None = None
    flags: list[str] | None = None


class _Query(_Answer):
    group_bys: list[Any] | None = None


class _View(_Answer):
    columns: list[_Column] | None = None
    name: str | None = None
    description: Any = None  # an odd one is no reason to load nothing
    attribution: Any = None
    license: Any = None
    license_id: Any = None
    rows_updated_at: float | None = None
    asset_type: str | None = None
    display_type: str | None = None
    view_type: str | None = None
    query: _Query | None = None


_Number = Annotated[str, Field(pattern="^[0-9]{1,18}$")] | Annotated[int, Field(ge=0, lt=10**18)]
"""A count, which is written as a text."""


class _Count(_Answer):
    source_rows: _Number = Field(alias="source_rows")


class _Newest(_Answer):
    newest: str | None = None


class _Group(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)

    rows: _Number = Field(alias=soql.ROWS_OF_KEY)


class _Id(_Answer):
    id: Annotated[str, Field(alias=soql.ROW_ID, max_length=200)]


_VIEW = TypeAdapter(_View)
_COUNTS = TypeAdapter(list[_Count])
_NEWEST = TypeAdapter(list[_Newest])
_IDS = TypeAdapter(list[_Id])
_GROUPS = TypeAdapter(list[_Group])
_ROWS = TypeAdapter(list[dict[str, Any]])
_WORDS = TypeAdapter(list[_Name])


def read_metadata(dataset: str, body: bytes) -> Metadata:
    """The columns that are shown, in their order. Raises ``DatasetNotFound`` for what has no rows to load."""
    unreadable = f"Socrata's description of {dataset} cannot be read"
    view = _read(_VIEW, body, unreadable)
    _refuse_without_rows(dataset, view)
    shown = [c for c in view.columns or () if c.field_name and "hidden" not in (c.flags or ())]
    if not shown:
        raise _no_table(dataset, view)
    hidden = [c for c in view.columns or () if c.field_name and "hidden" in (c.flags or ())]
    columns = sorted(shown, key=lambda c: c.position or 0)
    names = [str(c.field_name) for c in columns]
    if len(set(names)) != len(names):
        raise SourceUnavailable(f"{unreadable}: it names a column twice")
    return Metadata(
        id=dataset,
        name=_title(dataset, view),
        columns=tuple(
            SourceColumn(
                field=str(c.field_name),
                type=c.data_type_name or "text",
                label=_line(c.name),
                description=one_line(c.description, LONGEST_DESCRIPTION),
            )
            for c in columns
        ),
        rows_updated_at=_moment(
            view.rows_updated_at, unreadable
        ),  # viewLastModified stays when rows change
        hidden=tuple(str(c.field_name) for c in hidden),
        description=str(view.description or "")[:LONGEST_TEXT],
        attribution=one_line(view.attribution, LONGEST_NAME),
        licence=_licence(view),
    )


def read_count(dataset: str, body: bytes) -> int:
    """The one number of ``soql.count``."""
    unreadable = f"Socrata's count of {dataset} is not a number"
    return int(_one(_read(_COUNTS, body, unreadable), unreadable).source_rows)


def read_newest(dataset: str, body: bytes) -> datetime | None:
    """The one time of ``soql.newest``; None where no row has one."""
    unreadable = f"Socrata's answer about {dataset} is not the one row that was asked for"
    newest = _one(_read(_NEWEST, body, unreadable), unreadable).newest
    return soql.parse_timestamp(newest) if newest else None


def read_groups(dataset: str, body: bytes) -> list[KeyGroup]:
    """The groups that ``soql.sharing`` asks for. A key's null is not in an answer, or is null there."""
    unreadable = f"Socrata's answer about keys of {dataset} is not a list of groups"
    return [
        KeyGroup(
            key={name: _text(value) for name, value in (group.model_extra or {}).items()},
            rows=int(group.rows),
        )
        for group in _read(_GROUPS, body, unreadable)
    ]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def read_ids(dataset: str, body: bytes) -> list[str]:
    """The ``:id``s of the rows of an answer."""
    unreadable = f"Socrata's answer about rows of {dataset} is not a list of their :id"
    return [row.id for row in _read(_IDS, body, unreadable)]


def read_any(dataset: str, body: bytes) -> bool:
    """Whether an answer has rows, whatever they hold."""
    return bool(_read(_ROWS, body, f"Socrata's answer about {dataset} is not a list of rows"))


def read_types(fields: str | None, types: str | None) -> dict[str, str]:
    """Field → type, from the headers ``X-SODA2-Fields`` and ``X-SODA2-Types``; nothing where they do not say."""
    try:
        names, kinds = (_WORDS.validate_json(header or "[]") for header in (fields, types))
    except ValidationError:
        return {}
    return dict(zip(names, kinds, strict=True)) if len(names) == len(kinds) else {}


def _read(shape: TypeAdapter[T], body: bytes, unreadable: str) -> T:
    try:
        return shape.validate_json(body.removeprefix(BOM_UTF8))
    except ValidationError as exc:
        raise SourceUnavailable(unreadable) from exc


def _one(rows: list[T], unreadable: str) -> T:
    if len(rows) != 1:
        raise SourceUnavailable(unreadable)
    return rows[0]


def _moment(seconds: float | None, unreadable: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError) as exc:
        raise SourceUnavailable(unreadable) from exc


# -- what is no table -----------------------------------------------------------------------------

_KINDS = {
    "map": "a map",
    "geo": "a map",
    "chart": "a chart",
    "visualization": "a chart",
    "blob": "a file",
    "blobby": "a file",
    "file": "a file",
    "story": "a story",
    "href": "a link to another site",
    "link": "a link to another site",
    "federated_href": "a dataset of another portal",
    "calendar": "a calendar",
    "form": "a form",
    "measure": "a measure",
    "data_lens": "a data lens page",
    "datalens": "a data lens page",
}
"""What a view is, by its ``assetType``, ``displayType`` or ``viewType``, as people call it."""

_WITHOUT_ROWS = frozenset({"blobby", "href", "geo", "story", "measure"})
"""View types that have no rows of their own, whatever columns are described. What is shown as a map or a
chart may all the same be a table (``tabular``)."""


def _refuse_without_rows(dataset: str, view: _View) -> None:
    if view.view_type in _WITHOUT_ROWS:
        raise _no_table(dataset, view)
    if view.query and view.query.group_bys:
        raise DatasetNotFound(
            f"{dataset} ({_title(dataset, view)}) is a view that groups rows, which have no :id then; write the "
            "id of the dataset that it was made from"
        )


def _no_table(dataset: str, view: _View) -> DatasetNotFound:
    types = (view.asset_type, view.display_type, view.view_type)
    return no_table(dataset, _title(dataset, view), types)


def no_table(dataset: str, title: str, types: Iterable[str | None]) -> DatasetNotFound:
    """What is said of an id that is no table. ``types``: words of the portal for what it is."""
    kind = next(
        (_KINDS[t] for t in types if t in _KINDS), "perhaps a map, a chart, a file or a story"
    )
    return DatasetNotFound(
        f"{dataset} ({title}) is no table of rows, but {kind}; "
        "write the id of the dataset that it was made from"
    )


def _licence(view: _View) -> str:
    """The licence by its name, else by its id, such as ``PUBLIC_DOMAIN``."""
    terms = view.license if isinstance(view.license, Mapping) else {}
    return one_line(terms.get("name"), LONGEST_NAME) or one_line(view.license_id, LONGEST_NAME)


def _title(dataset: str, view: _View) -> str:
    """The dataset's name in one short line."""
    return " ".join((view.name or dataset).split())[:100]


def _line(text: str | None) -> str:
    """A label in one short line, without what a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text or "").split())[:100]
