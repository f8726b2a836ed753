"""The manifest's own SQL: when it is run, as whom, and what becomes of it where a statement fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.cli.preview_table import afterwards
from socratasync.contract.refresh_sql import SQL, with_sql
from socratasync.contract.report import RunReport
from socratasync.pipeline.run import run

COUNTED = "INSERT INTO calls SELECT count(*) FROM parks"
"""Tells when it was run, and what it saw."""


@pytest.fixture
def counted(sync: Sync, parks: Dataset) -> Dataset:
    """Parks, whose SQL counts them each time that it is run."""
    sync.query("CREATE TABLE calls (parks bigint)")
    sync.spec["refresh"] = {"sql": f"{COUNTED};"}
    return parks


def calls(sync: Sync) -> list[int]:
    return [row["parks"] for row in sync.query("SELECT parks FROM calls")]


def failure(report: RunReport) -> str:
    assert report.failure is not None
    return report.failure.message


def test_it_is_run_when_rows_changed_or_the_text_did(sync: Sync, counted: Dataset) -> None:
    sync.well()
    assert calls(sync) == [5]
    sync.well()
    assert calls(sync) == [5]  # nothing changed
    counted.insert({"name": "p5", "acres": 5})
    sync.well()
    assert calls(sync) == [5, 6]
    sync.spec["refresh"]["sql"] = f"{COUNTED}; -- another text"
    report = sync.well()
    assert calls(sync) == [5, 6, 6]
    assert "refresh" in report.seconds
    sync.well()
    assert calls(sync) == [5, 6, 6]
    sync.spec["refresh"]["sql"] = f"{COUNTED};"  # what ran before the last one is a new text, too
    sync.well()
    assert calls(sync) == [5, 6, 6, 6]


def test_a_new_text_alone_calls_no_hook_and_refreshes_no_view(sync: Sync, counted: Dataset) -> None:
    sync.well()
    sync.query("CREATE MATERIALIZED VIEW totals AS SELECT 1 FROM parks WITH NO DATA")
    sync.spec["hooks"] = [{"url": "https://127.0.0.1:1/", "required": True}]
    sync.spec["refresh"] = {"sql": f"{COUNTED} ", "materializedViews": ["totals"]}

    sync.well()

    assert calls(sync) == [5, 5]
    assert sync.query("SELECT relispopulated AS filled FROM pg_class WHERE relname = 'totals'") == [
        {"filled": False}
    ]


def test_it_comes_after_the_views_and_sees_them_refreshed(sync: Sync, parks: Dataset) -> None:
    sync.well()
    sync.query("CREATE MATERIALIZED VIEW totals AS SELECT sum(acres) AS acres FROM parks")
    sync.spec["refresh"] = {
        "materializedViews": ["totals"],
        "sql": "CREATE TABLE seen AS SELECT acres FROM totals",
    }
    parks.update(parks.find(name="p4"), acres=104)

    sync.well()

    assert sync.query("SELECT acres FROM seen") == [{"acres": 110}]


def test_an_app_gets_its_view_its_role_and_its_function(sync: Sync, parks: Dataset) -> None:
    """All kinds of quotes reach the server as they are, and a percent sign is one."""
    sync.spec["refresh"] = {
        "sql": """
            -- what the app reads; ran again after each load
            CREATE OR REPLACE VIEW large AS SELECT name FROM parks WHERE acres > 2 AND name LIKE 'p%';
            GRANT SELECT ON large TO PUBLIC;
            CREATE OR REPLACE FUNCTION size(n text) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                RETURN format('%s; %I', n, (SELECT acres::text FROM parks WHERE name = n));
            END
            $$;
            DO $do$ BEGIN EXECUTE 'COMMENT ON VIEW large IS ''larger; than 2'''; END $do$
        """
    }

    sync.well()
    sync.well(mode="full")

    assert sync.query("SELECT count(*) AS n FROM large") == [{"n": 2}]
    assert sync.query("SELECT size('p3') AS s") == [{"s": 'p3; "3"'}]
    assert sync.query("SELECT obj_description('large'::regclass) AS c") == [{"c": "larger; than 2"}]


def test_an_sql_body_is_one_statement_for_the_server_too(sync: Sync, parks: Dataset) -> None:
    sync.spec["refresh"] = {
        "sql": "CREATE OR REPLACE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN "
        "count(*) > 1 THEN 2 END FROM parks; END; SELECT f()"
    }

    sync.well()

    assert sync.query("SELECT f() AS f") == [{"f": 2}]


FAILING = {
    "a column that is not there": (
        "CREATE TABLE kept (x int);\n\nCREATE VIEW v AS\nSELECT acres, nme FROM parks",
        'line 4: CREATE VIEW v AS SELECT acres, nme FROM parks: column "nme" does not exist',
        78,
    ),
    "a table that is there already": (
        "CREATE TABLE kept (x int);\nCREATE TABLE parks (x int)",
        'line 2: CREATE TABLE parks (x int): relation "parks" already exists',
        78,
    ),
    "what the data does": (
        "CREATE TABLE kept (x int); SELECT\n1 / (acres - 4) FROM parks",
        "line 1: SELECT 1 / (acres - 4) FROM parks: division by zero",
        78,
    ),
    "a constraint": (
        "CREATE TABLE kept (x int PRIMARY KEY); INSERT INTO kept VALUES (1), (1)",
        "line 1: INSERT INTO kept VALUES (1), (1): duplicate key value",
        78,
    ),
    "at its end": (
        "CREATE TABLE kept (x int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO kept VALUES (1), (1)",
        "at the end of its transaction: duplicate key value",
        78,
    ),
    "what runs in no transaction": (
        "CREATE TABLE kept (x int);\nCREATE DATABASE another",
        "line 2: CREATE DATABASE another: PostgreSQL runs this in no transaction, and all statements here are one",
        78,
    ),
    "a transaction that ends within": (
        "CREATE TABLE kept (x int); DO $$ BEGIN COMMIT; END $$",
        "line 1: DO $$ BEGIN COMMIT; END $$: invalid transaction termination",
        78,
    ),
    "a right that is missing": (
        "CREATE TABLE kept (x int); SET LOCAL ROLE pg_monitor; SELECT * FROM parks",
        "line 1: SELECT * FROM parks: permission denied for table parks",
        77,
    ),
    "a time that it set itself": (
        "CREATE TABLE kept (x int); SET LOCAL statement_timeout = 10; SELECT pg_sleep(5)",
        "line 1: SELECT pg_sleep(5): canceling statement due to statement timeout",
        75,
    ),
}


@pytest.mark.parametrize(("text", "said", "exit_code"), FAILING.values(), ids=FAILING.keys())
def test_its_error_is_the_refresh_s_with_line_and_statement(
    sync: Sync, parks: Dataset, text: str, said: str, exit_code: int
) -> None:
    sync.spec["refresh"] = {"sql": text}

    report = sync.run()

    assert report.exit_code == exit_code
    head = "the data is in, but spec.refresh.sql failed, and nothing of it stays: "
    assert failure(report).startswith(head + said)
    assert failure(report) in report.warnings
    assert len(sync.acres()) == 5
    assert sync.query("SELECT to_regclass('kept') AS kept") == [{"kept": None}]
    sync.spec["refresh"] = {"sql": "CREATE TABLE kept (x int)"}
    sync.well()  # owed, though nothing changed at the source
    assert sync.query("TABLE kept") == []


def test_a_text_that_failed_is_tried_again_though_no_row_changed(
    sync: Sync, counted: Dataset
) -> None:
    sync.well()
    sync.spec["refresh"]["sql"] = f"{COUNTED}; SELECT * FROM nowhere"
    assert sync.run().exit_code == 78
    assert sync.run().exit_code == 78
    assert calls(sync) == [5]
    sync.query("CREATE TABLE nowhere ()")

    sync.well()

    assert calls(sync) == [5, 5]


def test_the_old_text_needs_no_run_after_one_that_failed(sync: Sync, counted: Dataset) -> None:
    sync.well()
    sync.spec["refresh"]["sql"] = "SELECT * FROM nowhere"
    assert sync.run().exit_code == 78
    sync.spec["refresh"]["sql"] = f"{COUNTED};"

    sync.well()

    assert calls(sync) == [5]


def test_a_view_that_fails_keeps_the_sql_from_nothing(sync: Sync, counted: Dataset) -> None:
    sync.well()
    sync.query("CREATE MATERIALIZED VIEW broken AS SELECT 1 / (acres - 104) AS x FROM parks")
    sync.spec["refresh"]["materializedViews"] = ["broken"]
    counted.update(counted.find(name="p4"), acres=104)

    report = sync.run()

    assert "the refresh of broken failed" in failure(report)
    assert calls(sync) == [5, 5]


def test_settings_that_it_changes_reach_nothing_else(sync: Sync, counted: Dataset) -> None:
    sync.spec["refresh"]["sql"] = (
        f"{COUNTED}; SET search_path = nowhere; SET ROLE pg_monitor; SET statement_timeout = 1"
    )

    sync.well()
    sync.well(mode="full")

    assert calls(sync)[0] == 5


@contextmanager
def locked(sync: Sync, table: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(sync.dsn) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield connection


def test_a_lock_that_is_not_to_be_had_is_told_with_its_statement(
    sync: Sync, counted: Dataset
) -> None:
    sync.query("CREATE TABLE held (x int)")
    sync.spec["refresh"]["sql"] = f"{COUNTED};\nDROP TABLE held"
    options = sync.with_(target_wait_s=0.3, queue_s=0.1)

    with locked(sync, "held"):
        report = sync.run(options)

    assert (report.exit_code, report.failure and report.failure.reason) == (75, "TargetBusy")
    assert "line 2: DROP TABLE held: canceling statement due to lock timeout" in failure(report)
    assert calls(sync) == []
    sync.well()
    assert calls(sync) == [5]


def test_it_waits_for_a_lock_by_letting_others_pass(sync: Sync, counted: Dataset) -> None:
    """The whole text is tried again: what it did before the statement that had to wait is not done twice."""
    sync.query("CREATE TABLE held (x int)")
    sync.spec["refresh"]["sql"] = f"{COUNTED}; SELECT let_go(); DROP TABLE held"
    sync.query("CREATE SEQUENCE tries")
    with locked(sync, "held") as holder:
        # The holder is ended by the second try: sequences count what is rolled back, too.
        sync.query(
            "CREATE FUNCTION let_go() RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') > 1 THEN "
            f"PERFORM pg_terminate_backend({holder.info.backend_pid}, 5000); END IF; END $$"
        )

        sync.well(options=sync.with_(target_wait_s=20, queue_s=0.1))

        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert calls(sync) == [5]
    assert sync.query("SELECT last_value > 1 AS again FROM tries") == [{"again": True}]


def test_nothing_is_run_before_there_is_a_table(sync: Sync, counted: Dataset) -> None:
    sync.spec["datasets"] = [{"id": "none-0000"}]

    assert sync.run().exit_code == 78

    assert calls(sync) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [(COUNTED, None), ("SELECT\nx", 'line 2: SELECT x: column "x" does not exist')],
)
def test_a_config_map_s_text_is_run_and_named(
    sync: Sync, counted: Dataset, text: str, said: str | None
) -> None:
    sync.spec["refresh"] = {"sqlConfigMapRef": {"name": "app", "key": "after.sql"}}
    request = sync.request()

    report = run(replace(request, spec=with_sql(request.spec, {SQL: text})), sync.options)

    if said is None:
        assert (report.exit_code, calls(sync)) == (0, [5])
    else:
        where = "after.sql of the config map app (spec.refresh.sqlConfigMapRef)"
        assert failure(report) == (
            f"the data is in, but {where} failed, and nothing of it stays: {said}"
        )


def test_a_config_map_that_nobody_gave_is_no_text(sync: Sync, parks: Dataset) -> None:
    sync.spec["refresh"] = {"sqlConfigMapRef": {"name": "app", "key": "after.sql"}}

    assert sync.well().warnings == []  # the command tells it, which looked for the text


@pytest.mark.parametrize(
    ("before", "after", "is_new"),
    [("SELECT 1", "SELECT 1", False), ("SELECT 1", "SELECT 2", True), (None, "SELECT 1", True)],
)
def test_a_plan_tells_whether_the_text_is_run_though_no_row_changed(
    sync: Sync, parks: Dataset, before: str | None, after: str, is_new: bool
) -> None:
    sync.spec["refresh"] = {"sql": before} if before else {}
    sync.well()
    sync.spec["refresh"] = {"sql": after}

    planned = sync.plan(sync.request(), sync.options)

    assert planned.found.sql_is_new is is_new
    assert "refresh.sql" in "".join(afterwards(sync.request().spec, planned))


def test_a_plan_of_a_table_that_is_not_there_needs_no_new_text(sync: Sync, parks: Dataset) -> None:
    sync.spec["refresh"] = {"sql": "SELECT 1; SELECT 2"}

    planned = sync.plan(sync.request(), sync.options)

    assert not planned.found.sql_is_new
    steps = afterwards(sync.request().spec, planned)
    assert steps == ["VACUUM (ANALYZE)", "spec.refresh.sql, 2 statements in one transaction"]
