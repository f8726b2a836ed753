"""Writes the manifest, with what is known of each choice as a comment beside it. Pure.

It is written as text, because YAML libraries write no comments. Whatever a portal says goes into comments or into
quotes, one line each, so that no name of a column or a dataset can change what the manifest says.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta

from socratasync.api.manifest import API_VERSION, KIND
from socratasync.pipeline.columns import is_computed_region
from socratasync.pipeline.source.description import line
from socratasync.suggest.names import object_name, table_name
from socratasync.suggest.rhythm import find_rhythm
from socratasync.suggest.series import Sibling
from socratasync.suggest.size import size_sentences
from socratasync.suggest.survey import Survey
from socratasync.suggest.time_zone import time_zone_of
from socratasync.times import write_duration

WIDTH = 100
MOST_LEFT_OUT = 20
"""Datasets that are named as left out; there may be a hundred."""

JITTER_S = 900
MAX_LAG = timedelta(hours=36)
"""A daily run may fail once."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_TEXT = frozenset("y yes n no true false on off null".split())
"""Words that YAML takes for something else than text."""


def write_manifest(found: Survey, now: datetime, file: str | None = None) -> str:
    """The manifest as YAML. ``file``: under which it is saved, for the commands that come next."""
    table = table_name(found.metadata.name, found.metadata.id)
    name = object_name(table)
    return "\n".join(
        [
            *_head(found, name, file or f"{name}.yaml", now),
            f"apiVersion: {API_VERSION}",
            f"kind: {KIND}",
            "metadata:",
            f"  name: {_text(name)}",
            "spec:",
            f"  domain: {_text(found.domain)}",
            *_datasets(found),
            *_when(found),
            *_source(found),
            *_target(found, table, name),
            *_freshness(found, now),
            "",
        ]
    )


def suggested_file(found: Survey) -> str:
    """A name for the manifest's file."""
    return f"{object_name(table_name(found.metadata.name, found.metadata.id))}.yaml"


def _head(found: Survey, name: str, file: str, now: datetime) -> Iterator[str]:
    metadata, owner = found.metadata, found.described.owner
    changed = (
        f"; rows changed last on {metadata.rows_updated_at.date()}"
        if metadata.rows_updated_at
        else ""
    )
    whose = f"; by {line(owner.name)}" if owner and owner.name else ""
    yield from _comment(0, metadata.name)
    yield from _comment(0, f"https://{found.domain}/d/{metadata.id}{whose}{changed}")
    of_which = f"Of {metadata.id} alone: " if found.siblings else ""
    for sentence in size_sentences(found.keyed.rows, found.keyed.sample):
        yield from _comment(0, of_which + sentence)
        of_which = ""
    if metadata.warning:
        yield from _comment(0, metadata.warning)
    yield "#"
    yield from _comment(0, f"Proposed on {now.date()} from what the portal said. Read it, then:")
    quoted = shlex.quote(file)
    yield f"#   socratasync plan -f {quoted}"
    yield f"#   socratasync run -f {quoted}"
    yield "# or, in a cluster:"
    dsn = "--from-literal=dsn='postgresql://USER:PASSWORD@HOST:5432/DATABASE'"
    yield f"#   kubectl create secret generic {name}-db {dsn}"
    yield f"#   kubectl apply -f {quoted}"
    for what in found.unknown:
        yield from _comment(0, f"Not known: {what}.")


def _datasets(found: Survey) -> Iterator[str]:
    first = Sibling(dataset=found.first)
    yield "  datasets:"
    for sibling in sorted([first, *found.siblings], key=lambda s: s.dataset.year or 0):
        yield from _comment(4, sibling.dataset.name)
        yield f"    - id: {_text(sibling.dataset.id)}"
        if sibling.dataset.year:
            yield f"      year: {sibling.dataset.year}"
        yield from _columns_of(found, sibling)
    for left in found.left_out[:MOST_LEFT_OUT]:
        yield from _comment(4, f"Left out: {left.dataset.name}: {left.why}")
        year = f", year: {left.dataset.year}" if left.dataset.year else ""
        yield f"    # - {{id: {left.dataset.id}{year}}}"
    if (more := len(found.left_out) - MOST_LEFT_OUT) > 0:
        yield from _comment(4, f"Left out: {more} more.")


def _columns_of(found: Survey, sibling: Sibling) -> Iterator[str]:
    mapped = {
        column.name: its + column.field.removeprefix(ours)  # perhaps one of its parts
        for ours, its in sibling.columns.items()
        for column in found.columns
        if column.whole == ours
    }
    if not mapped:
        return
    yield "      columns:  # as in the table → as in this dataset, whose names differ"
    for name, path in mapped.items():
        yield f"        {_text(name)}: {_text(path)}"


