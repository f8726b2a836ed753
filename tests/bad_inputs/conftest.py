"""A scene for every bad input, and a server that asks for passwords."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.bad_inputs.scene import Scene
from tests.conftest import wheel_server
from tests.interfaces import Interface

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal


@pytest.fixture
def scene(
    portal: Portal,
    socrata: Server,
    dsn: str,
    socrata_interface: Interface,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Scene]:
    """A manifest, a portal and a database with which all goes well, until something is spoilt."""
    scene = Scene(portal, socrata, dsn, tmp_path, socrata_interface, monkeypatch, capsys)
    yield scene
    scene.drop_roles()


@pytest.fixture
def strict_server() -> Iterator[str]:
    """A server of one's own where the role ``clerk`` must give a password."""
    with wheel_server(f"socratasync-strict-{uuid.uuid4().hex[:8]}") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'another'")
            (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            rules = Path(str(file))
            rules.write_text("local all clerk scram-sha-256\n" + rules.read_text())
            connection.execute("SELECT pg_reload_conf()")
        yield dsn
