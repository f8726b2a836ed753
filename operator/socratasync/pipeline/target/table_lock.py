"""Who may write the target: one run at a time and, within it, either several datasets that only add
rows or one that does more.

Both are advisory locks of PostgreSQL. The run's lock ends with its connection, a dataset's with its
transaction, however they end; whether a lock is held is asked of the server, by the lock's number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg

from socratasync.errors import TargetBusy
from socratasync.pipeline.target.connection import Connection, milliseconds
from socratasync.pipeline.target.sql.statements import load

_SQL = load("locks")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLock:
    """The lock of one run on one target. ``holder``: the server's own number of the session that holds
    it, which behind a pooler is not the one that the driver knows."""

    target: str
    holder: int

    def check(self, connection: Connection) -> None:
        """Raises ``TargetBusy`` if the lock was lost: another run may be at work."""
        words = {"lock": run_lock_number(self.target), "holder": self.holder}
        if connection.execute(_SQL["lock_is_held"], words).fetchone() is None:
            raise TargetBusy(
                f"the connection that held the lock of {self.target} was lost; nothing was merged"
            )


@contextmanager
def exclusive(connection: Connection, target: str, wait_s: float) -> Iterator[RunLock]:
    """Hold the run's lock on this connection. Raises ``TargetBusy`` after ``wait_s`` seconds."""
    words = {"lock": run_lock_number(target)}
    try:
        with connection.transaction():  # the setting ends with it, the lock does not
            connection.execute(_SQL["set_lock_timeout"], {"wait": milliseconds(wait_s)})
            row = connection.execute(_SQL["take_run_lock"], words).fetchone()
    except pg.LockNotAvailable as exc:
        raise TargetBusy(
            f"another run is loading {target}; this one waited {wait_s:g} s. It will be tried again"
        ) from exc
    assert row is not None
    try:
        yield RunLock(target=target, holder=row[0])
    finally:
        with suppress(psycopg.Error):
            connection.execute(_SQL["leave_run_lock"], words)


def is_loading(connection: Connection, target: str) -> bool:
    """Whether some run holds the target's lock at this moment."""
    words = {"lock": run_lock_number(target), "holder": None}
    return connection.execute(_SQL["lock_is_held"], words).fetchone() is not None


class TableLock:
    """Taken within a transaction and held to its end. Datasets with keys in common would otherwise wait
    for each other's rows, in different orders, until PostgreSQL finds the deadlock.

    Who waits to be alone goes before those who come later and would share.
    """

    def __init__(self, target: str) -> None:
        self.words = {"lock": _number("table", target)}

    def shared(self, connection: Connection) -> None:
        """Wait until others only add rows, too, however long that takes."""
        self._wait(connection, "take_shared")

    def exclusive(self, connection: Connection) -> None:
        """Wait until nobody else writes, however long that takes."""
        self._wait(connection, "take_exclusive")

    def _wait(self, connection: Connection, statement: str) -> None:
        """The session's time limit for locks is meant for strangers; a dataset of one's own may take
        hours."""
        row = connection.execute(_SQL["lock_timeout"]).fetchone()
        assert row is not None
        connection.execute(_SQL["set_lock_timeout"], {"wait": "0"})
        connection.execute(_SQL[statement], self.words)
        connection.execute(_SQL["set_lock_timeout"], {"wait": row[0]})


def run_lock_number(target: str) -> int:
    """The number of a target's run lock, for people who look for it in ``pg_locks``."""
    return _number("", target)


def _number(kind: str, target: str) -> int:
    """A signed 64-bit number from the table's qualified name."""
    name = ":".join(filter(None, ("socratasync", kind, target)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
