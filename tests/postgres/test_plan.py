"""What ``plan`` says of the table, its keys and its values is what the run does, or finds."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.postgres.conftest import PARKS, Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import InvalidSpec
from socratasync.pipeline.preview import HIDDEN, NO_COLUMN, NOT_CHOSEN, SAMPLE_ROWS, DatasetPreview

LAKES = "lake-0001"

_DEFINITION = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.attnum = ANY (i.indkey) AS is_key,
       pg_get_expr(d.adbin, d.adrelid) AS usual, c.relpersistence, c.reloptions
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.oid = 'parks'::regclass ORDER BY a.attnum
"""


def preview(sync: Sync, dataset: str = PARKS, **words: Any) -> DatasetPreview:
    """What is planned for one dataset."""
    found = sync.plan(sync.request(**words), sync.options).datasets[dataset]
    assert isinstance(found, DatasetPreview), found
    return found


def statements(sync: Sync) -> list[str]:
    return sync.plan(sync.request(), sync.options).statements


def definition_by(sync: Sync, made: list[str]) -> list[Row]:
    """The table's definition once these statements were executed as they were told."""
    for statement in made:
        sync.query(sql.SQL(statement))
    return sync.query(_DEFINITION)


# -- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "datasets"),
    [
        pytest.param({}, [{"id": PARKS}], id="one dataset"),
        pytest.param({}, [{"id": PARKS}, {"id": LAKES}], id="two, whose types differ"),
        pytest.param(
            {"key": ["Site", "socrata_dataset"]},
            [
                {"id": PARKS, "columns": {"Site": "name"}},
                {"id": LAKES, "columns": {"Site": "name"}},
            ],
            id="renamed columns and a key of two",
        ),
        pytest.param(
            {"fields": {"name": "varchar(20)", "acres": "numeric(12,2)", "depth": "real"}},
            [{"id": LAKES}],
            id="chosen types",
        ),
        pytest.param({"provenance": False}, [{"id": PARKS}], id="without provenance"),
    ],
)
def test_the_statements_that_are_told_make_the_table_that_a_run_makes(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    target: dict[str, Any],
    datasets: list[dict[str, Any]],
) -> None:
    columns = [("name", "text"), ("acres", "text"), ("depth", "number"), ("order", "text")]
    portal.add_dataset(LAKES, columns, [{"name": "l0", "acres": "2", "depth": 3}])
    sync.spec["target"].update(target)
    sync.spec["datasets"] = datasets
    told = statements(sync)
    sync.well()
    made = sync.query(_DEFINITION)
    sync.forget()

    assert definition_by(sync, told) == made
    assert [row["attname"] for row in made if row["is_key"]]


def test_the_statements_that_are_told_complete_a_table_as_a_run_does(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset(LAKES, [("name", "text"), ("depth", "number"), ("salt", "checkbox")])
    table = "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)"
    sync.query(table)
    sync.spec["parallelism"] = 1  # else the dataset that is done first adds its columns first
    told = statements(sync)
    sync.well()
    made = sync.query(_DEFINITION)
    sync.forget()
    sync.query(table)

    assert definition_by(sync, told) == made
    assert [row["attname"] for row in made][-2:] == ["depth", "salt"]


def test_a_whole_table_needs_no_statement(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.insert({"name": "new"})

    assert statements(sync) == []


LEFT_OUT = [
    # the target, what is not loaded
    ({}, {"fee": HIDDEN}),
    ({"fields": {"name": "", "acres": ""}}, {"opened": NOT_CHOSEN, "lake": NOT_CHOSEN, "fee": HIDDEN}),
    ({"onSchemaChange": "Ignore"}, {"lake": NO_COLUMN, "fee": HIDDEN}),
]  # fmt: skip


@pytest.mark.parametrize(("target", "left_out"), LEFT_OUT)
def test_columns_that_are_not_loaded_are_told(
    sync: Sync, parks: Dataset, target: dict[str, Any], left_out: dict[str, str]
) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)")
    parks.add_column("lake", "text")
    parks.add_column("fee", "number", hidden=True)
    sync.spec["target"].update(target)

    assert preview(sync).left_out == left_out


def test_a_key_that_is_a_columns_label_gets_the_columns_name(sync: Sync, portal: Portal) -> None:
    columns = [("service_request_id", "text", "CaseID"), ("status", "text", "Status")]
    portal.add_dataset(PARKS, columns, [{"service_request_id": "1"}])
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["CaseID"]}

    (error,) = sync.plan(sync.request(), sync.options).datasets.values()

    assert isinstance(error, InvalidSpec)
    assert 'Nearest to CaseID: service_request_id (the portal shows it as "CaseID")' in str(error)
    assert sync.run().exit_code == 78


def test_a_dataset_whose_columns_no_address_holds_is_previewed(sync: Sync, portal: Portal) -> None:
    columns = [("name", "text"), *((f"{'long_' * 8}{n}", "text") for n in range(250))]
    portal.add_dataset(PARKS, columns, [{"name": "p0"}])
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}

    found = preview(sync)

    assert (found.rows, len(found.columns), found.tried and found.tried.rows) == (1, 251, 1)


# -- keys -----------------------------------------------------------------------------------------


