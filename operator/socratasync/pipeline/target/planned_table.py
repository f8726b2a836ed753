"""The table that a run loads is the one that it planned for, up to the commit.

Others may empty, drop, rename or alter it while rows are read. What was planned is wrong then: an
update would leave a table with a few rows and a watermark that says that all are in.
"""

from __future__ import annotations

from psycopg import errors as pg

from socratasync.errors import TargetBusy
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.types import relation


class PlannedTable:
    """The target as this run knows it: as it was planned, or as the run itself made it since. Shared
    between the datasets of a run, which change it one at a time (``TableLock.exclusive``)."""

    def __init__(self) -> None:
        self._known = Target(schema="", table="")
        self._had_rows = False

    def was_planned(self, target: Target, rows: int) -> None:
        """The run planned with this table, which holds about so many rows."""
        self._known, self._had_rows = target, rows > 0

    def is_now(self, target: Target) -> None:
        """The run has just made or completed it."""
        self._known = target

    def hold(self, connection: Connection) -> None:
        """In the transaction that merges: from now on nobody alters the table. Raises ``TargetBusy`` if
        somebody did since it was planned, so that the next try plans anew."""
        known, table = self._known, relation(self._known.schema, self._known.table)
        if known.exists:
            try:
                catalog.hold(connection, table)
            except pg.UndefinedTable as exc:
                raise _changed(known, "dropped or renamed") from exc
        now = catalog.read_target(connection, known.schema, known.table)
        if now.oid != known.oid:
            raise self.made_by_others()
        if now.columns != known.columns:
            raise _changed(known, "altered")
        emptied = self._had_rows and catalog.is_empty(connection, table)
        if emptied or now.storage != known.storage:
            raise _changed(known, "emptied or rewritten")

    def made_by_others(self) -> TargetBusy:
        """The error where somebody else made the table meanwhile."""
        return _changed(self._known, "made")


def _changed(target: Target, how: str) -> TargetBusy:
    return TargetBusy(
        f"{target.name} was {how} by somebody else while it was loaded; nothing was merged, and the next "
        "try plans anew"
    )
