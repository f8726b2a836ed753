"""Datasets of one table whose columns are of different kinds: brought to one form, or named in plan and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection
from socratasync.pipeline.preview import DatasetPreview

OLD, NEW = "la31-2017", "la31-2018"
SEEN = f"mixes forms: dataset {OLD} sends text, dataset {NEW} sends point (such as POINT ("


def add(portal: Portal, dataset: str, kind: str, *values: Any) -> Dataset:
    """A dataset whose column ``c`` is of this kind."""
    rows = [{"srnumber": f"{dataset}/{n}", "c": value} for n, value in enumerate(values)]
    return portal.add_dataset(dataset, [("srnumber", "text"), ("c", kind)], rows)


def mixed(warnings: list[str]) -> list[str]:
    return [warning for warning in warnings if " forms: " in warning]


def foretold(sync: Sync, **words: Any) -> list[list[str]]:
    """What a plan tells of each dataset."""
    planned = sync.plan(sync.request(**words), sync.options)
    previews = [p for p in planned.datasets.values() if isinstance(p, DatasetPreview)]
    assert len(previews) == len(planned.datasets)
    return [mixed(list(preview.plan.warnings)) for preview in previews]


def stored(sync: Sync) -> tuple[str, list[str]]:
    """The column's type, and its values as text, in the order of the key."""
    rows = sync.query("SELECT pg_typeof(c)::text AS t, c::text FROM requests ORDER BY srnumber")
    (pg_type,) = {row["t"] for row in rows}
    return pg_type, [row["c"] for row in rows]


@pytest.fixture
def places(portal: Portal) -> tuple[Dataset, Dataset]:
    """The same column as text in one year, and a point in the next."""
    return (
        add(portal, OLD, "text", "(34.0676, -118.2940)"),
        add(portal, NEW, "point", "POINT (-118.2940 34.0676)"),
    )


KINDS: list[tuple[str, Any, str, Any, str, list[str], bool]] = [
    # (kind of one, its value, kind of the other, its value, type in PostgreSQL, texts there, mixed)
    ("number", "0.10", "double", 0.1, "numeric", ["0.10", "0.1"], False),
    ("number", "1", "double", float("nan"), "numeric", ["1", "NaN"], False),
    ("number", "1", "double", float("-inf"), "numeric", ["1", "-Infinity"], False),
    ("number", "2134", "text", "02134", "text", ["2134", "02134"], True),
    (
        "text",
        "01/31/2017",
        "calendar_date",
        "2018-01-31T00:00:00.000",
        "text",
        ["01/31/2017", "2018-01-31T00:00:00.000"],
        True,
    ),
    (
        "calendar_date",
        "2017-01-31T00:00:00.000",
        "date",
        "2018-01-31T08:00:00.000Z",
        "text",
        ["2017-01-31T00:00:00.000", "2018-01-31T08:00:00.000Z"],
        True,
    ),
    (
        "location",
        {"latitude": "34.05", "longitude": "-118.25"},
        "point",
        "POINT (-118.25 34.05)",
        "text",
        ["(34.05, -118.25)", "POINT (-118.25 34.05)"],
        True,
    ),
    (
        "point",
        "POINT (-118.25 34.05)",
        "multipoint",
        "MULTIPOINT ((-118.25 34.05))",
        "text",
        ["POINT (-118.25 34.05)", "MULTIPOINT ((-118.25 34.05))"],
        False,
    ),
]


@pytest.mark.parametrize(
    ("one", "first", "other", "second", "pg_type", "texts", "told"),
    [pytest.param(*kinds, id=f"{kinds[0]} beside {kinds[2]}, {kinds[3]}") for kinds in KINDS],
)
def test_two_kinds_of_values_keep_all_that_they_are_and_become_one_or_are_named(
    portal: Portal,
    sync: Sync,
    one: str,
    first: Any,
    other: str,
    second: Any,
    pg_type: str,
    texts: list[str],
    told: bool,
) -> None:
    datasets = add(portal, OLD, one, first), add(portal, NEW, other, second)
    if one == "location":
        sync.spec["target"]["types"] = {"c": pg_type}  # whole: in a new table it comes in parts
    planned = foretold(sync)

    warnings = mixed(sync.well().warnings)

    assert stored(sync) == (pg_type, texts)
    assert planned == [warnings, warnings]
    assert len(warnings) == told
    for dataset in datasets:
        dataset.touch(dataset.ids())
    rows = sync.well().rows
    assert (rows.unchanged, rows.changed) == (2, 0)


