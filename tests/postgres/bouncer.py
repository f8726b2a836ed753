"""A real PgBouncer before the test's database, in whatever mode, and what is left in its pool."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.skipped import NO_PGBOUNCER

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
NOBODY = 65534


@contextmanager
def pooled(
    dsn: str, mode: str, *, processes: int = 1, size: int = 20, **settings: str
) -> Iterator[str]:
    """The DSN of the database through PgBouncer in that mode, as long as the block lasts. ``processes``:
    so many share the address, as pods behind a Service do. ``size``: of each process's pool."""
    program = shutil.which("pgbouncer", path=PATH)
    if program is None:
        pytest.skip(NO_PGBOUNCER)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="socratasync-bouncer-") as scratch,
        ExitStack() as stack,
    ):
        os.chmod(scratch, 0o755)  # PgBouncer refuses root, so it is another user
        file = Path(scratch) / "pgbouncer.ini"
        file.write_text(
            _configuration(dsn, port, pool_mode=mode, default_pool_size=size, **settings)
        )
        for _ in range(processes):
            stack.enter_context(_process(program, file, port, user=_user(dsn)))
        parts = conninfo_to_dict(dsn)
        yield make_conninfo(host="127.0.0.1", port=port, dbname=parts["dbname"], user="anybody")


def _configuration(dsn: str, port: int, **settings: Any) -> str:
    """It logs in as the DSN does, and lets in whoever comes."""
    parts = {**conninfo_to_dict(dsn)}
    server = " ".join(f"{name}={value}" for name, value in parts.items() if name != "dbname")
    ours = {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": ""}
    ours |= {"auth_type": "any", "admin_users": "anybody", "so_reuseport": 1, **settings}
    lines = [f"{name} = {value}" for name, value in ours.items()]
    return "\n".join(["[databases]", f"* = {server}", "[pgbouncer]", *lines, ""])


def _user(dsn: str) -> int | None:
    """Who may enter the folder of the server's socket, where we may become another user at all."""
    if os.geteuid() != 0:
        return None
    folder = Path(str(conninfo_to_dict(dsn).get("host")))
    return folder.stat().st_uid if folder.is_dir() else NOBODY


@contextmanager
def _process(program: str, file: Path, port: int, user: int | None) -> Iterator[None]:
    process = subprocess.Popen(
        [program, "-q", file],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_until_it_listens(process: subprocess.Popen[str], port: int) -> None:
    """Each of several processes at one port is seen in the kernel's list, of the user who owns it."""
    inodes = set[str]()
    while not inodes & _sockets_of(process.pid):
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.fail(f"PgBouncer ended: {process.stderr.read()}")
        listening = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
        inodes = {f[9] for f in listening if f[1].endswith(f":{port:04X}") and f[3] == "0A"}


def _sockets_of(pid: int) -> set[str]:
    """The inodes of the process's sockets; none once it is gone."""
    try:
        links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return set()
    return {link.removeprefix("socket:[").rstrip("]") for link in links if "socket:" in link}


def change_mode(pool: str, mode: str) -> None:
    """As its administrator may, while it is in use."""
    with psycopg.connect(make_conninfo(pool, dbname="pgbouncer"), autocommit=True) as console:
        console.execute(f"SET pool_mode = '{mode}'")


def left_in(pool: str, connections: int) -> list[tuple[Any, ...]]:
    """The settings, locks and prepared statements that the next clients of the pool find: so many of
    them at once, to meet as many server connections in session mode. In other modes the pool should have one."""
    found = []
    with ExitStack() as stack:
        for _ in range(connections):
            client = stack.enter_context(psycopg.connect(pool, autocommit=True))
            found += client.execute(_LEFT).fetchall()
    return found


_LEFT = """
SELECT 'setting', name, setting FROM pg_settings WHERE source = 'session'
AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')
AND name NOT LIKE 'transaction_%'
UNION ALL
SELECT 'lock', locktype, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION ALL
SELECT 'statement', name, statement FROM pg_prepared_statements
"""
"""PgBouncer itself sets five as each of its clients has them; those of a transaction end with it."""
