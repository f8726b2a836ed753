"""What the table and the sync are called, made from the dataset's name. Pure."""

from __future__ import annotations

import re
import unicodedata

from socratasync.suggest.series import without_year

LONGEST = 40
"""Characters: names that are typed every day. PostgreSQL would take 63."""

_RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true
    union unique user using variadic verbose when where window with""".split()
)
"""Words of SQL that name a table only in quotes."""

_TYPES = frozenset(
    "bit bool boolean box char character circle date decimal float inet int integer interval json jsonb line money "
    "name number numeric path point polygon precision real row smallint text time timestamp values varchar xml".split()
)
"""Words that PostgreSQL takes for a type, or for something else than a table, in some places."""


def table_name(title: str, dataset: str) -> str:
    """A name that PostgreSQL takes without quotes: words of the dataset's name but for its year, else its id."""
    words = _words(without_year(title)) or ["dataset", *dataset.split("-")]
    if words[0][0].isdigit() or words[0] == "pg":
        words = ["data", *words]
    name = _fitted(words, "_")
    return f"{name}_data" if name in _RESERVED | _TYPES else name


def object_name(table: str) -> str:
    """The name of the SocrataSync for a table: one that Kubernetes takes."""
    return table.strip("_").replace("_", "-")


def _words(title: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.findall("[a-z0-9]+", plain.lower().replace("'", ""))


def _fitted(words: list[str], between: str) -> str:
    """As many of the words as fit, at least the beginning of the first."""
    name = words[0][:LONGEST]
    for word in words[1:]:
        if len(name) + len(between) + len(word) > LONGEST:
            break
        name += between + word
    return name
