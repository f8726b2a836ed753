from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.names import PARTS
from socratasync.errors import InvalidSpec, SchemaChanged, SyncError
from socratasync.pipeline import parts
from socratasync.pipeline.columns import (
    PROVENANCE,
    Column,
    SourceColumn,
    is_known_type,
    postgres_type,
)
from socratasync.pipeline.plan.names import (
    MAX_NAME_BYTES,
    column_name,
    name_all,
)
from socratasync.pipeline.plan.selection import EVERYTHING, select_columns
from socratasync.pipeline.plan.unnamed import Unnamed
from socratasync.pipeline.target.types import bare_type

LONG = "a_name_that_goes_on_and_on_until_postgresql_would_cut_it_off_here"
MULTIBYTE = "straße_" * 10  # 70 characters, 80 bytes

SOURCE = (
    SourceColumn(field="srnumber", type="text"),
    SourceColumn(field="createddate", type="calendar_date"),
    SourceColumn(field="housenumber", type="number"),
    SourceColumn(field="location", type="location"),
)


def select(
    *,
    source: tuple[SourceColumn, ...] = SOURCE,
    fields: dict[str, str] | None = None,
    mapping: dict[str, str] | None = None,
    provenance: bool = True,
    known: tuple[str, ...] = (),
    types: dict[str, str] | None = None,
    unnamed: Unnamed = EVERYTHING,
) -> dict[str, tuple[str, str]]:
    """Target column → (source field, PostgreSQL type)."""
    columns = select_columns(
        source,
        fields=fields or {},
        mapping=mapping or {},
        provenance=provenance,
        dataset="abcd-1234",
        known=known,
        types=types,
        unnamed=unnamed,
    )
    return {c.name: (c.field, c.type) for c in columns}


def digits(field: str) -> str:
    return hashlib.sha256(field.encode()).hexdigest()[:8]


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "name"),
    [
        pytest.param("srnumber", "srnumber", id="an ordinary name stays as it is"),
        pytest.param("_1950", "_1950", id="a label that starts with a digit keeps its underscore"),
        pytest.param(
            ":@computed_region_tatf_ua23",
            "computed_region_tatf_ua23",
            id="a computed region loses its marks",
        ),
        pytest.param(":updated_at", "updated_at", id="a field of Socrata's own loses its mark"),
        pytest.param("select", "select", id="a word reserved in SQL stays, for it is quoted"),
        pytest.param("a" * 63, "a" * 63, id="63 bytes fit"),
    ],
)
def test_a_column_is_called_as_its_field_where_postgresql_allows_it(field: str, name: str) -> None:
    assert column_name(field) == name


@pytest.mark.parametrize("field", ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])
def test_a_name_that_postgresql_keeps_for_itself_is_marked(field: str) -> None:
    assert column_name(field).startswith(f"{field}_")
    assert len(column_name(field)) == len(field) + 9


@pytest.mark.parametrize("field", [LONG, "ö" * 32, MULTIBYTE, "🚲" * 16, "x" * 500])
def test_a_name_over_63_bytes_is_cut_at_a_whole_character_and_marked(field: str) -> None:
    name = column_name(field)

    assert len(name.encode()) <= MAX_NAME_BYTES
    head, _, digest = name.rpartition("_")
    assert field.startswith(head)
    assert len(digest) == 8
    assert int(digest, 16) >= 0


def test_a_name_that_is_cut_has_all_the_bytes_that_there_are() -> None:
    assert column_name("a" * 64) == f"{'a' * 54}_{digits('a' * 64)}"


def test_a_name_whose_digest_form_is_taken_gets_another_and_the_same_each_time() -> None:
    first, second, third = (
        f"status_{digits(field)}" for field in ("status", "status_", "status__")
    )

    assert name_all(["status"], ["status"]) == {"status": first}
    assert name_all(["status"], ["status", first]) == {"status": second}
    assert name_all(["status"], ["status", first, second]) == {"status": third}


def test_two_long_names_with_one_beginning_stay_two() -> None:
    assert column_name(LONG + "_one") != column_name(LONG + "_two")


