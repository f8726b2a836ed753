"""The target before a run, as it is found: table, types, bookkeeping, rights. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.conftest import Connection as Admin
from tests.postgres.test_masking import database_in
from tests.unit.pipeline.plans import KNOWN

from socratasync.api.spec import SyncSpec
from socratasync.errors import InvalidSpec, PermissionDenied, TargetMismatch
from socratasync.pipeline.plan.model import Before
from socratasync.pipeline.plan.target_state import (
    TargetState,
    check_rights,
    checked_target,
    look,
    measure,
)
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.bookkeeping import Known, Ledger, stage_name
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection, Connections
from socratasync.pipeline.target.migrations import bring_up_to_date
from socratasync.pipeline.target.surroundings import Surroundings
from socratasync.pipeline.target.table_lock import exclusive

PARKS = "park-0001"
NAME = "city.parks"
LOADED = replace(KNOWN, dataset=PARKS)


@pytest.fixture(name="found")
def _found(dsn: str) -> Iterator[Connection]:
    """A connection as a run has it, to a database with an empty schema ``city``."""
    with Connections(dsn).connect() as connection:
        connection.execute("CREATE SCHEMA city")
        yield connection


def spec(**more: Any) -> SyncSpec:
    target = {"dsnSecretRef": {"name": "db"}, "schema": "city", "table": "parks", "key": ["name"]}
    return SyncSpec.from_json(
        {
            "domain": "data.example.org",
            "datasets": [{"year": 2024, "id": PARKS}],
            **more,
            "target": {**target, **more.get("target", {})},
        }
    )


def table(connection: Connection, *rows: str, more: str = "") -> Target:
    """The table, with these rows."""
    connection.execute(f"CREATE TABLE city.parks (name text PRIMARY KEY{more})".encode())
    for name in rows:
        connection.execute("INSERT INTO city.parks VALUES (%s)", [name])
    return catalog.read_target(connection, "city", "parks")


def note(connection: Connection, *known: Known, target: str = NAME) -> None:
    """So much is in the bookkeeping of that table."""
    bring_up_to_date(connection)
    for each in known:
        Ledger(connection, target, "run").record_watermark(each)


def test_a_database_in_which_nothing_was_ever_loaded(found: Connection) -> None:
    version = found.info.server_version
    around = Surroundings()

    assert look(found, spec()) == TargetState(
        target=Target(schema="city", table="parks"),
        before=Before(exists=False, rows=0, server_version=version),
        types={},
        known={},
        owed={},
        was_emptied=False,
        around=around,
    )
    assert found.execute("SELECT to_regnamespace('socratasync')").fetchone() == (None,)


def test_a_table_that_is_loaded(found: Connection) -> None:
    target = table(found, "p0", "p1", more=", acres int4")
    note(found, LOADED, replace(LOADED, dataset="lake-0001", source_rows=0))
    note(found, replace(LOADED, dataset="else-0001"), target="city.gardens")
    found.execute(
        "INSERT INTO socratasync.outranked (target, dataset, socrata_id, owed) VALUES "
        "('city.parks', 'park-0001', 'row-b', true), ('city.parks', 'park-0001', 'row-a', true),"
        "('city.parks', 'park-0001', 'row-c', false), ('city.gardens', 'park-0001', 'row-d', true)"
    )
    found.execute(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER keeps BEFORE UPDATE ON city.parks FOR EACH ROW EXECUTE FUNCTION keep()"
    )

    state = look(found, spec(target={"fields": {"name": "", "acres": "int4"}}))

    assert state.target == target
    assert state.before == measure(found, target)
    assert (state.before.exists, state.before.rows) == (True, 2)
    assert state.before.server_version == found.info.server_version
    assert state.types == {"int4": "integer"}
    assert state.known == {
        PARKS: LOADED,
        "lake-0001": replace(LOADED, dataset="lake-0001", source_rows=0),
    }
    assert state.owed == {PARKS: ("row-a", "row-b")}
    assert not state.was_emptied
    assert state.around.row_triggers


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    ("source_rows", "emptied"),
    [
        pytest.param((2,), True, id="it had rows"),
        pytest.param((None,), True, id="it may have had"),
        pytest.param((0, 1), True, id="one of its datasets had"),
        pytest.param((0,), False, id="it never had any"),
        pytest.param((), False, id="it was never loaded"),
    ],
)
def test_a_table_without_rows_was_emptied_if_it_was_loaded_with_some(
    found: Connection, exists: bool, source_rows: tuple[int | None, ...], emptied: bool
) -> None:
    if exists:
        table(found)
    loaded = [
        replace(LOADED, dataset=f"park-{number}", source_rows=rows)
        for number, rows in enumerate(source_rows)
    ]
    note(found, *loaded)

    state = look(found, spec())

    assert state.was_emptied is emptied
    assert state.known == ({} if emptied else {each.dataset: each for each in loaded})


def test_a_table_that_fits_is_given_and_another_refused(found: Connection) -> None:
    assert checked_target(found, spec()) == Target(schema="city", table="parks")
    target = table(found)

    assert checked_target(found, spec()) == target
    with pytest.raises(TargetMismatch, match=r"city\.parks has no column number"):
        checked_target(found, spec(target={"key": ["number"]}))


def test_a_role_is_told_what_it_lacks_of_table_views_and_stages(
    found: Connection, connection: Admin, dsn: str
) -> None:
    role = f"{connection.info.dbname}_clerk"
    table(found)
    stage = stage_name(NAME, PARKS)
    found.execute(
        "CREATE TABLE public.parks (); CREATE MATERIALIZED VIEW city.names AS SELECT 1 AS one;"
        "CREATE SCHEMA socratasync"
    )
    found.execute(f"CREATE TABLE socratasync.{stage} ()".encode())
    check_rights(found, spec())
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(sql.Identifier(role)))
    try:
        with (
            Connections(make_conninfo(dsn, user=role, password="pw")).connect() as clerk,
            pytest.raises(PermissionDenied) as caught,
        ):
            check_rights(clerk, spec(refresh={"materializedViews": ["city.names"]}))
        with (
            Connections(make_conninfo(dsn, user=role, password="pw")).connect() as clerk,
            exclusive(found, NAME, 0.1),
            pytest.raises(PermissionDenied) as under_way,
        ):
            check_rights(clerk, spec())
    finally:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    for lacked in (
        f"GRANT USAGE ON SCHEMA city TO {role}",
        f"ALTER TABLE city.parks OWNER TO {role}",
        "city.names",
        f"DROP TABLE socratasync.{stage}",
    ):
        assert lacked in caught.value.message
    assert "public.parks" not in caught.value.message
    assert "DROP TABLE" not in under_way.value.message, "the run may be filling it"


LETTER = "\u1e9e"
"""One that LATIN1 does not have."""


def test_what_the_manifest_writes_must_be_in_the_databases_encoding(server: str) -> None:
    second = {"year": 2023, "id": "lake-0001"}
    written: dict[str, dict[str, Any]] = {
        f"spec.target.fields[{LETTER}]": {"target": {"fields": {"name": "", LETTER: ""}}},
        "spec.target.key": {"target": {"key": ["name", LETTER]}},
        f"spec.datasets[0].columns[{LETTER}]": {
            "datasets": [{"year": 2024, "id": PARKS, "columns": {LETTER: "name"}}, second]
        },
        "spec.datasets[1].where": {
            "datasets": [{"year": 2024, "id": PARKS}, {**second, "where": f"name = '{LETTER}'"}]
        },
    }
    with (
        database_in(server, "LATIN1") as dsn,
        Connections(dsn).connect() as connection,
    ):
        look(connection, spec())
        for path, more in written.items():
            with pytest.raises(InvalidSpec) as caught:
                look(connection, spec(**more))
            assert caught.value.message.startswith(f"{path}: "), caught.value.message
