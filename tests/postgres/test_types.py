"""Every type of Socrata, from the text in its CSV to the value in PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.errors import SyncError

CELLS: list[tuple[str, Any, str, str]] = [
    # (Socrata type, value at the source, type in PostgreSQL, text of the value there)
    ("text", "Reseda", "text", "Reseda"),
    ("text", "", "text", ""),
    ("text", "\\.", "text", "\\."),
    ("text", "a\n\\.\nb", "text", "a\n\\.\nb"),
    ("text", "\\N", "text", "\\N"),
    ("text", 'NULL "x", y\r\nz\t', "text", 'NULL "x", y\r\nz\t'),
    ("text", " 😀 ñ e\u0301 ", "text", " 😀 ñ e\u0301 "),
    ("email", "a@b.org", "text", "a@b.org"),
    ("phone", "+1 213 555 0100", "text", "+1 213 555 0100"),
    ("drop_down_list", "Open", "text", "Open"),
    ("html", "<b>x</b>", "text", "<b>x</b>"),
    ("number", "42", "numeric", "42"),
    ("number", "-0.10", "numeric", "-0.10"),
    ("number", "1000010100.00000000", "numeric", "1000010100.00000000"),
    ("number", "1E+21", "numeric", "1000000000000000000000"),
    ("number", "5.302E-21", "numeric", "0.000000000000000000005302"),
    ("number", "12345678901234567890.123456789", "numeric", "12345678901234567890.123456789"),
    ("money", "12.50", "numeric", "12.50"),
    ("percent", "99.5", "numeric", "99.5"),
    ("stars", "4", "numeric", "4"),
    ("double", 0.1, "double precision", "0.1"),
    ("double", 1.5e300, "double precision", "1.5e+300"),
    ("double", float("nan"), "double precision", "NaN"),
    ("double", float("inf"), "double precision", "Infinity"),
    ("double", float("-inf"), "double precision", "-Infinity"),
    ("checkbox", True, "boolean", "true"),
    ("checkbox", False, "boolean", "false"),
    (
        "calendar_date",
        "2023-06-03T00:15:00.123",
        "timestamp without time zone",
        "2023-06-03 00:15:00.123",
    ),
    (
        "calendar_date",
        "2024-03-10T02:30:00.000",  # a time that Los Angeles skipped
        "timestamp without time zone",
        "2024-03-10 02:30:00",
    ),
    (
        "calendar_date",
        "3020-01-01T00:00:00.000",
        "timestamp without time zone",
        "3020-01-01 00:00:00",
    ),
    (
        "calendar_date",
        "1886-04-05T00:00:00.000",
        "timestamp without time zone",
        "1886-04-05 00:00:00",
    ),
    (
        "calendar_date",
        "0001-01-01T00:00:00.000",
        "timestamp without time zone",
        "0001-01-01 00:00:00",
    ),
    (
        "calendar_date",
        "20230-01-01T00:00:00.000",
        "timestamp without time zone",
        "20230-01-01 00:00:00",
    ),
    (
        "date",
        "2020-01-20T08:30:00.250Z",
        "timestamp with time zone",
        "2020-01-20 08:30:00.25+00",
    ),
    (
        "fixed_timestamp",
        "1899-12-31T23:59:59.999Z",
        "timestamp with time zone",
        "1899-12-31 23:59:59.999+00",
    ),
    (
        "point",
        "POINT (-118.294017712 34.0676390557)",
        "text",
        "POINT (-118.294017712 34.0676390557)",
    ),
    ("line", "LINESTRING (0 0, 1 1)", "text", "LINESTRING (0 0, 1 1)"),
    (
        "polygon",
        "POLYGON ((0 0, 0 1, 1 1, 0 0))",
        "text",
        "POLYGON ((0 0, 0 1, 1 1, 0 0))",
    ),
    ("multipoint", "MULTIPOINT ((0 0), (1 1))", "text", "MULTIPOINT ((0 0), (1 1))"),
    (
        "multiline",
        "MULTILINESTRING ((0 0, 1 1))",
        "text",
        "MULTILINESTRING ((0 0, 1 1))",
    ),
    (
        "multipolygon",
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
        "text",
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
    ),
    (
        "location",
        {
            "latitude": "34.05",
            "longitude": "-118.25",
            "human_address": '{"address":"200 N Spring St","city":"Los Angeles","state":"CA",'
            '"zip":"90012"}',
        },
        "text",
        "200 N Spring St\nLos Angeles, CA 90012\n(34.05, -118.25)",
    ),
    (
        "url",
        {"url": "https://example.org/?a=1&b=2", "description": "An example"},
        "text",
        "An example (https://example.org/?a=1&b=2)",
    ),
    (
        "document",
        {"file_id": "e7c1", "filename": "a.pdf", "content_type": "application/pdf"},
        "text",
        "e7c1?filename=a.pdf&content_type=application%2Fpdf",
    ),
    ("photo", "4d4c2b", "text", "4d4c2b"),
    ("blob", "4d4c2b", "text", "4d4c2b"),
    ("json", {"deep": [1, None], "q": 'a "b"'}, "jsonb", '{"q": "a \\"b\\"", "deep": [1, null]}'),
    ("hologram", "of a type that nobody knows", "text", "of a type that nobody knows"),
]


def columns(cells: list[tuple[str, Any, str, str]]) -> list[tuple[str, str]]:
    return [("srnumber", "text"), *((f"c{n}", cell[0]) for n, cell in enumerate(cells))]


def types_of(sync: Sync, table: str = "requests") -> dict[str, str]:
    found = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0",
        table,
    )
    return {row["attname"]: row["type"] for row in found}


def whole(sync: Sync, cells: list[tuple[str, Any, str, str]]) -> None:
    """Nothing is taken apart: the manifest names the fields."""
    same = {f"c{n}": f"c{n}" for n in range(len(cells))}
    sync.spec["datasets"] = [{"id": "type-0001", "columns": same}]


def as_text(sync: Sync, srnumber: str, count: int) -> list[str | None]:
    """The texts of the columns ``c0`` … of one row."""
    names = ", ".join(f"c{n}::text" for n in range(count))
    (row,) = sync.query(f"SELECT {names} FROM requests WHERE srnumber = '{srnumber}'")
    return list(row.values())


def test_every_value_of_every_type_arrives_whole(portal: Portal, sync: Sync) -> None:
    values = {f"c{n}": cell[1] for n, cell in enumerate(CELLS)}
    portal.add_dataset(
        "type-0001", columns(CELLS), [{"srnumber": "1", **values}, {"srnumber": "nulls"}]
    )
    whole(sync, CELLS)

    sync.well()

    types = types_of(sync)
    assert [types[f"c{n}"] for n in range(len(CELLS))] == [cell[2] for cell in CELLS]
    assert as_text(sync, "1", len(CELLS)) == [cell[3] for cell in CELLS]
    assert as_text(sync, "nulls", len(CELLS)) == [None] * len(CELLS)


@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_value_that_did_not_change_is_never_written_again(
    portal: Portal, sync: Sync, mode: str
) -> None:
    values = {f"c{n}": cell[1] for n, cell in enumerate(CELLS)}
    dataset = portal.add_dataset("type-0001", columns(CELLS), [{"srnumber": "1", **values}])
    whole(sync, CELLS)
    sync.well()
    dataset.touch(dataset.ids())

    rows = sync.one(mode=mode).rows

    assert (rows.downloaded, rows.updated, rows.unchanged) == (1, 0, 1)


FITTING: list[tuple[str, Any, str, str]] = [
    # (Socrata type, value at the source, type that the manifest asks for, text of the value there)
    ("number", "42", "integer", "42"),
    ("number", "9007199254740993", "bigint", "9007199254740993"),
    ("number", "1.25", "double precision", "1.25"),
    ("number", "007", "text", "007"),
    ("text", "00042", "integer", "42"),
    ("text", "2024-02-29", "date", "2024-02-29"),
    (
        "text",
        "b8a7f9f0-3c5e-4a8e-9d5e-0123456789ab",
        "uuid",
        "b8a7f9f0-3c5e-4a8e-9d5e-0123456789ab",
    ),
    ("text", "Reseda", "varchar(20)", "Reseda"),
    ("text", "Y", "boolean", "true"),
    ("checkbox", True, "text", "true"),
    ("calendar_date", "2024-02-29T00:00:00.000", "date", "2024-02-29"),
    ("calendar_date", "2024-02-29T12:30:00.000", "text", "2024-02-29T12:30:00.000"),
    ("point", "POINT (1.50 2)", "text", "POINT (1.50 2)"),
    ("json", [1, 2], "json", "[1,2]"),
]


def test_a_type_that_the_manifest_asks_for_takes_what_fits_it(portal: Portal, sync: Sync) -> None:
    values = {f"c{n}": cell[1] for n, cell in enumerate(FITTING)}
    portal.add_dataset("type-0001", columns(FITTING), [{"srnumber": "1", **values}])
    fields = {"srnumber": "", **{f"c{n}": cell[2] for n, cell in enumerate(FITTING)}}
    sync.spec["target"]["fields"] = fields

    sync.well()

    assert as_text(sync, "1", len(FITTING)) == [cell[3] for cell in FITTING]


def test_a_single_type_changes_its_column_alone_in_new_tables_and_new_columns(
    portal: Portal, sync: Sync
) -> None:
    sync.foretold = True
    values = {f"c{n}": cell[1] for n, cell in enumerate(FITTING)}
    dataset = portal.add_dataset("type-0001", columns(FITTING), [{"srnumber": "1", **values}])
    sync.spec["target"]["types"] = {f"c{n}": cell[2] for n, cell in enumerate(FITTING)}

    sync.well()

    assert as_text(sync, "1", len(FITTING)) == [cell[3] for cell in FITTING]
    dataset.add_column("late", "number", value="7")
    dataset.add_column("later", "number", value="7")
    sync.spec["target"]["types"]["late"] = "smallint"
    sync.well()
    assert [types_of(sync)[name] for name in ("late", "later")] == ["smallint", "numeric"]
    assert sync.one(mode="full").rows.changed == 0


@pytest.mark.parametrize(
    ("given", "reason", "said"),
    [
        (
            {"acres": "numbre"},
            "InvalidSpec",
            "spec.target.types: acres: there is no type numbre in this database",
        ),
        ({"acres": "serial"}, "InvalidSpec", "spec.target.types: serial counts by itself"),
        ({"acre": "real"}, "InvalidSpec", "spec.target.types names acre, which no dataset loads"),
        (
            {"acres": "real"},
            "TargetMismatch",
            "spec.target.types wants acres as real, but public.parks has it as numeric; change one of them",
        ),
        ({"acres": "boolean"}, "TargetMismatch", "spec.target.types wants acres as boolean, but"),
        (
            {"late": "boolean"},
            "InvalidSpec",
            "spec.target.types wants late as boolean, which cannot hold",
        ),
    ],
)
def test_a_single_type_that_cannot_be_is_refused_by_plan_and_run_alike(
    sync: Sync, parks: Dataset, given: dict[str, str], reason: str, said: str
) -> None:
    sync.well()
    parks.add_column("late", "number", value="7")
    sync.spec["target"]["types"] = given
    before = types_of(sync, "parks")

    failure = sync.run().failure

    assert failure is not None
    assert failure.reason == reason
    assert said in failure.message
    request = sync.request()
    try:
        planned = sync.plan(request, sync.options)
    except SyncError as exc:
        told = [exc.message]
    else:
        told = [error.message for _, error in planned.failures]
        told += [planned.error.message] if planned.error else []
    assert told == [failure.message.removeprefix("park-0001: ")]
    assert types_of(sync, "parks") == before


# -- types of the database's own ---------------------------------------------------------------------

OWN_TYPES = """
CREATE SCHEMA civic;
CREATE DOMAIN civic.price AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE DOMAIN civic.fare AS civic.price;
CREATE DOMAIN "Odd Name" AS timestamp;
CREATE DOMAIN word AS text NOT NULL;
CREATE TYPE civic.mood AS ENUM ('glad', 'sad');
"""

OWN: list[tuple[str, Any, str, str]] = [
    # (Socrata type, value at the source, the column's type, text of the value there)
    ("number", "12.50", "civic.price", "12.50"),
    ("number", "7", "civic.fare", "7.00"),
    ("money", "7", "civic.fare", "7.00"),
    ("double", 1.5, "civic.price", "1.50"),
    ("calendar_date", "2024-02-29T00:00:00.000", '"Odd Name"', "2024-02-29 00:00:00"),
    ("text", "Reseda", "word", "Reseda"),
    ("number", "42", "word", "42"),
    ("text", "glad", "civic.mood", "glad"),
    ("text", "{1,2}", "int[]", "{1,2}"),
    ("text", "{a,b}", "varchar(3)[]", "{a,b}"),
    ("number", "1.5", "float4", "1.5"),
    ("number", "1.5", "float(53)", "1.5"),
]


@pytest.mark.parametrize(
    ("there", "named"),
    [
        pytest.param(True, True, id="named by the table and the manifest"),
        pytest.param(True, False, id="named by the table"),
        pytest.param(False, True, id="named by the manifest"),
    ],
)
@pytest.mark.parametrize("path", ["public", "public, civic"])
def test_a_column_may_have_a_type_of_the_databases_own(
    portal: Portal, sync: Sync, there: bool, named: bool, path: str
) -> None:
    sync.query(OWN_TYPES)
    sync.dsn = make_conninfo(sync.dsn, options=f"-c search_path={path.replace(' ', '')}")
    values = {f"c{n}": cell[1] for n, cell in enumerate(OWN)}
    dataset = portal.add_dataset("type-0001", columns(OWN), [{"srnumber": "1", **values}])
    types = {f"c{n}": cell[2] for n, cell in enumerate(OWN)}
    if there:
        names = ", ".join(f"{name} {pg_type}" for name, pg_type in types.items())
        sync.query(f"CREATE TABLE requests (srnumber text PRIMARY KEY, {names})")
    if named:
        writable = {name: "" if '"' in pg_type else pg_type for name, pg_type in types.items()}
        sync.spec["target"]["fields"] = {"srnumber": "", **writable}

    sync.well()

    assert as_text(sync, "1", len(OWN)) == [cell[3] for cell in OWN]
    dataset.touch(dataset.ids())
    again = sync.one()
    assert (again.rows.updated, again.rows.unchanged) == (0, 1)
    assert sync.one(mode="full").rows.changed == 0


def test_a_domain_takes_only_what_the_type_below_it_takes(portal: Portal, sync: Sync) -> None:
    sync.query(OWN_TYPES)
    sync.query("CREATE TABLE requests (srnumber text PRIMARY KEY, c civic.fare)")
    portal.add_dataset("type-0001", [("srnumber", "text"), ("c", "checkbox")], [])

    failure = sync.run().failure

    assert failure is not None
    assert failure.reason == "TargetMismatch"
    assert "cannot hold the dataset's c (checkbox)" in failure.message
