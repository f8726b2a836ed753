"""What a refusal of PostgreSQL's means: SQLSTATE → what happens next. Never by its words, which are in
the server's language.

The table is looked up by all five characters first, then by the two of the class. Classes that it does not
have (42, a name that is not there, and all that no run should meet) end as ``TargetMismatch``: a person looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from socratasync.errors import (
    BadValue,
    PermissionDenied,
    SyncError,
    TargetBusy,
    TargetMismatch,
    TargetUnavailable,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that a state leads to. ``said`` comes before PostgreSQL's words, ``way`` after them."""

    error: type[SyncError]
    said: str
    way: str = ""

    def of(self, text: str) -> SyncError:
        """The error for PostgreSQL's words."""
        return self.error(f"{self.said}: {text}" + (f". {self.way}" if self.way else ""))


_BUSY = Refusal(TargetBusy, "the target is in use by others")
_AWAY = Refusal(TargetUnavailable, "PostgreSQL is not available")
_VALUE = Refusal(BadValue, "a value does not fit its column")
_ROW = Refusal(BadValue, "the table refuses a row")
_OTHER = Refusal(TargetMismatch, "PostgreSQL refuses")
_LOGIN = Refusal(
    PermissionDenied,
    "PostgreSQL refuses the login",
    "Check the DSN's user and password",
)

REFUSALS: Final[Mapping[str, Refusal]] = {
    "08": _AWAY,
    "22": _VALUE,
    "22P05": Refusal(
        BadValue,
        "the database's encoding has no such character",
        "Use a database of encoding UTF8, or leave such rows out with datasets[].where",
    ),
    "23": _ROW,
    "25006": Refusal(
        TargetUnavailable,
        "PostgreSQL only reads now",
        "If the DSN names a replica, name the primary server in the DSN",
    ),
    "25P03": _AWAY,  # the server ended a session that was idle in a transaction
    "25P04": _AWAY,  # or one whose transaction took too long
    "27": _ROW,
    "28": _LOGIN,
    "28000": Refusal(
        PermissionDenied,
        "PostgreSQL refuses the login",
        "Check the DSN's user and password, its sslmode and certificate, and the server's pg_hba.conf",
    ),
    "3D": Refusal(
        TargetMismatch,
        "there is no such database",
        "Create the database or correct the DSN",
    ),
    "40": _BUSY,
    "40003": _AWAY,  # whether it committed is unknown
    "42501": Refusal(
        PermissionDenied,
        "PostgreSQL refuses",
        "Grant the right, or connect as the owner; socratasync plan names the grants that a run needs",
    ),
    "44": _ROW,
    "53": _AWAY,
    "54": Refusal(
        BadValue,
        "a row is larger than PostgreSQL can store or index",
        "Leave such rows out with datasets[].where, or the column out with spec.target.fields",
    ),
    "54001": _OTHER,  # a statement too deep
    "54011": Refusal(
        TargetMismatch,
        "the table would have too many columns",
        "List those that are wanted in spec.target.fields",
    ),
    "54023": _OTHER,  # too many arguments of a function
    "55006": _BUSY,
    "55P03": _BUSY,
    "57": _AWAY,
    "58": _AWAY,
    "72": _BUSY,
    "F0": _AWAY,
    "XX000": Refusal(TargetUnavailable, "PostgreSQL reports an internal error of its own"),
    "XX001": Refusal(TargetMismatch, "PostgreSQL finds its files damaged", "Restore a backup"),
    "XX002": Refusal(TargetMismatch, "PostgreSQL finds an index damaged", "Run REINDEX on it"),
}

LOGIN_REFUSALS: Final[Mapping[str, Refusal]] = {
    "42501": Refusal(
        PermissionDenied,
        "PostgreSQL refuses the login",
        "Have the database's owner run GRANT CONNECT ON DATABASE for this role",
    ),
    "0A000": Refusal(
        TargetMismatch,
        "PostgreSQL cannot turn the database's encoding into UTF8",
        "Load into a database of encoding UTF8",
    ),
}
"""What states mean that have another meaning once a connection is made."""


def refusal(sqlstate: str) -> Refusal:
    """What the state means."""
    return REFUSALS.get(sqlstate) or REFUSALS.get(sqlstate[:2]) or _OTHER


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors raised inside leave as ours, the driver's kept as the cause."""
    try:
        yield
    except psycopg.Error as exc:
        raise translate(exc) from exc


def translate(exc: psycopg.Error, dataset: str | None = None) -> SyncError:
    """Our error for a driver's, by SQLSTATE. An operational error without one never reached the server, or
    lost it. ``dataset``: whose rows are being written, which is told where one of them is refused."""
    text = sentence(exc)
    state = exc.sqlstate or ""
    if not state:
        lost = isinstance(exc, (psycopg.OperationalError, psycopg.InterfaceError))
        return (_AWAY if lost else _OTHER).of(text)
    found = refusal(state)
    if found.error is not BadValue:
        return found.of(text + (_context(exc) if found is _OTHER else ""))
    whose = f"dataset {dataset}: " if dataset else ""
    if found is _ROW:
        return BadValue(whose + _refused_row(exc, text))
    told = found.of(text + (_context(exc) if found is _VALUE else ""))
    return BadValue(whose + told.message)


def _refused_row(exc: psycopg.Error, text: str) -> str:
    """What a constraint says, with the key or the row that it names, and how the table comes to take such
    rows: whoever loads it owns it."""
    diag = exc.diag
    table = f"{diag.schema_name}.{diag.table_name}" if diag.table_name else "the table"
    if diag.column_name and not diag.constraint_name:
        way = f'run ALTER TABLE {table} ALTER COLUMN "{diag.column_name}" DROP NOT NULL'
    elif diag.constraint_name and diag.table_name:
        way = f'change or drop its constraint or index "{diag.constraint_name}"'
    elif exc.sqlstate == "23514":
        way = "give it bounds that take them"  # it is a partition: a check has a name, bounds have none
    else:
        way = "alter it"
    detail = f" ({_shortened(diag.message_detail)})" if diag.message_detail else ""
    return f"{table} refuses a row: {text}{detail}. Leave such rows out with datasets[].where, or {way}"


def sentence(exc: psycopg.Error) -> str:
    """PostgreSQL's words, on one line."""
    text = exc.diag.message_primary or str(exc).strip()
    return " ".join(text.split()).rstrip(".") or type(exc).__name__


def _context(exc: psycopg.Error) -> str:
    context = exc.diag.context
    return f" ({_shortened(context)})" if context else ""


def _shortened(text: str) -> str:
    return " ".join(text.split())[:400]
