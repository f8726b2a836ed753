"""Poolers that give each transaction another server process: recognised, and refused.

A run's lock and its settings belong to a session. Behind PgBouncer in transaction or statement mode, and
its like, there is none: the lock would be left with whoever is served next. Nothing tells a client which
mode it is in, but only in session mode does a connection have one server process and have it alone.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from socratasync.errors import PoolerUnsupported, TargetUnavailable
from socratasync.pipeline.target import session
from socratasync.pipeline.target.sql.statements import load

_SQL = load("session")
_Connection = psycopg.Connection[Any]
Backend = tuple[int, str]

HELD = 4
"""Connections that are open at once while we look, and one more at times: a run of two datasets may need five."""
MORE = 8
"""Opened one after another besides, since several poolers may share one address."""
WAIT_S = 2.0
"""How long one of them may wait for a server process. In session mode a small pool may have no more."""

_SENTENCE = (
    "the DSN leads through a connection pooler that serves each transaction by another connection (PgBouncer in "
    "transaction or statement mode): there a run's lock and settings would be left to others. Name the server "
    "itself in the DSN, or a pool in session mode: port 5432 in place of 6543 at Supabase, the host without "
    "-pooler at Neon, the service that ends in -rw at CloudNativePG"
)


def refusal() -> PoolerUnsupported:
    """The error for such a pooler, with the way out."""
    return PoolerUnsupported(_SENTENCE)


def is_direct(connection: _Connection, greeting: session.Greeting) -> bool:
    """Whether no pooler is between: one makes up the process number that the driver was told."""
    return connection.info.backend_pid == greeting.process


def is_shared(
    first: _Connection, greeting: session.Greeting, another: Callable[[], _Connection]
) -> bool:
    """Whether the pooler gives the process that serves one connection to a second one, open beside it, or
    gives one connection a second process. Sets nothing. False, too, where no more connections are to be had."""
    seen = _Seen()
    seen.note(first, greeting.backend)
    with ExitStack() as stack:
        for _ in range(HELD - 1):
            if not seen.is_enough:
                stack.enter_context(_one_more(another, seen))
        if not seen.shared:
            seen.ask_all_again()
        for _ in range(MORE):
            if not seen.is_enough:
                with _one_more(another, seen):
                    pass
    return seen.shared


class _Seen:
    """Which process served which of the connections that are open."""

    def __init__(self) -> None:
        self._backends: dict[_Connection, Backend] = {}
        self.shared = False
        self.no_more = False
        """Whether a connection was not let in, or not served."""

    @property
    def is_enough(self) -> bool:
        return self.shared or self.no_more

    def note(self, connection: _Connection, backend: Backend) -> None:
        """``shared``, once this is what session mode never does."""
        mine = self._backends.setdefault(connection, backend)
        others = (theirs for other, theirs in self._backends.items() if other is not connection)
        self.shared |= mine != backend or backend in others

    def ask_all_again(self) -> None:
        """Those that came last first: a pool that goes round its processes could give each the same again.
        Raises ``TargetUnavailable`` for one that has to wait, though it was served before."""
        for connection in reversed(list(self._backends)):
            backend = _served_by(connection)
            if backend is None:
                raise TargetUnavailable(
                    f"the connection pooler let a connection wait for more than {WAIT_S:g} s: its pool is used up"
                )
            self.note(connection, backend)

    def leaves(self, connection: _Connection) -> None:
        """From now on, its process may serve another one in session mode, too."""
        self._backends.pop(connection, None)


@contextmanager
def _one_more(another: Callable[[], _Connection], seen: _Seen) -> Iterator[None]:
    """One more connection for as long as the block lasts, if the pooler lets it in and serves it."""
    try:
        connection = another()
    except (psycopg.OperationalError, TargetUnavailable):
        seen.no_more = True
        yield
        return
    try:
        if backend := _served_by(connection):
            seen.note(connection, backend)
        else:
            seen.no_more = True
        yield
    finally:
        seen.leaves(connection)
        connection.close()


def _served_by(connection: _Connection) -> Backend | None:
    """Who serves it; None after ``WAIT_S``. The connection is of no use then: its question is still open."""
    server, until = connection.pgconn, time.monotonic() + WAIT_S
    server.send_query(_SQL["served_by"].encode())
    server.flush()
    readable = select.poll()
    readable.register(server.socket, select.POLLIN)
    while server.is_busy():
        if not readable.poll(max(0.0, until - time.monotonic()) * 1000):
            return None
        server.consume_input()
    answer = server.get_result()
    if answer is None or answer.status != ExecStatus.TUPLES_OK:
        return None
    server.get_result()  # the end of the answer
    process, started = answer.get_value(0, 0) or b"", answer.get_value(0, 1) or b""
    return int(process), started.decode()
