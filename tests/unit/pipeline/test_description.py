"""What a dataset's page tells people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socratasync.errors import DatasetNotFound, SourceUnavailable
from socratasync.pipeline.source.catalogue import Owner
from socratasync.pipeline.source.description import LONGEST_TEXT, line, read_description

COLUMNS = [
    {
        "id": 7,
        "fieldName": "a",
        "name": "A's",
        "description": "What it is.",
        "dataTypeName": "text",
    },
    {"id": 8, "fieldName": "b", "name": None, "dataTypeName": "number"},
    {"id": 9, "fieldName": "c", "name": "C", "dataTypeName": "text", "flags": ["hidden"]},
]


def described(**view: Any) -> Any:
    return read_description(
        "abcd-1234", json.dumps({"name": "Parks", "columns": COLUMNS, **view}).encode()
    )


def test_labels_and_descriptions_are_those_of_the_columns_that_are_shown() -> None:
    found = described()

    assert [c.field for c in found.metadata.columns] == ["a", "b"]
    assert found.labels == {"a": "A's", "b": ""}
    assert found.texts == {"a": "What it is.", "b": ""}


@pytest.mark.parametrize(
    ("declared", "field"),
    [(7, "a"), ("8", "b"), (9, None), (99, None), (None, None), ([], None), (0, None)],
)
def test_a_row_identifier_is_a_column_that_is_shown(declared: Any, field: str | None) -> None:
    assert described(rowIdentifierColumnId=declared).row_identifier == field


@pytest.mark.parametrize(
    ("owner", "read"),
    [
        ({"id": "ada1-0000", "displayName": "Ada"}, Owner(id="ada1-0000", name="Ada")),
        ({"id": "ada1-0000"}, Owner(id="ada1-0000", name="")),
        ({"displayName": "Ada"}, None),
        ("Ada", None),
        (None, None),
    ],
)
def test_an_owner_is_one_that_has_an_id(owner: Any, read: Owner | None) -> None:
    assert described(owner=owner).owner == read


def test_what_publishers_wrote_in_another_form_counts_as_not_said() -> None:
    columns = [{**COLUMNS[0], "name": "x" * 999, "description": "a\nb"}]
    found = described(columns=columns, provenance="official", tags={"x": 1})

    assert (len(found.labels["a"]), found.texts["a"], found.provenance) == (
        LONGEST_TEXT,
        "a b",
        "official",
    )


def test_what_is_no_table_is_refused_as_by_a_run() -> None:
    with pytest.raises(DatasetNotFound, match="is no table of rows, but a map"):
        described(viewType="geo", displayType="map")
    with pytest.raises(SourceUnavailable):
        read_description("abcd-1234", b"[]")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("two\nlines", "two lines"),
        ("\u2028\u0085x\ufeff", "x"),
        ("\x1b[31mred\x07", "[31mred"),
        ("東京 🚧", "東京 🚧"),
        ("\ud800x", "x"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_text_is_one_line_that_no_terminal_obeys(text: object, written: str) -> None:
    assert line(text) == written
