"""Which columns are loaded that the manifest does not name."""

from __future__ import annotations

import pytest

from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.plan.unnamed import Unnamed
from socratasync.pipeline.target.catalog import Target, TargetColumn

REGION = ":@computed_region_ab12_cd34"
FIELDS = ["name", REGION, ":@other"]


def table(*names: str) -> Target:
    columns = [
        TargetColumn(name=name, type="text", required=False, has_default=False, generated=False)
        for name in names
    ]
    return Target(schema="public", table="parks", kind="r", columns=tuple(columns))


@pytest.mark.parametrize(
    ("unnamed", "loaded"),
    [
        pytest.param(Unnamed(), False, id="as it is by default"),
        pytest.param(Unnamed(computed_regions=True), True, id="all are wanted"),
        pytest.param(Unnamed(target=table("name")), False, id="the table has none"),
        pytest.param(
            Unnamed(target=table("name", "computed_region_ab12_cd34")), True, id="the table has it"
        ),
        pytest.param(
            Unnamed(target=table("ward"), filled={"ward": REGION}),
            True,
            id="the table has it under another name",
        ),
        pytest.param(
            Unnamed(target=table("ward"), filled={"ward": "ward"}),
            False,
            id="the table has another column",
        ),
        pytest.param(
            Unnamed(target=table("name"), filled={"computed_region_ab12_cd34": REGION}),
            False,
            id="somebody dropped it from the table",
        ),
        pytest.param(
            Unnamed(filled={"computed_region_ab12_cd34": REGION}), False, id="the table is gone"
        ),
    ],
)
def test_a_computed_region_is_loaded_where_it_is_wanted_or_the_table_has_it(
    unnamed: Unnamed, loaded: bool
) -> None:
    kept = FIELDS if loaded else ["name", ":@other"]

    assert unnamed.paths({f: SourceColumn(field=f, type="text") for f in FIELDS}) == kept


@pytest.mark.parametrize(
    ("kind", "unnamed", "paths"),
    [
        pytest.param("url", Unnamed(), ["x.url"], id="an address"),
        pytest.param("document", Unnamed(), ["x.file_id"], id="a document"),
        pytest.param("photo", Unnamed(), ["x"], id="a photo is its file's id"),
        pytest.param("phone", Unnamed(), ["x"], id="a phone"),
        pytest.param("point", Unnamed(), ["x"], id="a point"),
        pytest.param("location", Unnamed(), ["x.latitude", "x.longitude"], id="a location"),
        pytest.param("location", Unnamed(points=True), ["x"], id="a location that becomes a point"),
        pytest.param("url", Unnamed(points=True), ["x.url"], id="an address beside points"),
        pytest.param("url", Unnamed(whole=True), ["x"], id="nothing is taken apart"),
        pytest.param("location", Unnamed(typed=["x"]), ["x"], id="a type for the whole of two"),
        pytest.param("url", Unnamed(typed=["x"]), ["x.url"], id="a type for the only part"),
        pytest.param(
            "location",
            Unnamed(typed=["x_latitude"]),
            ["x.latitude", "x.longitude"],
            id="a type for one part of two",
        ),
        pytest.param("url", Unnamed(target=table("name")), ["x.url"], id="the table lacks it"),
        pytest.param(
            "url", Unnamed(target=table("x")), ["x"], id="the table has it, who knows how"
        ),
        pytest.param(
            "url", Unnamed(target=table("x"), filled={"x": "x"}), ["x"], id="the table has it whole"
        ),
        pytest.param(
            "url",
            Unnamed(target=table("x"), filled={"x": "link.url"}),
            ["x.url"],
            id="the table has such a part in it",
        ),
        pytest.param("location", Unnamed(target=table("x")), ["x"], id="the table has the place"),
        pytest.param(
            "location",
            Unnamed(target=table("x_1a2b3c4d"), filled={"x_1a2b3c4d": "x"}),
            ["x"],
            id="the table has it whole under another name",
        ),
        pytest.param(
            "location",
            Unnamed(target=table("x_latitude", "x_longitude"), points=False),
            ["x.latitude", "x.longitude"],
            id="the table has its two numbers",
        ),
    ],
)
def test_what_has_parts_is_loaded_in_those_that_a_new_table_gets_or_as_the_table_has_it(
    kind: str, unnamed: Unnamed, paths: list[str]
) -> None:
    column = SourceColumn(field="x", type=kind)

    assert unnamed.paths({"x": column}) == paths
    assert unnamed.path(column) == (paths[0] if len(paths) == 1 else "x")
