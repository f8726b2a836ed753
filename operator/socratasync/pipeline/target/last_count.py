"""What the target held when its rows were last counted, and how to tell that nobody wrote to it since.

Counting a table means reading all of it, which a run that found nothing to load need not do again. What
tells that the table is as it was counted are PostgreSQL's own statistics of writes, and the files of the table. They
lag behind, by a minute at most; so they are read before rows are counted: a write that comes in between, or that they
do not know of yet, makes them differ later, and the table is counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("last_count")

BELIEVED_FOR = timedelta(days=7)
"""A count that is older is taken again, whatever the statistics say: some roles may write without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCount:
    """What was counted of one dataset. ``target``: its rows in the table, None where the table does not tell whose
    a row is. The others are those of ``stage.counts.Held``, where a dataset's rows could be judged."""

    target: int | None
    left_out: int | None
    shared: int | None
    held: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCount:
    """``at``: when it was counted. ``evidence``: of the table as it was just before. ``rows``: of the whole
    table."""

    at: AwareDatetime
    evidence: str
    rows: int
    datasets: Mapping[str, DatasetCount]

    def holds(self, evidence: str | None, now: datetime) -> bool:
        """Whether the table still is as it was counted."""
        return evidence == self.evidence and timedelta() <= now - self.at < BELIEVED_FOR


_FORMAT = TypeAdapter(LastCount)
"""As the bookkeeping has it."""


def read_evidence(connection: Connection, target: Target) -> str | None:
    """What changes with any write to the table, sooner or later; None where nothing would tell. Costs the
    same for every table."""
    words = {"oid": target.oid, "storage": target.storage}
    row = connection.execute(_SQL["read_evidence"], words).fetchone()
    return row[0] if row else None


def read(connection: Connection, target: str, run: str) -> LastCount | None:
    """What the run before this one counted, or believed; None if it did neither, for having merged rows or
    failed."""
    row = connection.execute(_SQL["read"], {"target": target, "run": run}).fetchone()
    try:
        return _FORMAT.validate_python(row[0]) if row else None
    except ValidationError:
        return None  # somebody edited it, or another release wrote it


def record(connection: Connection, target: str, run: str, count: LastCount) -> None:
    """What this run counted, or believes."""
    words = {
        "target": target,
        "run": run,
        "counted": Jsonb(_FORMAT.dump_python(count, mode="json")),
    }
    connection.execute(_SQL["record"], words)
