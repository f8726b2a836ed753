"""Tables that exist already: those that can be loaded into, and those that are left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import Connection
from tests.postgres.conftest import Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target.catalog import about_how_many, read_target

REFUSED = {
    "no unique key": (
        "CREATE TABLE parks (name text, acres numeric, opened timestamp)",
        "ADD PRIMARY KEY (name)",
    ),
    "a unique key on other columns": (
        "CREATE TABLE parks (name text, acres numeric UNIQUE, opened timestamp)",
        "no unique constraint on (name)",
    ),
    "a unique key on more columns": (
        "CREATE TABLE parks (name text, acres numeric, opened timestamp, UNIQUE (name, acres))",
        "no unique constraint on (name)",
    ),
    "a partial unique index": (
        "CREATE TABLE parks (name text, acres numeric, opened timestamp);"
        "CREATE UNIQUE INDEX ON parks (name) WHERE acres > 0",
        "no unique constraint on (name)",
    ),
    "a unique index on an expression": (
        "CREATE TABLE parks (name text, acres numeric, opened timestamp);"
        "CREATE UNIQUE INDEX ON parks (lower(name))",
        "no unique constraint on (name)",
    ),
    "a deferrable key": (
        "CREATE TABLE parks (name text UNIQUE DEFERRABLE, acres numeric, opened timestamp)",
        "no unique constraint on (name)",
    ),
    "a column of another type": (
        "CREATE TABLE parks (name text PRIMARY KEY, acres boolean, opened timestamp)",
        "parks.acres is boolean, which cannot hold",
    ),
    "a column that must be given": (
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp,"
        " owner text NOT NULL)",
        "owner must not be null",
    ),
    "a generated column": (
        "CREATE TABLE parks (name text PRIMARY KEY, opened timestamp, width numeric,"
        " acres numeric GENERATED ALWAYS AS (width * 2) STORED)",
        "acres is generated",
    ),
    "no key column": (
        "CREATE TABLE parks (title text PRIMARY KEY, acres numeric)",
        "no column name",
    ),
    "a view": ("CREATE VIEW parks AS SELECT 'x'::text AS name, 1::numeric AS acres", "not a table"),
    "a materialized view": (
        "CREATE MATERIALIZED VIEW parks AS SELECT 'x'::text AS name",
        "not a table",
    ),
    "a sequence": ("CREATE SEQUENCE parks", "not a table"),
}


@pytest.mark.parametrize(("ddl", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_target_that_does_not_fit_is_refused_and_nothing_is_touched(
    sync: Sync, parks: Dataset, ddl: str, sentence: str
) -> None:
    sync.query(ddl)
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 78
    error = report.as_dict()["error"]
    assert error["reason"] == "TargetMismatch"
    assert sentence in error["message"]
    assert sync.catalog() == before


def test_a_type_that_the_manifest_wants_otherwise_is_refused(sync: Sync, parks: Dataset) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")
    sync.spec["target"]["fields"] = {"name": "", "acres": "integer"}
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 78
    assert "wants acres as integer" in report.as_dict()["error"]["message"]
    assert sync.catalog() == before


def test_a_schema_that_is_not_there_is_refused(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["schema"] = "city"
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 78
    assert "there is no schema city" in report.as_dict()["error"]["message"]
    assert sync.catalog() == before


def test_a_database_that_is_not_there_is_refused(sync: Sync, parks: Dataset) -> None:
    sync.dsn = make_conninfo(sync.dsn, dbname="nowhere")

    report = sync.run()

    assert report.exit_code == 78
    assert "Create the database" in report.as_dict()["error"]["message"]


def test_a_missing_column_is_refused_where_columns_may_not_be_added(
    sync: Sync, parks: Dataset
) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")
    sync.spec["target"]["onSchemaChange"] = "Fail"
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 78
    assert "has no column opened" in report.as_dict()["error"]["message"]
    assert sync.catalog() == before


# -- rights ----------------------------------------------------------------------------------------


@pytest.fixture
def clerk(sync: Sync, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role without rights, as whom the run connects; the database's owner stays who it was."""
    name = sync.query("SELECT current_database() AS d")[0]["d"] + "_clerk"
    owner = sync.dsn
    sync.query(f"CREATE ROLE {name} LOGIN PASSWORD 'pw'")
    sync.dsn = make_conninfo(owner, user=name, password="pw")
    yield name
    sync.dsn = owner
    sync.query(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def as_owner(sync: Sync, statement: str) -> list[Row]:
    dsn, sync.dsn = sync.dsn, sync.owner_dsn
    try:
        return sync.query(statement)
    finally:
        sync.dsn = dsn


def test_a_table_of_somebody_else_is_refused(sync: Sync, parks: Dataset, clerk: str) -> None:
    as_owner(
        sync,
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp);"
        f"GRANT ALL ON parks TO {clerk}",
    )
    before = sync.catalog()

    report = sync.run()

    assert report.exit_code == 77
    assert "ALTER TABLE public.parks OWNER TO" in report.as_dict()["error"]["message"]
    assert sync.catalog() == before


def test_a_role_that_may_make_no_table_is_told_what_to_grant(
    sync: Sync, parks: Dataset, clerk: str
) -> None:
    as_owner(sync, "REVOKE CREATE ON SCHEMA public FROM public")

    report = sync.run()

    assert report.exit_code == 77
    assert "GRANT CREATE ON SCHEMA public" in report.as_dict()["error"]["message"]


