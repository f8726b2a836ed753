"""Reads the DSN: what is wrong with one is told before anything connects, with what to write instead.

libpq's own words quote the DSN, password included, and a password that is not encoded is taken for a host, a
port or a database. So nothing of a DSN is ever quoted here, but for words that stand in this file.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from socratasync.errors import InvalidSpec

_WRITE: Final = (
    "write postgresql://user:password@host:5432/database, with special characters of the password "
    "percent-encoded"
)

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "sslnegotiation": ("postgres", "direct"),
    "load_balance_hosts": ("disable", "random"),
    "target_session_attrs": (
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ),
}
_NUMBERS: Final = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_OTHERS_PARAMETERS: Final[Mapping[str, str]] = {
    "pgbouncer": "take it out: poolers are recognised",
    "schema": "take it out and write spec.target.schema",
    "currentSchema": "take it out and write spec.target.schema",
    "search_path": "take it out and write spec.target.schema",
    "connection_limit": "take it out: spec.parallelism bounds the connections",
    "pool_timeout": "take it out",
    "statement_cache_size": "take it out",
    "prepareThreshold": "take it out",
    "prepared_statements": "take it out",
    "sslaccept": "take it out and write sslmode",
    "ssl-mode": "write sslmode",
    "ssl_mode": "write sslmode",
    "sslrootcertificate": "write sslrootcert",
    "charset": "take it out",
    "encoding": "take it out",
    "serverVersion": "take it out",
    "timeout": "write connect_timeout, in seconds",
    "connectTimeout": "write connect_timeout, in seconds",
    "username": "write user",
    "database": "write dbname",
}
"""Parameters of other programs' addresses; they may be named, since they stand here."""