def _when(found: Survey) -> Iterator[str]:
    zone = time_zone_of(found.domain)
    if not found.key.field:
        yield from _comment(
            2,
            "All rows, every time: only so does prune find those that are gone. Rows that are equal write nothing.",
        )
        yield "  mode: full"
    yield '  schedule: "0 7 * * *"'
    yield f"  jitterSeconds: {JITTER_S}  # spreads syncs that are due at the same minute"
    if zone:
        yield f"  timeZone: {zone}  # of the schedule"
    else:
        yield "  # timeZone: America/Los_Angeles  # of the schedule: which is this portal's? Left out, it is UTC."
    if any(column.source_type == "floating_timestamp" for column in found.columns):
        told = (
            f"those of {zone}"
            if zone
            else "of the portal's place, which is not known here; ask its publisher"
        )
        yield from _comment(2, f"Times without a zone are {told}.")


def _source(found: Survey) -> Iterator[str]:
    """The zone is there before a column needs it: a time without one that becomes timestamptz is told by it."""
    more = dict(_ACCESS)
    if regions := sum(is_computed_region(c.field) for c in found.described.metadata.columns):
        why = f"loads {regions} more, by which the portal tells areas apart"
        more["computedRegions"] = f"true  # {why}"
    if zone := time_zone_of(found.domain):
        yield "  source:"
        yield f"    timeZone: {zone}  # of times without a zone, where their column is timestamptz"
        yield from (f"    # {field}: {said}" for field, said in more.items())
        return
    yield "  # source: {timeZone: America/Los_Angeles}  # of times without a zone, where their column is timestamptz"
    for field, said in more.items():
        reference, _, why = said.partition("  # ")
        yield f"  # source: {{{field}: {reference}}}  # {why}"


_ACCESS = {
    "appTokenSecretRef": "{name: socrata-token}  # where the portal throttles, or wants a token",
    "credentialsSecretRef": "{name: socrata-login}  # for private datasets",
}


def _target(found: Survey, table: str, name: str) -> Iterator[str]:
    yield "  target:"
    yield f"    dsnSecretRef: {{name: {_text(f'{name}-db')}}}"
    yield f"    table: {_text(table)}"
    for sentence in _about_key(found):
        yield from _comment(4, sentence)
    yield f"    key: [{', '.join(_text(column) for column in key_of(found))}]"
    if not found.key.field:
        yield "    prune: true"
    yield from _comment(
        4, "All columns are loaded. As the table has them, and as the portal calls them:"
    )
    yield from _columns(found)
    if any(column.whole_type == "location" for column in found.columns):
        yield from _comment(
            4, "Where the database has PostGIS, a location is one column, and not its two numbers."
        )


def _columns(found: Survey) -> Iterator[str]:
    names = min(30, max(len(column.name) for column in found.columns))
    types = max(len(column.type) for column in found.columns)
    for column in found.columns:
        label = found.described.labels.get(column.whole, "")
        texts = [label if label != column.name else "", found.described.texts.get(column.whole)]
        said = line(": ".join(filter(None, texts)))
        yield _cut(f"    #   {line(column.name):<{names}}  {column.type:<{types}}  {said}")


def key_of(found: Survey) -> list[str]:
    """The table's key: with the dataset in it where several may share a value of the column."""
    several = bool(found.siblings)
    if not found.key.field:
        return ["socrata_dataset", "socrata_id"] if several else ["socrata_id"]
    column = next(c.name for c in found.columns if c.field == found.key.field)
    return ["socrata_dataset", column] if several and found.shares_keys is not False else [column]


def _about_key(found: Survey) -> Iterator[str]:
    yield from found.key.reasons
    if not found.key.field:
        yield (
            "So the portal's own id of each row is the key. A publisher who replaces the dataset gives its rows new "
            "ones: prune deletes the old rows then, without which each row would be there twice."
        )
    elif found.siblings:
        yield {
            True: "Datasets share values of it, so the dataset is part of the key.",
            None: "Whether datasets share values of it was not asked, so the dataset is part of the key.",
            False: "None of some values of it is in the dataset of the nearest year, so it is the key of all; values were "
            "counted in the first one alone.",
        }[found.shares_keys]


def _freshness(found: Survey, now: datetime) -> Iterator[str]:
    rhythm = find_rhythm(found.days, found.newest.changed_at, now)
    yield "  freshness:"
    yield f"    maxLag: {write_duration(MAX_LAG)}  # since the last good run"
    yield from _comment(4, rhythm.reason)
    if rhythm.max_age:
        yield f"    sourceMaxAge: {write_duration(rhythm.max_age)}  # since the source's last change"
    else:
        yield "    # sourceMaxAge: 30d  # since the source's last change"


def _comment(indent: int, text: str) -> Iterator[str]:
    """The text as comment lines that are not too long."""
    before = f"{' ' * indent}#"
    current = before
    for word in line(text).split():
        if len(current) + 1 + len(word) > WIDTH and current != before:
            yield current
            current = before
        current += f" {word}"
    yield _cut(current)


def _cut(text: str) -> str:
    stripped = text.rstrip()
    return stripped if len(stripped) <= 2 * WIDTH else stripped[: 2 * WIDTH - 1] + "…"


def _text(text: str) -> str:
    """A text as YAML reads it back, whatever it holds."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
