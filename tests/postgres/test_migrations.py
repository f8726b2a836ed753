"""The bookkeeping of every version becomes today's, loses nothing on the way, and can be gone back from.

``schemas/version_1.sql`` is a database as the release before the versions left it;
``schemas/bookkeeping_of_version_1.sql`` holds the statements of that release.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.api.spec import SyncSpec
from socratasync.errors import PermissionDenied, TargetBusy, TargetMismatch
from socratasync.pipeline.preview import find
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.migrations import (
    MIGRATIONS,
    Migration,
    bookkeeping_exists,
    bring_up_to_date,
)
from socratasync.pipeline.target.refusals import translated

Connection = psycopg.Connection[TupleRow]

SCHEMAS = Path(__file__).parent / "schemas"
DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When the database of version 1 was made, at the source and here."""

NEWEST = len(MIGRATIONS)
TABLES = ("runs", "datasets", "checkpoints")

ADDS = Migration(
    statement="ALTER TABLE socratasync.datasets ADD COLUMN IF NOT EXISTS colour text NOT NULL DEFAULT '';"
    "ALTER TABLE socratasync.checkpoints ADD COLUMN IF NOT EXISTS colour text",
    usable_from=NEWEST,
)
"""What the next release may do: programs of today go on with it."""

REMOVES = Migration(
    statement="ALTER TABLE socratasync.datasets DROP COLUMN IF EXISTS left_out",
    usable_from=NEWEST + 1,
)
"""What only a release after that may do."""

DIES = Migration(statement="SELECT pg_terminate_backend(pg_backend_pid())", usable_from=1)


def connect(dsn: str, *options: str) -> Connection:
    settings = " ".join(f"-c {option}" for option in ("timezone=UTC", "datestyle=ISO", *options))
    return psycopg.connect(dsn, autocommit=True, options=settings)


@pytest.fixture
def opened(dsn: str) -> Iterator[Connection]:
    """A connection as a run's, to a database where nothing was ever loaded."""
    with connect(dsn) as connection:
        yield connection


def load_version(connection: Connection, version: int) -> None:
    """The database as version ``version`` left it. 0: the schema is there, and empty."""
    if version == 0:
        connection.execute("CREATE SCHEMA socratasync")
        connection.execute(
            "COMMENT ON SCHEMA socratasync IS 'Bookkeeping of Socrata Sync: runs, watermarks, stage tables'"
        )
        return
    text = (SCHEMAS / "version_1.sql").read_text(encoding="utf-8")
    connection.execute(text)
    if version > 1:
        bring_up_to_date(connection, MIGRATIONS[:version])


_SHAPE = """
SELECT c.relname, c.relkind, c.relpersistence, c.relacl::text, obj_description(c.oid, 'pg_class'),
    (SELECT array_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname) FROM pg_constraint k
     WHERE k.conrelid = c.oid),
    (SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indexrelid = c.oid),
    obj_description(c.relnamespace, 'pg_namespace')
FROM pg_class c
WHERE c.relnamespace = to_regnamespace('socratasync') AND c.relname NOT LIKE 'stage%%' ORDER BY 1
"""


def shape(connection: Connection) -> list[TupleRow]:
    """Everything that the catalog says of the bookkeeping but the numbers of its objects."""
    return connection.execute(_SHAPE).fetchall()


