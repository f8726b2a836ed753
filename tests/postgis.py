"""A PostgreSQL with PostGIS, of the distribution's packages: the wheel's server has no extensions.

``SOCRATASYNC_TEST_POSTGIS_DSN`` names another server instead, whose role may create databases and extensions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from tests.conftest import room_for_databases

_NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
"""PostgreSQL does not run as root."""

_SPEED = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"


def programs() -> Path | None:
    """The folder of the newest server's programs that has PostGIS; None where there is none."""
    found = Path("/usr/share/postgresql").glob("*/extension/postgis.control")
    versions = sorted((path.parts[4] for path in found), key=int, reverse=True)
    folders = (Path("/usr/lib/postgresql", version, "bin") for version in versions)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """The DSN of a server of these programs, gone with all its files afterwards."""
    place = Path(tempfile.mkdtemp(prefix="socratasync-postgis-", dir=room_for_databases()))
    who = _NOBODY if os.getuid() == 0 else {}
    if who:
        os.chown(place, who["user"], who["group"])

    def call(program: str, *words: str) -> None:
        command = [str(folder / program), "-D", str(place / "data"), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=place, **who)

    try:
        call("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        listens = f"-c listen_addresses= -c unix_socket_directories={place} {_SPEED}"
        call("pg_ctl", "-w", "-l", str(place / "log"), "-o", listens, "start")
        try:
            yield make_conninfo(host=str(place), user="postgres", dbname="postgres")
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place)
