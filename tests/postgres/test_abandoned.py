"""Stages that nobody goes on with are dropped by whichever run comes next, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql
from tests.conftest import Connection
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.target.bookkeeping import new_table_name, stage_name
from socratasync.pipeline.target.table_lock import run_lock_number

GARDENS = "gard-0001"
STAGE = stage_name("public.gardens", GARDENS)
NEW_TABLE = new_table_name("public.gardens")


@pytest.fixture(params=[STAGE, NEW_TABLE], ids=["a stage", "a new table"])
def left(request: pytest.FixtureRequest) -> str:
    """What the sync of gardens left."""
    return str(request.param)


@pytest.fixture
def city(sync: Sync, parks: Dataset, portal: Portal, left: str) -> Sync:
    """A sync of parks, in a database where one of gardens failed midway and was deleted."""
    if left == STAGE:
        sync.query("CREATE TABLE gardens (name text PRIMARY KEY)")
    portal.add_dataset(GARDENS, PARK_COLUMNS, [{"name": f"g{n}"} for n in range(5)])
    portal.faults.add(Fault.status(500), times=1000, on="rows", after=1)
    sync.spec["source"] = {"pageSize": 2}
    assert load(sync, "gardens", GARDENS).exit_code == 75
    portal.faults.clear()
    assert stages(sync) == [left]
    return sync


def load(sync: Sync, table: str = "parks", dataset: str = PARKS, *, hours: float = 0) -> RunReport:
    """One run, so many hours later."""
    sync.spec["datasets"] = [{"id": dataset}]
    sync.spec["target"]["table"] = table
    later = datetime.now(UTC) + timedelta(hours=hours)
    return sync.run(options=sync.with_(clock=lambda: later))


def stages(sync: Sync) -> list[str]:
    """The tables of stages, and whether their checkpoints are there, too."""
    tables = sync.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'socratasync'::regnamespace "
        "AND relkind = 'r' AND relname ~ '^(stage|new)_' ORDER BY 1"
    )
    return [row["relname"] for row in tables]


def test_a_stage_of_a_sync_that_is_gone_stays_a_day_for_a_retry_and_then_goes(
    city: Sync, left: str
) -> None:
    assert load(city, hours=23).warnings == []
    assert stages(city) == [left]
    city.query(f"CREATE TABLE socratasync.{left}_skipped ()")

    (told,) = load(city, hours=25).warnings

    assert told.startswith("dropped 1 stages (")
    assert int(told.partition("(")[2].partition(" bytes")[0].replace(",", "")) >= 8192
    assert stages(city) == []
    assert city.query("SELECT FROM socratasync.checkpoints") == []
    assert load(city, "gardens", GARDENS).ok


def test_a_stage_whose_checkpoint_is_gone_goes_at_once(city: Sync, left: str) -> None:
    """A server that crashed has emptied the checkpoints; somebody may have emptied the runs."""
    city.query("TRUNCATE socratasync.checkpoints")
    city.query("DELETE FROM socratasync.runs")

    assert load(city).warnings
    assert stages(city) == []


def test_a_dataset_that_failed_and_left_the_manifest_leaves_no_stage(city: Sync, left: str) -> None:
    told = load(city, "gardens", PARKS, hours=25).warnings
    assert bool(told) is (left == STAGE)  # its own new table a run just makes anew
    assert stages(city) == []


def test_a_stage_of_a_dataset_that_is_loaded_again_is_gone_on_with(city: Sync, left: str) -> None:
    assert load(city, "gardens", GARDENS, hours=23).warnings == []
    (report,) = city.query("SELECT report FROM socratasync.runs WHERE ok")
    assert report["report"]["rows"]["inserted"] == 5
    assert stages(city) == []


def test_a_stage_that_a_run_is_filling_stays_however_old_it_is(
    city: Sync, left: str, connection: Connection
) -> None:
    lock = run_lock_number("public.gardens")
    connection.execute("SELECT pg_advisory_lock(%s)", [lock])

    assert load(city, hours=1000).warnings == []
    assert stages(city) == [left]

    connection.execute("SELECT pg_advisory_unlock(%s)", [lock])
    assert load(city, hours=1001).warnings
    assert stages(city) == []


def test_a_stage_that_somebody_reads_is_left_to_a_later_run(
    city: Sync, left: str, dsn: str
) -> None:
    with psycopg.connect(dsn) as dump:
        dump.execute(sql.SQL("SELECT FROM socratasync.{}").format(sql.Identifier(left)))
        assert load(city, hours=25).ok

    assert stages(city) == [left]


def test_a_stage_of_another_role_is_told_with_what_its_owner_must_run(
    city: Sync, left: str, connection: Connection
) -> None:
    role = sql.Identifier(f"{connection.info.dbname}_gardener")
    connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        table = sql.Identifier("socratasync", left)
        connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(table, role))

        (told,) = load(city, hours=25).warnings

        assert role.as_string() in told or role.as_string().strip('"') in told
        assert stages(city) == [left]
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA socratasync TO {}").format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        connection.execute(told.rpartition("run: ")[2].encode())
        connection.execute("RESET ROLE")
        assert load(city, hours=26).warnings == []
        assert city.query("SELECT FROM socratasync.checkpoints") == []
    finally:
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