def test_a_field_without_a_name_gets_one() -> None:
    assert column_name(":")
    assert column_name(":") != column_name(":@")


def test_of_two_fields_that_want_one_name_the_one_that_is_called_so_gets_it() -> None:
    names = name_all([":@computed_region_x", "computed_region_x"])

    assert names["computed_region_x"] == "computed_region_x"
    assert names[":@computed_region_x"].startswith("computed_region_x_")


def test_names_do_not_depend_on_the_order_of_the_columns() -> None:
    fields = [":@region", "region", ":region", LONG + "_a", LONG + "_b", "ctid"]
    expected = name_all(fields)

    for order in itertools.permutations(fields):
        assert name_all(order) == expected


def test_names_come_in_the_order_of_the_columns() -> None:
    assert list(name_all(["zebra", ":@apple", "apple"])) == ["zebra", ":@apple", "apple"]


def test_a_field_called_like_another_ones_digest_form_still_gets_a_name_of_its_own() -> None:
    digest_form = name_all([":@a", "a"])[":@a"]

    names = name_all([":@a", "a", digest_form])

    assert names[digest_form] == digest_form
    assert len(set(names.values())) == 3


@given(st.lists(st.text(min_size=1, max_size=90), unique=True, max_size=12))
def test_any_fields_get_as_many_names_that_postgresql_takes(fields: list[str]) -> None:
    names = name_all(fields, PROVENANCE)

    assert set(names) == set(fields)
    assert len(set(names.values()) | set(PROVENANCE)) == len(fields) + len(PROVENANCE)
    assert all(0 < len(name.encode()) <= MAX_NAME_BYTES for name in names.values())
    assert names == name_all(sorted(fields), PROVENANCE)


# -- types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("socrata", "postgres"),
    [
        ("text", "text"),
        ("email", "text"),
        ("phone", "text"),
        ("drop_down_list", "text"),
        ("html", "text"),
        ("number", "numeric"),
        ("money", "numeric"),
        ("percent", "numeric"),
        ("stars", "numeric"),
        ("double", "double precision"),
        ("checkbox", "boolean"),
        ("boolean", "boolean"),
        ("calendar_date", "timestamp without time zone"),
        ("floating_timestamp", "timestamp without time zone"),
        ("fixed_timestamp", "timestamp with time zone"),
        ("date", "timestamp with time zone"),
        ("point", "text"),
        ("line", "text"),
        ("polygon", "text"),
        ("multipoint", "text"),
        ("multiline", "text"),
        ("multipolygon", "text"),
        ("location", "text"),
        ("url", "text"),
        ("document", "text"),
        ("photo", "text"),
        ("blob", "text"),
        ("json", "jsonb"),
        ("row_identifier", "text"),
        ("row_version", "text"),
        ("Calendar_Date", "timestamp without time zone"),
    ],
)
def test_every_documented_type_has_a_postgresql_type_that_keeps_its_values(
    socrata: str, postgres: str
) -> None:
    column = SourceColumn(field="x", type=socrata)

    assert is_known_type(column)
    assert postgres_type(column) == postgres


def test_a_type_that_nobody_knows_is_kept_as_text() -> None:
    column = SourceColumn(field="x", type="hologram")

    assert not is_known_type(column)
    assert postgres_type(column) == "text"


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("INT", "integer"),
        ("int4", "integer"),
        ("varchar(20)", "character varying"),
        ("character  varying (20)", "character varying"),
        ("numeric(10,2)", "numeric"),
        ("decimal(10, 2)", "numeric"),
        ("timestamp(3) with time zone", "timestamp with time zone"),
        ("timestamptz", "timestamp with time zone"),
        ("timestamp", "timestamp without time zone"),
        ("geometry(Point,4326)", "geometry"),
        ("text[]", "text[]"),
    ],
)
def test_a_type_has_one_name_without_its_length(written: str, bare: str) -> None:
    assert bare_type(written) == bare


# -- what a dataset loads -----------------------------------------------------------------------


def test_without_fields_every_column_is_loaded_with_the_type_of_its_metadata() -> None:
    assert select() == {
        "srnumber": ("srnumber", "text"),
        "createddate": ("createddate", "timestamp without time zone"),
        "housenumber": ("housenumber", "numeric"),
        "location": ("location", "text"),
    }


