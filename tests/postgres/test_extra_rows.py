"""More rows in the target than at the source are a fault, and the message tells which kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.contract.report import RunReport


def said(report: RunReport) -> str:
    return " ".join(report.warnings)


@pytest.mark.parametrize("row_count", ["Warn", "Fail", "Off"])
@pytest.mark.parametrize("mode", ["update", "full"])
def test_rows_that_are_gone_at_the_source_are_too_many(
    sync: Sync, parks: Dataset, mode: str, row_count: str
) -> None:
    sync.spec["verify"] = {"rowCount": row_count}
    sync.well()
    parks.delete(parks.find(name="p1"))

    report = sync.run(mode=mode)

    (dataset,) = report.datasets
    assert report.exit_code == (65 if row_count == "Fail" else 0)
    assert dataset.verified is (None if row_count == "Off" else False)
    assert ("gone at the source stay" in said(report)) is (row_count != "Off")
    sync.spec["target"]["prune"] = True
    dataset = sync.one(mode="full")
    assert (dataset.rows.target, dataset.rows.deleted) == (4, 1)
    assert dataset.verified is (None if row_count == "Off" else True)


def test_rows_that_left_a_where_are_told_as_such(sync: Sync, parks: Dataset) -> None:
    sync.spec["datasets"] = [{"id": parks.id, "where": "acres::number < 10"}]
    sync.well()
    parks.update(parks.find(name="p1"), acres=100)

    report = sync.well()

    assert report.datasets[0].verified is False
    assert "no longer meet its where, stay until a full run" in said(report)
    sync.spec["target"]["prune"] = True
    assert sync.one(mode="full").verified is True
    assert "p1" not in sync.acres()


@pytest.fixture
def by_row_id(sync: Sync, parks: Dataset, clock: Clock) -> Dataset:
    """Parks that are keyed by Socrata's own row id, loaded, and published anew since."""
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.well()
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    parks.replace_all()
    return parks


@pytest.mark.parametrize("mode", ["update", "full"])
def test_rows_that_are_doubled_by_new_ids_are_told_as_such(
    sync: Sync, by_row_id: Dataset, mode: str
) -> None:
    report = sync.well(mode=mode)

    (dataset,) = report.datasets
    assert (dataset.rows.target, dataset.source_rows, dataset.verified) == (10, 5, False)
    assert "published anew have new :ids, and the old ones stay" in said(report)


@pytest.mark.parametrize("mode", ["update", "full"])
def test_with_prune_the_old_ids_go(sync: Sync, by_row_id: Dataset, mode: str) -> None:
    sync.spec["target"]["prune"] = True

    dataset = sync.one(mode=mode)

    assert (dataset.rows.target, dataset.rows.deleted, dataset.verified) == (5, 5, True)


def test_without_provenance_too_many_are_noticed_as_well(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["provenance"] = False
    sync.well()
    parks.delete(parks.find(name="p1"))

    assert sync.one(mode="full").verified is False
