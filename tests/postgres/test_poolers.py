"""Runs through a real PgBouncer: as good as direct ones in session mode, refused in every other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo
from tests.postgres.bouncer import change_mode, left_in, pooled
from tests.postgres.conftest import Sync
from tests.postgres.worker import Worker
from typer.testing import CliRunner

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.cli.app import app
from socratasync.errors import PoolerUnsupported
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.table_lock import is_loading

SESSIONLESS = pytest.mark.parametrize("mode", ["transaction", "statement"])
SLEEPING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


def both_at_once(sync: Sync) -> list[Any]:
    """The reports of two runs that start together, the second with the patience of a Job."""
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(sync.run, sync.with_(lock_wait_s=30.0), run=name) for name in ("one", "two")
        ]
        return [each.result() for each in runs]


# -- session mode --------------------------------------------------------------------------------------


def test_two_runs_at_once_in_session_mode_load_one_after_the_other_and_leave_the_pool_clean(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 1}  # statements come often enough to be prepared
    is_known: list[bool] = []
    with pooled(sync.dsn, "session") as dsn:

        def look() -> None:
            with Connections(dsn).connect(read_only=True, loads=False) as status:
                is_known.append(is_loading(status, "public.parks"))

        portal.faults.add(Fault.doing(look), on="rows")
        sync.dsn = dsn

        reports = both_at_once(sync)

        assert [report.exit_code for report in reports] == [0, 0]
        assert sorted(report.rows.inserted for report in reports) == [0, 5]
        assert is_known == [True]
        assert left_in(dsn, 4) == []


def test_a_pool_that_does_not_clean_up_is_left_clean_by_runs_good_and_bad(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    with pooled(sync.dsn, "session", size=5, server_reset_query="") as dsn:
        sync.dsn = dsn
        sync.well()
        after_a_good_one = left_in(dsn, 5)
        portal.faults.add(Fault.status(503), times=None, on="rows")

        assert sync.run(mode="full").exit_code == 75
        assert (after_a_good_one, left_in(dsn, 5)) == ([], [])


def test_sigterm_reaches_the_statement_through_a_pooler_in_session_mode(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    sync.query(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(60); RETURN new; END';"
        "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    parks.update(parks.find(name="p1"), acres=11)
    direct = sync.dsn
    with pooled(direct, "session") as dsn, psycopg.connect(direct, autocommit=True) as watch:
        sync.dsn = dsn
        with Worker(sync) as worker:
            while not watch.execute(SLEEPING).fetchone():
                assert worker.process.poll() is None
                watch.execute("SELECT pg_stat_clear_snapshot()")
            worker.terminate()
            assert worker.exit_code() == 143
            assert watch.execute(SLEEPING).fetchone() is None

        assert left_in(dsn, 4) == []
    assert sync.owner_dsn == direct


@pytest.mark.parametrize(
    "pool", [{"size": 1}, {"max_client_conn": "1"}], ids=["one served", "one let in"]
)
def test_a_pool_in_session_mode_that_is_too_small_to_look_closely_is_used(
    sync: Sync, parks: Dataset, pool: dict[str, Any]
) -> None:
    with pooled(sync.dsn, "session", **pool) as dsn:
        sync.dsn = dsn

        planned = sync.plan(sync.request(), sync.options)

    assert planned.error is None
    assert [plan.rows for plan in planned.datasets.values()] == [5]  # type: ignore[union-attr]


# -- every other mode -------------------------------------------------------------------------------------


@SESSIONLESS
def test_two_runs_at_once_are_refused_before_they_leave_anything(
    sync: Sync, parks: Dataset, mode: str
) -> None:
    direct = sync.dsn
    before = sync.catalog()
    with pooled(direct, mode, size=1) as dsn:
        sync.dsn = dsn

        reports = both_at_once(sync)

        assert [report.exit_code for report in reports] == [78, 78]
        assert {report.as_dict()["error"]["reason"] for report in reports} == {"PoolerUnsupported"}
        assert left_in(dsn, 1) == []
    sync.dsn = direct
    assert sync.catalog() == before


def test_every_command_says_which_address_to_use(
    sync: Sync, parks: Dataset, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.yaml"
    spec = yaml.safe_load(sync.request().spec.to_json())
    manifest.write_text(yaml.safe_dump({**HEAD, "spec": spec}))
    with pooled(sync.dsn, "transaction") as dsn:
        for command in ("run", "plan", "status"):
            ended = CliRunner().invoke(
                app, [command, "-f", str(manifest)], env={"SOCRATASYNC_DSN": dsn}
            )

            said = " ".join((ended.output + str(ended.exception)).split())
            assert isinstance(ended.exception, PoolerUnsupported) or ended.exit_code == 78, said
            assert "Name the server itself in the DSN, or a pool in session mode" in said


HEAD = {
    "apiVersion": "socratasync.dev/v1alpha1",
    "kind": "SocrataSync",
    "metadata": {"name": "parks", "namespace": "data"},
}


POOLS: dict[str, dict[str, Any]] = {
    "with one connection": {"size": 1},
    "that goes round its connections": {"server_round_robin": "1"},
    "that cleans up after each transaction": {"server_reset_query_always": "1"},
    "of three processes at one address": {"processes": 3},
}


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_a_pool_without_sessions_is_known_for_what_it_is(
    server: str, pool: dict[str, Any], busy: bool
) -> None:
    with pooled(server, "transaction", **pool) as through:
        fill(through, 1 if pool.get("size") == 1 else 16)
        for _ in in_use(through, 4 if busy else 0):
            with pytest.raises(PoolerUnsupported), Connections(through).connect():
                pass


def test_a_pool_that_shares_a_connection_later_on_is_refused_then(server: str) -> None:
    """Somebody changes its mode while a run is under way; or it was not known for what it is."""
    with pooled(server, "session") as through:
        connections = Connections(through)
        with connections.connect() as first:
            change_mode(through, "transaction")
            first.execute("SELECT 1")

            with pytest.raises(PoolerUnsupported), connections.connect():
                pass


def fill(pool: str, connections: int) -> None:
    """The pool has so many connections to the server, none of them in use."""
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(psycopg.connect(pool)).execute("SELECT 1")


def in_use(pool: str, clients: int) -> Iterator[None]:
    """Others who use the pool meanwhile, without pause; what is in the loop's body happens thrice."""
    enough = threading.Event()

    def ask_on() -> None:
        words = {"autocommit": True, "prepare_threshold": None}
        with psycopg.connect(pool, **words) as client:  # type: ignore[arg-type]
            while not enough.is_set():
                client.execute("SELECT pg_sleep(0.001)")

    threads = [threading.Thread(target=ask_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield from [None] * 3
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_a_server_without_a_pooler_pays_one_question_and_no_further_connection(server: str) -> None:
    direct = make_conninfo(server, application_name="counted")
    with Connections(direct).connect() as connection:
        counted = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
        )

        assert counted.fetchone() == (1,)
