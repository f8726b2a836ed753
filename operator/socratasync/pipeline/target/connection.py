"""The edge to PostgreSQL: the only place that connects, and where its errors become ours.

A connection made here never gives up on a long statement by itself, reads and writes UTC, and is
known to ``Connections`` so that SIGTERM can cancel whatever it is doing.
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

Connection = psycopg.Connection[TupleRow]

FIRST_WITH_HEADER_MATCH = 150000
FIRST_WITH_MERGE_RETURNING = 170000
"""Versions of PostgreSQL. ``MERGE`` is older, but could not say which rows were new."""

CONNECT_TIMEOUT_S = 15
TARGET_WAIT_S = 30.0
"""How long a statement waits for others' locks on the target before the run gives way."""

_SESSION = {
    "default_transaction_isolation": "read committed",  # who waited for a lock sees what was merged
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
}

_UNREADABLE_DSN = (
    "the DSN cannot be read; write postgresql://user:password@host:5432/database, with special "
    "characters of the password percent-encoded"
)

_REFUSED_LOGIN = re.compile(
    'authentication failed|no password supplied|pg_hba.conf|role ".*" (does not exist|is not permitted)'
)
"""Errors of a connection that was never made have no SQLSTATE, only words."""


class Connections:
    """Opens connections to one database and can cancel what all of them are doing."""

    def __init__(self, dsn: str, *, target_wait_s: float = TARGET_WAIT_S) -> None:
        self._dsn = dsn
        self._target_wait_s = target_wait_s
        self._open: set[Connection] = set()
        self._guard = threading.Lock()

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        """A connection in autocommit mode, closed at the end. Its errors leave as ours. ``read_only``:
        PostgreSQL itself keeps it from writing."""
        with translated():
            connection = _connect(self._dsn, self._target_wait_s, read_only=read_only)
            with self._guard:
                self._open.add(connection)
            try:
                yield connection
            finally:
                with self._guard:
                    self._open.discard(connection)
                connection.close()

    def cancel_all(self) -> None:
        """Ask the server to stop what every connection is doing. Never raises."""
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            with suppress(psycopg.Error, OSError):
                connection.cancel_safe(timeout=1.0)


def _connect(dsn: str, target_wait_s: float, *, read_only: bool) -> Connection:
    settings = read_dsn(dsn)
    settings.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    settings.setdefault("application_name", "socratasync")
    settings.setdefault("keepalives_idle", "60")
    settings["client_encoding"] = "UTF8"
    connection = psycopg.connect(**settings, autocommit=True)
    # Set by statement, not in `options`: poolers refuse unknown start-up parameters.
    wanted = {**_SESSION, "lock_timeout": milliseconds(target_wait_s)}
    if read_only:
        wanted["default_transaction_read_only"] = "on"
    for name, value in wanted.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    return connection


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
