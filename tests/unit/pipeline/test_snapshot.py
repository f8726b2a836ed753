"""The source as it is before the first row is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.unit.pipeline.plans import PLAN

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal
from socratasync.api.source import DatasetSpec
from socratasync.errors import InvalidSpec
from socratasync.pipeline.plan.model import DatasetPlan, Snapshot
from socratasync.pipeline.plan.snapshot import seen_anew, take_snapshot
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.soql import Watermark

PARKS = "park-0001"
CHANGED = datetime(2024, 2, 29, 12, tzinfo=UTC)
BEFORE = CHANGED - timedelta(days=1)
NOW = CHANGED + timedelta(hours=3)
OLD = Snapshot(rows=7, newest=BEFORE, rows_updated_at=BEFORE, taken_at=BEFORE)


@pytest.fixture(name="source", autouse=True)
def _source(socrata: Server, portal: Portal, clock: Clock) -> Iterator[Source]:
    clock.at = CHANGED
    rows = [{"name": f"p{n}", "acres": n} for n in range(3)]
    parks = portal.add_dataset(PARKS, [("name", "text"), ("acres", "number")], rows)
    clock.at = CHANGED + timedelta(hours=1)
    parks.update(parks.find(name="p2"), acres=9)
    with closing(Source(socrata.domain, policy=RetryPolicy(attempts=1))) as source:
        yield source


def planned(where: str | None = None, snapshot: Snapshot = OLD) -> DatasetPlan:
    return replace(PLAN, dataset=PARKS, where=where, snapshot=snapshot, nothing_to_do=True)


def test_a_dataset_that_goes_over_is_seen_as_it_is_by_the_other_interface(
    source: Source, portal: Portal
) -> None:
    portal.soda2_ends()

    again = seen_anew(planned(), source, NOW)

    newest = CHANGED + timedelta(hours=1)
    seen = Snapshot(rows=3, newest=newest, rows_updated_at=BEFORE, taken_at=NOW)
    assert again == replace(planned(), api="SODA3", snapshot=seen, nothing_to_do=False)


def test_it_is_counted_again_only_if_it_was_counted_and_by_the_same_condition(
    source: Source,
) -> None:
    counted = seen_anew(planned("acres < 9"), source, NOW).snapshot
    uncounted = seen_anew(planned(snapshot=replace(OLD, rows=None)), source, NOW).snapshot

    assert counted.rows == 2
    assert counted.newest is not None
    assert counted.newest < CHANGED + timedelta(hours=1)
    assert uncounted.rows is None


def test_the_newest_change_and_the_count_come_by_one_interface(
    source: Source, portal: Portal
) -> None:
    portal.soda2_ends(after=1)

    api, snapshot = take_snapshot(
        source,
        DatasetSpec(id=PARKS),
        watermark=Watermark(),
        counts=True,
        rows_updated_at=None,
        now=NOW,
        loaded_before=False,
    )

    assert (api, snapshot.rows) == ("SODA3", 3)
    newest = [p for kind, _, p in portal.requests if "newest" in p.get("$select", "")]
    assert len(newest) == 2


def test_a_condition_is_blamed_after_one_more_question(source: Source, portal: Portal) -> None:
    asked = len(portal.requests)

    with pytest.raises(InvalidSpec, match=r"spec.datasets\[\].where: .*area"):
        take_snapshot(
            source,
            DatasetSpec(id=PARKS, where="area < 9"),
            watermark=Watermark(),
            counts=True,
            rows_updated_at=None,
            now=NOW,
            loaded_before=False,
        )

    assert len(portal.requests) == asked + 2
