"""Points, lines, polygons and locations as PostGIS has them, in a database with PostGIS; and as text without."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.conftest import Clock, fresh_database
from tests.interfaces import Interface
from tests.postgis import programs, started
from tests.postgres.conftest import ROW_BY_ROW, Sync
from tests.skipped import NO_POSTGIS

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.oddities import EVERY_TYPE, every_type_rows
from socrata_simulator.portal.portal import Portal
from socratasync.errors import InvalidSpec, SyncError, TargetMismatch
from socratasync.pipeline.preview import DatasetPreview

MAP = "maps-0001"

COLUMNS = {
    # column → Socrata's type, PostGIS's kind, a value
    "a_point": ("point", "Point", "POINT (-118.294017712 34.0676390557)"),
    "a_line": ("line", "LineString", "LINESTRING (-118.1 34.1, -118.2 34.2)"),
    "a_polygon": (
        "polygon",
        "Polygon",
        "POLYGON ((-118 34, -118 35, -117 35, -118 34), (-117.6 34.6, -117.4 34.7, -117.5 34.8, -117.6 34.6))",
    ),
    "some_points": ("multipoint", "MultiPoint", "MULTIPOINT ((0 0), (1.25 1))"),
    "some_lines": ("multiline", "MultiLineString", "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3.5))"),
    "polygons": (
        "multipolygon",
        "MultiPolygon",
        "MULTIPOLYGON (((-118 34, -118 35, -117 35, -118 34)), ((0 0, 0 1, 1 1, 0 0)))",
    ),
}

PLACE = {
    "latitude": "34.05",
    "longitude": "-118.25",
    "human_address": '{"address":"200 N Spring St","city":"Los Angeles","state":"CA","zip":"90012"}',
}


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[str]:
    """The DSN of a server that has PostGIS."""
    given, folder = os.environ.get("SOCRATASYNC_TEST_POSTGIS_DSN"), programs()
    if given:
        yield given
    elif folder:
        with started(folder) as dsn:
            yield dsn
    else:
        pytest.skip(NO_POSTGIS)


@pytest.fixture(params=["public", "Odd gis"])
def schema(request: pytest.FixtureRequest) -> str:
    """Where the extension is."""
    name: str = request.param
    return name


@pytest.fixture
def place(schema: str) -> str:
    """What stands before the names of types there."""
    return "" if schema == "public" else f'"{schema}".'


@pytest.fixture(name="maps")
def _maps(
    portal: Portal,
    socrata: Server,
    postgis_server: str,
    schema: str,
    socrata_interface: Interface,
    clock: Clock,
) -> Iterator[Sync]:
    """A manifest for the table ``maps`` with the key ``name``, in a database with PostGIS; rows changed long ago."""
    clock.at = datetime(2024, 8, 1, tzinfo=UTC)
    with fresh_database(postgis_server, "template0") as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            named = sql.Identifier(schema)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(named))
            connection.execute(sql.SQL("CREATE EXTENSION postgis SCHEMA {}").format(named))
        sync = Sync(portal, socrata.domain, dsn, socrata_interface)
        sync.spec["target"] |= {"table": "maps", "key": ["name"]}
        yield sync


@pytest.fixture(name="texts")
def _texts(sync: Sync) -> Sync:
    """The same in a database without."""
    sync.spec["target"] |= {"table": "maps", "key": ["name"]}
    return sync


@pytest.fixture(name="dataset")
def _dataset(portal: Portal, clock: Clock) -> Dataset:
    """Of every kind a column, and a value in each of twenty rows."""
    clock.at = datetime(2024, 8, 1, tzinfo=UTC)
    columns = [("name", "text"), *((name, kind) for name, (kind, _, _) in COLUMNS.items())]
    values = {name: value for name, (_, _, value) in COLUMNS.items()}
    return portal.add_dataset(MAP, columns, [{"name": f"r{n:02}", **values} for n in range(20)])


def seen(sync: Sync, schema: str, column: str) -> dict[str, Any]:
    """name → (WKT, SRID, whether it is valid) of the column."""
    rows = sync.query(
        sql.SQL(
            "SELECT name, {0}.st_astext({1}) AS wkt, {0}.st_srid({1}) AS srid, {0}.st_isvalid({1}) AS valid FROM maps"
        ).format(sql.Identifier(schema), sql.Identifier(column))
    )
    return {r["name"]: (r["wkt"], r["srid"], r["valid"]) for r in rows}


def types(sync: Sync) -> dict[str, str]:
    rows = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = 'maps'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return {r["attname"]: r["type"] for r in rows}


def plain(wkt: str) -> str:
    """WKT as PostGIS writes it."""
    return wkt.replace(", ", ",").replace(" (", "(")


def plan(sync: Sync) -> DatasetPreview | SyncError:
    found = sync.plan(sync.request(), sync.options)
    return found.error or found.datasets[MAP]


# -- with PostGIS ------------------------------------------------------------------------------------


@pytest.mark.parametrize("resets", [False, True])
def test_a_new_table_has_geometry_of_each_kind_as_the_source_has_it(
    maps: Sync, dataset: Dataset, schema: str, place: str, resets: bool
) -> None:
    maps.spec["target"]["reset"] = resets

    report = maps.well(mode="full", options=maps.with_(second_copy=ROW_BY_ROW))

    assert report.warnings == []
    made = types(maps)
    for name, (_, kind, wkt) in COLUMNS.items():
        assert made[name] == f"{place}geometry({kind},4326)"
        assert set(seen(maps, schema, name).values()) == {(plain(wkt), 4326, True)}
    checks = "SELECT FROM pg_constraint WHERE conrelid = 'maps'::regclass AND contype = 'c'"
    assert not maps.query(checks)


def test_rows_that_are_as_they_were_write_nothing_and_a_change_is_written(
    maps: Sync, dataset: Dataset, schema: str, clock: Clock
) -> None:
    maps.well()
    again = maps.one(mode="full")
    assert (again.rows.unchanged, again.rows.updated) == (20, 0)
    clock.at = None
    bent = "LINESTRING (-118.1 34.1, -118.15 34.11, -118.2 34.2)"  # of the same bounding box
    dataset.update(dataset.ids()[3], a_line=bent)
    dataset.update(dataset.ids()[4], a_point="POINT (-118.294017713 34.0676390557)")

    assert maps.one().rows.updated == 2

    assert seen(maps, schema, "a_point")["r04"][0] == "POINT(-118.294017713 34.0676390557)"
    assert seen(maps, schema, "a_line")["r03"][0] == plain(bent)


def test_the_other_interface_which_rounds_rewrites_no_geometry(
    maps: Sync, dataset: Dataset, schema: str
) -> None:
    exact = "POINT (-118.2940177123457 34.0676390557124)"
    for row in dataset.ids():
        dataset.update(row, a_point=exact)
    maps.spec["source"] = {"api": "SODA2"}
    maps.well()
    assert seen(maps, schema, "a_point")["r00"][0] == plain(exact)
    maps.spec["source"] = {"api": "SODA3"}

    report = maps.well(mode="full")

    (done,) = report.datasets
    assert (done.api, done.rows.updated, done.rows.unchanged) == ("SODA3", 0, 20)
    assert not [w for w in report.warnings if "another form" in w]


BROKEN = [
    ("a_point", "POINT EMPTY"),
    ("a_point", "POINT (a b)"),
    ("a_point", ""),
    ("a_point", "LINESTRING (0 0, 1 1)"),
    ("a_polygon", "POLYGON EMPTY"),
    ("a_polygon", "POLYGON ((0 0, 0 1, 1 1))"),
    ("some_points", "MULTIPOINT EMPTY"),
]


@pytest.mark.parametrize("policy", ["Fail", "Null", "Skip"])
@pytest.mark.parametrize("there", [False, True])
def test_a_broken_or_empty_geometry_is_null_counted_and_named_whatever_the_policy(
    maps: Sync, dataset: Dataset, schema: str, policy: str, there: bool
) -> None:
    if there:
        maps.well()
    maps.spec["target"]["onBadValue"] = policy
    for row, (column, value) in zip(dataset.ids(), BROKEN, strict=False):
        dataset.update(row, **{column: value})

    planned = sync_plan(maps)
    report = maps.one(mode="full")

    assert planned.refused is None
    assert planned.tried
    assert planned.tried.bad.nulled == report.bad_values.nulled == len(BROKEN)
    assert report.bad_values.skipped == 0
    assert {(e.column, e.value) for e in report.bad_values.examples} < set(BROKEN)
    for number, (column, _) in enumerate(BROKEN):
        assert seen(maps, schema, column)[f"r{number:02}"] == (None, None, None)
    assert seen(maps, schema, "a_point")["r19"][1] == 4326
    assert maps.one(mode="full").rows.unchanged == 20


def sync_plan(sync: Sync) -> DatasetPreview:
    found = plan(sync)
    assert isinstance(found, DatasetPreview), found
    return found


def test_a_value_that_is_bad_beside_a_broken_geometry_still_fails_the_run_and_is_the_one_named(
    maps: Sync, portal: Portal
) -> None:
    rows = [{"name": f"r{n}", "spot": "POINT EMPTY", "size": "5"} for n in range(12)]
    columns = [("name", "text"), ("spot", "point"), ("size", "text")]
    odd = {"name": "odd", "spot": "POINT EMPTY", "size": "large"}
    portal.add_dataset(MAP, columns, [*rows, odd])
    maps.spec["target"]["fields"] = {"name": "", "spot": "", "size": "integer"}

    planned = sync_plan(maps)
    report = maps.run()

    assert report.exit_code == 65
    assert report.failure
    assert 'column size (integer) does not take "large": ' in report.failure.message
    assert "more)" not in report.failure.message
    assert planned.refused
    assert planned.refused.message == report.failure.message


def test_a_broken_geometry_that_must_not_be_null_leaves_its_row_out(
    maps: Sync, dataset: Dataset, schema: str
) -> None:
    maps.well()
    maps.query("ALTER TABLE maps ALTER a_point SET NOT NULL")
    dataset.update(dataset.ids()[0], a_point="POINT EMPTY")

    report = maps.one(mode="full")

    assert (report.bad_values.nulled, report.bad_values.skipped) == (0, 1)
    assert seen(maps, schema, "a_point")["r00"][1] == 4326


def test_nothing_but_zeros_is_a_place(maps: Sync, dataset: Dataset, schema: str) -> None:
    """Whether somebody writes it for no place nobody knows: what the source has is kept."""
    dataset.update(dataset.ids()[0], a_point="POINT (0 0)")

    assert not maps.one().bad_values.found

    assert seen(maps, schema, "a_point")["r00"][0] == "POINT(0 0)"


def test_a_location_gives_its_point(
    maps: Sync, portal: Portal, schema: str, place: str, clock: Clock
) -> None:
    places: dict[str, Any] = {
        "both": PLACE,
        "no address": {"latitude": "37.76", "longitude": "-122.41"},
        "no place": {"human_address": PLACE["human_address"]},
        "none": None,
        "a bracket": {**PLACE, "human_address": '{"address":"5 A St (1, 2)"}'},
        "south": {"latitude": "-33.5", "longitude": "151.25"},
    }
    rows = [{"name": name, "place": where} for name, where in places.items()]
    dataset = portal.add_dataset(MAP, [("name", "text"), ("place", "location")], rows)

    report = maps.one()

    assert not report.bad_values.found
    assert types(maps)["place"] == f"{place}geometry(Point,4326)"
    point, nothing = ("POINT(-118.25 34.05)", 4326, True), (None, None, None)
    assert seen(maps, schema, "place") == {
        "both": point,
        "no address": ("POINT(-122.41 37.76)", 4326, True),
        "no place": nothing,
        "none": nothing,
        "a bracket": point,
        "south": ("POINT(151.25 -33.5)", 4326, True),
    }
    assert maps.one(mode="full").rows.unchanged == len(places)
    clock.at = None
    dataset.update(dataset.ids()[0], place={"latitude": "1.5", "longitude": "2"})
    assert maps.one().rows.updated == 1
    assert seen(maps, schema, "place")["both"][0] == "POINT(2 1.5)"


def test_pages_of_locations_are_asked_for_once(maps: Sync, portal: Portal) -> None:
    """They are read value by value from the first on, not after ``COPY`` refused each."""
    rows = [{"name": f"r{n}", "place": PLACE} for n in range(6)]
    portal.add_dataset(MAP, [("name", "text"), ("place", "location")], rows)
    maps.spec["source"] = {"pageSize": 2}

    maps.well()

    assert len(maps.pages()) == 4


def test_the_dataset_of_every_type_is_loaded_with_all_its_geometry(
    maps: Sync, portal: Portal, place: str
) -> None:
    portal.add_dataset(MAP, EVERY_TYPE, every_type_rows())
    maps.spec["target"]["key"] = ["key"]

    assert not maps.one().bad_values.found

    kinds = {"a_point": "Point", "a_line": "LineString", "a_polygon": "Polygon"}
    kinds |= {"a_multipolygon": "MultiPolygon", "a_location": "Point"}
    wanted = {name: f"{place}geometry({kind},4326)" for name, kind in kinds.items()}
    made = types(maps)
    assert {name: made[name] for name in kinds} == wanted


def test_datasets_with_one_column_of_two_kinds_share_a_column_of_any_kind(
    maps: Sync, portal: Portal, schema: str, place: str
) -> None:
    columns = [("name", "text"), ("shape", "point")]
    portal.add_dataset(MAP, columns, [{"name": "a", "shape": "POINT (1 2)"}])
    line = {"name": "b", "shape": "LINESTRING (0 0, 1 1)"}
    portal.add_dataset("maps-0002", [("name", "text"), ("shape", "line")], [line])

    maps.well()

    assert types(maps)["shape"] == f"{place}geometry(Geometry,4326)"
    assert {n: wkt for n, (wkt, _, _) in seen(maps, schema, "shape").items()} == {
        "a": "POINT(1 2)",
        "b": "LINESTRING(0 0,1 1)",
    }


def test_a_table_that_is_there_keeps_its_columns_and_new_ones_are_geometry_only_if_asked(
    maps: Sync, dataset: Dataset, schema: str, place: str
) -> None:
    """What it has as geometry is filled as such, whatever the manifest says."""
    made = f"CREATE TABLE maps (name text PRIMARY KEY, a_point {place}geometry, a_line text"
    maps.query(f"{made}, a_polygon {place}geometry(Polygon,4326))")

    report = maps.one()

    assert not report.bad_values.found
    assert types(maps)["some_points"] == "text"
    assert seen(maps, schema, "a_point")["r00"][:2] == (plain(COLUMNS["a_point"][2]), 0)
    assert seen(maps, schema, "a_polygon")["r00"] == (plain(COLUMNS["a_polygon"][2]), 4326, True)
    assert maps.query("SELECT DISTINCT a_line FROM maps") == [{"a_line": COLUMNS["a_line"][2]}]
    maps.query("ALTER TABLE maps DROP some_points")
    maps.spec["target"]["geometry"] = "PostGIS"

    maps.well()

    assert types(maps)["some_points"] == f"{place}geometry(MultiPoint,4326)"
    assert seen(maps, schema, "some_points")["r00"][1] == 4326


def test_text_is_text_beside_postgis(maps: Sync, dataset: Dataset) -> None:
    maps.spec["target"]["geometry"] = "Text"

    assert maps.well().warnings == []

    assert types(maps)["a_point"] == "text"


def test_a_type_of_the_manifest_goes_before(maps: Sync, dataset: Dataset, place: str) -> None:
    maps.spec["target"]["fields"] = {"name": "", "a_point": "text", "a_line": ""}

    assert maps.well().warnings == []

    assert types(maps)["a_point"] == "text"
    assert types(maps)["a_line"] == f"{place}geometry(LineString,4326)"


UNFIT = [
    # (type of the table's column, what is said of it)
    (
        "geometry(Polygon,4326)",
        'has geometry of kind Point; run ALTER TABLE public.maps ALTER COLUMN "a_point" TYPE '
        "{place}geometry(Geometry,4326)",
    ),
    (
        "geometry(Point,3857)",
        'has degrees of WGS 84 (SRID 4326); run ALTER TABLE public.maps ALTER COLUMN "a_point" TYPE '
        '{place}geometry(Point,4326) USING {place}ST_Transform("a_point", 4326)',
    ),
]


@pytest.mark.parametrize(("made", "said"), UNFIT)
def test_a_column_in_which_every_value_would_be_null_is_refused_with_what_to_run(
    maps: Sync, dataset: Dataset, place: str, made: str, said: str
) -> None:
    maps.query(f"CREATE TABLE maps (name text PRIMARY KEY, a_point {place}{made})")
    before = maps.catalog()

    planned, report = plan(maps), maps.run()

    begins = f"dataset {MAP}: column a_point is {place}{made}, and a_point (point) "
    assert isinstance(planned, TargetMismatch)
    assert planned.message.replace('""', '"') == begins + said.format(
        place='"Odd gis".' if place else ""
    )
    assert report.failure
    assert report.failure.message == planned.message
    assert maps.catalog() == before
    maps.query(planned.message.partition("; run ")[2])
    assert not maps.one().bad_values.found


@pytest.mark.parametrize("schema", ["public"], indirect=True)
def test_so_is_such_a_type_in_the_manifest(maps: Sync, dataset: Dataset) -> None:
    maps.spec["target"]["fields"] = {"name": "", "a_point": "geometry(Point,3857)"}

    planned = plan(maps)

    assert isinstance(planned, InvalidSpec)
    assert planned.message == (
        f"dataset {MAP}: column a_point is geometry(Point,3857), and a_point (point) has degrees of WGS 84 (SRID 4326); "
        "write geometry(Point,4326) in spec.target.types"
    )


# -- without -----------------------------------------------------------------------------------------

INSTEAD = (
    "there is no PostGIS that this role may use, so the new table has a_point, a_line, a_polygon, some_points, some_lines "
    "and 1 more as text (WKT); for geometry have CREATE EXTENSION postgis run before the table is made, or set "
    "spec.target.geometry to Text"
)


def test_without_postgis_geometry_is_text_and_that_is_said_once(
    texts: Sync, dataset: Dataset
) -> None:
    planned = sync_plan(texts)
    report = texts.well()
    again = texts.well(mode="full")

    assert list(planned.plan.warnings) == report.warnings == [INSTEAD]
    assert again.warnings == []
    assert again.datasets[0].rows.unchanged == 20
    for name, (_, _, wkt) in COLUMNS.items():
        assert types(texts)[name] == "text"
        assert {row[name] for row in texts.table("maps", "name").values()} == {wkt}


def test_who_asks_for_text_is_told_nothing(texts: Sync, dataset: Dataset) -> None:
    texts.spec["target"]["geometry"] = "Text"

    assert texts.well().warnings == []


def test_who_asks_for_postgis_where_there_is_none_is_told_what_to_run(
    texts: Sync, dataset: Dataset
) -> None:
    texts.spec["target"]["geometry"] = "PostGIS"
    before = texts.catalog()

    planned, report = plan_error(texts), texts.run()

    assert planned.message == (
        "spec.target.geometry is PostGIS, and this database has none that this role may use; an administrator runs: "
        "CREATE EXTENSION postgis, or, where it is in a schema of its own, GRANT USAGE ON SCHEMA <that> TO <this role>"
    )
    assert report.failure
    assert report.failure.message == planned.message
    assert texts.catalog() == before


def plan_error(sync: Sync) -> SyncError:
    found = plan(sync)
    assert isinstance(found, TargetMismatch)
    return found


# -- a real portal's file ----------------------------------------------------------------------------


def test_points_of_a_real_file_are_where_the_file_has_them(
    maps: Sync, portal: Portal, real_data: Path, schema: str
) -> None:
    dataset = portal.add_export(MAP, real_data / "la311_2018_rowscsv_wktlocation.csv")
    maps.spec["target"]["key"] = ["srnumber"]

    maps.well()

    (found,) = maps.query(
        sql.SQL(
            "SELECT count(*) AS rows, count(location) AS points, count(location) FILTER (WHERE {0}.st_isvalid(location) "
            "AND {0}.st_srid(location) = 4326 AND {0}.st_astext(location) = "
            "'POINT(' || longitude || ' ' || latitude || ')') AS good FROM maps"
        ).format(sql.Identifier(schema))
    )
    assert found["rows"] == len(dataset.ids())
    assert found["points"] == found["good"] > 8000


def test_the_place_of_the_recorded_dataset_of_all_old_types_is_a_point(
    maps: Sync, portal: Portal, real_data: Path, schema: str
) -> None:
    recorded = json.loads((real_data / "demo_2asz-g9qq_all_old_types.json").read_text())
    columns = [(c["fieldName"], c["dataTypeName"]) for c in recorded["view"]["columns"]]
    (row,) = recorded["rows"]
    portal.add_dataset(MAP, columns, [row])
    maps.spec["target"]["key"] = ["socrata_id"]

    report = maps.well()

    (found,) = maps.query(
        sql.SQL(
            "SELECT {0}.st_x(location_column)::text AS x, {0}.st_y(location_column)::text AS y,"
            " {0}.st_srid(location_column) AS srid FROM maps"
        ).format(sql.Identifier(schema))
    )
    place = row["location_column"]
    assert (found["x"], found["y"]) == (place["longitude"], place["latitude"])
    assert found["srid"] == 4326
    assert report.warnings == []


# -- an app's queries ----------------------------------------------------------------------------------


def test_what_lies_near_a_place_is_found_by_the_declared_index(
    maps: Sync, portal: Portal, place: str
) -> None:
    rows = [
        {"name": f"r{n}", "spot": f"POINT ({-118 - n % 100 / 100} {33 + n // 100 / 100})"}
        for n in range(5000)
    ]
    portal.add_dataset(MAP, [("name", "text"), ("spot", "point")], rows)
    maps.spec["target"]["indexes"] = [{"columns": ["spot"], "method": "gist", "name": "near"}]
    maps.spec["refresh"] = {"vacuum": "Analyze"}
    maps.well()
    near = (
        f"SELECT name FROM maps WHERE {place}st_dwithin(spot,"
        f" {place}st_geomfromtext('POINT (-118.5 33.25)', 4326), 0.004)"
    )

    explained = "\n".join(str(row["QUERY PLAN"]) for row in maps.query(f"EXPLAIN {near}"))

    assert "near" in explained
    assert [row["name"] for row in maps.query(near)] == ["r2550"]
