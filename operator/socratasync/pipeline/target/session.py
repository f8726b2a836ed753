"""What a session must be like for a run, whatever its role, its database and its server are set to.

`ALTER ROLE … SET` and `ALTER DATABASE … SET` reach every session. A setting that would change what our
statements mean, or end them, is set otherwise for the session; one that a run must not set otherwise,
or may not, is refused by its name. All others are harmless: tests/postgres/test_settings.py has each.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from socratasync.errors import TargetMismatch
from socratasync.pipeline.target.sql.statements import load

_SQL = load("session")
_Connection = psycopg.Connection[Any]

SILENCE_S = 60.0
"""How long the other side of a connection may be silent before it is given up. The network drops a
connection in use for less; the server would hold a lost node's lock for two hours."""

OURS: Mapping[str, str] = {
    "default_transaction_isolation": "read committed",  # who waited for a lock sees what was merged
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "exit_on_error": "off",  # a value that does not fit is an error that a run goes on after
    "timezone": "UTC",
    "timezone_abbreviations": "Default",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "restrict_nonsystem_relation_kind": "",
    "gin_fuzzy_search_limit": "0",  # some of the rows, at random
    "default_table_access_method": "heap",  # others may not update rows
    "plpgsql.extra_errors": "none",
}
"""Values of a session of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A setting that a run does without only at this value, and what another one would do."""

    wanted: str
    why: str


REFUSED: Mapping[str, Refusal] = {
    "default_transaction_read_only": Refusal(
        wanted="off", why="somebody, or a server short of disk, has it so that nothing is written"
    ),
    "session_replication_role": Refusal(
        wanted="origin", why="foreign keys and triggers of the table would be passed over"
    ),
    "zero_damaged_pages": Refusal(
        wanted="off", why="rows on damaged pages would be lost without an error"
    ),
    "ignore_checksum_failure": Refusal(
        wanted="off", why="rows on damaged pages would be taken for what they are not"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The server process that serves a session, and the session's values of what may be ``REFUSED``."""

    process: int
    server_started: str
    values: Mapping[str, str | None]

    @property
    def backend(self) -> tuple[int, str]:
        """What no other process of any server has."""
        return self.process, self.server_started


def greet(connection: _Connection) -> Greeting:
    """Ask who serves the session, and set nothing."""
    row = connection.execute(_SQL["greet"], {"names": list(REFUSED)}).fetchone()
    assert row is not None
    return Greeting(process=row[0], server_started=row[1], values=row[2])


def check(connection: _Connection, greeting: Greeting) -> None:
    """Raises ``TargetMismatch``, with what is to be run, for a setting that no run can load under. To be
    asked before ``prepare``."""
    for name, refusal in REFUSED.items():
        value = greeting.values[name]
        if value is not None and value != refusal.wanted:
            raise TargetMismatch(
                f"the session's {name} is {value}: {refusal.why}. {_way_out(connection, name)}"
            )


def _way_out(connection: _Connection, name: str) -> str:
    row = connection.execute(_SQL["origin"], {"name": name}).fetchone()
    assert row is not None
    source, role, database = row
    if source in ("client", "environment variable"):
        return "Take it out of the options of the DSN, or of the pooler"
    statement = way_out(source, name, role=role, database=database)
    return f"If that is not wanted, an administrator runs: {statement.as_string(connection)}"


def way_out(source: str, name: str, *, role: str, database: str) -> sql.Composed:
    """The statement that gives a session another value of a refused setting. ``source``: as in
    ``pg_settings``."""
    return _WAYS.get(source, _ANY_OTHER_WAY).format(
        role=sql.Identifier(role),
        database=sql.Identifier(database),
        name=sql.Identifier(name),
        wanted=sql.Literal(REFUSED[name].wanted),
    )


_WAYS = {
    "user": sql.SQL("ALTER ROLE {role} RESET {name}"),
    "database user": sql.SQL("ALTER ROLE {role} IN DATABASE {database} RESET {name}"),
    "database": sql.SQL("ALTER DATABASE {database} RESET {name}"),
    "global": sql.SQL("ALTER ROLE ALL RESET {name}"),
}
_ANY_OTHER_WAY = sql.SQL("ALTER ROLE {role} SET {name} = {wanted}")
"""The server's own file or command line, which a role's setting goes before."""


def prepare(connection: _Connection, wanted: Mapping[str, str], silence_s: float) -> None:
    """Set ``OURS`` and ``wanted`` for the session, and have the server give us up after ``silence_s``."""
    settings = {**OURS, **wanted}
    wished = server_side(silence_s)
    try:
        _set(connection, {**settings, **wished})
    except (pg.InvalidParameterValue, pg.FeatureNotSupported):
        # A platform that cannot look after its connections refuses one of the wishes.
        _set(connection, settings)
        for name, value in wished.items():
            with suppress(pg.InvalidParameterValue, pg.FeatureNotSupported):
                _set(connection, {name: value})


def _set(connection: _Connection, settings: Mapping[str, str]) -> None:
    connection.execute(_SQL["set"], {"settings": Jsonb(dict(settings))})


def forget(connection: _Connection) -> None:
    """Leave nothing of ours to whom a pooler gives the connection next: not every pool is told to clean
    up. One left within a transaction is closed by the pooler. Never raises."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        with suppress(psycopg.Error):
            connection.execute(_SQL["forget"])


def client_side(silence_s: float) -> dict[str, str]:
    """Parameters of libpq by which a silent server ends our wait. Unix sockets have no use for them."""
    idle, interval, count = _keepalives(silence_s)
    return {
        "keepalives": "1",
        "keepalives_idle": str(idle),
        "keepalives_interval": str(interval),
        "keepalives_count": str(count),
        "tcp_user_timeout": str(int(silence_s * 1000)),
    }


def server_side(silence_s: float) -> dict[str, str]:
    """Settings by which the server ends the session of a client that fell silent, also in the midst of a
    statement. Behind a pooler it is the pooler that they look after."""
    idle, interval, count = _keepalives(silence_s)
    return {
        "tcp_keepalives_idle": str(idle),
        "tcp_keepalives_interval": str(interval),
        "tcp_keepalives_count": str(count),
        "tcp_user_timeout": str(int(silence_s * 1000)),
        "client_connection_check_interval": f"{interval}s",
    }


def _keepalives(silence_s: float) -> tuple[int, int, int]:
    """Half of the time idle, then three questions."""
    return max(1, int(silence_s / 2)), max(1, int(silence_s / 6)), 3
