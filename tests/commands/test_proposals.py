"""What ``socratasync init`` proposes loads as it stands, whatever the dataset, and its key is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Clock
from tests.generated_datasets import generated
from tests.proposals import NOW, Proposals, check
from tests.skipped import NO_REAL_DATA

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.manifest import read_manifest
from socratasync.errors import AuthenticationFailed, DatasetNotFound

PROPOSED = 200
LOADED = 40
"""Of generated datasets; many are loaded by `make chaos`."""


@pytest.fixture
def proposals(portal: Portal, socrata: Server, dsn: str) -> Proposals:
    return Proposals(portal, socrata.domain, dsn)


def test_what_is_proposed_for_any_dataset_has_a_key_that_is_one(proposals: Proposals) -> None:
    for made in generated(proposals.portal, PROPOSED, seed=16):
        check(made, proposals.manifest(made.dataset.id))


def test_what_is_proposed_for_any_dataset_loads_all_of_it(proposals: Proposals) -> None:
    for made in generated(proposals.portal, LOADED, seed=17):
        check(made, proposals.loaded(made.dataset.id))


# -- real and odd datasets ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wktlocation", "computedregions"])
def test_an_export_of_a_real_portal_loads_as_proposed(
    proposals: Proposals, real_folder: Path | None, name: str
) -> None:
    if real_folder is None:
        pytest.skip(NO_REAL_DATA)
    proposals.portal.add_export("real-0001", real_folder / f"la311_2018_rowscsv_{name}.csv")

    assert list(proposals.loaded("real-0001").spec.target.key) == ["srnumber"]


def test_a_recorded_dataset_loads_as_proposed(
    proposals: Proposals, real_folder: Path | None
) -> None:
    if real_folder is None:
        pytest.skip(NO_REAL_DATA)
    proposals.portal.add_recorded(
        "uczf-rk3c",
        real_folder / "nyc_uczf-rk3c_api_views_metadata.json",
        real_folder / "nyc_uczf-rk3c_resource.csv",
    )

    proposals.loaded("uczf-rk3c")


def text_columns(*names: str) -> list[tuple[str, str]]:
    return [(name, "text") for name in names]


def _numbered(name: str, number: int = 120) -> list[dict[str, str]]:
    return [{name: f"v{n}"} for n in range(number)]


Odd = Callable[[Portal], Dataset]
ODD: dict[str, tuple[Odd, list[str]]] = {
    "a column of every type": (lambda p: p.add_oddities("oddd-0001"), ["key"]),
    "a key that is named like a column of ours": (
        lambda p: p.add_dataset("oddd-0001", text_columns("socrata_id"), _numbered("socrata_id")),
        ["socrata_id_c27f0e59"],
    ),
    "a key called no": (
        lambda p: p.add_dataset("oddd-0001", text_columns("no"), _numbered("no")),
        ["no"],
    ),
    "a key called null": (
        lambda p: p.add_dataset("oddd-0001", text_columns("null"), _numbered("null")),
        ["null"],
    ),
    "a key that is a word of SQL": (
        lambda p: p.add_dataset("oddd-0001", text_columns("select"), _numbered("select")),
        ["select"],
    ),
    "a key of which one value is empty, and one differs in a blank": (
        lambda p: p.add_dataset(
            "oddd-0001", text_columns("id"), [{"id": ""}, {"id": " "}, *_numbered("id")]
        ),
        ["id"],
    ),
    "numbers that are written otherwise and are the same": (
        lambda p: p.add_dataset("oddd-0001", [("id", "number")], [{"id": "1"}, {"id": "1.0"}]),
        ["socrata_id"],
    ),
    "texts that differ in their case": (
        lambda p: p.add_dataset("oddd-0001", text_columns("id"), [{"id": "a"}, {"id": "A"}]),
        ["id"],
    ),
    "values that are too long for an index": (
        lambda p: p.add_dataset(
            "oddd-0001", text_columns("id"), [{"id": f"{n}{'x' * 9000}"} for n in range(3)]
        ),
        ["socrata_id"],
    ),
    "a thousand rows that say nothing of the next": (
        lambda p: p.add_dataset(
            "oddd-0001", text_columns("id"), [*_numbered("id", 1001), {"id": "v7"}, {}]
        ),
        ["socrata_id"],
    ),
    "no value at all": (
        lambda p: p.add_dataset("oddd-0001", text_columns("id", "a"), [{}, {}]),
        ["socrata_id"],
    ),
    "rows that are the same": (
        lambda p: p.add_dataset("oddd-0001", text_columns("id"), [{"id": "1"}] * 50),
        ["socrata_id"],
    ),
    "no row": (lambda p: p.add_dataset("oddd-0001", text_columns("id")), ["socrata_id"]),
    "one row": (lambda p: p.add_dataset("oddd-0001", text_columns("id"), [{"id": "1"}]), ["id"]),
    "three hundred columns": (
        lambda p: p.add_dataset(
            "oddd-0001", text_columns(*(f"column_number_{n}" for n in range(300)))
        ),
        ["socrata_id"],
    ),
    "a column that is too long for a name": (
        lambda p: p.add_dataset(
            "oddd-0001", text_columns("x" * 90 + "_id"), _numbered("x" * 90 + "_id")
        ),
        [f"{'x' * 54}_cdfe2004"],
    ),
    "only times": (
        lambda p: p.add_dataset(
            "oddd-0001", [("at", "calendar_date")], [{"at": "2020-01-01T00:00:00.000"}]
        ),
        ["socrata_id"],
    ),
    "a key of quotes, line ends and backslashes": (
        lambda p: p.add_dataset(
            "oddd-0001",
            text_columns("id"),
            [{"id": text} for text in ('"', "'", "\\", "\n", "a\r\nb", "\\N", "\t", ",")],
        ),
        ["id"],
    ),
    "numbers of forty digits": (
        lambda p: p.add_dataset(
            "oddd-0001", [("id", "number")], [{"id": f"{n}{'7' * 39}"} for n in range(1, 9)]
        ),
        ["id"],
    ),
    "a dataset's name that is none of a table's, and a field's that no portal gives": (
        lambda p: p.add_dataset(
            "oddd-0001",
            text_columns("straße_id"),
            _numbered("straße_id"),
            name='2024: 🌳 "Bäume" --',
        ),
        ["socrata_id"],
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_proposed_for_an_odd_dataset_loads_all_of_it(
    proposals: Proposals, odd: str
) -> None:
    add, key = ODD[odd]
    dataset = add(proposals.portal)

    assert list(proposals.loaded(dataset.id).spec.target.key) == key


def test_a_dataset_that_is_replaced_is_not_there_twice_without_a_key(proposals: Proposals) -> None:
    dataset = proposals.portal.add_dataset("oddd-0001", text_columns("a"), [{"a": "x"}] * 5)
    manifest = proposals.loaded(dataset.id)
    dataset.replace_all()
    proposals.load(manifest)

    assert proposals.count(manifest) == 5


def test_a_portal_without_soda2_is_asked_no_more(proposals: Proposals) -> None:
    for year in (2018, 2019):
        proposals.portal.add_synthetic(f"case-{year}", 5, name=f"Cases {year}")
    proposals.portal.soda2_ends()
    text = proposals.text("case-2018")

    assert "key: [srnumber]" in text
    assert "Not known: other years: not asked" in text


def test_a_dataset_that_is_described_no_more_is_proposed_by_its_rows(proposals: Proposals) -> None:
    proposals.portal.add_synthetic("case-2018", 5)
    proposals.portal.views_are_there(False)
    manifest = proposals.manifest("case-2018")
    proposals.load(manifest)

    assert list(manifest.spec.target.key) == ["srnumber"]
    assert proposals.count(manifest) == 5


# -- series -----------------------------------------------------------------------------------------


@pytest.fixture
def years(proposals: Proposals) -> Portal:
    """The datasets of three years, each with request numbers of its own."""
    for year in (2018, 2019, 2020):
        proposals.portal.add_synthetic(f"case-{year}", 20, seed=year, name=f"Cases {year}")
    return proposals.portal


def test_the_years_of_a_series_go_into_one_table(proposals: Proposals, years: Portal) -> None:
    years["case-2020"].rename_column("srnumber", "sr_number")
    manifest = proposals.loaded("case-2018")

    assert [(d.id, d.year, dict(d.columns)) for d in manifest.spec.datasets] == [
        ("case-2018", 2018, {}),
        ("case-2019", 2019, {}),
        ("case-2020", 2020, {"srnumber": "sr_number"}),
    ]
    assert list(manifest.spec.target.key) == ["srnumber"]
    assert manifest.spec.target.table == "cases"


def test_row_numbers_that_begin_anew_each_year_are_a_key_with_the_dataset(
    proposals: Proposals,
) -> None:
    for year in (2018, 2019):
        lines = [{"id": str(n), "what": "x"} for n in range(150)]
        columns = [("id", "number"), ("what", "text")]
        proposals.portal.add_dataset(f"case-{year}", columns, lines, name=f"Cases {year}")

    assert list(proposals.loaded("case-2018").spec.target.key) == ["socrata_dataset", "id"]


def test_several_datasets_that_are_named_are_one_manifest(
    proposals: Proposals, years: Portal
) -> None:
    years["case-2019"].owner = "somebody else"
    manifest = proposals.loaded("case-2020", "case-2019")

    assert [d.id for d in manifest.spec.datasets] == ["case-2019", "case-2020"]


def test_datasets_without_a_key_are_told_apart_by_their_ids_and_the_rows(
    proposals: Proposals,
) -> None:
    for year in (2018, 2019):
        rows_ = [{"what": "x", "status": "y"}] * 5
        columns = text_columns("what", "status")
        proposals.portal.add_dataset(f"case-{year}", columns, rows_, name=f"Cases {year}")

    assert list(proposals.loaded("case-2018").spec.target.key) == ["socrata_dataset", "socrata_id"]


def test_a_catalogue_that_does_not_answer_leaves_the_years_out(
    proposals: Proposals, years: Portal
) -> None:
    years.faults.add(Fault.status(500), times=9, on="catalog")
    text = proposals.text("case-2018")

    assert "Not known: other years" in text
    assert len(read_manifest(text).spec.datasets) == 1


# -- freshness ---------------------------------------------------------------------------------------


def test_how_long_the_source_may_stand_still_follows_from_the_days_on_which_it_changed(
    proposals: Proposals, clock: Clock
) -> None:
    clock.at = NOW - timedelta(weeks=21)
    dataset = proposals.portal.add_dataset("case-2018", text_columns("id"))
    for weeks in range(20, -1, -1):
        clock.at = NOW - timedelta(weeks=weeks)
        dataset.insert({"id": str(weeks)})
    freshness = proposals.loaded("case-2018").spec.freshness

    assert freshness
    assert freshness.source_max_age == timedelta(weeks=3)


def test_the_days_are_those_of_the_year_that_is_kept(proposals: Proposals, clock: Clock) -> None:
    clock.at = NOW - timedelta(weeks=50)
    for year in (2018, 2020):
        proposals.portal.add_synthetic(f"case-{year}", 20, seed=year, name=f"Cases {year}")
    for day in range(10):
        clock.at = NOW - timedelta(days=9 - day)
        proposals.portal["case-2020"].insert({"srnumber": f"new {day}"})

    assert "sourceMaxAge: 4d" in proposals.text("case-2018")


# -- what is refused ---------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a map": ({"viewType": "geo", "displayType": "map"}, "but a map"),
    "a file": ({"viewType": "blobby", "assetType": "file"}, "but a file"),
    "a story": ({"viewType": "story", "assetType": "story"}, "but a story"),
    "a chart": ({"columns": [], "displayType": "chart"}, "but a chart"),
    "a view that groups": ({"query": {"groupBys": [{"columnId": 1}]}}, "groups rows"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_rows_to_load_is_refused(proposals: Proposals, kind: str) -> None:
    metadata, said = REFUSED[kind]
    proposals.portal.add_synthetic("case-2018", 5).metadata |= metadata

    with pytest.raises(DatasetNotFound, match=said):
        proposals.text("case-2018")


@pytest.mark.parametrize("type_", ["file", "story", "href"])
def test_so_is_a_second_one_of_which_only_the_catalogue_tells(
    proposals: Proposals, years: Portal, type_: str
) -> None:
    years["case-2019"].type = type_

    with pytest.raises(DatasetNotFound, match=r"case-2019 .* is no table of rows"):
        proposals.text("case-2018", "case-2019")


def test_a_second_one_that_the_catalogue_lacks_is_refused(
    proposals: Proposals, years: Portal
) -> None:
    with pytest.raises(
        DatasetNotFound, match=r"none-0001: the catalogue of .* has no such dataset"
    ):
        proposals.text("case-2018", "none-0001")


def test_a_private_dataset_needs_credentials(proposals: Proposals) -> None:
    proposals.portal.add_synthetic("case-2018", 5).make_private()

    with pytest.raises(AuthenticationFailed):
        proposals.text("case-2018")


@pytest.mark.parametrize("status", [400, 408])
def test_a_portal_that_counts_no_values_gets_the_ids_of_rows_as_key(
    proposals: Proposals, status: int
) -> None:
    proposals.portal.add_synthetic("case-2018", 5)
    proposals.portal.faults.add(Fault.status(status), times=None, on="count")
    text = proposals.text("case-2018")

    assert list(read_manifest(text).spec.target.key) == ["socrata_id"]
    assert "Not known: key: the portal does not answer that." in text
