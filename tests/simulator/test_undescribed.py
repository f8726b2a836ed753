"""Datasets that a portal describes no more at ``/api/views``, and what is found out of them all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    InvalidAppToken,
    SourceThrottled,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.undescribed import MOST_QUESTIONS, confirmed, read_heading

PARKS = "park-0001"
REGION = ":@computed_region_bdys_3d7i"


@pytest.fixture(name="parks")
def _parks(portal: Portal) -> Dataset:
    columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
    parks = portal.add_dataset(PARKS, columns, [{"name": "p0"}, {"name": "p1"}])
    parks.add_column(REGION, "number")
    portal.faults.add(Fault.status(404), on="metadata", times=None)
    return parks


@pytest.fixture(name="source")
def _source(socrata: Server, parks: Dataset) -> Iterator[Source]:
    with closing(Source(socrata.domain, policy=RetryPolicy(attempts=1))) as source:
        yield source


def types(metadata: Metadata) -> dict[str, str]:
    return {c.field: c.canonical for c in metadata.columns}


def listed(portal: Portal, domain: str, columns: dict[str, str] | None) -> None:
    """The catalogue lists these columns (field → word) of the parks, None: not the parks at all."""
    resource = {"id": PARKS, "name": "City parks", "type": "dataset"}
    resource |= {"columns_field_name": list(columns or {})}  # type: ignore[dict-item]
    resource |= {"columns_datatype": list((columns or {}).values())}  # type: ignore[dict-item]
    entry = {"resource": resource, "metadata": {"domain": domain}}
    document = {"results": [] if columns is None else [entry], "resultSetSize": 1}
    portal.faults.add(Fault.answer(json.dumps(document)), on="catalog", times=None)


ALL = {"opened": "Calendar date", REGION: "Number", "acres": "Number", "name": "Text"}
FOUND = {"name": "text", "acres": "number", "opened": "floating_timestamp", REGION: "number"}


def test_columns_are_those_of_the_rows_and_regions_those_of_the_catalogue(
    portal: Portal, source: Source, parks: Dataset
) -> None:
    listed(portal, source.domain, ALL)

    found = source.metadata(PARKS)

    assert types(found) == FOUND
    assert [c.field for c in found.columns] == list(FOUND)
    assert (found.name, found.described_by) == ("City parks", "catalogue")
    assert found.rows_updated_at is not None
    assert found.rows_updated_at.timestamp() * 1000 == pytest.approx(parks.truth.changed_at)
    assert found.warning is not None
    assert f"dataset {PARKS}: the portal describes it no more at /api/views" in found.warning
    assert not found.tells_every_change


def test_the_simulated_catalogue_does_as_well(source: Source, parks: Dataset) -> None:
    parks.add_column("lake", "checkbox", "Has a lake")

    found = source.metadata(PARKS)

    assert types(found) == {**FOUND, "lake": "checkbox"}
    assert {c.field: c.label for c in found.columns}["lake"] == "Has a lake"


def test_words_of_the_catalogue_do_where_headers_lack(portal: Portal, source: Source) -> None:
    portal.faults.add(Fault.without_types(), times=None)
    listed(portal, source.domain, ALL)

    assert types(source.metadata(PARKS)) == FOUND


@pytest.mark.parametrize(
    "gone",
    [
        Fault.status(404),
        Fault.status(410),
        Fault.status(500),
        Fault.status(403),
        Fault.login_page(),
        Fault.answer("{}"),
        Fault.answer('{"results": [], "resultSetSize": 0}'),
    ],
    ids=["missing", "gone", "broken", "closed", "a log-in page", "damaged", "without it"],
)
def test_headers_of_rows_do_where_the_catalogue_lacks_the_dataset(
    portal: Portal, source: Source, gone: Fault
) -> None:
    portal.faults.add(gone, on="catalog", times=None)

    found = source.metadata(PARKS)

    assert types(found) == FOUND
    assert (found.name, found.described_by) == (PARKS, "rows")
    assert found.warning is not None
    assert found.warning.endswith("its columns are taken from its rows")


@pytest.mark.parametrize("error", [SourceThrottled, InvalidAppToken])
def test_a_portal_that_wants_us_to_wait_or_to_go_is_not_asked_round_about(
    portal: Portal, source: Source, error: type[SyncError]
) -> None:
    fault = Fault.status(429) if error is SourceThrottled else Fault.invalid_token()
    portal.faults.add(fault, on="catalog")

    with pytest.raises(error):
        source.metadata(PARKS)


def test_where_nobody_tells_a_type_nothing_is_guessed(portal: Portal, source: Source) -> None:
    portal.faults.add(Fault.without_types(), times=None)
    listed(portal, source.domain, None)

    with pytest.raises(SourceUnavailable, match=r"nobody tells the type of name in dataset park-"):
        source.metadata(PARKS)


def test_the_last_load_remembers_what_nobody_else_tells(portal: Portal, source: Source) -> None:
    portal.faults.add(Fault.without_types(), times=None)
    listed(portal, source.domain, None)

    assert types(source.metadata(PARKS, remembered=FOUND)) == FOUND


DOUBTS: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "in another order": (dict(reversed(ALL.items())), FOUND, FOUND),
    "that lists no regions": ({"name": "Text"}, FOUND, FOUND),
    "that lists a column of last year": (ALL | {"fee": "Money"}, FOUND, FOUND),
    "that knows a new column": (
        ALL,
        {f: t for f, t in FOUND.items() if f != "acres"},
        FOUND,
    ),
    "after a column went": (ALL, FOUND | {"fee": "number"}, FOUND),
    "with a word that nobody knows": (
        ALL | {"name": "Hologram"},
        FOUND | {"name": "dataset_link"},
        FOUND | {"name": "dataset_link"},
    ),
    "where url was told of": (ALL, FOUND | {"name": "url"}, FOUND | {"name": "url"}),
    "after a type changed": (ALL, FOUND | {"acres": "checkbox"}, FOUND),
}
"""A catalogue … : what it lists, what the last load remembers, and what is found."""


@pytest.mark.parametrize("has_types", [True, False], ids=["headers", "no headers"])
@pytest.mark.parametrize(("columns", "remembered", "found"), DOUBTS.values(), ids=DOUBTS)
def test_a_catalogue_neither_hides_a_column_nor_makes_one_up(
    portal: Portal,
    source: Source,
    has_types: bool,
    columns: dict[str, str],
    remembered: dict[str, str],
    found: dict[str, str],
) -> None:
    if not has_types:
        portal.faults.add(Fault.without_types(), times=None)
    listed(portal, source.domain, columns)

    assert types(source.metadata(PARKS, remembered)) == found


def test_columns_that_the_rows_do_not_name_by_themselves_are_asked_for(
    portal: Portal, source: Source, parks: Dataset
) -> None:
    parks.add_column("fee", "number", hidden=True)
    parks.add_column("dogs", "checkbox", hidden=True)
    listed(portal, source.domain, ALL | {"fee": "Money", "cats": "Checkbox", ":id": "Text"})

    found = types(source.metadata(PARKS, FOUND | {"dogs": "checkbox"}))

    assert found == FOUND | {"fee": "number", "dogs": "checkbox"}


@pytest.mark.parametrize(("more", "asked"), [({}, []), ({"fee": "Money"}, ["rows"])])
def test_a_portal_that_describes_nothing_is_asked_few_questions(
    portal: Portal, source: Source, parks: Dataset, more: dict[str, str], asked: list[str]
) -> None:
    parks.add_column("fee", "number", hidden=True)
    listed(portal, source.domain, ALL | more)
    source.metadata(PARKS)

    kinds = [kind for kind, _, _ in portal.requests]
    assert kinds == ["metadata", "count", "rows", "catalog", *asked]


def test_a_dataset_that_is_nowhere_is_not_found_after_one_question_more(
    portal: Portal, source: Source, parks: Dataset
) -> None:
    parks.remove()

    with pytest.raises(DatasetNotFound, match="Check the id"):
        source.metadata(PARKS)

    assert len(portal.requests) == 3, "and one to the other interface"


def test_a_dataset_whose_rows_are_closed_is_private(source: Source, parks: Dataset) -> None:
    parks.make_private()

    with pytest.raises(AuthenticationFailed, match="private"):
        source.metadata(PARKS)


def test_rows_that_cannot_be_asked_now_do_not_make_a_dataset_vanish(
    portal: Portal, source: Source
) -> None:
    portal.faults.add(Fault.status(503), on="count")

    with pytest.raises(SourceUnavailable):
        source.metadata(PARKS)


def test_the_time_of_change_alone_costs_one_question_more(portal: Portal, source: Source) -> None:
    assert source.changed_at(PARKS) == source.metadata(PARKS).rows_updated_at
    assert [kind for kind, _, _ in portal.requests][:3] == ["metadata", "count", "metadata"]
    portal.faults.clear()

    assert source.changed_at(PARKS) == source.metadata(PARKS).rows_updated_at


def test_datasets_are_found_in_the_portal_s_catalogue(portal: Portal, source: Source) -> None:
    assert [e.id for e in source.catalogue([PARKS, "none-0001"])] == [PARKS]
    assert PARKS in [e.id for e in source.search("", most=5)]
    assert PARKS in [e.id for e in source.named(next(source.catalogue([PARKS])).name)]
    assert {kind for kind, _, _ in portal.requests} == {"catalog"}


# -- which columns rows have ------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [(), (0,), (3, 49, 50, 119), (119,)])
def test_columns_that_rows_lack_are_found_by_halves(missing: Sequence[int]) -> None:
    fields = [f"c{n}" for n in range(120)]
    lacking = {f"c{n}" for n in missing}
    asked: list[int] = []

    def has(some: Sequence[str]) -> bool:
        asked.append(len(some))
        return not lacking & set(some)

    assert confirmed(has, fields) == [f for f in fields if f not in lacking]
    assert len(asked) <= 3 + 14 * len(lacking)
    assert max(asked) == 50


def test_a_catalogue_of_other_columns_is_not_asked_about_for_ever() -> None:
    asked: list[Any] = []

    def lacks(some: Sequence[str]) -> bool:
        asked.append(some)
        return False

    with pytest.raises(SourceUnavailable, match="columns that the rows do not have"):
        confirmed(lacks, [f"c{n}" for n in range(400)])
    assert len(asked) == MOST_QUESTIONS


@pytest.mark.parametrize("fields", [["a", "a"], ["a", ""], ["a", "\x07"]])
def test_a_header_line_names_columns(fields: list[str]) -> None:
    with pytest.raises(SourceUnavailable, match="header line of park-0001"):
        read_heading(PARKS, fields, {})
