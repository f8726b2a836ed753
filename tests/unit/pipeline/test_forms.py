"""Which type holds the values of several datasets, and which mixtures a person is told of."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import KNOWN

from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.forms import Sent, common_type, find_sending, mixed_forms
from socratasync.pipeline.target.bookkeeping import Known
from socratasync.pipeline.target.catalog import Target, TargetColumn

OLD, NEW, THIRD = "aaaa-2017", "bbbb-2018", "cccc-2019"
TIMESTAMP, TIMESTAMPTZ = "timestamp without time zone", "timestamp with time zone"


# -- one form --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("numeric", "numeric", "numeric"),
        ("integer", "int4", "integer"),
        ("numeric(10,2)", "numeric(10,2)", "numeric(10,2)"),
        ("numeric", "double precision", "numeric"),
        ("numeric", "float8", "numeric"),
        ("numeric", "text", "text"),
        ("double precision", "text", "text"),
        ("numeric", "boolean", "text"),
        (TIMESTAMP, "text", "text"),
        (TIMESTAMP, TIMESTAMPTZ, "text"),
        ("jsonb", "text", "text"),
        ("geometry(Point,4326)", "geometry(point, 4326)", "geometry(Point,4326)"),
        ("geometry(Point,4326)", "geometry(Polygon,4326)", "geometry(Geometry,4326)"),
        ("gis.geometry(Point,4326)", "gis.geometry(Line,4326)", "gis.geometry(Geometry,4326)"),
        ("geometry(Geometry,4326)", "geometry(Polygon,4326)", "geometry(Geometry,4326)"),
        ("geometry(Point,4326)", "geometry(Polygon,2229)", "geometry(Point,4326)"),
        ("geometry(Point,4326)", "text", "text"),
    ],
)
def test_one_type_holds_the_values_of_two(one: str, other: str, common: str) -> None:
    assert common_type(one, other) == common


TYPES = ["numeric", "double precision", "text", "boolean", TIMESTAMP, "jsonb"]


@pytest.mark.parametrize("three", [*itertools.combinations(TYPES, 3)])
def test_the_order_of_datasets_decides_no_type(three: Sequence[str]) -> None:
    found = {common_type(common_type(a, b), c) for a, b, c in itertools.permutations(three)}

    assert len(found) == 1


# -- two forms -------------------------------------------------------------------------------------


def column(name: str = "c", kind: str = "text", pg_type: str = "text") -> Column:
    return Column(name=name, field=name, source_type=kind, type=pg_type)


def table(base: str = "", **types: str) -> Target:
    """The table as it is, with columns of these types; none: it is still to be made."""
    columns = tuple(
        TargetColumn(
            name=name, type=kind, required=False, has_default=False, generated=False, base=base
        )
        for name, kind in types.items()
    )
    return Target(schema="public", table="requests", kind="r" if types else None, columns=columns)


def told(
    kinds: Mapping[str, str],
    pg_type: str = "text",
    *,
    of: str = OLD,
    target: Target | None = None,
    chosen: Mapping[str, str] | None = None,
    news: bool = True,
) -> tuple[str, ...]:
    """What is told of a column into which each dataset sends values of a kind."""
    sending = {dataset: {"c": Sent(kind=kind, is_new=news)} for dataset, kind in kinds.items()}
    return mixed_forms(
        of,
        sending=sending,
        columns=[column(kind=kinds.get(of, "text"), pg_type=pg_type)],
        target=target or table(),
        chosen=chosen or {},
    )


@pytest.mark.parametrize(
    ("one", "other", "pg_type", "mixed"),
    [
        ("text", "text", "text", False),
        ("text", "point", "text", True),
        ("text", "location", "text", True),
        ("location", "point", "text", True),
        ("text", "number", "text", True),
        ("text", "checkbox", "text", True),
        ("text", "floating_timestamp", "text", True),
        ("floating_timestamp", "fixed_timestamp", "text", True),
        ("url", "text", "text", True),
        ("document", "photo", "text", True),
        ("json", "text", "text", True),
        ("hologram", "text", "text", True),
        ("hologram", "hologram", "text", False),
        ("point", "multipolygon", "text", False),
        ("line", "polygon", "text", False),
        ("multipoint", "multiline", "text", False),
        ("number", "double", "text", False),
        ("photo", "blob", "text", False),
        ("text", "point", "varchar(80)", True),
        ("text", "point", "character(9)", True),
        ("text", "point", "citext", True),
        ("number", "double", "numeric", False),
        ("text", "number", "numeric", False),
        ("text", "point", "geometry(Point,4326)", False),
        ("location", "point", "geometry(Point,4326)", False),
        ("text", "floating_timestamp", TIMESTAMP, False),
        ("text", "fixed_timestamp", "date", False),
        ("text", "text", TIMESTAMP, False),
        ("floating_timestamp", "floating_timestamp", "date", False),
        ("floating_timestamp", "fixed_timestamp", TIMESTAMP, True),
        ("fixed_timestamp", "floating_timestamp", "date", True),
        ("floating_timestamp", "fixed_timestamp", TIMESTAMPTZ, False),
        ("text", "json", "jsonb", False),
    ],
)
def test_two_kinds_are_mixed_where_the_type_does_not_make_them_one(
    one: str, other: str, pg_type: str, mixed: bool
) -> None:
    assert bool(told({OLD: one, NEW: other}, pg_type)) is mixed


def test_both_forms_are_named_with_their_datasets_and_what_helps() -> None:
    kinds = {OLD: "text", NEW: "point", THIRD: "point"}

    assert told(kinds) == (
        "column c of public.requests mixes forms: dataset aaaa-2017 sends text, datasets bbbb-2018, cccc-2019 send "
        "point (such as POINT (-118.25 34.05)); as text, each value stays as it is sent. Load one form into a column "
        "of its own with datasets[].columns, or choose a type with target.types or target.fields that takes both; "
        "naming text there says that it is meant",
    )
    assert told(kinds) == told(kinds, of=NEW) == told(kinds, of=THIRD)


def test_a_zone_that_the_type_drops_is_named() -> None:
    (sentence,) = told({OLD: "fixed_timestamp", NEW: "text", THIRD: "floating_timestamp"}, "date")

    assert sentence.startswith(
        "column c of public.requests mixes forms: dataset aaaa-2017 sends fixed_timestamp (such as "
        "2017-01-31T08:00:00.000Z), dataset cccc-2019 sends floating_timestamp (such as 2017-01-31T00:00:00.000); "
        "as date, the zone of those that have one is dropped, so that UTC stands beside local time. "
    )


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        pytest.param(
            ["text", "number", "double"],
            "dataset 0 sends text, datasets 1, 2 send number or double; ",
            id="kinds that are written alike stand together",
        ),
        pytest.param(
            ["line", "point", "checkbox"],
            "datasets 0, 1 send line or point (such as POINT (-118.25 34.05)), dataset 2 sends checkbox (such as true); ",
            id="an example of any of them will do",
        ),
        pytest.param(
            [*["location"] * 7, "text"],
            "datasets 0, 1, 2, 3, 4 and 2 more send location (such as (34.05, -118.25)), dataset 7 sends text; ",
            id="many datasets are counted",
        ),
    ],
)
def test_what_is_told_of_each_form(kinds: list[str], said: str) -> None:
    (sentence,) = told({str(number): kind for number, kind in enumerate(kinds)}, of="0")

    assert sentence.startswith(f"column c of public.requests mixes forms: {said}")


def test_columns_that_differ_alike_share_a_sentence() -> None:
    kinds = {OLD: "text", NEW: "number"}
    names = [f"c{n}" for n in range(6)]
    sending = {d: {name: Sent(kind=k) for name in names} for d, k in kinds.items()}
    sending[NEW]["place"] = Sent(kind="point")
    sending[OLD]["place"] = Sent(kind="text")

    found = mixed_forms(
        OLD,
        sending=sending,
        columns=[column(name) for name in (*names, "place", "only_here")],
        target=table(),
        chosen={},
    )

    assert [sentence.partition(":")[0] for sentence in found] == [
        "columns c0, c1, c2, c3, c4 and 1 more of public.requests mix forms",
        "column place of public.requests mixes forms",
    ]


def test_a_dataset_without_the_column_is_told_nothing_of_it() -> None:
    assert told({NEW: "text", THIRD: "point"}, of=OLD) == ()


@pytest.mark.parametrize(
    ("target", "pg_type", "mixed"),
    [
        pytest.param(table(c="text"), "text", True, id="the table's own type counts"),
        pytest.param(table(c="numeric"), "numeric", False, id="which may make them one"),
        pytest.param(table("text", c="word"), "word", True, id="of a domain the type below it"),
        pytest.param(table("numeric", c="price"), "price", False, id="which is not text"),
        pytest.param(table(other="text"), "numeric", False, id="a column that it gets"),
    ],
)
def test_what_the_table_makes_of_values(target: Target, pg_type: str, mixed: bool) -> None:
    assert bool(told({OLD: "text", NEW: "number"}, pg_type, target=target)) is mixed


@pytest.mark.parametrize(
    ("chosen", "news", "mixed"),
    [
        pytest.param({}, True, True, id="nobody chose, and it is new"),
        pytest.param({}, False, True, id="nobody chose: it is told until somebody does"),
        pytest.param({"c": ""}, False, True, id="to name a column is to choose no type"),
        pytest.param({"other": "text"}, False, True, id="another column's type is no choice"),
        pytest.param({"c": "text"}, True, True, id="a choice made before it was known"),
        pytest.param({"c": "text"}, False, False, id="a choice that stands"),
    ],
)
def test_who_named_a_type_is_told_once(chosen: dict[str, str], news: bool, mixed: bool) -> None:
    assert bool(told({OLD: "text", NEW: "point"}, chosen=chosen, news=news)) is mixed


# -- who sends what --------------------------------------------------------------------------------


def known(source: Mapping[str, str], **loaded: str) -> Known:
    """A dataset whose fields are of these types, loaded so (column=field)."""
    return replace(KNOWN, columns={"source": dict(source), "loaded": loaded})


POINT = known({"place": "point", "fee": "number"}, c="place")


@pytest.mark.parametrize(
    ("before", "is_new"),
    [
        pytest.param(None, True, id="it was never loaded"),
        pytest.param(known({"c": "text"}, c="c"), False, id="it was loaded so"),
        pytest.param(known({"c": "point"}, c="c"), True, id="it was of another type"),
        pytest.param(known({"d": "text"}, c="d"), True, id="another field filled the column"),
        pytest.param(known({"d": "text", "c": "text"}, c="d"), True, id="though both are there"),
        pytest.param(known({"c": "text"}), True, id="the column was not loaded"),
        pytest.param(known({"c": "text"}, c="gone"), True, id="what filled it is gone"),
        pytest.param(replace(KNOWN, columns={}), True, id="nothing is remembered of it"),
    ],
)
def test_what_a_dataset_sends_is_new_until_it_was_loaded_so(
    before: Known | None, is_new: bool
) -> None:
    recorded = {OLD: before} if before else {}

    found = find_sending(recorded, {OLD: [column()]}, resets=False)

    assert found == {OLD: {"c": Sent(kind="text", is_new=is_new)}}


def test_datasets_that_the_run_does_not_load_count_as_they_were_loaded() -> None:
    recorded = {THIRD: POINT, NEW: replace(KNOWN, columns={}), OLD: POINT}

    found = find_sending(recorded, {OLD: [column()]}, resets=False)

    assert list(found) == [OLD, NEW, THIRD]
    assert found[OLD]["c"].kind == "text"
    assert (found[NEW], found[THIRD]) == ({}, {"c": Sent(kind="point")})


def test_a_field_that_has_gone_since_sends_nothing() -> None:
    gone = known({"fee": "number"}, c="place", fee="fee")

    assert find_sending({NEW: gone}, {}, resets=False) == {NEW: {"fee": Sent(kind="number")}}


def test_a_reset_leaves_nothing_of_datasets_that_it_does_not_load() -> None:
    assert list(find_sending({NEW: POINT}, {OLD: [column()]}, resets=True)) == [OLD]
