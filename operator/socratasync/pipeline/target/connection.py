"""The edge to PostgreSQL: the only place that connects, and where its errors become ours.

A connection made here has a session of its own, whatever pooler is between, is set up as a run needs it,
and is known to ``Connections`` so that SIGTERM can cancel whatever it is doing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.rows import TupleRow

from socratasync.errors import (
    BadValue,
    InvalidSpec,
    PermissionDenied,
    SyncError,
    TargetBusy,
    TargetMismatch,
    TargetUnavailable,
)
from socratasync.pipeline.target import pooler, session

Connection = psycopg.Connection[TupleRow]

FIRST_WITH_HEADER_MATCH = 150000
FIRST_WITH_MERGE_RETURNING = 170000
"""Versions of PostgreSQL. ``MERGE`` is older, but could not say which rows were new."""

CONNECT_TIMEOUT_S = 15
TARGET_WAIT_S = 30.0
"""How long a statement waits for others' locks on the target before the run gives way."""

_UNREADABLE_DSN = (
    "the DSN cannot be read; write postgresql://user:password@host:5432/database, with special "
    "characters of the password percent-encoded"
)

_REFUSED_LOGIN = re.compile(
    'authentication failed|no password supplied|pg_hba.conf|role ".*" (does not exist|is not permitted)'
)
"""Errors of a connection that was never made have no SQLSTATE, only words."""


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
            try:
                greeting = session.greet(connection)
                self._admit(connection, greeting)
                if loads:
                    session.check(connection, greeting)
                session.prepare(connection, self._wanted(read_only), self._silence_s)
                yield connection
                if not pooler.is_direct(connection, greeting):
                    session.forget(connection)
            finally:
                with self._guard:
                    self._open.pop(connection, None)
                connection.close()

    def _connect(self) -> Connection:
        settings = read_dsn(self._dsn)
        settings.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        settings.setdefault("application_name", "socratasync")
        for name, value in session.client_side(self._silence_s).items():
            settings.setdefault(name, value)
        settings["client_encoding"] = "UTF8"
        # What a session needs is set by statement, not in `options`: poolers refuse those at the start.
        return psycopg.connect(**settings, autocommit=True)

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
            with suppress(psycopg.Error, OSError):
                connection.cancel_safe(timeout=1.0)


def read_dsn(dsn: str) -> dict[str, Any]:
    """The DSN's settings. Raises ``InvalidSpec``, which never quotes it."""
    try:
        settings: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(dsn))
    except psycopg.ProgrammingError as exc:
        # The driver quotes the DSN, password included, in this message.
        raise InvalidSpec(_UNREADABLE_DSN) from _without_text(exc)
    ports = str(settings.get("port") or "").split(",")
    if not all(port == "" or port.isdecimal() for port in ports):
        # A slash in the password ends the host's part early: what follows is taken for the port.
        raise InvalidSpec(_UNREADABLE_DSN)
    return settings


def milliseconds(seconds: float) -> str:
    """A time limit as PostgreSQL writes one; never 0, which means for ever."""
    return f"{int(seconds * 1000) or 1}ms"


def _without_text(exc: Exception) -> Exception:
    return type(exc)("message withheld: it may hold the password")


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors raised inside leave as ours, the driver's kept as the cause."""
    try:
        yield
    except psycopg.Error as exc:
        raise translate(exc) from exc


def translate(exc: psycopg.Error) -> SyncError:
    """Our error for a driver's, by SQLSTATE; without one, it never reached the server."""
    text = _sentence(exc)
    if isinstance(exc, pg.InsufficientPrivilege):
        return PermissionDenied(
            f"PostgreSQL refuses: {text}. Grant the right, or connect as the owner"
        )
    if isinstance(exc, (pg.LockNotAvailable, pg.SerializationFailure, pg.DeadlockDetected)):
        return TargetBusy(f"the target is in use by others: {text}")
    state = exc.sqlstate or ""
    if state.startswith("28") or (not state and _REFUSED_LOGIN.search(text)):
        return PermissionDenied(
            f"PostgreSQL refuses the login: {text}. Check the DSN's user and password"
        )
    if isinstance(exc, pg.ReadOnlySqlTransaction):
        return TargetUnavailable(
            f"PostgreSQL only reads now: {text}. If the DSN names a replica, name the primary server in the DSN"
        )
    if state == "3D000" or ('database "' in text and "does not exist" in text):
        return TargetMismatch(f"{text}; create the database or correct the DSN")
    if state.startswith("22"):
        return BadValue(f"a value does not fit its column: {text}{_context(exc)}")
    if state.startswith("23"):
        return BadValue(_refused_row(exc, text))
    if state.startswith(("08", "53", "57", "58")) or isinstance(exc, psycopg.OperationalError):
        return TargetUnavailable(f"PostgreSQL is not available: {text}")
    return TargetMismatch(f"PostgreSQL refuses: {text}{_context(exc)}")


def _refused_row(exc: psycopg.Error, text: str) -> str:
    """What a constraint says, and how the table comes to take such rows: whoever loads it owns it."""
    diag = exc.diag
    table = f"{diag.schema_name}.{diag.table_name}" if diag.table_name else "the table"
    if isinstance(exc, pg.NotNullViolation) and diag.column_name:
        way = f'run ALTER TABLE {table} ALTER COLUMN "{diag.column_name}" DROP NOT NULL'
    elif diag.constraint_name and diag.table_name:
        way = f'change or drop its constraint or index "{diag.constraint_name}"'
    else:
        way = "alter it"
    detail = f" ({' '.join(diag.message_detail.split())[:200]})" if diag.message_detail else ""
    return f"{table} refuses a row: {text}{detail}. Leave such rows out with datasets[].where, or {way}"


def _sentence(exc: psycopg.Error) -> str:
    text = exc.diag.message_primary or str(exc).strip()
    return " ".join(text.split()) or type(exc).__name__


def _context(exc: psycopg.Error) -> str:
    context = exc.diag.context
    return f" ({' '.join(context.split())[:300]})" if context else ""
