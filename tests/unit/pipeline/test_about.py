"""What is kept of the words that a portal has for a dataset and its columns."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.pipeline.plans import KNOWN

from socratasync.api.spec import SyncSpec
from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.plan.about import name_of, told
from socratasync.pipeline.source.answers import Metadata, read_metadata
from socratasync.pipeline.source.lines import one_line

SOURCE = (
    SourceColumn(field="srnumber", type="text", label="SRNumber", description="Its number"),
    SourceColumn(field="status", type="text", label="Status"),
    SourceColumn(field="note", type="text", description="Said by phone"),
    SourceColumn(field="bare", type="text"),
)
METADATA = Metadata(
    id="abcd-1234",
    name="Requests",
    columns=SOURCE,
    rows_updated_at=None,
    description="All\n of them",
    attribution="Müller",
    licence="Public Domain",
)


def spec(**target: Any) -> SyncSpec:
    return SyncSpec.from_json(
        {
            "domain": "data.example.org:8443",
            "datasets": [{"id": "abcd-1234"}],
            "target": {
                "dsnSecretRef": {"name": "db"},
                "table": "requests",
                "key": ["srnumber"],
                **target,
            },
        }
    )


def columns(**fields: str) -> list[Column]:
    return [
        Column(name=name, field=field, source_type="text", type="text")
        for name, field in fields.items()
    ]


ALL = columns(number="srnumber", status="status", note="note", bare="bare", other="not_there")


def test_all_that_is_said_of_the_dataset_and_of_what_is_loaded_is_kept_by_the_targets_names() -> (
    None
):
    assert told(spec(), METADATA, ALL, None, utf8=True) == {
        "about": {
            "title": "Requests",
            "description": "All of them",
            "attribution": "Müller",
            "licence": "Public Domain",
            "address": "https://data.example.org:8443/d/abcd-1234",
        },
        "described": {
            "number": "SRNumber: Its number",
            "status": "Status",
            "note": "Said by phone",
        },
    }


def test_what_is_not_said_is_not_kept() -> None:
    bare = replace(METADATA, description="", attribution="", licence="", columns=SOURCE[3:])

    assert told(spec(), bare, columns(bare="bare"), KNOWN, utf8=True) == {
        "about": {"title": "Requests", "address": "https://data.example.org:8443/d/abcd-1234"},
        "described": {},
    }


def test_where_the_database_lacks_letters_they_are_written_out() -> None:
    source = (SourceColumn(field="a", type="text", label="größe"),)
    found = told(spec(), replace(METADATA, columns=source), columns(größe="a"), None, utf8=False)

    assert found["about"]["attribution"] == "M\\xfcller"
    assert found["described"] == {"größe": "gr\\xf6\\xdfe"}, (
        "a column's name is as the table has it"
    )


def test_a_long_description_is_cut() -> None:
    long = replace(METADATA, description="x" * 1001)

    kept = told(spec(), long, ALL, None, utf8=True)["about"]["description"]

    assert kept == "x" * 999 + "…"


def test_where_nobody_wants_comments_nothing_is_kept() -> None:
    remembered = replace(KNOWN, columns={**KNOWN.columns, "about": {"title": "Before"}})

    assert told(spec(comments=False), METADATA, ALL, remembered, utf8=True) == {}


@pytest.mark.parametrize("by", ["catalogue", "rows"])
def test_a_portal_that_describes_the_dataset_no_more_takes_back_nothing(by: Any) -> None:
    elsewhere = replace(METADATA, described_by=by)
    kept = {"about": {"title": "Before"}, "described": {"number": "As before"}}
    remembered = replace(KNOWN, columns={**KNOWN.columns, **kept})

    assert told(spec(), elsewhere, ALL, remembered, utf8=True) == kept
    assert told(spec(), elsewhere, ALL, KNOWN, utf8=True) == {}
    assert told(spec(), elsewhere, ALL, None, utf8=True) == {}


@pytest.mark.parametrize(
    ("name", "utf8", "kept"),
    [
        ("Grün", True, "Grün"),
        ("Grün", False, "Gr\\xfcn"),
        ("abcd-1234", True, ""),
        ("abcd-1234", False, ""),
    ],
)
def test_a_dataset_has_a_name_if_it_is_not_its_id(name: str, utf8: bool, kept: str) -> None:
    assert name_of(replace(METADATA, name=name), utf8=utf8) == kept


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n\n b\tc ", "a b c"),
        ("a\x00b\x1b[31m\u202e", "ab[31m"),
        ("\ud83d!", "!"),
        ("12345", "12345"),
        ("123456", "1234…"),
        (None, ""),
        (7, ""),
        ({"a": "b"}, ""),
    ],
)
def test_a_text_is_one_line_that_everything_can_hold(text: object, line: str) -> None:
    assert one_line(text, 6 if text == "a\x00b\x1b[31m\u202e" else 5) == line


@pytest.mark.parametrize(
    ("words", "attribution", "licence"),
    [
        ({}, "", ""),
        ({"attribution": "The\ncity", "license": {"name": "CC BY"}}, "The city", "CC BY"),
        ({"license": {"name": "CC BY"}, "licenseId": "CC_BY"}, "", "CC BY"),
        ({"license": {"termsLink": "https://example.org"}, "licenseId": "CC_BY"}, "", "CC_BY"),
        ({"license": "CC BY", "licenseId": "CC_BY"}, "", "CC_BY"),
        ({"attribution": ["x"], "license": [], "licenseId": {}}, "", ""),
        ({"attribution": "x" * 201, "licenseId": "y" * 201}, "x" * 199 + "…", "y" * 199 + "…"),
        ({"license": {"name": "z" * 201}}, "", "z" * 199 + "…"),
    ],
)
def test_whose_a_dataset_is_and_its_licence_are_read_where_they_are_said(
    words: dict[str, Any], attribution: str, licence: str
) -> None:
    columns = [{"fieldName": "a", "dataTypeName": "text"}]

    found = read_metadata("abcd-1234", json.dumps({"columns": columns, **words}).encode())

    assert (found.attribution, found.licence) == (attribution, licence)


@pytest.mark.parametrize(
    ("description", "read"),
    [("Its\nnumber", "Its number"), (None, ""), ({}, ""), ("x" * 501, "x" * 499 + "…")],
)
def test_what_is_said_of_a_column_is_read(description: object, read: str) -> None:
    columns = [{"fieldName": "a", "dataTypeName": "text", "description": description}]

    found = read_metadata("abcd-1234", json.dumps({"columns": columns}).encode())

    assert [c.description for c in found.columns] == [read]
