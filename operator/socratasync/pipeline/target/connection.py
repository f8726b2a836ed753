"""The edge to PostgreSQL: the only place that connects.

A connection made here never gives up on a long statement by itself, reads and writes UTC, and is
known to ``Connections`` so that SIGTERM can cancel whatever it is doing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from socratasync.errors import InvalidSpec
from socratasync.pipeline.target import login
from socratasync.pipeline.target.refusals import translated

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
    connection = login.connect(settings, wait_s=CONNECT_TIMEOUT_S)
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
