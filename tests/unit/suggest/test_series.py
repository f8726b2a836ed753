"""Which datasets of a portal belong into one table."""

from __future__ import annotations

from typing import Any

import pytest

from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.source.catalogue import CatalogueColumn, CatalogueEntry, Owner
from socratasync.suggest.series import (
    Shown,
    judge,
    match_columns,
    of_series,
    shown,
    without_year,
    year_in,
)

ADA, BOB = Owner(id="ada1-0000", name="Ada"), Owner(id="bob1-0000", name="Bob")
COLUMNS = {"srnumber": "text", "status": "text", "opened": "calendar_date"}


def dataset(
    id_: str = "cccc-2019",
    name: str = "Cases 2019",
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    **words: Any,
) -> Shown:
    given = {"owner": ADA, "provenance": "official", **words}
    fields = COLUMNS if columns is None else columns
    return Shown(
        id=id_,
        name=name,
        columns=tuple(SourceColumn(field=f, type=t) for f, t in fields.items()),
        labels=labels or {},
        **given,
    )


FIRST = dataset("cccc-2018", "Cases 2018")


@pytest.mark.parametrize(
    ("name", "year", "left"),
    [
        ("Cases 2018", 2018, "Cases"),
        ("2018 Cases", 2018, "Cases"),
        ("Cases (2018)", 2018, "Cases"),
        ("Cases_2018_v2", 2018, "Cases_ _v2"),
        ("Cases", None, "Cases"),
        ("Cases 2018-2019", None, "Cases 2018-2019"),
        ("Cases 2018 to 2018", 2018, "Cases to"),
        ("Cases 12018", None, "Cases 12018"),
        ("Cases 1776", None, "Cases 1776"),
    ],
)
def test_a_name_has_one_year_or_none(name: str, year: int | None, left: str) -> None:
    assert year_in(name) == year
    assert without_year(name) == left


@pytest.mark.parametrize(
    ("other", "belongs"),
    [
        pytest.param(dataset(), True, id="the next year"),
        pytest.param(dataset(name="CASES - 2019"), True, id="written otherwise"),
        pytest.param(dataset(name="Cases"), False, id="no year"),
        pytest.param(dataset(name="Closed Cases 2019"), False, id="another name"),
        pytest.param(dataset("cccc-2018", "Cases 2019"), False, id="itself"),
        pytest.param(dataset(is_derived=True), False, id="a view of another"),
    ],
)
def test_a_series_has_one_name_but_for_the_year(other: Shown, belongs: bool) -> None:
    assert of_series(FIRST, [other]) == ([other] if belongs else [])


def test_a_name_without_a_year_has_no_series() -> None:
    assert of_series(dataset(name="Cases"), [dataset("cccc-2018", "Cases")]) == []


@pytest.mark.parametrize(
    ("other", "why"),
    [
        pytest.param(dataset(), None, id="the same columns"),
        pytest.param(dataset(owner=BOB), "another account (Bob)", id="another owner"),
        pytest.param(dataset(owner=None), "does not say whose", id="nobody's"),
        pytest.param(dataset(provenance="community"), "it is community", id="a user's"),
        pytest.param(
            dataset(columns={**COLUMNS, "status": "number"}), "status is number", id="another type"
        ),
        pytest.param(
            dataset(columns={"srnumber": "text", "status": "text"}), "has no opened", id="one less"
        ),
        pytest.param(dataset(columns={**COLUMNS, "more": "text"}), "has more", id="one more"),
        pytest.param(dataset(columns={"a": "text", "b": "text"}), "other columns", id="others"),
        pytest.param(
            dataset(columns={**COLUMNS, ":@computed_region_x": "number"}), None, id="a region more"
        ),
        pytest.param(dataset(name="Cases 2018"), "several datasets of 2018", id="the same year"),
    ],
)
def test_what_is_not_sure_is_left_out_with_the_reason(other: Shown, why: str | None) -> None:
    siblings, left_out = judge(FIRST, [other], named=False)

    assert [s.dataset for s in siblings] == ([] if why else [other])
    assert [left.dataset for left in left_out] == ([other] if why else [])
    assert all(why in left.why for left in left_out if why)


def test_two_of_one_year_are_both_left_out() -> None:
    twins = [dataset("aaaa-2019"), dataset("bbbb-2019")]

    assert judge(FIRST, twins, named=False)[0] == []
    assert len(judge(FIRST, twins, named=True)[0]) == 2


def test_what_a_person_named_need_not_be_asked_whose_it_is() -> None:
    other = dataset(owner=BOB, columns={**COLUMNS, "more": "text"})

    assert [s.dataset for s in judge(FIRST, [other], named=True)[0]] == [other]


@pytest.mark.parametrize(
    ("columns", "labels", "renamed"),
    [
        pytest.param(
            {"casenumber": "text", "status": "text", "opened": "calendar_date"},
            {"casenumber": "SR Number"},
            {"srnumber": "casenumber"},
            id="by the label",
        ),
        pytest.param(
            {"sr_number": "text", "status": "text", "opened": "calendar_date"},
            {},
            {"srnumber": "sr_number"},
            id="by the name but for underscores",
        ),
        pytest.param(
            {"one": "text", "two": "text", "status": "text", "opened": "calendar_date"},
            {"one": "SRNumber", "two": "SRNumber"},
            None,
            id="two of one label are none",
        ),
    ],
)
def test_a_renamed_column_is_found(
    columns: dict[str, str], labels: dict[str, str], renamed: dict[str, str] | None
) -> None:
    first = dataset("cccc-2018", "Cases 2018", labels={"srnumber": "SRNumber"})
    siblings, left_out = judge(first, [dataset(columns=columns, labels=labels)], named=False)

    assert [dict(s.columns) for s in siblings] == ([renamed] if renamed else [])
    assert bool(left_out) is (renamed is None)


def test_no_column_is_matched_twice() -> None:
    first = dataset(columns={"a_b": "text", "ab": "text"})
    other = dataset(columns={"ab": "text", "x": "text"})

    assert match_columns(first, other) == {"ab": "ab"}


def test_a_dataset_of_the_catalogue_is_one_that_is_compared() -> None:
    entry = CatalogueEntry(
        id="cccc-2019",
        domain="x.org",
        name="Cases 2019",
        type="dataset",
        columns=(CatalogueColumn(field="a", type="text", word="Text", label="A"),),
        owner=ADA,
        provenance="official",
    )
    found = shown(entry)

    assert (found.year, found.owner, found.provenance, found.labels) == (
        2019,
        ADA,
        "official",
        {"a": "A"},
    )
    assert not found.is_derived
