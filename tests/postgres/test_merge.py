"""Staged rows that are brought into the target by whole runs: which way, what is told, and nothing of what fails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.conftest import Clock, Connection
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")


def one(connection: Connection, statement: str | sql.Composed) -> tuple[Any, ...]:
    """The only row of an answer."""
    (row,) = connection.execute(statement)
    return row


def strategies(sync: Sync) -> list[str | None]:
    return [d.strategy for d in sync.well().datasets]


def test_a_strategy_is_chosen_by_case(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    many = portal.add_dataset("many-0001", [("name", "text"), ("acres", "number")])
    many.insert(*({"name": f"m{n}", "acres": n} for n in range(200)))
    clock.at = datetime(2021, 1, 1, tzinfo=UTC)
    many.insert({"name": "newest", "acres": 1})
    sync.spec["datasets"] = [{"id": "many-0001"}]
    assert strategies(sync) == ["create"]
    sync.query("TRUNCATE parks")
    assert strategies(sync) == ["fill"]
    clock.at = None
    many.update(many.find(name="m1"), acres=-1)
    assert strategies(sync) == ["upsert"]
    many.touch(many.ids())
    assert strategies(sync)[0] in ("merge", "difference")


def test_rows_that_are_gone_and_rows_under_a_key_that_was_corrected_are_counted_together(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["target"]["prune"] = True
    first = sync.one().rows
    parks.delete(parks.find(name="p0"))
    parks.update(parks.find(name="p1"), name="p9")

    rows = sync.one(mode="full").rows

    assert (first.inserted, first.updated, first.unchanged, first.deleted) == (5, 0, 0, 0)
    assert (rows.inserted, rows.updated, rows.unchanged, rows.deleted) == (1, 0, 3, 2)


def test_a_merge_that_fails_leaves_neither_rows_nor_watermark_nor_record(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    before = (sync.acres(), sync.query("SELECT * FROM socratasync.datasets"))
    sync.query("ALTER TABLE parks ADD CHECK (acres < 10)")
    parks.update(parks.find(name="p1"), acres=11)
    parks.insert({"name": "p9", "acres": 1})

    report = sync.run(run="bad")

    assert report.exit_code == 65
    assert (sync.acres(), sync.query("SELECT * FROM socratasync.datasets")) == before
    (record,) = sync.query("SELECT * FROM socratasync.runs WHERE run = 'bad'")
    assert (record["datasets"], record["changed"], record["ok"]) == ({}, False, False)


def test_a_staged_dataset_whose_merge_failed_is_not_read_again(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric CHECK (acres < 4), opened timestamp)"
    )
    assert sync.run().exit_code == 65
    pages = len(sync.pages())
    sync.query("ALTER TABLE parks DROP CONSTRAINT parks_acres_check")

    assert sync.one().rows.inserted == 5
    assert len(sync.pages()) == pages + 1  # the empty page that tells the end


@pytest.mark.parametrize("mode", ["update", "full"])
@pytest.mark.parametrize("again", [False, True], ids=["first load", "later load"])
def test_duplicate_keys_are_resolved_counted_and_told(
    sync: Sync, portal: Portal, parks: Dataset, mode: str, again: bool
) -> None:
    if again:
        sync.well()
    parks.insert({"name": "p1", "acres": 100}, {"name": "p1", "acres": 101})

    report = sync.well(mode=mode)

    (dataset,) = report.datasets
    assert dataset.duplicates == 2
    assert sync.acres()["p1"] == 101
    assert any("2 rows left out for having the name of another row" in w for w in report.warnings)
    rows = dataset.rows
    assert rows.downloaded == rows.inserted + rows.updated + rows.unchanged + dataset.duplicates
    assert (dataset.left_out, dataset.verified) == (2, False)


@pytest.mark.parametrize("again", [False, True], ids=["first load", "later load"])
def test_rows_without_a_key_are_left_out_and_told(
    sync: Sync, portal: Portal, parks: Dataset, again: bool
) -> None:
    if again:
        sync.well()
    (row,) = parks.insert({"name": None, "acres": 100})

    report = sync.well()

    assert len(sync.acres()) == 5
    assert any("1 row left out for having no name," in w and row in w for w in report.warnings)
    assert (report.datasets[0].left_out, report.datasets[0].verified) == (1, False)


def test_a_duplicate_that_was_changed_last_wins_later_too(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    parks.insert({"name": "p1", "acres": 100})
    sync.well()
    older = parks.find(name="p1", acres=1)
    parks.update(older, acres=7)

    sync.well()

    assert sync.acres()["p1"] == 7


def test_datasets_with_keys_in_common_load_at_once(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    for number in range(4):
        portal.add_dataset(
            f"same-000{number}",
            [("name", "text"), ("acres", "number")],
            [{"name": f"p{n}", "acres": number} for n in range(50)],
        )
    sync.spec["parallelism"] = 5
    sync.shares_keys = True

    report = sync.well()

    assert len(sync.acres()) == 50
    assert report.rows.inserted == 50


def test_a_lost_lock_stops_the_merge(sync: Sync, portal: Portal, parks: Dataset) -> None:
    """The connection that holds the target's lock is cut while pages are read: another run may be at
    work by now."""

    def cut() -> None:
        sync.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    portal.faults.add(Fault.doing(cut), on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


def test_readers_see_the_old_rows_or_the_new_ones_while_all_is_replaced(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["target"]["reset"] = True
    sync.well(mode="full")
    parks.replace_all([{"name": f"n{n}", "acres": n} for n in range(2000)])
    seen = set()
    with psycopg.connect(sync.dsn, autocommit=True) as reader:

        def look() -> None:
            with psycopg.connect(sync.dsn, autocommit=True) as other:
                seen.add(one(other, "SELECT count(*) FROM parks"))

        portal.faults.add(Fault.doing(look), times=None, on="rows")
        portal.faults.add(Fault.doing(look), times=None, on="count")
        sync.well(mode="full")
        seen.add(one(reader, "SELECT count(*) FROM parks"))

    assert seen == {(5,), (2000,)}
