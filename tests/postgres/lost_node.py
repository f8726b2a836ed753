"""A node that is lost in the midst of a merge, and how long each side takes to find out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.e2e.database import database
from tests.interfaces import Interface
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync
from tests.postgres.wire import SERVER, WORKER, Wire, wire
from tests.postgres.worker import Worker

from socrata_simulator.http.server import serve
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target.table_lock import run_lock_number

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_sleep(600); RETURN new; END';
CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION slow()
"""
SLEEPING = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@dataclass(frozen=True, slots=True)
class Apart:
    """A sync that runs on one machine, into a server on another."""

    wire: Wire
    sync: Sync


@contextmanager
def apart(portal: Portal, interface: Interface, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    """Parks to load, a portal beside the worker, and a database of its own beside nobody."""
    portal.add_dataset(PARKS, PARK_COLUMNS, [{"name": f"p{n}", "acres": n} for n in range(5)])
    with wire() as between, between.at(SERVER), database(SERVER) as server:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute("CREATE DATABASE city")
        with between.at(WORKER), serve(portal) as socrata:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", socrata.ca_file)
            sync = Sync(portal, socrata.domain, make_conninfo(server, dbname="city"), interface)
            sync.spec["target"] = {
                "dsnSecretRef": {"name": "db"},
                "table": "parks",
                "key": ["name"],
            }
            yield Apart(between, sync)


def lose_the_node(apart: Apart, silence_s: float) -> tuple[float, float]:
    """Cut the wire while the server works for a worker that waits. Gives the seconds until the worker
    ended, as it should, and until the server let go of the table."""
    sync = apart.sync
    sync.well()
    sync.query(SLOW)
    parks = sync.portal.datasets[PARKS]
    parks.update(parks.find(name="p1"), acres=11)
    with apart.wire.at(SERVER), psycopg.connect(sync.dsn, autocommit=True) as watch:
        with apart.wire.at(WORKER):
            worker = Worker(sync, silence_s)
        with worker:
            while watch.execute(SLEEPING).fetchone() is None:
                assert worker.process.poll() is None
                watch.execute("SELECT pg_stat_clear_snapshot()")
            apart.wire.cut()
            begun = time.monotonic()
            watch.execute("SET lock_timeout = '300s'")
            watch.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.parks")])
            watch.execute("DROP TRIGGER slow ON parks")  # wants the merge's own locks gone, too
            server_s = time.monotonic() - begun
            code = worker.process.wait(timeout=300)
            worker_s = time.monotonic() - begun
            assert (code, worker.reason()) == (75, "TargetUnavailable")
    apart.wire.mend()
    return worker_s, server_s