def test_fields_choose_the_columns_and_an_empty_type_is_inferred() -> None:
    chosen = select(fields={"housenumber": "integer", "createddate": ""})

    assert chosen == {
        "housenumber": ("housenumber", "integer"),
        "createddate": ("createddate", "timestamp without time zone"),
    }
    assert list(chosen) == ["housenumber", "createddate"]


def test_a_mapped_column_takes_another_field_and_nothing_is_loaded_twice() -> None:
    source = (SourceColumn(field="casenumber", type="text"), SOURCE[1])

    assert select(source=source, mapping={"srnumber": "casenumber"}) == {
        "srnumber": ("casenumber", "text"),
        "createddate": ("createddate", "timestamp without time zone"),
    }


def test_two_columns_may_be_mapped_to_one_field() -> None:
    both = select(fields={"a": "text", "b": ""}, mapping={"a": "srnumber", "b": "srnumber"})

    assert both == {"a": ("srnumber", "text"), "b": ("srnumber", "text")}


def test_two_columns_may_swap_their_fields() -> None:
    swapped = select(mapping={"srnumber": "housenumber", "housenumber": "srnumber"})

    assert swapped["srnumber"] == ("housenumber", "numeric")
    assert swapped["housenumber"] == ("srnumber", "text")
    assert len(swapped) == len(SOURCE)


def test_a_long_field_is_found_by_the_name_that_its_column_got() -> None:
    source = (SourceColumn(field=LONG, type="number"),)

    assert select(source=source, fields={column_name(LONG): ""}) == {
        column_name(LONG): (LONG, "numeric")
    }


def test_a_computed_region_is_found_by_its_plain_name() -> None:
    source = (SourceColumn(field=":@computed_region_x", type="number"),)

    assert select(source=source, fields={"computed_region_x": "integer"}) == {
        "computed_region_x": (":@computed_region_x", "integer")
    }


def test_a_field_called_like_a_provenance_column_makes_way_for_it() -> None:
    source = (*SOURCE, SourceColumn(field="socrata_id", type="text"))

    names = set(select(source=source))

    assert "socrata_id" not in names
    assert any(name.startswith("socrata_id_") for name in names)
    assert "socrata_id" in select(source=source, provenance=False)


def test_provenance_columns_among_the_fields_are_not_asked_of_the_source() -> None:
    chosen = select(fields={"srnumber": "", "socrata_id": "text"})

    assert list(chosen) == ["srnumber"]


def test_a_chosen_column_that_the_source_lacks_is_named_with_what_there_is() -> None:
    with pytest.raises(InvalidSpec) as caught:
        select(fields={"srnumber": "", "closeddate": ""})

    assert "no column for closeddate; map it" in caught.value.message
    assert "srnumber, createddate, housenumber, location" in caught.value.message


def test_of_many_columns_forty_are_named() -> None:
    source = tuple(SourceColumn(field=f"c{number:02}", type="text") for number in range(41))

    with pytest.raises(InvalidSpec) as caught:
        select(source=source, fields={"closeddate": ""})

    assert caught.value.message.endswith("c38, c39")


def test_a_mapping_to_a_field_that_the_source_lacks_names_both() -> None:
    with pytest.raises(InvalidSpec, match=r"srnumber \(from casenumber\)"):
        select(mapping={"srnumber": "casenumber"})


