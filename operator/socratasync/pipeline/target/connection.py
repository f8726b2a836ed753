"""The edge to PostgreSQL: the only place that connects.

A connection made here has a session of its own, whatever pooler is between, is set up as a run needs it,
and is known to ``Connections`` so that SIGTERM can cancel whatever it is doing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.rows import TupleRow

from socratasync.pipeline.target import login, pooler, session
from socratasync.pipeline.target.dsn import read_dsn
from socratasync.pipeline.target.refusals import translated

Connection = psycopg.Connection[TupleRow]

FIRST_WITH_HEADER_MATCH = 150000
FIRST_WITH_MERGE_RETURNING = 170000
"""Versions of PostgreSQL. ``MERGE`` is older, but could not say which rows were new."""

CONNECT_TIMEOUT_S = 15
TARGET_WAIT_S = 30.0
"""How long a statement waits for others' locks on the target before the run gives way."""


class Connections:
    """Opens connections to one database and can cancel what all of them are doing. ``target_wait_s``: how
    long a statement waits for others' locks. ``silence_s``: how long the other side may be silent."""

    def __init__(
        self,
        dsn: str,
        *,
        target_wait_s: float = TARGET_WAIT_S,
        silence_s: float = session.SILENCE_S,
    ) -> None:
        self._dsn = dsn
        self._target_wait_s = target_wait_s
        self._silence_s = silence_s
        self._open: dict[Connection, session.Greeting] = {}
        self._guard = threading.Lock()
        self._pool_was_looked_at = False

    @contextmanager
    def connect(self, *, read_only: bool = False, loads: bool = True) -> Iterator[Connection]:
        """A connection in autocommit mode, closed at the end. Its errors leave as ours. ``read_only``:
        PostgreSQL itself keeps it from writing. ``loads``: a role whose settings keep a run from loading
        is refused, with ``TargetMismatch``. A pooler without sessions always is, with
        ``PoolerUnsupported``, before anything is set."""
        with translated():
            connection = self._connect()
            pooled = False
            try:
                greeting = session.greet(connection)
                self._admit(connection, greeting)
                if loads:
                    session.check(connection, greeting)
                pooled = not pooler.is_direct(connection, greeting)
                session.prepare(connection, self._wanted(read_only), self._silence_s)
                yield connection
            finally:
                with self._guard:
                    self._open.pop(connection, None)
                if pooled:
                    session.forget(connection)
                connection.close()

    def _connect(self) -> Connection:
        settings = read_dsn(self._dsn)
        settings.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        settings.setdefault("application_name", "socratasync")
        for name, value in session.client_side(self._silence_s).items():
            settings.setdefault(name, value)
        settings["client_encoding"] = "UTF8"
        # What a session needs is set by statement, not in `options`: poolers refuse those at the start.
        return login.connect(settings, wait_s=CONNECT_TIMEOUT_S)

    def _admit(self, connection: Connection, greeting: session.Greeting) -> None:
        """The connection is ours to cancel. Raises ``PoolerUnsupported``, and looks closely only once."""
        if not pooler.is_direct(connection, greeting):
            if not self._pool_was_looked_at:
                shared = pooler.is_shared(connection, greeting, self._connect)
                self._pool_was_looked_at = True
            else:
                with self._guard:
                    shared = greeting.backend in (other.backend for other in self._open.values())
            if shared:
                raise pooler.refusal()
        with self._guard:
            self._open[connection] = greeting

    def _wanted(self, read_only: bool) -> dict[str, str]:
        wanted = {"lock_timeout": milliseconds(self._target_wait_s)}
        return wanted | ({"default_transaction_read_only": "on"} if read_only else {})

    def cancel_all(self) -> None:
        """Ask the server to stop what every connection is doing. Never raises."""
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            cancel(connection)


def cancel(connection: Connection) -> None:
    """Ask the server to stop what the connection is doing. Never raises."""
    with suppress(psycopg.Error, OSError):
        connection.cancel_safe(timeout=1.0)


def milliseconds(seconds: float) -> str:
    """A time limit as PostgreSQL writes one; never 0, which means for ever."""
    return f"{int(seconds * 1000) or 1}ms"
