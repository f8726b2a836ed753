"""What is around the target table: partitions, children, triggers, rules, keys that refer to it.

Reads only. What it means for a run is decided in ``plan/obstacles``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg.rows import dict_row

from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("surroundings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Names are as SQL wants them, and "" or () where there is no such thing."""

    partition_of: str = ""
    """The partitioned table on top of it."""
    of_type: str = ""
    """The composite type that gives it its columns."""
    children: tuple[str, ...] = ()
    """Tables that inherit from it and are not its partitions."""
    lacks_partitions: Literal["", "h", "l", "r"] = ""
    """How it is partitioned, by hash, list or range, if no partition takes rows."""
    rules: tuple[str, ...] = ()
    """Those of it and its partitions: "rule ON table"."""
    row_triggers: tuple[str, ...] = ()
    """Triggers that see a row before it is written or deleted, and may change it or keep it out."""
    hides_rows: bool = False
    """Whether row security applies to this role."""
    referenced_by: tuple[str, ...] = ()
    """Foreign keys of other tables: "constraint of table"."""
    publication: str = ""
    """One that tells of changed or deleted rows, of which nothing says which ones they are."""


def read(connection: Connection, target: Target) -> Surroundings:
    """What is around the table as it is now; nothing if there is none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SQL["read"], {"oid": target.oid}).fetchone()
    if found is None or target.kind not in ("r", "p"):
        return Surroundings()
    lists = {
        name: tuple(found[name]) for name in ("children", "rules", "row_triggers", "referenced_by")
    }
    return Surroundings(**{**found, **lists})