_SCHEME: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9]*)(?P<driver>\+[A-Za-z0-9]+)?:")
_ADDRESS: Final = re.compile(r"postgres(?:ql)?://(?P<front>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


def read_dsn(dsn: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The DSN's settings. Raises ``InvalidSpec``, which never quotes it. ``environ``: where libpq looks for what
    a DSN leaves out."""
    text = dsn.strip()
    if fault := _fault_of_form(text):
        raise InvalidSpec(f"the DSN {fault}")
    try:
        settings: dict[str, Any] = dict(conninfo_to_dict(text))
    except psycopg.ProgrammingError as exc:
        # The driver quotes the DSN, password included, in this message.
        raise InvalidSpec(f"the DSN cannot be read; {_WRITE}") from _without_text(exc)
    if fault := _fault_of_setting(settings, environ) or _fault_of_certificate(settings, environ):
        raise InvalidSpec(f"the DSN {fault}")
    return settings


def _without_text(exc: Exception) -> Exception:
    return type(exc)("message withheld: it may hold the password")


def _fault_of_form(text: str) -> str | None:
    """What is wrong with the text as it is written."""
    if not text:
        return f"is empty; {_WRITE}"
    if text[0] in "'\"`" and text[-1] == text[0]:
        return "stands in quotes; take them out of the secret's value"
    if re.match(r"(export\s+)?[A-Z][A-Z0-9_]*\s*=\s*['\"]?postgres", text):
        return "begins with a variable's name and =; write the address alone"
    if any(ord(letter) < 32 for letter in text):
        return "has a line break or another control character in it; write it on one line"
    if match := _SCHEME.match(text):
        if fault := _fault_of_scheme(match["scheme"], match["driver"] or "", text):
            return fault
    elif "=" not in text:
        return f"is no address of a database; {_WRITE}"
    address = _ADDRESS.fullmatch(text)
    return _fault_of_address(address["front"], address["query"] or "") if address else None


def _fault_of_scheme(scheme: str, driver: str, text: str) -> str | None:
    is_postgres = scheme.lower() in ("postgresql", "postgres")
    if scheme.lower() == "jdbc":
        return f"has the form of Java's driver, jdbc:; {_WRITE}"
    if driver and is_postgres:
        return "names a driver of SQLAlchemy's after a +; write postgresql:// without it"
    if is_postgres and text.startswith(f"{scheme.lower()}://"):
        return None
    if is_postgres:
        return f"does not begin with postgresql://, in small letters; {_WRITE}"
    return f"is no address of PostgreSQL; {_WRITE}" if "://" in text else None


def _fault_of_address(front: str, query: str) -> str | None:
    """``front``: user, password, host, port and database; ``query``: the parameters."""
    authority, _, path = front.partition("/")
    if _BAD_PERCENT.search(front) or _BAD_PERCENT.search(query):
        return "has a % that no two hexadecimal digits follow; write a % of the password as %25"
    if " " in front:
        return "has a blank in it; write a blank of the password as %20"
    if "@" in path and "@" not in authority:
        return (
            "has a / or a second @ before its host; write a / of the password as %2F, an @ as %40"
        )
    if authority.count("@") > 1 or "@" in path:
        return "has more than one @; write an @ of the password as %40"
    return _fault_of_host(authority.rpartition("@")[2]) or _fault_of_query(query)


def _fault_of_host(host: str) -> str | None:
    for each in host.split(","):
        if each.startswith("["):
            if "]" not in each:
                return "has a [ without a ]; write an IPv6 address as [::1]:5432"
        elif each.count(":") > 1:
            return (
                "has too many colons in its host; write an IPv6 address in brackets, as [::1]:5432"
            )
    return None


def _fault_of_query(query: str) -> str | None:
    for name in (each.partition("=")[0] for each in query.split("&")):
        if instead := _OTHERS_PARAMETERS.get(name):
            return f"has the parameter {name}, which no client of PostgreSQL's knows; {instead}"
    return None


def _fault_of_setting(settings: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """What is wrong with a setting that could be read."""
    ports = str(settings.get("port") or "").split(",")
    if not all(port == "" or (port.isdecimal() and 0 < int(port) < 65536) for port in ports):
        # A slash in the password ends the host's part early: what follows is taken for the port.
        return f"has a port that is no number from 1 to 65535; {_WRITE}"
    for name, choices in _CHOICES.items():
        if name in settings and settings[name] not in choices:
            return f"has another {name} than there is; write one of {', '.join(choices)}"
    for name in _NUMBERS:
        if name in settings and not str(settings[name]).isdecimal():
            return f"has a {name} that is no whole number"
    somewhere = [settings.get(name) for name in ("host", "hostaddr", "service")]
    if not any(somewhere) and not any(
        environ.get(n) for n in ("PGHOST", "PGHOSTADDR", "PGSERVICE")
    ):
        return f"names no host; {_WRITE}, or host=/var/run/postgresql for a socket's folder"
    return None


def _fault_of_certificate(settings: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """What is wrong with files that it names. libpq tells so only when it connects, and without a code."""
    mode = settings.get("sslmode") or environ.get("PGSSLMODE") or ""
    root = settings.get("sslrootcert") or environ.get("PGSSLROOTCERT")
    if root == "system":
        weak = mode not in ("", "verify-full")
        return "has sslrootcert=system, which wants sslmode=verify-full" if weak else None
    if root:
        if fault := _fault_of_file("sslrootcert", root) or _fault_of_roots(root):
            return fault
    elif mode in ("verify-ca", "verify-full") and not _usual("root.crt").exists():
        return (
            f"has sslmode={mode} and no sslrootcert; write sslrootcert=FILE, the authority that signed the "
            "server's certificate, or sslrootcert=system for those that everybody trusts"
        )
    for name in ("sslcert", "sslkey"):
        if (file := settings.get(name)) and (fault := _fault_of_file(name, file)):
            return fault
    key = Path(settings.get("sslkey") or "/nowhere")
    if key.is_file() and key.stat().st_mode & (0o077 if key.stat().st_uid else 0o037):
        # As libpq has it: the group may read what root owns, such as a mounted secret.
        return f"names the sslkey {key}, which others may read; run chmod 600 {key}"
    return None


def _usual(name: str) -> Path:
    return Path(os.path.expanduser("~")) / ".postgresql" / name


def _fault_of_file(name: str, file: str) -> str | None:
    try:
        with Path(file).open("rb"):
            return None
    except OSError as exc:
        return f"names a file as {name} that cannot be read ({file}: {exc.strerror}); mount it there, or correct the path"


def _fault_of_roots(file: str) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return f"names a file as sslrootcert that holds no certificate ({file}); it must be PEM, with BEGIN CERTIFICATE"
    return None
