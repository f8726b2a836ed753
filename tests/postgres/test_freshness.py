"""The view ``socratasync.freshness``: what an app's footer tells, for whoever was granted it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Row, Sync
from tests.postgres.test_migrations import NEWEST, Connection, connect, load_version, shape

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection
from socratasync.errors import PermissionDenied
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.grants import for_bookkeeping
from socratasync.pipeline.target.migrations import MIGRATIONS, bring_up_to_date

LAST_YEAR = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
FRESHNESS = "SELECT * FROM socratasync.freshness ORDER BY dataset"


@pytest.fixture
def long_ago(clock: Clock) -> None:
    clock.at = LAST_YEAR


@pytest.fixture
def settled(long_ago: None, parks: Dataset) -> Dataset:
    """The parks, changed so long ago that no run reads them twice."""
    return parks


@pytest.fixture
def app(sync: Sync) -> Iterator[str]:
    """The DSN of an app's role, which may log in and nothing else."""
    with connect(sync.dsn) as connection:
        name = f"{connection.info.dbname}_app"
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(role))
        try:
            yield make_conninfo(sync.dsn, user=name, password="pw")
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))


def grant(sync: Sync, app: str) -> None:
    """The two statements of the documentation."""
    role = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(app)["user"]))
    sync.query(sql.SQL("GRANT USAGE ON SCHEMA socratasync TO {}").format(role))
    sync.query(sql.SQL("GRANT SELECT ON socratasync.freshness TO {}").format(role))


def as_app(app: str, statement: Any = FRESHNESS) -> list[Row]:
    with psycopg.connect(
        app, autocommit=True, row_factory=dict_row, options="-c timezone=UTC -c datestyle=ISO"
    ) as connection:
        return connection.execute(statement).fetchall()


def one(sync: Sync) -> Row:
    (row,) = sync.query(FRESHNESS)
    return row


