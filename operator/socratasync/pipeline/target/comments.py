"""The comments of a table and its columns, and what the bookkeeping has to say in them. Reads only.

A comment of ours ends with a line that has a digest of the rest, so that one which a person edited is his.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.rows import dict_row

from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("comments")

TABLE = ""
"""What stands for the table among the names of columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a portal says of a dataset in the table (``plan.about``), as far as anybody noted it."""

    dataset: str
    about: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments:
    """``there``: column, or ``TABLE``, → its comment; None if it has none, an empty text for a person's. ``told``: by
    year and id of the dataset."""

    there: Mapping[str, str | None]
    told: tuple[Told, ...]


def read(connection: Connection, schema: str, table: str) -> Comments:
    """What is there now. Nothing for a table that is not there."""
    words = {"schema": schema, "table": table, "target": f"{schema}.{table}"}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["read"], words).fetchall()
    return Comments(
        there={row["name"]: row["comment"] for row in rows if row["kind"] != "dataset"},
        told=tuple(
            Told(dataset=row["name"], about=row["about"] or {}, described=row["described"] or {})
            for row in rows
            if row["kind"] == "dataset"
        ),
    )


def marked(text: str) -> str:
    """The text as a comment of ours."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text}\n(Socrata Sync {digest})"


def is_ours(comment: str) -> bool:
    """Whether it is as we wrote it. One that was edited, if only by a blank, is a person's."""
    return comment == marked(comment.rpartition("\n")[0])


def differing(wanted: Mapping[str, str], there: Mapping[str, str | None]) -> dict[str, str]:
    """The comments that are to be written: those of columns that exist, which have another of ours or none."""
    return {
        name: text
        for name, text in wanted.items()
        if name in there and (found := there[name]) != text and (found is None or is_ours(found))
    }
