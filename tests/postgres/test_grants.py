"""What a role may not do is told beforehand, by ``plan`` and by the run, as the very statements that help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.conftest import Connection
from tests.postgres.conftest import PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.errors import PermissionDenied
from socratasync.pipeline.target.bookkeeping import stage_name
from socratasync.pipeline.target.table_lock import run_lock_number


@contextmanager
def made_role(admin: Connection, name: str) -> Iterator[str]:
    """A role that may log in and nothing else, gone afterwards."""
    role = f"{admin.info.dbname}_{name}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(sql.Identifier(role)))
    try:
        yield role
    finally:
        admin.execute(sql.SQL("DROP OWNED BY {0} CASCADE").format(sql.Identifier(role)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def city(sync: Sync, parks: Dataset, connection: Connection) -> Iterator[Sync]:
    """A sync that connects as a role of no rights at all, in a database where others have none, either."""
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with made_role(connection, "first") as role:
        yield as_role(sync, role)


def as_role(sync: Sync, role: str, **target: str) -> Sync:
    """The sync connects as this role from now on; changes of its target."""
    sync.dsn = make_conninfo(sync.owner_dsn, user=role, password="pw")
    sync.spec["target"].update(target)
    return sync


def role_of(sync: Sync) -> str:
    """As whom it connects."""
    return str(conninfo_to_dict(sync.dsn)["user"])


def told(sync: Sync) -> list[str]:
    """What ``plan`` and the run both say is to be run; nothing if the run goes well."""
    try:
        sync.plan(sync.request(), sync.options)
        planned = ""
    except PermissionDenied as exc:
        planned = exc.message
    report = sync.run()
    assert (report.failure.message if report.failure else "") == planned
    assert report.exit_code == (77 if planned else 0)
    head, _, statements = planned.rpartition(" run: ")
    assert not planned or role_of(sync) in head
    return statements.split("; ") if statements else []


def granted(sync: Sync) -> list[str]:
    """An administrator runs just what was told, and then a run goes well. What it was, without the role's name."""
    statements = told(sync)
    with psycopg.connect(sync.owner_dsn, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.encode())
    assert told(sync) == []
    return [statement.replace(role_of(sync), "ROLE") for statement in statements]


FIRST = [
    "GRANT USAGE ON SCHEMA public TO ROLE",
    "GRANT CREATE ON SCHEMA public TO ROLE",
    "CREATE SCHEMA IF NOT EXISTS socratasync AUTHORIZATION ROLE",
    "GRANT USAGE, CREATE ON SCHEMA socratasync TO ROLE",
]


def test_two_roles_of_no_rights_are_told_all_that_they_need_each_of_the_others_bookkeeping_too(
    city: Sync, connection: Connection
) -> None:
    assert granted(city) == FIRST
    with made_role(connection, "second") as role:
        assert granted(as_role(city, role, table="gardens")) == [
            *FIRST[:2],
            FIRST[3],
            *(
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON socratasync.{name} TO ROLE"
                for name in ("adoptions", "checkpoints", "counts", "datasets", "outranked", "runs")
            ),
        ]


def test_what_two_roles_were_told_at_once_lets_the_first_of_them_begin(
    city: Sync, connection: Connection
) -> None:
    first = told(city)
    with made_role(connection, "second") as role:
        second = told(as_role(city, role, table="gardens"))
        for statement in first + second:
            connection.execute(statement.encode())

        assert told(city) == [], "the second one runs first: the tables are its own"


def test_a_role_is_told_what_it_needs_of_table_sequence_view_and_stage(
    city: Sync, connection: Connection
) -> None:
    connection.execute(
        "CREATE SCHEMA views; CREATE SEQUENCE numbers;"
        "CREATE TABLE parks (name text PRIMARY KEY, seen bigint DEFAULT nextval('numbers'), own serial);"
        "CREATE MATERIALIZED VIEW views.names AS SELECT 1 AS one; CREATE SCHEMA socratasync;"
        "CREATE MATERIALIZED VIEW views.counts AS SELECT 1 AS one"
    )
    with made_role(connection, "viewer") as viewer:
        connection.execute(f"GRANT CREATE ON SCHEMA views TO {viewer}".encode())
        connection.execute(f"ALTER MATERIALIZED VIEW views.counts OWNER TO {viewer}".encode())
        expect_all(city, connection, viewer)


def expect_all(city: Sync, connection: Connection, viewer: str) -> None:
    """What is told of the table, the sequence, views of two owners, and the stage."""
    stage = stage_name("public.parks", PARKS)
    connection.execute(f"CREATE TABLE socratasync.{stage}_skipped ()".encode())
    city.spec["refresh"] = {"materializedViews": ["views.names", "views.counts"]}

    statements = granted(city)

    maintain = connection.info.server_version >= 170000
    assert statements == [
        FIRST[0],
        "GRANT USAGE ON SCHEMA views TO ROLE",
        "ALTER TABLE public.parks OWNER TO ROLE",
        "GRANT USAGE ON SEQUENCE public.numbers TO ROLE",
        *(
            ("GRANT MAINTAIN ON views.counts TO ROLE", "GRANT MAINTAIN ON views.names TO ROLE")
            if maintain
            else (
                "ALTER MATERIALIZED VIEW views.names OWNER TO ROLE",
                f"GRANT {viewer} TO ROLE",
            )
        ),
        f"DROP TABLE socratasync.{stage}_skipped",
        FIRST[3],
    ]


def test_a_stage_of_another_role_that_is_being_filled_is_not_to_be_dropped(
    city: Sync, connection: Connection
) -> None:
    assert granted(city) == FIRST
    stage = stage_name("public.parks", PARKS)
    connection.execute(f"CREATE TABLE socratasync.{stage} ()".encode())
    connection.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.parks")])

    city.plan(city.request(), city.options)
    assert city.run().exit_code == 75

    connection.execute("SELECT pg_advisory_unlock_all()")
    assert told(city) == [f"DROP TABLE socratasync.{stage}"]