def contents(connection: Connection) -> dict[str, list[Row]]:
    """The rows of the three tables."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            table: cursor.execute(
                sql.SQL("SELECT * FROM {} ORDER BY 1, 2").format(
                    sql.Identifier("socratasync", table)
                )
            ).fetchall()
            for table in TABLES
        }


def versions(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT version FROM socratasync.versions ORDER BY 1").fetchall()
    return [row[0] for row in rows]


# -- from every version ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_a_bookkeeping_of_any_version_becomes_the_same_as_a_fresh_one(
    opened: Connection, version: int
) -> None:
    bring_up_to_date(opened)
    fresh = shape(opened)
    opened.execute("DROP SCHEMA socratasync CASCADE")

    load_version(opened, version)
    bring_up_to_date(opened)

    assert shape(opened) == fresh
    assert versions(opened)[-1] == NEWEST


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_migration_loses_nothing(opened: Connection, version: int) -> None:
    load_version(opened, version)
    before = contents(opened)
    assert [len(before[table]) for table in TABLES] == [4, 1, 1]

    bring_up_to_date(opened)

    for table, rows in contents(opened).items():
        kept = [{name: row[name] for name in before[table][0]} for row in rows]
        assert kept == before[table]


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_the_second_time_nothing_is_written(opened: Connection, version: int) -> None:
    load_version(opened, version)
    bring_up_to_date(opened)
    written = "SELECT xmin::text, * FROM socratasync.versions"
    before = (shape(opened), opened.execute(written).fetchall())
    opened.execute("SET default_transaction_read_only = on")

    bring_up_to_date(opened)

    assert (shape(opened), opened.execute(written).fetchall()) == before


def test_several_versions_are_made_up_for_at_once(opened: Connection) -> None:
    load_version(opened, 1)

    bring_up_to_date(opened, (*MIGRATIONS, ADDS, REMOVES))

    assert versions(opened) == [NEWEST + 2]
    assert "colour" in contents(opened)["datasets"][0]
    assert "left_out" not in contents(opened)["datasets"][0]


def test_a_table_that_somebody_dropped_is_made_again(opened: Connection) -> None:
    bring_up_to_date(opened)
    fresh = shape(opened)
    opened.execute("DROP TABLE socratasync.checkpoints")

    assert not bookkeeping_exists(opened)
    bring_up_to_date(opened)

    assert shape(opened) == fresh


# -- runs on a migrated database ---------------------------------------------------------------------


@pytest.fixture
def old(sync: Sync, portal: Portal, clock: Clock) -> Sync:
    """The sync of the parks, on the database of version 1, its source as it was then."""
    clock.at = DAY
    parks(portal)
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}]
    with connect(sync.dsn) as connection:
        load_version(connection, 1)
    return sync


def parks(portal: Portal) -> Dataset:
    made = portal.add_dataset(
        PARKS, PARK_COLUMNS, [{"name": f"p{n}", "acres": n} for n in range(5)]
    )
    made.update(made.find(name="p2"), acres=22)
    return made


@pytest.fixture(params=[(), (ADDS,)], ids=["to today's", "to the next release's"])
def migrated(old: Sync, request: pytest.FixtureRequest) -> Sync:
    """The same, its bookkeeping brought up to date, by this release or the next."""
    with connect(old.dsn) as connection:
        bring_up_to_date(connection, (*MIGRATIONS, *request.param))
    return old


def test_an_update_on_a_migrated_database_reads_from_its_watermark_on(
    migrated: Sync, portal: Portal, clock: Clock
) -> None:
    clock.at = DAY + timedelta(hours=1)
    portal.datasets[PARKS].update(portal.datasets[PARKS].find(name="p1"), acres=11)
    before = {r["name"]: r["xmin"] for r in migrated.query("SELECT name, xmin::text FROM parks")}

    dataset = migrated.one()

    assert (dataset.mode, dataset.rows.updated, dataset.rows.inserted) == ("update", 1, 0)
    assert ":updated_at >= '2026-01-01T11:45:00" in migrated.pages(PARKS)[0]["$where"]
    after = {r["name"]: r["xmin"] for r in migrated.query("SELECT name, xmin::text FROM parks")}
    assert {name for name in after if after[name] != before[name]} == {"p1"}


def test_a_load_that_was_stopped_ends_well_on_a_migrated_database(
    migrated: Sync, portal: Portal
) -> None:
    rows = [{"name": f"t{n}", "height": n} for n in range(6)]
    portal.add_dataset("tree-0001", [("name", "text"), ("height", "number")], rows)
    migrated.spec["target"] = {**migrated.spec["target"], "table": "trees"}
    migrated.spec["datasets"] = [{"id": "tree-0001"}]

    assert migrated.one(options=migrated.with_(clock=lambda: DAY)).rows.inserted == 6
    assert migrated.query("SELECT FROM socratasync.checkpoints") == []


def test_a_run_brings_an_older_bookkeeping_up_to_date(old: Sync) -> None:
    assert old.one().mode == "update"

    with connect(old.dsn) as connection:
        assert versions(connection) == [NEWEST]


def test_a_run_leaves_what_a_newer_release_made_as_it_is(old: Sync) -> None:
    with connect(old.dsn) as connection:
        bring_up_to_date(connection, (*MIGRATIONS, ADDS))
        before = shape(connection)

        old.well()
        old.well(mode="full")

        assert (versions(connection), shape(connection)) == ([NEWEST + 1], before)


# -- going back ----------------------------------------------------------------------------------------


def test_one_release_back_can_use_what_this_one_made() -> None:
    assert MIGRATIONS[-1].usable_from <= max(1, NEWEST - 1)


WORDS: dict[str, Any] = {
    "target": "public.parks", "run": "old", "mode": "update", "holder": 0, "limit": 9,
    "dataset": PARKS, "datasets": [PARKS], "result": Jsonb({}), "changed": True, "ok": True,
    "report": Jsonb({}), "year": 2025, "watermark_column": ":updated_at", "watermark": DAY,
    "synced_since": DAY, "source_rows": 5, "rows_updated_at": None, "columns": Jsonb({}),
    "query": "", "left_out": 0, "stage": "stage_old", "fingerprint": "f", "started_at": DAY,
    "source": Jsonb({}), "last_id": "row-1", "rows": 1, "bytes": 1, "archived_bytes": 0,
    "replica_as_of": None,
}  # fmt: skip

RUN = (
    "bookkeeping_exists read_datasets last_run_failed begin_run read_checkpoint start_checkpoint "
    "advance_checkpoint adopt_checkpoint read_checkpoint lock_is_held record_watermark record_merge "
    "drop_checkpoint forget_other_datasets record_left_out refresh_is_pending mark_refreshed "
    "finish_run forget_old_runs read_runs"
).split()
"""The statements of a run of version 1, in its order."""


def statements_of_version_1() -> dict[str, LiteralString]:
    text = (SCHEMAS / "bookkeeping_of_version_1.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- ([a-z_]+) --$", text, flags=re.MULTILINE)[1:]
    return {
        name: cast(LiteralString, body) for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.mark.skipif(MIGRATIONS[-1].usable_from > 1, reason="version 1 may not use it any more")
def test_a_run_of_version_1_works_on_todays_bookkeeping(opened: Connection) -> None:
    load_version(opened, NEWEST)
    statements = statements_of_version_1()
    creating = {"schema_exists", "create_schema", "create_bookkeeping"}
    assert {*RUN} | creating == {*statements}

    answers: dict[str, list[Row]] = {}
    with opened.cursor(row_factory=dict_row) as cursor:
        for name in RUN:
            cursor.execute(statements[name], WORDS)
            if cursor.description is not None:
                answers[name] = cursor.fetchall()
            elif name != "forget_old_runs" and name != "forget_other_datasets":
                assert cursor.rowcount == 1, name

    assert list(answers["bookkeeping_exists"][0].values()) == [True]
    (checkpoint,) = answers["read_checkpoint"]
    assert checkpoint.keys() == {  # into a class with these fields, and no others
        "stage", "run", "fingerprint", "started_at", "source", "last_id", "rows", "bytes",
        "archived_bytes", "replica_as_of",
    }  # fmt: skip
    assert answers["read_runs"][0]["ok"] is True
    assert Ledger(opened, "public.parks", "").known()[PARKS].watermark == DAY


@pytest.mark.skipif(MIGRATIONS[-1].usable_from > 1, reason="version 1 may not use it any more")
def test_a_first_run_of_version_1_beside_this_release_changes_nothing(opened: Connection) -> None:
    bring_up_to_date(opened)
    before = shape(opened)

    opened.execute(statements_of_version_1()["create_bookkeeping"])

    assert shape(opened) == before


@contextmanager
def refused(*words: str) -> Iterator[None]:
    with pytest.raises(TargetMismatch) as caught:
        yield
    assert caught.value.exit_code == 78
    for word in words:
        assert word in caught.value.message


def test_a_bookkeeping_that_is_too_new_is_refused_and_left_alone(old: Sync) -> None:
    with connect(old.dsn) as connection:
        bring_up_to_date(connection, (*MIGRATIONS, ADDS, REMOVES))
        connection.execute("UPDATE socratasync.versions SET release = '9.8.7'")
        before = (old.catalog(), contents(connection))

        report = old.run()

        assert report.exit_code == 78
        message = report.as_dict()["error"]["message"]
        assert f"is of version {NEWEST + 2}, made by Socrata Sync 9.8.7" in message
        assert f"knows version {NEWEST}. Use 9.8.7 or later" in message
        with refused(message):
            bring_up_to_date(connection)
        with refused(message):
            find(Connections(old.dsn), SyncSpec.from_json(old.spec))
        assert (old.catalog(), contents(connection)) == before


def test_a_newer_bookkeeping_that_lacks_a_table_is_left_to_the_newer_release(
    opened: Connection,
) -> None:
    bring_up_to_date(opened, (*MIGRATIONS, ADDS))
    opened.execute("DROP TABLE socratasync.checkpoints")

    with refused(f"is of version {NEWEST + 1}"):
        bring_up_to_date(opened)


# -- readers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_a_reader_writes_nothing_and_knows_what_is_in(old: Sync, version: int) -> None:
    with connect(old.dsn) as connection:
        connection.execute("DROP SCHEMA socratasync CASCADE; DROP TABLE parks")
        load_version(connection, version)
        before = old.catalog()

        known = find(Connections(old.dsn), SyncSpec.from_json(old.spec)).state.known

        assert (
            [known[PARKS].watermark] == [DAY + timedelta(milliseconds=4)] if version else not known
        )
        connection.execute("SET default_transaction_read_only = on")
        assert bookkeeping_exists(connection) == (version > 0)
        assert old.catalog() == before


# -- at the same time, and not to the end --------------------------------------------------------------


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("version", range(NEWEST))
def test_two_first_runs_do_not_race(dsn: str, version: int, isolation: str) -> None:
    option = "default_transaction_isolation=" + isolation.replace(" ", "\\ ")
    failed: list[psycopg.Error] = []

    def migrate() -> None:
        try:
            with connect(dsn, option) as connection:
                bring_up_to_date(connection)
        except psycopg.Error as exc:
            failed.append(exc)

    runs = [threading.Thread(target=migrate) for _ in range(2)]
    with connect(dsn) as first:
        load_version(first, version)
        with first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(%s)", [0x50C4A7A])  # version 1's number
            for run in runs:
                run.start()
            while first.execute(WAITING).fetchone() != (2,):
                assert all(run.is_alive() for run in runs), failed
        for run in runs:
            run.join(timeout=60)

        assert failed == []
        assert versions(first)[-1] == NEWEST


@pytest.mark.parametrize("version", range(NEWEST))
def test_a_migration_that_is_killed_leaves_nothing_half_done(
    opened: Connection, dsn: str, version: int
) -> None:
    load_version(opened, version)
    before = shape(opened)

    with connect(dsn) as other, pytest.raises(psycopg.OperationalError):
        bring_up_to_date(other, (*MIGRATIONS, DIES))

    assert shape(opened) == before
    bring_up_to_date(opened)
    assert versions(opened)[-1] == NEWEST


def test_a_migration_gives_way_to_those_who_use_the_tables(opened: Connection, dsn: str) -> None:
    load_version(opened, 1)
    before = shape(opened)
    opened.execute(
        "SET statement_timeout = '30s'"
    )  # else a migration that waits would hang the test

    with connect(dsn) as reader, reader.transaction():
        reader.execute("SELECT FROM socratasync.datasets")
        with pytest.raises(TargetBusy), translated():
            bring_up_to_date(opened, (*MIGRATIONS, ADDS))

    assert shape(opened) == before


# -- rights --------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(opened: Connection, dsn: str) -> Iterator[Connection]:
    """A connection as a role of no rights."""
    name = f"{opened.info.dbname}_clerk"
    role = sql.Identifier(name)
    opened.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(role))
    try:
        with connect(make_conninfo(dsn, user=name, password="pw")) as connection:
            yield connection
    finally:
        opened.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))


def advised(exc: PermissionDenied) -> str:
    """What the message says an administrator should run."""
    return exc.message.rpartition("run: ")[2]


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_a_role_without_rights_is_told_what_to_run_and_that_is_enough(
    opened: Connection, clerk: Connection, version: int
) -> None:
    load_version(opened, version)
    before = shape(opened)

    with pytest.raises(PermissionDenied) as caught:
        bring_up_to_date(clerk)

    assert shape(opened) == before
    opened.execute(advised(caught.value))
    bring_up_to_date(clerk)
    assert Ledger(clerk, "public.parks", "next").begin("update") == {}


def test_a_role_that_may_not_read_is_told_what_to_run(
    opened: Connection, clerk: Connection
) -> None:
    load_version(opened, NEWEST)

    with pytest.raises(PermissionDenied) as caught:
        bookkeeping_exists(clerk)

    opened.execute(advised(caught.value))
    assert bookkeeping_exists(clerk)


@pytest.mark.parametrize("right", ["SELECT", "SELECT, INSERT, UPDATE", "SELECT, INSERT, DELETE"])
def test_a_role_that_may_not_write_everything_can_read_and_is_told_what_to_run(
    opened: Connection, clerk: Connection, right: LiteralString
) -> None:
    load_version(opened, NEWEST)
    role = sql.Identifier(clerk.info.user)
    grant = "GRANT ALL ON SCHEMA socratasync TO {0}; GRANT {1} ON ALL TABLES IN SCHEMA socratasync TO {0}"
    opened.execute(sql.SQL(grant).format(role, sql.SQL(right)))
    assert bookkeeping_exists(clerk)

    with pytest.raises(PermissionDenied) as caught:
        bring_up_to_date(clerk)

    opened.execute(advised(caught.value))
    bring_up_to_date(clerk)


def test_only_the_owner_of_the_tables_may_alter_them_and_who_that_is_is_told(
    opened: Connection, clerk: Connection
) -> None:
    load_version(opened, 1)
    role = sql.Identifier(clerk.info.user)
    opened.execute(
        sql.SQL(
            "GRANT ALL ON SCHEMA socratasync TO {0}; GRANT ALL ON ALL TABLES IN SCHEMA socratasync TO {0}"
        ).format(role)
    )
    before = shape(opened)

    with pytest.raises(PermissionDenied) as caught:
        bring_up_to_date(clerk, (*MIGRATIONS, ADDS))

    assert "is of version 1" in caught.value.message
    assert shape(opened) == before
    opened.execute(advised(caught.value))
    bring_up_to_date(clerk, (*MIGRATIONS, ADDS))
    assert versions(opened) == [NEWEST + 1]


def test_a_role_that_was_granted_the_tables_of_version_1_goes_on_when_another_has_migrated(
    opened: Connection, clerk: Connection
) -> None:
    load_version(opened, 1)
    role = sql.Identifier(clerk.info.user)
    opened.execute(
        sql.SQL(
            "GRANT ALL ON SCHEMA socratasync TO {0}; GRANT ALL ON ALL TABLES IN SCHEMA socratasync TO {0}"
        ).format(role)
    )
    bring_up_to_date(opened)

    bring_up_to_date(clerk)

    assert bookkeeping_exists(clerk)
    assert Ledger(clerk, "public.parks", "next").begin("update") == {}


def test_a_role_that_may_make_no_schema_has_made_nothing(clerk: Connection) -> None:
    with pytest.raises(PermissionDenied) as caught:
        bring_up_to_date(clerk)

    assert advised(caught.value).startswith("CREATE SCHEMA IF NOT EXISTS socratasync AUTHORIZATION")
    assert not bookkeeping_exists(clerk)
