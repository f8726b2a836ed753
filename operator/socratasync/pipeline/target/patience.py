"""Statements that want a table or a view to themselves, without silencing those who read it.

Who waits for such a lock stands in a queue, and whoever comes later waits behind him, readers too. So a
statement waits for a short while only, leaves the queue, lets the others pass, and tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

from psycopg import errors as pg
from psycopg import sql
from psycopg.rows import class_row

from socratasync.errors import TargetBusy, Terminated
from socratasync.pipeline.target.connection import Connection, milliseconds
from socratasync.pipeline.target.sql.statements import load
from socratasync.times import write_instant

_SQL = load("locks")

QUEUE_S = 2.0
"""How long readers may have to stand behind a statement of ours, at most, before it lets them pass."""

_PAUSE = 0.25
"""Between two tries, so much of that: those who waited have their locks at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A session that has a lock on a table. ``pid``: None for a prepared transaction. What this role may not see
    is None, too."""

    pid: int | None
    role: str | None
    application: str | None
    state: str | None
    since: datetime | None

    @property
    def sentence(self) -> str:
        """Who it is, and how it is got rid of."""
        if self.pid is None:
            return "a prepared transaction holds it: pg_prepared_xacts lists those"
        since = f"since {write_instant(self.since)}" if self.since else None
        facts = ", ".join(filter(None, (self.role, self.application, self.state, since)))
        who = f"session {self.pid}" + (f" ({facts})" if facts else "")
        return f"{who} holds it: SELECT pg_terminate_backend({self.pid}) ends that session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """``wait_s``: how long to try. ``queue_s``: how long to stand in the queue at each try. ``stopping``: set
    when the run is to end."""

    wait_s: float
    queue_s: float
    stopping: Event

    def execute(
        self, connection: Connection, statement: sql.Composed, relation: sql.Identifier
    ) -> None:
        """Execute the statement, which locks all others out of ``relation``, in the caller's transaction or in one
        of its own. Raises ``TargetBusy``, naming who is in the way, or ``Terminated``."""

        def once(wait: str) -> None:
            with connection.transaction():  # a savepoint, where there is a transaction
                before = _lock_timeout(connection)
                connection.execute(_SQL["set_lock_timeout"], {"wait": wait})
                connection.execute(statement)
                connection.execute(_SQL["set_lock_timeout"], {"wait": before})

        self._try(connection, once, relation, readers_matter=True)

    def attempt(self, connection: Connection, action: Callable[[], None]) -> None:
        """Carry out the action in a transaction, as a whole again while a lock that it wants is not to be had. Raises
        the driver's ``LockNotAvailable`` once it was tried for long enough, or ``Terminated``."""

        def once(wait: str) -> None:
            with connection.transaction():
                connection.execute(_SQL["set_lock_timeout"], {"wait": wait})
                action()

        self._try(connection, once, None, readers_matter=True)

    def execute_alone(
        self,
        connection: Connection,
        statement: sql.Composed,
        relation: sql.Identifier,
        *,
        readers_matter: bool,
    ) -> None:
        """``execute`` for a statement that PostgreSQL runs in no transaction, such as ``VACUUM``.
        ``readers_matter``: whether it locks those out as well."""

        def once(wait: str) -> None:
            before = _lock_timeout(connection)
            connection.execute(_SQL["set_session_lock_timeout"], {"wait": wait})
            try:
                connection.execute(statement)
            finally:
                connection.execute(_SQL["set_session_lock_timeout"], {"wait": before})

        self._try(connection, once, relation, readers_matter=readers_matter)

    def execute_beside(
        self,
        connection: Connection,
        statement: sql.Composed,
        relation: sql.Identifier,
        *,
        drops: bool,
    ) -> None:
        """Execute a statement, in no transaction, that makes or ``drops`` an index. No reader waits behind it while it
        waits for others, so it waits in one go. It is one statement, whatever a person wrote into it. Raises
        ``TargetBusy``, naming who is in the way."""
        before = _lock_timeout(connection)
        connection.execute(_SQL["set_session_lock_timeout"], {"wait": milliseconds(self.wait_s)})
        try:
            connection.execute(statement, binary=True)
        except pg.LockNotAvailable as exc:
            if drops:
                holder = _holder(connection, relation, readers_matter=True)
            else:
                holder = _find(connection, "find_older", relation=relation.as_string(connection))
            raise TargetBusy(
                f"the target is in use by others: older transactions did not let go of {relation.as_string(connection)} "
                f"for {self.wait_s:g} s{_who(holder)}"
            ) from exc
        finally:
            connection.execute(_SQL["set_session_lock_timeout"], {"wait": before})

    def _try(
        self,
        connection: Connection,
        once: Callable[[str], None],
        relation: sql.Identifier | None,
        *,
        readers_matter: bool,
    ) -> None:
        """``relation``: whose holder is to be named; None to leave the driver's error as it is."""
        until = time.monotonic() + self.wait_s
        while True:
            left = max(0.0, until - time.monotonic())
            try:
                return once(milliseconds(min(self.queue_s, left)))
            except pg.LockNotAvailable as exc:
                if time.monotonic() >= until:
                    if relation is None:
                        raise
                    holder = _holder(connection, relation, readers_matter=readers_matter)
                    raise TargetBusy(self._sentence(connection, relation, holder)) from exc
            if self.stopping.wait(self.queue_s * _PAUSE):
                raise Terminated

    def _sentence(
        self, connection: Connection, relation: sql.Identifier, holder: Holder | None
    ) -> str:
        name = relation.as_string(connection)
        return f"the target is in use by others: no lock on {name} was to be had for {self.wait_s:g} s{_who(holder)}"


def _who(holder: Holder | None) -> str:
    return f"; {holder.sentence}" if holder else ""


def _lock_timeout(connection: Connection) -> str:
    row = connection.execute(_SQL["lock_timeout"]).fetchone()
    assert row is not None
    return str(row[0])


def _holder(
    connection: Connection, relation: sql.Identifier, *, readers_matter: bool
) -> Holder | None:
    """Who has had a lock on it for longest; None if nobody has one any more."""
    name = relation.as_string(connection)
    return _find(connection, "find_holder", relation=name, readers_matter=readers_matter)


def _find(connection: Connection, question: str, **words: Any) -> Holder | None:
    with connection.cursor(row_factory=class_row(Holder)) as cursor:
        return cursor.execute(_SQL[question], words).fetchone()
