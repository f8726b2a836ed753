"""What a dataset's description may look like, from a real HTTPS server, and a watermark of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.bad_inputs.scene import DATASET, Scene

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal
from socratasync.errors import DatasetNotFound, SourceUnavailable
from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy


@pytest.fixture
def source(portal: Portal, socrata: Server) -> Iterator[Source]:
    """A client that tries once."""
    portal.add_dataset("desc-0001", [("a", "text"), ("b", "number")], [{"a": "x", "b": 1}])
    client = Source(socrata.domain, policy=RetryPolicy(attempts=1))
    yield client
    client.close()


def column(field: str | None, **others: Any) -> dict[str, Any]:
    return {"fieldName": field, "dataTypeName": "text", "position": 1, **others}


@pytest.mark.parametrize(
    ("columns", "read"),
    [
        pytest.param([column("b", position=2), column("a")], ["a", "b"], id="by their positions"),
        pytest.param([column("a"), column("h", flags=["hidden"])], ["a"], id="hidden ones are not"),
        pytest.param([column("a", flags=None)], ["a"], id="flags may be null"),
        pytest.param([column("a", position=None)], ["a"], id="a position may be null"),
        pytest.param([column("a"), column(None), column("")], ["a"], id="a name must be there"),
        pytest.param(
            [column("a"), column(":@computed_region_x")],
            ["a", ":@computed_region_x"],
            id="computed regions are",
        ),
    ],
)
def test_the_columns_of_a_description_are_read(
    portal: Portal, source: Source, columns: list[Any], read: list[str]
) -> None:
    portal["desc-0001"].metadata = {"columns": columns}

    assert [c.field for c in source.metadata("desc-0001").columns] == read


def test_a_type_that_is_not_said_is_text(portal: Portal, source: Source) -> None:
    portal["desc-0001"].metadata = {"columns": [{"fieldName": "a", "dataTypeName": None}]}

    assert source.metadata("desc-0001").columns == (SourceColumn(field="a", type="text"),)


@pytest.mark.parametrize(
    ("metadata", "at"),
    [
        pytest.param(
            {"rowsUpdatedAt": 1709251202}, datetime(2024, 3, 1, 0, 0, 2, tzinfo=UTC), id="said"
        ),
        pytest.param({"rowsUpdatedAt": None}, None, id="not said"),
        pytest.param(
            {"rowsUpdatedAt": None, "viewLastModified": 1709251202},
            None,
            id="the description's own change is no change of rows",
        ),
    ],
)
def test_when_rows_changed_is_read_where_it_is_said(
    portal: Portal, source: Source, metadata: dict[str, Any], at: datetime | None
) -> None:
    portal["desc-0001"].metadata = metadata

    assert source.metadata("desc-0001").rows_updated_at == at


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"columns": ["a"]}, id="columns that are words"),
        pytest.param({"columns": {"a": {}}}, id="columns that are a mapping"),
        pytest.param({"rowsUpdatedAt": "yesterday"}, id="a time in words"),
        pytest.param({"rowsUpdatedAt": 10**18}, id="a time beyond all times"),
        pytest.param({"columns": [column("a", flags=3)]}, id="flags that are a number"),
    ],
)
def test_a_description_that_cannot_be_read_is_asked_for_again_later(
    portal: Portal, source: Source, metadata: dict[str, Any]
) -> None:
    portal["desc-0001"].metadata = metadata

    with pytest.raises(SourceUnavailable, match="description of desc-0001 cannot be read"):
        source.metadata("desc-0001")


@pytest.mark.parametrize("columns", [[], None, [column("h", flags=["hidden"])]])
def test_what_has_no_columns_is_no_dataset(
    portal: Portal, source: Source, columns: list[Any] | None
) -> None:
    portal["desc-0001"].metadata = {"columns": columns, "name": "Map of requests"}

    with pytest.raises(DatasetNotFound, match=r"desc-0001 \(Map of requests\) is no table"):
        source.metadata("desc-0001")


# -- a watermark of one's own -------------------------------------------------------------------


def held(scene: Scene) -> dict[str, str]:
    """srnumber → status."""
    return {
        str(row["srnumber"]): str(row["status"])
        for row in scene.query("SELECT srnumber, status FROM requests")
    }


def test_a_row_that_arrives_days_after_its_own_date_is_read(scene: Scene) -> None:
    scene.set(source={"watermark": "updateddate"})
    scene.well()
    late = {"srnumber": "late", "status": "Open", "updateddate": "2024-01-07T00:00:00.000"}
    undated = {"srnumber": "undated", "status": "Open"}
    scene.dataset.insert(late, undated)

    scene.well()

    assert {"late", "undated"} <= set(held(scene))


def test_a_date_in_the_year_3020_keeps_no_later_row_from_being_read(scene: Scene) -> None:
    scene.set(source={"watermark": "updateddate"})
    scene.dataset.update(scene.dataset.ids()[0], updateddate="3020-01-01T00:00:00.000")
    scene.well()
    scene.dataset.insert({"srnumber": "new", "updateddate": "2024-01-20T00:00:00.000"})

    scene.well()

    assert "new" in held(scene)


def test_a_change_that_moves_neither_date_nor_count_is_not_taken_for_none(scene: Scene) -> None:
    """Where a portal does not say when rows changed, the rows' own dates alone prove nothing."""
    scene.dataset.metadata = {"rowsUpdatedAt": None}
    scene.set(source={"watermark": "updateddate"})
    scene.well()
    scene.dataset.update(scene.dataset.ids()[8], status="Closed")

    scene.well()

    assert held(scene)["1-8"] == "Closed"


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_filter_with_or_stays_within_its_bounds(scene: Scene, page_size: int) -> None:
    where = "houses = 1 or status = 'Closed' or houses = 3"
    scene.set(
        datasets=[{"id": DATASET, "where": where}],
        source={"pageSize": page_size},
        verify={"rowCount": "Fail"},
    )
    scene.well()
    assert set(held(scene)) == {"1-1", "1-3"}
    scene.dataset.update(scene.dataset.ids()[5], status="Closed")

    scene.well()

    assert set(held(scene)) == {"1-1", "1-3", "1-5"}
