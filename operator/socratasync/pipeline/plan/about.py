"""What the portal says of a dataset and its columns to people, as the bookkeeping keeps it for comments. Pure.

Nothing goes by it. It comes with the answer that planning asks for anyway, and is kept because a run need not ask for
each dataset of its table: one-off runs, or another manifest, load others of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from socratasync.api.spec import SyncSpec
from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.lines import one_line
from socratasync.pipeline.target.bookkeeping import Known, in_ascii

ABOUT, DESCRIBED = "about", "described"
"""The parts of ``Known.columns``: what is said of the dataset, and of each column of the target."""

_LONGEST = 1000

About = Mapping[str, Mapping[str, str]]


def told(
    spec: SyncSpec,
    metadata: Metadata,
    columns: Sequence[Column],
    known: Known | None,
    *,
    utf8: bool,
) -> About:
    """What is to be kept; nothing where nobody wants comments. A portal that does not describe the dataset any more
    takes back nothing of what it said. ``utf8``: whether the database has every letter."""
    if not spec.target.comments:
        return {}
    if metadata.described_by != "views":
        kept = known.columns if known else {}
        return {part: kept[part] for part in (ABOUT, DESCRIBED) if part in kept}
    said = {c.field: text for c in metadata.columns if (text := _of_column(c))}
    parts = {
        ABOUT: _of_dataset(spec.domain, metadata),
        DESCRIBED: {c.name: said[c.field] for c in columns if c.field in said},
    }
    return parts if utf8 else {part: _plain(texts) for part, texts in parts.items()}


def name_of(metadata: Metadata, *, utf8: bool) -> str:
    """What the portal calls the dataset, in letters that the database has; nothing where that is its id."""
    if metadata.name == metadata.id:
        return ""
    return metadata.name if utf8 else in_ascii(metadata.name)


def _of_dataset(domain: str, metadata: Metadata) -> dict[str, str]:
    said = {
        "title": metadata.name,
        "description": one_line(metadata.description, _LONGEST),
        "attribution": metadata.attribution,
        "licence": metadata.licence,
        "address": f"https://{domain}/d/{metadata.id}",
    }
    return {what: text for what, text in said.items() if text}


def _of_column(column: SourceColumn) -> str:
    return ": ".join(filter(None, (column.label, column.description)))


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: in_ascii(text) for name, text in texts.items()}
