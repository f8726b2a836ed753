"""``reset``: staged datasets in place of all that the table holds, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARKS, Sync, stage

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import DatasetReport, Rows
from socratasync.errors import BadValue, RowCountMismatch, SourceUnavailable
from socratasync.pipeline.merge.replace import Deferred, Outcome, replace_all
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.request import RunContext

LAKES = "lake-0001"


@pytest.fixture(name="lakes", autouse=True)
def _lakes(sync: Sync, portal: Portal, parks: Dataset, clock: Clock) -> Dataset:
    """Five parks that are loaded, beside a row of nobody's, and lakes that are not; both name a p1."""
    sync.spec["target"]["reset"] = True
    sync.spec["datasets"] = [{"id": PARKS}]
    sync.well()
    sync.query(
        "INSERT INTO parks (name) VALUES ('mine');"
        "INSERT INTO socratasync.outranked (target, dataset, socrata_id) "
        "VALUES ('public.parks', 'else-0001', 'row-x')"
    )
    clock.at = datetime.now(UTC) + timedelta(seconds=1)
    del sync.spec["datasets"]
    rows = [{"name": "p1", "acres": 100, "depth": 7}, {"name": "l0", "acres": 9}]
    columns = [("name", "text"), ("acres", "number"), ("depth", "number")]
    return portal.add_dataset(LAKES, columns, rows)


def deferred(context: RunContext, plans: dict[str, DatasetPlan]) -> dict[str, Outcome]:
    return {id: Deferred(staged=stage(context, plan)) for id, plan in plans.items()}


def stages(sync: Sync) -> int:
    """How many stages there are."""
    query = "SELECT FROM pg_class WHERE relname LIKE 'stage_%' AND relkind = 'r'"
    return len(sync.query(query))


MINE = {f"p{n}": n for n in range(5)} | {"mine": None}


def test_all_datasets_take_the_place_of_what_is_there(sync: Sync) -> None:
    with sync.planned(mode="full") as (context, plans):
        done = replace_all(context, deferred(context, plans))
        warnings, seconds = context.journal.report.warnings, context.journal.report.seconds

    assert list(done) == [PARKS, LAKES]
    parks, lakes = done[PARKS], done[LAKES]
    assert isinstance(parks, DatasetReport)
    assert isinstance(lakes, DatasetReport)
    assert (parks.strategy, lakes.strategy) == ("replace", "replace")
    assert (parks.rows.inserted, parks.rows.deleted) == (5, 6)
    assert (lakes.rows.inserted, lakes.rows.updated, lakes.rows.deleted) == (1, 1, 0)
    assert sync.acres() == {**{f"p{n}": n for n in range(5)}, "p1": 100, "l0": 9}
    assert seconds["merge"] > 0
    assert warnings == []
    assert stages(sync) == 0
    known = sync.query("SELECT dataset FROM socratasync.datasets ORDER BY dataset")
    assert [row["dataset"] for row in known] == [LAKES, PARKS]
    assert sync.query("SELECT dataset, holder_dataset, owed FROM socratasync.outranked") == [
        {"dataset": PARKS, "holder_dataset": LAKES, "owed": False}
    ]


def test_what_is_not_loaded_any_more_is_forgotten(sync: Sync) -> None:
    sync.spec["datasets"] = [{"id": LAKES}]

    with sync.planned(mode="full") as (context, plans):
        replace_all(context, deferred(context, plans))

    assert sync.acres() == {"p1": 100, "l0": 9}
    assert sync.query("SELECT dataset FROM socratasync.datasets") == [{"dataset": LAKES}]


def test_rows_that_are_left_out_are_told_of(sync: Sync, lakes: Dataset) -> None:
    lakes.insert({"name": "l0", "acres": 3})

    with sync.planned(mode="full") as (context, plans):
        replace_all(context, deferred(context, plans))
        (warning,) = context.journal.report.warnings

    assert warning.startswith(f"dataset {LAKES}: 1 row left out")


def test_one_dataset_that_failed_keeps_all_that_is_there(sync: Sync) -> None:
    with sync.planned(mode="full") as (context, plans):
        outcomes = {**deferred(context, plans), LAKES: SourceUnavailable("away")}
        assert replace_all(context, outcomes) == outcomes
        assert context.journal.report.warnings == [
            "nothing was replaced, since not every dataset could be read"
        ]

    assert sync.acres() == MINE


def test_a_row_that_the_table_refuses_keeps_all_that_is_there(sync: Sync) -> None:
    sync.query("ALTER TABLE parks ADD CHECK (acres < 50)")

    with sync.planned(mode="full") as (context, plans):
        outcomes = deferred(context, plans)
        with pytest.raises(BadValue, match=f"^dataset {LAKES}"):
            replace_all(context, outcomes)

    assert sync.acres() == MINE


def test_what_an_earlier_try_replaced_is_not_replaced_again(sync: Sync) -> None:
    done = DatasetReport(id=PARKS, rows=Rows(inserted=5))

    with sync.planned(mode="full") as (context, _):
        assert replace_all(context, {PARKS: done}) == {PARKS: done}
        assert "merge" not in context.journal.report.seconds

    assert sync.acres() == MINE


def test_rows_that_must_not_be_left_out_keep_all_that_is_there_and_are_read_anew(
    sync: Sync, lakes: Dataset
) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    lakes.insert({"name": "l0", "acres": 3})

    with sync.planned(mode="full") as (context, plans):
        outcomes = deferred(context, plans)
        assert stages(sync) == 2
        with pytest.raises(RowCountMismatch, match=LAKES):
            replace_all(context, outcomes)

    assert stages(sync) == 0
    assert sync.acres() == MINE
