"""What is read of the portal's catalogue: recorded answers, the form of each part, and damaged ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.skipped import NO_REAL_DATA

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.source.catalogue import (
    LONGEST_TEXT,
    CatalogueColumn,
    CatalogueEntry,
    Owner,
    data_type,
    read_page,
)

DOMAIN = "data.example.org"


def entry(*, without: str = "", **changes: Any) -> dict[str, Any]:
    """One result as recorded, with changes to its resource."""
    resource = {
        "name": "Parks",
        "id": "park-0001",
        "parent_fxf": [],
        "description": "Where there is grass.",
        "type": "dataset",
        "updatedAt": "2025-06-30T18:44:33.000Z",
        "data_updated_at": "2025-06-30T18:44:33.000Z",
        "metadata_updated_at": "2025-06-30T18:44:32.000Z",
        "page_views": {"page_views_last_week_log": 8.9},
        "columns_name": ["Name", "Opened on"],
        "columns_field_name": ["name", "opened"],
        "columns_datatype": ["Text", "Calendar date"],
        "columns_description": ["", "Gates."],
        "provenance": "official",
    }
    resource.update(changes)
    resource.pop(without, None)
    return {
        "resource": resource,
        "classification": {"categories": [], "domain_category": "Recreation"},
        "metadata": {"domain": DOMAIN},
        "permalink": f"https://{DOMAIN}/d/park-0001",
        "link": f"https://{DOMAIN}/Recreation/Parks/park-0001",
        "owner": {"id": "aaaa-0000", "user_type": "interactive", "display_name": "Portal owner"},
    }


def page(*entries: Any, found: Any = 1, **more: Any) -> bytes:
    return json.dumps({"results": list(entries), "resultSetSize": found, **more}).encode()


def read(*entries: Any) -> CatalogueEntry:
    """The only entry."""
    (only,) = read_page(DOMAIN, page(*entries)).entries
    return only


def test_an_entry_has_what_people_and_runs_want_to_know() -> None:
    assert read(entry()) == CatalogueEntry(
        id="park-0001",
        domain=DOMAIN,
        name="Parks",
        type="dataset",
        columns=(
            CatalogueColumn(field="name", type="text", word="Text", label="Name"),
            CatalogueColumn(
                field="opened",
                type="calendar_date",
                word="Calendar date",
                label="Opened on",
                description="Gates.",
            ),
        ),
        description="Where there is grass.",
        page=f"https://{DOMAIN}/d/park-0001",
        owner=Owner(id="aaaa-0000", name="Portal owner"),
        provenance="official",
        category="Recreation",
        data_updated_at=datetime(2025, 6, 30, 18, 44, 33, tzinfo=UTC),
        metadata_updated_at=datetime(2025, 6, 30, 18, 44, 32, tzinfo=UTC),
        parents=(),
    )


def test_what_an_entry_need_not_say_is_not_made_up() -> None:
    bare = {
        "resource": {"id": "park-0001", "name": "", "type": "story"},
        "metadata": {"domain": DOMAIN},
    }

    assert read(bare) == CatalogueEntry(
        id="park-0001", domain=DOMAIN, name="park-0001", type="story"
    )


@pytest.mark.parametrize(
    ("parents", "told"),
    [(None, ()), ([], ()), ("lake-0001", ("lake-0001",)), (["lake-0001"], ("lake-0001",))],
)
def test_parents_come_as_a_list_or_as_one_id(parents: object, told: tuple[str, ...]) -> None:
    assert read(entry(parent_fxf=parents)).parents == told


def test_a_page_for_people_is_an_address_or_none() -> None:
    odd = entry() | {"permalink": "javascript:alert(1)", "link": None}
    other = entry() | {"permalink": "", "link": f"http://{DOMAIN}/x"}

    assert read(odd).page is None
    assert read(other).page == f"http://{DOMAIN}/x"


def test_texts_are_short_and_hold_nothing_that_a_terminal_obeys() -> None:
    told = read(entry(name="Pa\x1b[31mrks\n in  town", description="a\x07b\n" + "c" * 9000))

    assert told.name == "Pa [31mrks in town"
    assert told.description.startswith("a b\nccc")
    assert len(told.description) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("Text", "text"),
        ("Number", "number"),
        ("Money", "number"),
        ("Percent", "number"),
        ("Calendar date", "floating_timestamp"),
        ("Floating timestamp", "floating_timestamp"),
        ("Fixed timestamp", "fixed_timestamp"),
        ("Checkbox", "checkbox"),
        ("URL", "url"),
        ("Point", "point"),
        ("Location", "location"),
        ("MultiLine", "multiline"),
        ("MultiPolygon", "multipolygon"),
        ("Document", "document"),
        ("floating_timestamp", "floating_timestamp"),
        ("Hologram", "text"),
        ("", "text"),
    ],
)
def test_a_word_for_a_type_means_the_type_that_the_description_has(
    word: str, canonical: str
) -> None:
    assert SourceColumn(field="a", type=data_type(word)).canonical == canonical


def test_a_word_that_nobody_knows_is_kept_and_told_apart() -> None:
    odd = entry(columns_datatype=["Hologram", "Text"])

    first, second = read(odd).columns
    assert (first.type, first.word, first.is_known) == ("text", "Hologram", False)
    assert (second.type, second.word, second.is_known) == ("text", "Text", True)


DAMAGED: dict[str, Any] = {
    "no page": b"",
    "a list": b"[]",
    "half a page": page(entry())[:-40],
    "no number of results": json.dumps({"results": []}).encode(),
    "a number in words": page(found="many"),
    "a number below none": page(found=-1),
    "a number of too many digits": page(found=10**30),
    "a result that is a word": page("park-0001"),
    "no id": page(entry(without="id")),
    "an id that is a path": page(entry(id="../../etc")),
    "no name": page(entry(without="name")),
    "no domain": page(entry() | {"metadata": {}}),
    "columns that are a mapping": page(entry(columns_field_name={"a": 1})),
    "a column without a name": page(entry(columns_field_name=["name", ""])),
    "a column that is null": page(entry(columns_field_name=["name", None])),
    "a column that rings a bell": page(entry(columns_field_name=["name", "\x07"])),
    "fewer types than columns": page(entry(columns_datatype=["Text"])),
    "columns without types": page(entry(without="columns_datatype")),
    "fewer labels than columns": page(entry(columns_name=["Name"])),
    "a column twice": page(entry(columns_field_name=["name", "name"])),
    "a time in words": page(entry(data_updated_at="yesterday")),
    "a time that is a number": page(entry(data_updated_at=1745766729)),
    "an owner without an id": page(entry() | {"owner": {"display_name": "x"}}),
    "half a character": page(entry()).replace(b"Parks", b"\xff"),
    "a thousand brackets": b"[" * 1000,
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_catalogue_ends_in_a_sentence(body: bytes) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        read_page(DOMAIN, body)

    assert DOMAIN in caught.value.message or "where a time was asked for" in caught.value.message


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read_page(DOMAIN, b"\xef\xbb\xbf" + page(entry(), found=20)).found == 20


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(entry()["resource"])), value=_JSON)
def test_whatever_stands_in_a_place_is_read_or_refused(key: str, value: Any) -> None:
    try:
        told = read(entry(**{key: value}))
    except SourceUnavailable:
        return
    assert isinstance(told.name, str)
    assert all(c.field and c.type for c in told.columns)


@pytest.mark.parametrize(
    ("name", "domain", "entries", "found"),
    [
        ("catalog_chicago_ids.json", "data.cityofchicago.org", 10, 20),
        ("catalog_nyc_q.json", "data.cityofnewyork.us", 10, 882),
    ],
)
def test_recorded_catalogues_are_read_whole(
    real_folder: Path | None, name: str, domain: str, entries: int, found: int
) -> None:
    if real_folder is None:
        pytest.skip(NO_REAL_DATA)
    body = (real_folder / name).read_bytes()

    told = read_page(domain, body)

    recorded = json.loads(body)["results"]
    assert (len(told.entries), told.found) == (entries, found)
    for one, result in zip(told.entries, recorded, strict=True):
        resource = result["resource"]
        assert one.id == resource["id"]
        assert one.page == result["permalink"]
        assert one.data_updated_at is not None
        assert [c.field for c in one.columns] == resource["columns_field_name"]
        assert all(c.is_known for c in one.columns)
