"""The real command in a process of its own, as a user, a terminal or a Job starts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cluster.processes import wait_until
from tests.conftest import room_for_databases

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

ROOT = Path(__file__).parents[2]
PARKS = "park-0001"
PARK_COLUMNS = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]

Finished = subprocess.CompletedProcess[str]


class Command:
    """``socratasync`` with an environment that holds nothing of whoever runs the tests."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        kept = ("PATH", "REQUESTS_CA_BUNDLE", "LANG", "LC_ALL")
        self.environ = {name: os.environ[name] for name in kept if name in os.environ}
        self.environ |= {
            "PYTHONPATH": str(ROOT / "operator"),
            "HOME": str(folder),
            "TMPDIR": str(data),
            "NO_PROXY": "*",
            "SOCRATASYNC_DATA": str(data / "own"),
            "SOCRATASYNC_ATTEMPTS": "3",
            "SOCRATASYNC_FIRST_WAIT": "0.01",
        }
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str | Path, stdin: str = "", **environ: str) -> Finished:
        """Run it to its end."""
        return subprocess.run(
            self.line(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environ | environ,
            cwd=self.folder,
            check=False,
        )

    def start(self, *arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
        """Start it; the test's end ends it."""
        process = subprocess.Popen(
            self.line(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ | environ,
            cwd=self.folder,
        )
        self._started.append(process)
        return process

    @staticmethod
    def line(*arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "socratasync", *map(str, arguments)]

    def stop_all(self) -> None:
        for process in self._started:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.communicate()


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder that root's PostgreSQL, which runs as another user, can reach; pytest's own is closed."""
    folder = Path(tempfile.mkdtemp(prefix="socratasync-commands-", dir=room_for_databases()))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def socratasync(
    tmp_path: Path, data_folder: Path, request: pytest.FixtureRequest
) -> Iterator[Command]:
    """The command. Who is served over HTTPS in the test, if anybody, is trusted by it."""
    for served in ("socrata", "listener"):
        if served in request.fixturenames:
            request.getfixturevalue(served)  # its authority is in the environment from now on
    command = Command(tmp_path, data_folder)
    try:
        yield command
    finally:
        command.stop_all()


@pytest.fixture
def parks(portal: Portal, clock: Any) -> Dataset:
    """Five parks, p0 to p4, keyed by name, published yesterday, to be loaded into ``parks``."""
    clock.at = datetime.now(UTC) - timedelta(days=1)
    return portal.add_dataset(
        PARKS, PARK_COLUMNS, [{"name": f"p{n}", "acres": n} for n in range(5)]
    )


Manifest = Callable[..., Path]


@pytest.fixture
def spec(socrata: Server, parks: Dataset) -> dict[str, Any]:
    """The spec of a manifest for the parks; change it before it is written."""
    return {
        "domain": socrata.domain,
        "datasets": [{"id": parks.id, "year": 2024}],
        "target": {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]},
    }


def document(spec: dict[str, Any]) -> str:
    """The manifest ``city-parks`` with this spec; JSON is YAML."""
    head = {"apiVersion": "socratasync.dev/v1alpha1", "kind": "SocrataSync"}
    return json.dumps({**head, "metadata": {"name": "city-parks"}, "spec": spec})


@pytest.fixture
def manifest(tmp_path: Path, spec: dict[str, Any]) -> Manifest:
    """Writes the manifest with these changes to its spec; the file."""

    def write(**changes: Any) -> Path:
        file = tmp_path / "sync.yaml"
        file.write_text(document({**spec, **changes}), encoding="utf-8")
        return file

    return write


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    """What a query answers."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def backends(dsn: str) -> int:
    """How many sessions of runs this database has."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'socratasync'"
    )
    return int(rows(dsn, statement)[0][0])


def wait_until_gone(dsn: str) -> None:
    """Until no session of a run is left."""
    wait_until(lambda: backends(dsn) == 0, timeout_s=3, what="the runs' sessions to end")
