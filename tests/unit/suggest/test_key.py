"""Which column is proposed as key."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from socratasync.pipeline.columns import SourceColumn
from socratasync.suggest.key import MOST_ASKED, Counted, candidates, choose
from socratasync.suggest.sample import Column, Sample

UNKNOWN = Sample()


def columns(**types: str) -> list[SourceColumn]:
    return [SourceColumn(field=field, type=kind) for field, kind in types.items()]


def key(
    rows: int,
    values: Mapping[str, int],
    *,
    declared: str | None = None,
    asked: list[str] | None = None,
) -> tuple[str | None, str]:
    """The key's field and what is said of it. ``asked``: all that have values, in that order."""
    found = choose(declared, Counted(rows=rows, values=values), asked or list(values))
    return found.field, " ".join(found.reasons)


@pytest.mark.parametrize(
    ("rows", "values", "declared", "chosen", "said"),
    [
        pytest.param(
            900, {"srnumber": 900}, None, "srnumber", "in each of the 900 rows", id="unique"
        ),
        pytest.param(900, {"srnumber": 899}, None, None, "No column", id="one twice, or missing"),
        pytest.param(900, {"a_id": 899, "b_id": 900}, None, "b_id", "b_id has", id="the second"),
        pytest.param(9, {"case_id": 9}, None, "case_id", "may be by chance", id="few rows"),
        pytest.param(9, {"street": 9}, None, None, "street differs in all", id="few, another name"),
        pytest.param(99, {"street": 99}, None, None, "chance", id="still few"),
        pytest.param(100, {"street": 100}, None, "street", "100 rows", id="no more few"),
        pytest.param(
            500,
            {"street": 500, "case_id": 500},
            None,
            "case_id",
            "case_id has",
            id="the likelier one",
        ),
        pytest.param(1, {"id": 1}, None, "id", "the only row", id="one row"),
        pytest.param(0, {"id": 0}, None, None, "no row yet", id="no rows"),
        pytest.param(0, {"id": 0}, "id", "id", "publisher declared", id="declared, no rows"),
        pytest.param(9, {"street": 9}, "street", "street", "publisher declared", id="declared"),
        pytest.param(
            9,
            {"id": 9, "code": 8},
            "code",
            "id",
            "9 rows have only 8 values",
            id="declared in vain",
        ),
        pytest.param(9, {"id": 8}, "code", None, "lack it or share it", id="not even asked"),
    ],
)
def test_a_key_has_a_value_of_its_own_in_every_row(
    rows: int, values: dict[str, int], declared: str | None, chosen: str | None, said: str
) -> None:
    field, reasons = key(rows, values, declared=declared)

    assert field == chosen
    assert said in reasons


@pytest.mark.parametrize("declared", [None, "code"])
def test_without_counts_only_what_the_publisher_declared_is_a_key(declared: str | None) -> None:
    found = choose(declared, None, ["id", "code"])

    assert found.field == declared
    assert "not count" in found.reasons[0]


@pytest.mark.parametrize(
    ("kind", "name", "asked"),
    [
        ("text", "case", True),
        ("text", "street", True),
        ("number", "objectid", True),
        ("text", "address", False),
        ("number", "latitude", False),
        ("number", "total_cost", False),
        ("money", "case_id", False),
        ("checkbox", "id", False),
        ("calendar_date", "id", False),
        ("point", "id", False),
        ("number", ":@computed_region_id", False),
        ("text", "Case ID", False),
    ],
)
def test_texts_and_numbers_with_names_of_keys_are_asked(kind: str, name: str, asked: bool) -> None:
    assert (candidates(columns(**{name: kind}), UNKNOWN, None) == [name]) is asked


def test_what_the_publisher_declared_comes_first_whatever_its_name_and_type() -> None:
    there = columns(id="text", address="text", day="calendar_date", place="point")

    assert candidates(there, UNKNOWN, "address") == ["address", "id"]
    assert candidates(there, UNKNOWN, "day") == ["day", "id"]
    assert candidates(there, UNKNOWN, "place") == ["id"]


def test_names_of_keys_come_before_others() -> None:
    there = columns(street="text", srnumber="text", unique_key="text")

    assert candidates(there, UNKNOWN, None) == ["unique_key", "srnumber", "street"]


def test_a_few_are_asked() -> None:
    there = columns(**{f"c{n}": "text" for n in range(300)}, the_id="text")
    asked = candidates(there, UNKNOWN, None)

    assert len(asked) == MOST_ASKED
    assert asked[0] == "the_id"


@pytest.mark.parametrize(
    ("seen", "kind", "asked"),
    [
        (Column(can_be_key=True, is_whole=False), "text", True),
        (Column(can_be_key=False, is_whole=False), "text", False),
        (Column(can_be_key=True, is_whole=False), "number", False),
        (Column(can_be_key=True, is_whole=True), "number", True),
    ],
)
def test_what_the_first_rows_rule_out_is_not_asked(seen: Column, kind: str, asked: bool) -> None:
    sample = Sample(rows=5, columns={"id": seen})

    assert bool(candidates(columns(id=kind), sample, None)) is asked