@pytest.mark.parametrize(
    ("known", "wanted", "error"),
    [
        pytest.param((), {"casenumber": ""}, InvalidSpec, id="the dataset was never loaded"),
        pytest.param(("srnumber",), {"casenumber": ""}, InvalidSpec, id="it never had it"),
        pytest.param(("casenumber",), {"casenumber": ""}, SchemaChanged, id="it had it"),
        pytest.param(
            ("casenumber",), {"casenumber": "", "nope": ""}, InvalidSpec, id="it had one of two"
        ),
    ],
)
def test_a_column_that_is_not_there_is_gone_only_if_it_was_there(
    known: tuple[str, ...], wanted: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        select(fields=wanted, known=known)


def test_what_is_nearest_to_a_name_is_told() -> None:
    labelled = SourceColumn(field="service_request_id", type="text", label="CaseID")

    with pytest.raises(InvalidSpec) as caught:
        select(source=(*SOURCE, labelled), fields={"CaseID": "", "created_date": ""})

    assert (
        'Nearest to CaseID: service_request_id (the portal shows it as "CaseID"). Nearest to created_date: '
        "createddate. Its columns are: srnumber" in caught.value.message
    )


def test_a_mapping_for_a_column_that_is_not_loaded_is_refused() -> None:
    with pytest.raises(
        InvalidSpec, match=r"names location, which spec\.target\.fields does not load"
    ):
        select(fields={"srnumber": ""}, mapping={"location": "housenumber"})


def test_a_mapping_onto_a_provenance_column_is_refused() -> None:
    with pytest.raises(InvalidSpec, match=r"socrata_id.*provenance"):
        select(mapping={"socrata_id": "srnumber"})

    assert select(mapping={"socrata_id": "srnumber"}, provenance=False)["socrata_id"] == (
        "srnumber",
        "text",
    )


def test_a_column_remembers_the_canonical_type_of_its_source() -> None:
    columns = select_columns(
        (SourceColumn(field="on", type="calendar_date"),),
        fields={},
        mapping={},
        provenance=True,
        dataset="abcd-1234",
    )

    assert columns == (
        Column(
            name="on",
            field="on",
            source_type="floating_timestamp",
            type="timestamp without time zone",
        ),
    )


# -- parts -----------------------------------------------------------------------------------------

OLD = (
    SourceColumn(field="name", type="text"),
    SourceColumn(field="place", type="location"),
    SourceColumn(field="site", type="url"),
    SourceColumn(field="file", type="document"),
    SourceColumn(field="call", type="phone"),
    SourceColumn(field="spot", type="point"),
    SourceColumn(field="picture", type="photo"),
)
DOUBLE = "double precision"


def old(**words: Any) -> dict[str, tuple[str, str]]:
    return select(source=OLD, unnamed=words.pop("unnamed", Unnamed()), **words)


NEW_TABLE = {
    "name": ("name", "text"),
    "place_latitude": ("place.latitude", DOUBLE),
    "place_longitude": ("place.longitude", DOUBLE),
    "site": ("site.url", "text"),
    "file": ("file.file_id", "text"),
    "call": ("call", "text"),
    "spot": ("spot", "text"),
    "picture": ("picture", "text"),
}


def test_a_new_table_gets_parts_that_postgresql_reads() -> None:
    assert old() == NEW_TABLE
    assert list(old()) == list(NEW_TABLE)


@pytest.mark.parametrize(
    ("mapping", "changes"),
    [
        pytest.param(
            {"lon": "place.longitude"},
            {"lon": ("place.longitude", DOUBLE), "place_longitude": None},
            id="one of two is not loaded twice",
        ),
        pytest.param(
            {"address": "place.human_address"},
            {"address": ("place.human_address", "text")},
            id="one more",
        ),
        pytest.param(
            {"link": "site.url", "title": "site.description"},
            {"link": ("site.url", "text"), "title": ("site.description", "text"), "site": None},
            id="the only one under another name",
        ),
        pytest.param(
            {"there": "place"},
            {"there": ("place", "text"), "place_latitude": None, "place_longitude": None},
            id="the whole",
        ),
        pytest.param(
            {"kind": "file.content_type", "called": "file.filename"},
            {"kind": ("file.content_type", "text"), "called": ("file.filename", "text")},
            id="of a document",
        ),
        pytest.param(
            {"number": "call.phone_number", "sort": "call.phone_type"},
            {"number": ("call.phone_number", "text"), "sort": ("call.phone_type", "text")},
            id="of a phone",
        ),
        pytest.param(
            {"x": "spot.longitude", "y": "spot.latitude"},
            {"x": ("spot.longitude", DOUBLE), "y": ("spot.latitude", DOUBLE)},
            id="of a point",
        ),
    ],
)
def test_the_manifest_names_parts_beside_what_is_loaded_anyway(
    mapping: dict[str, str], changes: dict[str, tuple[str, str] | None]
) -> None:
    expected = {**NEW_TABLE, **changes}

    assert old(mapping=mapping) == {name: path for name, path in expected.items() if path}


def test_fields_name_what_is_loaded_by_default_by_the_names_that_it_would_have() -> None:
    fields = {"site": "", "place_latitude": "", "place": "", "file": "varchar(40)"}

    assert old(fields=fields) == {
        "site": ("site.url", "text"),
        "place_latitude": ("place.latitude", DOUBLE),
        "place": ("place", "text"),
        "file": ("file.file_id", "varchar(40)"),
    }
    assert old(fields={"lon": ""}, mapping={"lon": "place.longitude"}) == {
        "lon": ("place.longitude", DOUBLE)
    }


def test_types_are_given_by_the_names_of_the_parts() -> None:
    found = old(
        types={"place_latitude": "real", "lon": "numeric"}, mapping={"lon": "place.longitude"}
    )

    assert (found["place_latitude"], found["lon"]) == (
        ("place.latitude", "real"),
        ("place.longitude", "numeric"),
    )


def test_a_coordinate_leaves_its_name_to_the_field_that_is_called_so() -> None:
    source = (
        SourceColumn(field="place", type="location"),
        SourceColumn(field="place_latitude", type="text"),
    )

    found = select(source=source, unnamed=Unnamed())

    assert found["place_latitude"] == ("place_latitude", "text")
    assert found[f"place_latitude_{digits('place_latitude')}"] == ("place.latitude", DOUBLE)
    assert found["place_longitude"] == ("place.longitude", DOUBLE)


@pytest.mark.parametrize(
    ("path", "filled", "error", "said"),
    [
        pytest.param(
            "site.latitude",
            {},
            InvalidSpec,
            "dataset abcd-1234 has no site.latitude for y: site is of type url, and it has site.url, "
            "site.description. Correct datasets[].columns",
            id="one that the type does not have",
        ),
        pytest.param(
            "picture.file_id",
            {},
            InvalidSpec,
            "picture is of type photo, and it has no parts; write it whole",
            id="one of a type without parts",
        ),
        pytest.param(
            "site.latitude",
            {"y": "site.latitude"},
            SchemaChanged,
            "has no site.latitude for y",
            id="one that it had",
        ),
        pytest.param("palace.latitude", {}, InvalidSpec, "Nearest to palace: place", id="no field"),
    ],
)
def test_a_part_that_is_not_there_is_refused(
    path: str, filled: dict[str, str], error: type[SyncError], said: str
) -> None:
    with pytest.raises(error) as caught:
        old(mapping={"y": path}, unnamed=Unnamed(filled=filled))

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("site.url", ("site", "url")),
        (":@x.latitude", (":@x", "latitude")),
        ("a.b", ("a.b", "")),
        (".url", (".url", "")),
        ("url", ("url", "")),
        ("a.b.url", ("a.b", "url")),
    ],
)
def test_a_path_is_a_field_and_a_part_that_some_type_has(path: str, split: tuple[str, str]) -> None:
    assert parts.split(path) == split
    assert parts.whole(path) == split[0]


def test_every_part_of_a_type_can_be_written_in_a_manifest() -> None:
    assert {part for each in parts.OF_TYPE.values() for part in each} == set(PARTS)
    assert all(set(some) <= set(parts.OF_TYPE[kind]) for kind, some in parts.BY_DEFAULT.items())


def test_a_part_is_staged_under_a_name_that_no_column_of_the_source_has() -> None:
    whole = Column(name="site", field="site", source_type="url", type="text")
    part = replace(whole, field="site.url", source_type="text", whole_type="url")

    assert (whole.whole, whole.field_type, whole.staged) == ("site", "url", "site")
    assert (part.whole, part.field_type) == ("site", "url")
    assert part.staged == f"site_{hashlib.sha256(b'site').hexdigest()[:12]}"
    assert len(replace(part, name="n" * 63).staged) == 63
    assert replace(part, name="Odd Name").staged.startswith("column_")
