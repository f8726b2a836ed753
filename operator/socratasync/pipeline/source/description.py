"""What ``/api/views/<id>.json`` tells people of a dataset beside its columns: labels, descriptions, whose it is. Pure.

No run goes by it: a publisher words these at will. What is of another form than it should be counts as not said.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from socratasync.pipeline.source import answers
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.catalogue import Owner
from socratasync.pipeline.source.lines import one_line

LONGEST_TEXT = 300
"""Characters of a text that are kept: what follows is read at the portal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A dataset as its page describes it. ``labels`` and ``texts``: field → what is shown above and said of a column.
    ``row_identifier``: the field that its publisher declared to tell rows apart."""

    metadata: Metadata
    labels: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    row_identifier: str | None = None
    owner: Owner | None = None
    provenance: str | None = None


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class _Column(_Document):
    id: Any = None
    field_name: Any = None
    name: Any = None
    description: Any = None


class _View(_Document):
    columns: list[_Column] | None = None
    owner: Any = None
    provenance: Any = None
    row_identifier_column_id: Any = None


_VIEW = TypeAdapter(_View)


def read_description(dataset: str, body: bytes) -> Description:
    """The description. Raises as ``answers.read_metadata`` does."""
    metadata = answers.read_metadata(dataset, body)
    view = _VIEW.validate_json(body.removeprefix(BOM_UTF8))
    shown = {column.field for column in metadata.columns}
    columns = [c for c in view.columns or () if c.field_name in shown]
    return Description(
        metadata=metadata,
        labels={c.field_name: line(c.name) for c in columns},
        texts={c.field_name: line(c.description) for c in columns},
        row_identifier=_row_identifier(view, columns),
        owner=_owner(view.owner),
        provenance=line(view.provenance) or None,
    )


def _row_identifier(view: _View, columns: list[_Column]) -> str | None:
    wanted = str(view.row_identifier_column_id or "")
    return next((str(c.field_name) for c in columns if wanted and str(c.id) == wanted), None)


def _owner(owner: Any) -> Owner | None:
    if not isinstance(owner, Mapping) or not line(owner.get("id")):
        return None
    return Owner(id=line(owner.get("id")), name=line(owner.get("displayName")))


def line(text: object) -> str:
    """A text as one short line that no terminal obeys and every YAML comment can hold; nothing for no text."""
    return one_line(text, LONGEST_TEXT)
