"""What points, lines, polygons and locations become, by the manifest, the table and the database."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from socratasync.api.target import TargetSpec
from socratasync.errors import InvalidSpec, TargetMismatch
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.drift import Agreement, common_types
from socratasync.pipeline.plan.geometry import KINDS, as_geometry, check_geometry, check_postgis
from socratasync.pipeline.plan.model import Before
from socratasync.pipeline.plan.target_state import TargetState
from socratasync.pipeline.target.catalog import Target, TargetColumn
from socratasync.pipeline.target.types import Spatial, compared, spatial

THERE = TargetColumn(name="spot", type="text", required=False, has_default=False, generated=False)


def state(postgis: str | None = "public", *, exists: bool = False) -> TargetState:
    table = Target(schema="public", table="maps", kind="r" if exists else None, columns=(THERE,))
    target = table if exists else Target(schema="public", table="maps")
    before = Before(exists=exists, rows=0, server_version=170000)
    return TargetState(target=target, before=before, postgis=postgis)


def wanted(geometry: str = "Auto", **fields: str) -> TargetSpec:
    words: dict[str, Any] = {"dsnSecretRef": {"name": "db"}, "table": "maps", "key": ["spot"]}
    return TargetSpec.model_validate({**words, "fields": fields, "geometry": geometry})


def column(source_type: str = "point", type: str = "text", name: str = "spot") -> Column:
    return Column(name=name, field=name, source_type=source_type, type=type)


@pytest.mark.parametrize(("source_type", "kind"), KINDS.items())
def test_every_kind_of_geometry_has_its_type(source_type: str, kind: str) -> None:
    (made,) = as_geometry([column(source_type)], wanted(), state())

    assert made.type == f'"public".geometry({kind},4326)'


@pytest.mark.parametrize(
    ("choice", "exists", "postgis", "is_geometry"),
    [
        ("Auto", False, "gis", True),
        ("Auto", True, "gis", False),
        ("Auto", False, None, False),
        ("PostGIS", False, "gis", True),
        ("PostGIS", True, "gis", True),
        ("Text", False, "gis", False),
        ("Text", True, "gis", False),
    ],
)
def test_where_it_is_geometry(
    choice: str, exists: bool, postgis: str | None, is_geometry: bool
) -> None:
    (made,) = as_geometry([column()], wanted(choice), state(postgis, exists=exists))

    assert made.type == ('"gis".geometry(Point,4326)' if is_geometry else "text")


def test_other_columns_and_those_that_the_manifest_gives_a_type_are_left_alone() -> None:
    columns = (column("url"), column(type="varchar(80)"), column(name="free"))

    made = as_geometry(columns, wanted(spot="varchar(80)", free=""), state())

    assert [c.type for c in made] == ["text", "varchar(80)", '"public".geometry(Point,4326)']


@pytest.mark.parametrize(
    ("choice", "postgis", "is_refused"),
    [
        ("PostGIS", None, True),
        ("PostGIS", "gis", False),
        ("Auto", None, False),
        ("Text", None, False),
    ],
)
def test_only_who_asks_for_postgis_is_refused_without(
    choice: str, postgis: str | None, is_refused: bool
) -> None:
    if is_refused:
        with pytest.raises(TargetMismatch, match="CREATE EXTENSION postgis, or, where it is in a"):
            check_postgis(wanted(choice), state(postgis))
    else:
        check_postgis(wanted(choice), state(postgis))


@pytest.mark.parametrize(
    ("choice", "exists", "source_type", "fields", "is_told"),
    [
        ("Auto", False, "point", {}, True),
        ("Auto", False, "location", {"spot": ""}, True),
        ("Auto", True, "point", {}, False),
        ("Text", False, "point", {}, False),
        ("Auto", False, "url", {}, False),
        ("Auto", False, "point", {"spot": "text"}, False),
    ],
)
def test_a_new_table_without_postgis_says_what_became_text(
    choice: str, exists: bool, source_type: str, fields: dict[str, str], is_told: bool
) -> None:
    agreed = Agreement(columns=(column(source_type),), warnings=("before",))

    checked = check_geometry(
        "maps-0001", agreed, wanted(choice, **fields), state(None, exists=exists)
    )

    assert checked.columns == agreed.columns
    assert checked.warnings[0] == "before"
    assert [("the new table has spot as text" in w) for w in checked.warnings[1:]] == [
        True
    ] * is_told


FITS = [
    "geometry",
    "geometry(Point,4326)",
    "geometry(Point)",
    "geometry(Geometry,4326)",
    "gis.geometry(POINT, 4326)",
]
UNFIT = [
    "geometry(Polygon,4326)",
    "geometry(MultiPoint)",
    "geometry(Point,3857)",
    "geometry(Geometry,3857)",
]


@pytest.mark.parametrize("pg_type", FITS)
def test_a_column_that_takes_the_geometry_is_taken(pg_type: str) -> None:
    agreed = Agreement(columns=(column(type=pg_type),))

    assert check_geometry("maps-0001", agreed, wanted(), state(exists=True)) == agreed


@pytest.mark.parametrize("pg_type", UNFIT)
@pytest.mark.parametrize("exists", [True, False])
def test_one_that_takes_none_of_it_is_refused(pg_type: str, exists: bool) -> None:
    agreed = Agreement(columns=(column(type=pg_type),))

    with pytest.raises(TargetMismatch if exists else InvalidSpec) as refused:
        check_geometry("maps-0001", agreed, wanted(), state(exists=exists))

    assert f"maps-0001: column spot is {pg_type}, and spot (point) has " in refused.value.message
    assert ("TYPE geometry(" if exists else "write geometry(") in refused.value.message


def test_a_text_goes_into_geometry_of_any_kind_but_of_no_other_degrees() -> None:
    def checked(pg_type: str) -> None:
        agreed = Agreement(columns=(column("text", pg_type),))
        check_geometry("maps-0001", agreed, wanted(), state(exists=True))

    checked("geometry(Polygon,4326)")
    with pytest.raises(TargetMismatch, match=r"TYPE geometry\(Geometry,4326\) USING ST_Transform"):
        checked("geometry(Polygon,3857)")


@pytest.mark.parametrize(
    ("types", "common"),
    [
        (["g.geometry(Point,4326)"] * 2, "g.geometry(Point,4326)"),
        (["g.geometry(Point,4326)", "g.geometry(Polygon,4326)"], "g.geometry(Geometry,4326)"),
        (["g.geometry(Point,4326)", "text"], "text"),
        (["text", "g.geometry(Point,4326)"], "text"),
        (["numeric(10,2)", "numeric"], "numeric(10,2)"),
    ],
)
def test_several_datasets_share_a_type_that_takes_all(types: list[str], common: str) -> None:
    assert common_types([column(type=each)] for each in types) == {"spot": common}


@pytest.mark.parametrize(
    ("pg_type", "known"),
    [
        ("geometry", Spatial(schema="")),
        ("GEOMETRY(Point, 4326)", Spatial(schema="", kind="POINT", srid=4326)),
        ("Gis.geometry(MultiPolygon)", Spatial(schema="gis", kind="MULTIPOLYGON")),
        ('"Odd "" gis".geometry(Geometry,4326)', Spatial(schema='Odd " gis', srid=4326)),
        ("geometry(Point,4326)[]", None),
        ("geography", None),
        ("text", None),
        ("point", None),
    ],
)
def test_what_a_type_says_of_its_geometry(pg_type: str, known: Spatial | None) -> None:
    assert spatial(pg_type) == known


@pytest.mark.parametrize(
    ("pg_type", "text"),
    [
        ("text", '"v"'),
        ("json", '"v"::text'),
        ("geography", '"v"::text'),
        ("geometry(Point,4326)", '"st_astext"("v", 12)'),
        ("gis.geometry", '"gis"."st_astext"("v", 12)'),
    ],
)
def test_values_are_compared_as_what_they_mean(pg_type: str, text: str) -> None:
    assert sql.Composed([compared(sql.Identifier("v"), pg_type)]).as_string() == text