def test_rows_without_a_key_of_their_own_are_as_many_as_a_run_leaves_out(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["verify"] = {"rowCount": "Warn"}
    for name in ("p1", "p1", "p3", None, None):
        parks.insert({"name": name})

    shared = preview(sync).shared
    report = sync.one()

    assert shared is not None
    assert (shared.rows, shared.keys, shared.without_key, shared.is_all) == (5, 2, 2, True)
    assert report.left_out == shared.rows - shared.keys + shared.without_key


def test_a_source_that_groups_no_rows_is_planned_all_the_same(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    asked = len(portal.requests)
    preview(sync)
    (grouped,) = [n for n, (_, _, p) in enumerate(portal.requests[asked:]) if "$group" in p]
    portal.faults.add(Fault.status(500), times=1, after=grouped)

    shared = preview(sync).shared

    assert shared is not None
    assert "500" in str(shared.unknown)


# -- values ---------------------------------------------------------------------------------------


@pytest.fixture(name="odd")
def _odd(sync: Sync, parks: Dataset) -> Dataset:
    """Parks with values that three types do not take, each in another row."""
    sync.query("CREATE TYPE kind AS ENUM ('city', 'state')")
    parks.add_column("kind", "text", value="city")
    parks.update(parks.find(name="p1"), acres=37.744)
    parks.update(parks.find(name="p2"), kind="county")
    parks.insert({"name": "a name that is too long", "kind": "state"})
    sync.spec["target"]["fields"] = {"name": "varchar(10)", "acres": "integer", "kind": "kind"}
    return parks


FOUND = [("acres", "37.744"), ("kind", "county"), ("name", "a name that is too long")]


@pytest.mark.parametrize(
    "ddl",
    [
        pytest.param("SELECT 1", id="a table that is still to be made"),
        pytest.param(
            "CREATE TABLE parks (name varchar(10) PRIMARY KEY, acres integer, kind kind)",
            id="one that is there",
        ),
    ],
)
def test_values_that_do_not_fit_are_found_with_row_and_column_before_a_run(
    sync: Sync, odd: Dataset, ddl: str
) -> None:
    sync.query(ddl)
    before = sync.catalog()
    planned = preview(sync)

    assert planned.tried is not None
    assert planned.refused is not None
    assert (planned.tried.rows, planned.tried.values) == (6, 3)
    examples = sorted(planned.tried.bad.examples, key=lambda example: example.column)
    assert [(e.column, e.value) for e in examples] == FOUND
    assert {e.row for e in examples} == {
        *odd.ids("acres = 37.744"),
        *odd.ids("kind = 'county'"),
        *odd.ids("kind = 'state'"),
    }
    assert sync.catalog() == before
    error = sync.run().as_dict()["error"]
    assert (error["reason"], error["message"]) == ("BadValue", planned.refused.message)


@pytest.mark.parametrize(
    ("policy", "nulled", "skipped"),
    [pytest.param("Null", 2, 1, id="null, but for the key"), pytest.param("Skip", 0, 3, id="skip")],
)
def test_what_becomes_of_such_values_is_told(
    sync: Sync, odd: Dataset, policy: str, nulled: int, skipped: int
) -> None:
    sync.spec["target"]["onBadValue"] = policy
    sync.spec["verify"] = {"rowCount": "Warn"}
    tried = preview(sync).tried
    report = sync.one()

    assert tried is not None
    assert (tried.bad.nulled, tried.bad.skipped) == (nulled, skipped)
    assert (report.bad_values.nulled, report.bad_values.skipped) == (nulled, skipped)


def test_only_the_first_rows_are_tried(sync: Sync, portal: Portal) -> None:
    rows = [{"name": f"p{n}", "acres": str(n)} for n in range(SAMPLE_ROWS)]
    portal.add_dataset(
        PARKS, [("name", "text"), ("acres", "text")], [*rows, {"name": "last", "acres": "many"}]
    )
    fields = {"name": "", "acres": "integer"}
    table = {"table": "parks", "key": ["name"], "fields": fields}
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, **table}

    planned = preview(sync)

    assert planned.tried is not None
    assert (planned.tried.rows, planned.tried.values, planned.refused) == (SAMPLE_ROWS, 0, None)
    assert sync.run().exit_code == 65


def test_an_update_tries_the_rows_that_it_would_read(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["fields"] = {"name": "", "acres": "integer"}
    sync.well()
    parks.update(parks.find(name="p1"), acres=1.5)

    planned = preview(sync)

    assert planned.load == "update"
    assert planned.tried is not None
    assert planned.tried.rows == planned.rows
    assert [(e.column, e.value) for e in planned.tried.bad.examples] == [("acres", "1.5")]


def test_a_role_that_may_use_no_pl_pgsql_is_planned_for_all_the_same(
    sync: Sync, parks: Dataset, dsn: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = f"plain_{connection.info.dbname}"
        role = sql.Identifier(name)
        for statement in (
            "CREATE ROLE {0} LOGIN",
            "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
            "GRANT CREATE ON DATABASE {1} TO {0}",
            "GRANT ALL ON SCHEMA public TO {0}",
        ):
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL(statement).format(role, database))
        sync.dsn = make_conninfo(dsn, user=name)
        try:
            planned = preview(sync)
        finally:
            sync.dsn = dsn
            connection.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))

    assert planned.rows == 5
    assert planned.tried is not None
    assert (planned.tried.rows, planned.refused) == (0, None)
    assert "plpgsql" in str(planned.tried.untried)