def test_a_role_that_may_make_no_schema_is_told_how_to_get_one(
    sync: Sync, parks: Dataset, clerk: str
) -> None:
    as_owner(sync, f"GRANT CREATE ON SCHEMA public TO {clerk}")

    report = sync.run()
    assert report.exit_code == 77
    assert (
        "CREATE SCHEMA IF NOT EXISTS socratasync AUTHORIZATION"
        in report.as_dict()["error"]["message"]
    )

    as_owner(sync, f"CREATE SCHEMA socratasync AUTHORIZATION {clerk}")
    assert sync.one().rows.inserted == 5


def test_a_wrong_password_is_never_shown(sync: Sync, parks: Dataset) -> None:
    sync.dsn = make_conninfo(sync.dsn, host="127.0.0.1", port=1, password="hunter2", user="x")

    report = sync.run()

    assert report.exit_code == 75
    assert "hunter2" not in str(report.as_dict())


# -- tables that fit ---------------------------------------------------------------------------------


def test_a_table_made_by_hand_gets_the_columns_that_it_lacks(sync: Sync, parks: Dataset) -> None:
    sync.query("CREATE TABLE parks (name varchar(20) PRIMARY KEY, acres integer, remark text)")

    sync.well()

    assert sync.table("parks", "name")["p2"] == {
        "name": "p2",
        "acres": 2,
        "opened": None,
        "remark": None,
    }


def test_a_partitioned_table_is_loaded(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.query(
        "CREATE TABLE parks (name text, acres numeric, opened timestamp, PRIMARY KEY (name))"
        " PARTITION BY HASH (name);"
        "CREATE TABLE parks_0 PARTITION OF parks FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        # A partition whose columns are in another order, as one that was attached later has.
        "CREATE TABLE parks_1 (gone int, opened timestamp, acres numeric, name text NOT NULL);"
        "ALTER TABLE parks_1 DROP COLUMN gone;"
        "ALTER TABLE parks ATTACH PARTITION parks_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
    )
    sync.spec["target"]["prune"] = True
    assert sync.one().rows.inserted == 5
    parks.update(parks.find(name="p1"), acres=11)
    parks.insert({"name": "p9"})

    small = sync.one().rows
    assert (small.inserted, small.updated) == (1, 1)
    parks.delete(parks.find(name="p0"))
    parks.update(parks.find(name="p1"), acres=12)
    full = sync.one(mode="full").rows
    assert (full.inserted, full.updated, full.deleted) == (0, 1, 1)


def test_triggers_defaults_generated_columns_and_views_go_on_working(
    sync: Sync, parks: Dataset
) -> None:
    sync.query(
        "CREATE TABLE parks (id bigint GENERATED ALWAYS AS IDENTITY, name text UNIQUE, acres numeric,"
        " opened timestamp, twice numeric GENERATED ALWAYS AS (acres * 2) STORED,"
        " seen timestamptz NOT NULL DEFAULT now());"
        "CREATE TABLE log (name text);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO log VALUES (new.name); RETURN new; END';"
        "CREATE TRIGGER note AFTER INSERT OR UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION note();"
        "CREATE VIEW large AS SELECT name FROM parks WHERE acres > 2"
    )
    sync.well()
    parks.update(parks.find(name="p1"), acres=11)

    assert sync.one().rows.updated == 1
    assert sync.query("SELECT twice FROM parks WHERE name = 'p1'") == [{"twice": 22}]
    assert len(sync.query("SELECT FROM log")) == 6
    assert {r["name"] for r in sync.query("SELECT * FROM large")} == {"p1", "p3", "p4"}


@pytest.mark.parametrize("reset", [False, True])
def test_grants_and_the_table_itself_are_kept(sync: Sync, parks: Dataset, reset: bool) -> None:
    sync.spec["target"]["reset"] = reset
    sync.well()
    sync.query("GRANT SELECT ON parks TO public; CREATE VIEW v AS SELECT * FROM parks")
    identity = "SELECT oid, relacl::text FROM pg_class WHERE relname = 'parks'"
    before = sync.query(identity)

    sync.well(mode="full")

    assert sync.query(identity) == before
    assert len(sync.query("SELECT FROM v")) == 5


def test_a_constraint_of_the_target_that_a_row_breaks_refuses_the_data(
    sync: Sync, parks: Dataset
) -> None:
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric CHECK (acres < 4), opened timestamp)"
    )

    report = sync.run()

    assert report.exit_code == 65
    assert "check constraint" in report.as_dict()["error"]["message"]
    assert sync.acres() == {}


def test_a_key_may_be_the_sources_own_row_id(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.well()
    parks.update(parks.find(name="p1"), acres=11)

    assert sync.one().rows.updated == 1
    parks.insert({"name": "p1"})
    assert sync.one().rows.inserted == 1


@pytest.mark.parametrize(
    ("rows", "least", "most"), [(0, 0, 0), (7, 7, 7), (50_000, 25_000, 99_999)]
)
def test_a_table_that_was_never_analysed_is_counted_only_if_it_is_small(
    connection: Connection, rows: int, least: int, most: int
) -> None:
    connection.execute("CREATE TABLE parks (name text, acres numeric)")
    connection.execute(
        "INSERT INTO parks SELECT 'park ' || n, n FROM generate_series(1, %s) n", [rows]
    )

    found = about_how_many(connection, read_target(connection, "public", "parks"))

    assert least <= found <= most
