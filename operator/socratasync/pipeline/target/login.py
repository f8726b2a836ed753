"""Connects, and finds out why a connection was refused, in whatever language the server says so.

libpq keeps the SQLSTATE of a refusal to itself, and gives words: "password authentication failed", or
"Passwort-Authentifizierung fehlgeschlagen". Asked to be verbose it writes the state before them. It must be asked
before it connects, which the driver has no function for, so a refused connection is tried once more
through libpq's own functions.
"""

from __future__ import annotations

import ctypes
import re
import select
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, cast

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from socratasync.errors import PermissionDenied
from socratasync.pipeline.target.refusals import LOGIN_REFUSALS, refusal, sentence

_VERBOSE: Final = 2
"""``PQERRORS_VERBOSE``."""
_STATE: Final = re.compile(r":  (?P<state>[0-9A-Z]{5}): ")
"""libpq writes ``severity:  state: words``: the severity in the server's language, two blanks after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Why:
    """``state``: the server's; "" if it said none. ``wants_password``: and none was given."""

    state: str = ""
    wants_password: bool = False


def connect(settings: Mapping[str, Any], *, wait_s: float) -> psycopg.Connection[TupleRow]:
    """A connection in autocommit mode. Raises our error where the server says why it refuses it, and the
    driver's ``OperationalError`` where there is none to say anything within ``wait_s`` seconds."""
    try:
        return psycopg.connect(**settings, autocommit=True)
    except psycopg.errors.ConnectionTimeout:
        raise
    except psycopg.OperationalError as exc:
        why = _why(make_conninfo("", **settings), wait_s)
        text = sentence(exc)
        if why.wants_password:
            raise PermissionDenied(
                f"PostgreSQL refuses the login: {text}. Write the password into the DSN"
            ) from exc
        if why.state:
            raise (LOGIN_REFUSALS.get(why.state) or refusal(why.state)).of(text) from exc
        raise


def _why(conninfo: str, wait_s: float) -> _Why:
    """What the server says of the connection, tried once more."""
    with closing(_Attempt(conninfo)) as attempt:
        if attempt.fails(time.monotonic() + wait_s):
            return attempt.why()
    return _Why()


class _Attempt:
    """One connection, made by hand."""

    def __init__(self, conninfo: str) -> None:
        # Its types leave out the pointer, which it documents for functions that it does not wrap.
        self._made = cast(Any, pq.PGconn).connect_start(conninfo.encode())
        _set_verbosity()(self._made.pgconn_ptr, _VERBOSE)

    def fails(self, until: float) -> bool:
        """Whether the server refuses the connection, or cannot be reached. False if it takes it after all, or
        does not answer ``until`` then."""
        reading, writing = pq.PollingStatus.READING, pq.PollingStatus.WRITING
        poll = {reading: select.POLLIN, writing: select.POLLOUT}
        while (status := self._made.connect_poll()) in poll:
            waiting = select.poll()
            waiting.register(self._made.socket, poll[status])
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                return False
        return bool(status == pq.PollingStatus.FAILED)

    def why(self) -> _Why:
        """Of several hosts, or with and without TLS, the last one's word counts, as in the driver."""
        states = _STATE.findall(self._made.get_error_message())
        return _Why(
            state=states[-1] if states else "",
            wants_password=self._made.needs_password,
        )

    def close(self) -> None:
        """Let go of it."""
        self._made.finish()


def _set_verbosity() -> Callable[[int, int], int]:
    """``PQsetErrorVerbosity`` of the very libpq that the driver uses: the one that its module is linked with,
    or that it loaded by name."""
    module = sys.modules[pq.PGconn.__module__].__file__ or ""
    library = ctypes.CDLL(module if ".so" in module else pq.misc.find_libpq_full_path())
    function = library.PQsetErrorVerbosity
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int], ctypes.c_int
    return function