def test_each_run_tells_also_where_nothing_changed_until_somebody_names_the_type(
    sync: Sync, places: tuple[Dataset, Dataset]
) -> None:
    first = mixed(sync.well().warnings)

    assert SEEN in first[0]
    assert mixed(sync.well().warnings) == first
    sync.spec["target"]["fields"] = {"srnumber": "", "c": "text"}
    assert mixed(sync.well().warnings) == []
    assert foretold(sync) == [[], []]


def test_a_type_that_was_named_before_it_was_known_is_told_of_once(
    sync: Sync, places: tuple[Dataset, Dataset]
) -> None:
    sync.spec["target"]["fields"] = {"srnumber": "", "c": "text"}

    assert SEEN in mixed(sync.well().warnings)[0]
    assert mixed(sync.well().warnings) == []


@pytest.mark.parametrize("there", [OLD, NEW])
def test_a_dataset_that_is_added_later_is_compared_with_what_is_in(
    sync: Sync, places: tuple[Dataset, Dataset], there: str
) -> None:
    sync.spec["datasets"] = [{"id": there}]
    assert mixed(sync.well().warnings) == []
    sync.spec["datasets"] = [{"id": OLD}, {"id": NEW}]
    planned = foretold(sync)

    warnings = mixed(sync.well().warnings)

    assert planned == [warnings, warnings]
    assert SEEN in warnings[0]


def test_a_dataset_that_runs_alone_is_compared_with_the_others_in_the_table(
    sync: Sync, places: tuple[Dataset, Dataset]
) -> None:
    sync.spec["datasets"] = [{"id": OLD}, {"id": NEW}]
    sync.well()

    (warning,) = mixed(sync.well(selection=Selection(datasets=(NEW,))).warnings)

    assert f"dataset {OLD} sends text" in warning
    assert f"dataset {NEW} sends point" in warning


def test_a_dataset_that_the_manifest_no_longer_names_still_has_rows(
    sync: Sync, places: tuple[Dataset, Dataset]
) -> None:
    sync.well()
    sync.spec["datasets"] = [{"id": NEW}]

    assert f"dataset {OLD} sends text" in mixed(sync.well().warnings)[0]
    sync.spec["target"]["reset"] = True
    assert mixed(sync.well(mode="full").warnings) == []
    sync.spec["target"]["reset"] = False
    assert mixed(sync.well().warnings) == []


def test_a_column_of_its_own_for_one_form_ends_it(
    sync: Sync, places: tuple[Dataset, Dataset]
) -> None:
    sync.spec["datasets"] = [{"id": OLD, "columns": {"c_as_text": "c"}}, {"id": NEW}]

    assert mixed(sync.well().warnings) == []

    rows = sync.query("SELECT c, c_as_text FROM requests ORDER BY srnumber")
    assert [tuple(row.values()) for row in rows] == [
        (None, "(34.0676, -118.2940)"),
        ("POINT (-118.2940 34.0676)", None),
    ]


def test_an_instant_beside_local_time_is_named_where_the_table_drops_the_zone(
    portal: Portal, sync: Sync
) -> None:
    add(portal, OLD, "calendar_date", "2017-01-31T08:00:00.000")
    add(portal, NEW, "date", "2018-01-31T08:00:00.000Z")
    sync.query("CREATE TABLE requests (srnumber text PRIMARY KEY, c timestamp)")

    (warning,) = mixed(sync.well().warnings)

    assert "as timestamp without time zone, the zone of those that have one is dropped" in warning
    assert stored(sync)[1] == ["2017-01-31 08:00:00", "2018-01-31 08:00:00"]


def test_los_angeles_location_of_one_year_as_text_and_of_the_next_as_a_point(
    portal: Portal, sync: Sync, real_data: Path
) -> None:
    exports = {
        OLD: "la311_2018_rowscsv_computedregions.csv",
        NEW: "la311_2018_rowscsv_wktlocation.csv",
    }
    for dataset, name in exports.items():
        portal.add_export(dataset, real_data / name)
    portal.datasets[OLD].retype_column("location", "text")
    portal.datasets[NEW].retype_column("location", "point")

    warnings = mixed(sync.well().warnings)

    assert any(
        warning.startswith("column location of ") and SEEN in warning for warning in warnings
    )