def test_a_role_that_was_granted_the_view_alone_reads_it_and_nothing_else(
    sync: Sync, settled: Dataset, app: str
) -> None:
    settled.name = "Parks of the city"
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}]
    sync.well()
    (run,) = sync.query("SELECT finished_at FROM socratasync.runs")
    grant(sync, app)

    (row,) = as_app(app)

    assert row == {
        "target": "public.parks",
        "dataset": PARKS,
        "year": 2025,
        "name": "Parks of the city",
        "data_as_of": LAST_YEAR,
        "synced_at": run["finished_at"],
        "rows": 5,
        "table_rows": 5,
        "verified": True,
    }
    for table in ("runs", "datasets", "counts", "adoptions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_app(app, sql.SQL("SELECT FROM {}").format(sql.Identifier("socratasync", table)))


def test_a_run_that_finds_nothing_new_makes_the_table_fresh_and_its_data_no_newer(
    sync: Sync, settled: Dataset
) -> None:
    sync.well()
    before = one(sync)

    assert sync.one().result == "NoChange"

    after = one(sync)
    assert after["synced_at"] > before["synced_at"]
    assert {**after, "synced_at": 0} == {**before, "synced_at": 0}


def test_a_change_at_the_source_makes_its_data_newer(
    sync: Sync, settled: Dataset, clock: Clock
) -> None:
    sync.well()
    assert one(sync)["data_as_of"] == LAST_YEAR
    clock.at = LAST_YEAR + timedelta(hours=3)
    settled.insert({"name": "p5", "acres": 5})

    sync.well()

    row = one(sync)
    assert row["data_as_of"] == clock.at
    assert (row["rows"], row["table_rows"]) == (6, 6)


def test_of_what_changed_just_now_only_what_is_surely_in_is_told(
    sync: Sync, settled: Dataset, clock: Clock
) -> None:
    clock.at = NOW - timedelta(minutes=1)
    settled.insert({"name": "p5", "acres": 5})

    sync.well(options=sync.with_(clock=lambda: NOW))

    assert one(sync)["data_as_of"] == NOW - timedelta(hours=1)


def test_a_run_that_fails_makes_nothing_fresher(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.well()
    before = one(sync)
    portal.faults.add(Fault.status(503), times=None, on="metadata")

    assert sync.run().exit_code == 75

    assert one(sync) == before


def test_of_two_datasets_the_one_that_failed_stays_as_it_was(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    other = portal.add_dataset("park-0002", PARK_COLUMNS, [{"name": "q1", "acres": 1}])
    sync.well()
    before = sync.query(FRESHNESS)
    other.is_missing = True

    assert sync.run().exit_code != 0

    after = sync.query(FRESHNESS)
    assert [row["dataset"] for row in after] == [PARKS, "park-0002"]
    assert [row["rows"] for row in after] == [5, 1]
    assert [row["table_rows"] for row in after] == [6, 6]
    assert after[0]["synced_at"] > before[0]["synced_at"]
    assert after[1] == before[1]


@pytest.mark.parametrize(
    ("selection", "fresher"),
    [
        (Selection(datasets=(PARKS,)), True),
        (Selection(since=datetime(2020, 1, 1, tzinfo=UTC)), False),
        (Selection(until=datetime(2020, 1, 1, tzinfo=UTC)), False),
    ],
    ids=["a dataset", "since", "until"],
)
def test_a_one_off_run_of_a_range_does_not_say_that_the_dataset_is_in_step(
    sync: Sync, parks: Dataset, selection: Selection, fresher: bool
) -> None:
    sync.well()
    before = one(sync)

    sync.well(selection=selection)

    assert (one(sync)["synced_at"] > before["synced_at"]) is fresher


def test_rows_that_were_found_wrong_are_told_as_not_verified(sync: Sync, settled: Dataset) -> None:
    sync.well()
    sync.query("DELETE FROM parks WHERE name = 'p3'")

    sync.run()

    row = one(sync)
    assert (row["rows"], row["verified"]) == (4, False)


def test_a_table_that_does_not_say_whose_its_rows_are_is_counted_as_a_whole(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["target"]["provenance"] = False
    sync.well()

    row = one(sync)
    assert (row["rows"], row["table_rows"]) == (None, 5)


def test_before_the_first_run_has_ended_its_merge_is_what_is_known(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    sync.query("UPDATE socratasync.runs SET finished_at = NULL, ok = NULL, report = NULL")
    (merged,) = sync.query("SELECT merged_at FROM socratasync.datasets")

    row = one(sync)

    assert row["synced_at"] == merged["merged_at"]
    assert (row["rows"], row["table_rows"], row["verified"]) == (None, None, None)


def test_a_dataset_of_an_older_release_has_its_id_for_a_name_until_it_is_read_again(
    sync: Sync,
) -> None:
    with connect(sync.dsn) as connection:
        load_version(connection, 1)
        bring_up_to_date(connection)

    row = one(sync)

    assert (row["target"], row["name"], row["rows"], row["verified"]) == (
        "public.parks",
        PARKS,
        5,
        True,
    )


def test_a_dropped_view_is_made_again_by_the_next_run(sync: Sync, parks: Dataset) -> None:
    sync.well()
    with connect(sync.dsn) as connection:
        before = shape(connection)
        connection.execute("DROP VIEW socratasync.freshness")

        sync.well()

        assert shape(connection) == before


def test_something_else_of_that_name_is_left_alone(sync: Sync, parks: Dataset) -> None:
    sync.query("CREATE SCHEMA socratasync; CREATE TABLE socratasync.freshness (mine int)")

    sync.well()
    sync.well()

    assert sync.query("SELECT mine FROM socratasync.freshness") == []


# -- who makes it -------------------------------------------------------------------------------------


@pytest.fixture
def shared(sync: Sync, app: str) -> Iterator[tuple[Connection, Connection]]:
    """A bookkeeping without the view, as its owner, and as a role that was granted all of it."""
    with connect(sync.dsn) as owner, connect(app) as clerk:
        bring_up_to_date(owner, MIGRATIONS[: NEWEST - 1])
        role = sql.Identifier(clerk.info.user)
        owner.execute(
            sql.SQL(
                "GRANT ALL ON SCHEMA socratasync TO {0}; GRANT ALL ON ALL TABLES IN SCHEMA socratasync TO {0}"
            ).format(role)
        )
        yield owner, clerk


def owner_of_view(connection: Connection) -> str:
    row = connection.execute(
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'socratasync.freshness'::regclass"
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_role_that_may_write_the_bookkeeping_can_make_the_view(
    shared: tuple[Connection, Connection],
) -> None:
    owner, clerk = shared

    bring_up_to_date(clerk)

    assert owner_of_view(owner) == clerk.info.user
    assert owner.execute("SELECT FROM socratasync.freshness").rowcount == 0


def test_a_role_that_has_the_owners_rights_makes_it_the_owners(
    shared: tuple[Connection, Connection],
) -> None:
    owner, clerk = shared
    grant_rights = sql.SQL("GRANT {} TO {}")
    owner.execute(
        grant_rights.format(sql.Identifier(owner.info.user), sql.Identifier(clerk.info.user))
    )

    bring_up_to_date(clerk)

    assert owner_of_view(owner) == owner.info.user


def test_who_may_read_the_tables_may_read_the_view_whoever_makes_it(
    shared: tuple[Connection, Connection],
) -> None:
    owner, clerk = shared

    bring_up_to_date(owner)

    assert clerk.execute("SELECT FROM socratasync.freshness").rowcount == 0


def test_a_role_that_may_not_note_that_it_made_the_view_is_told_what_to_run(
    shared: tuple[Connection, Connection],
) -> None:
    owner, clerk = shared
    role = sql.Identifier(clerk.info.user)
    owner.execute(sql.SQL("REVOKE INSERT ON socratasync.versions FROM {}").format(role))
    statements = for_bookkeeping(clerk)
    assert len(statements) == 1

    with pytest.raises(PermissionDenied) as caught:
        bring_up_to_date(clerk)

    assert caught.value.message.endswith(f"run: {'; '.join(statements)}")
    owner.execute(statements[0])
    bring_up_to_date(clerk)
    assert for_bookkeeping(clerk) == []
    assert Ledger(clerk, "public.parks", "next").begin("update") == {}
