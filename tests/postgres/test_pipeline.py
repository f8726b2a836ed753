"""The whole run, from a simulated Socrata over HTTPS into a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")

PARKS = "park-0001"
COLUMNS = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]


def park(name: str, acres: int = 1, opened: str | None = None) -> Row:
    return {"name": name, "acres": acres, "opened": opened}


# -- first load ------------------------------------------------------------------------------------


def test_a_first_run_loads_every_row(sync: Sync, portal: Portal) -> None:
    portal.add_synthetic("abcd-1234", rows=2500)
    sync.spec["source"] = {"pageSize": 1000}

    dataset = sync.one()

    assert dataset.rows.as_dict() == {
        "downloaded": 2500,
        "inserted": 2500,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "target": 2500,
    }
    assert (dataset.mode, dataset.strategy, dataset.verified) == ("full", "create", True)
    assert len(sync.table()) == 2500


def test_a_new_table_gets_its_key_its_types_and_the_columns_of_provenance(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()

    columns = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull FROM pg_attribute "
        "WHERE attrelid = 'parks'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert [tuple(c.values()) for c in columns] == [
        ("name", "text", True),
        ("acres", "numeric", False),
        ("opened", "timestamp without time zone", False),
        ("socrata_dataset", "text", False),
        ("socrata_id", "text", False),
        ("socrata_updated_at", "timestamp with time zone", False),
    ]
    (row,) = sync.query("SELECT * FROM parks WHERE name = 'p1'")
    assert row["socrata_dataset"] == PARKS
    assert [row["socrata_id"]] == parks.find(name="p1")


def test_an_empty_dataset_makes_an_empty_table(sync: Sync, portal: Portal, parks: Dataset) -> None:
    parks.delete(parks.ids())

    dataset = sync.one()

    assert dataset.rows.downloaded == 0
    assert sync.table("parks", "name") == {}


@pytest.mark.parametrize("page_size", [1, 2, 4, 5, 6, 1000])
def test_any_page_size_brings_the_same_rows(sync: Sync, parks: Dataset, page_size: int) -> None:
    sync.spec["source"] = {"pageSize": page_size}

    assert sync.one().rows.inserted == 5
    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_stages_and_checkpoints_are_gone_after_a_run(sync: Sync, parks: Dataset) -> None:
    sync.well()

    assert sync.query("SELECT FROM socratasync.checkpoints") == []
    assert sync.query("SELECT FROM pg_class WHERE relname LIKE 'stage%'") == []


# -- update ----------------------------------------------------------------------------------------


def test_an_update_touches_only_what_changed(sync: Sync, parks: Dataset) -> None:
    sync.well()
    before = {r["name"]: r["xmin"] for r in sync.query("SELECT name, xmin::text FROM parks")}
    parks.update(parks.find(name="p2"), acres=77)
    parks.insert(park("p9", 9))

    rows = sync.one().rows

    assert (rows.inserted, rows.updated, rows.deleted) == (1, 1, 0)
    assert rows.unchanged == rows.downloaded - 2
    after = {r["name"]: r["xmin"] for r in sync.query("SELECT name, xmin::text FROM parks")}
    assert {name for name in after if after[name] != before.get(name)} == {"p2", "p9"}
    assert sync.acres()["p2"] == 77


def test_an_update_reads_from_before_the_watermark_on(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    (known,) = sync.query("SELECT * FROM socratasync.datasets")
    parks.touch(parks.find(name="p2"))

    sync.well()

    where = sync.pages()[-1]["$where"]
    bound = known["watermark"] - timedelta(minutes=15)
    assert f":updated_at >= '{bound:%Y-%m-%dT%H:%M:%S}" in where


def test_a_value_that_became_null_is_a_change(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.update(parks.find(name="p2"), acres=None)

    assert sync.one().rows.updated == 1
    assert sync.acres()["p2"] is None


def test_a_null_that_became_a_value_is_a_change(sync: Sync, parks: Dataset) -> None:
    parks.update(parks.find(name="p2"), acres=None)
    sync.well()
    parks.update(parks.find(name="p2"), acres=3)

    assert sync.one().rows.updated == 1
    assert sync.acres()["p2"] == 3


def test_an_unchanged_source_is_not_read_at_all(sync: Sync, parks: Dataset) -> None:
    tomorrow = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=1))
    sync.well(options=tomorrow)
    pages = len(sync.pages())

    dataset = sync.one()

    assert dataset.result == "NoChange"
    assert dataset.rows.target == 5
    assert len(sync.pages()) == pages


def test_a_change_of_the_last_hour_is_looked_at_twice(sync: Sync, parks: Dataset) -> None:
    """The description's time of change and the rows come from different servers."""
    sync.well()

    assert sync.one().result == "Synced"


def test_an_update_does_not_delete(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.delete(parks.find(name="p2"))

    assert sync.one().rows.deleted == 0
    assert "p2" in sync.acres()


def test_a_table_emptied_by_hand_is_loaded_again(sync: Sync, parks: Dataset) -> None:
    sync.well()
    sync.query("TRUNCATE parks")

    report = sync.well()

    assert report.rows.inserted == 5
    assert any("empty" in w for w in report.warnings)


def test_a_table_dropped_by_hand_is_made_again(sync: Sync, parks: Dataset) -> None:
    sync.well()
    sync.query("DROP TABLE parks")

    assert sync.one().rows.inserted == 5


def test_a_where_limits_what_is_loaded_and_a_new_one_loads_anew(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["datasets"] = [{"id": PARKS, "where": "acres > 2"}]
    assert sync.one().rows.inserted == 2

    sync.spec["datasets"] = [{"id": PARKS, "where": "acres > 1"}]
    dataset = sync.one()

    assert (dataset.mode, dataset.rows.inserted) == ("full", 1)
    assert set(sync.acres()) == {"p2", "p3", "p4"}


# -- since -----------------------------------------------------------------------------------------


def test_since_reads_changes_from_then_on_for_all_datasets(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    parks.touch(parks.ids())

    dataset = sync.one(since=datetime(2020, 1, 1, tzinfo=UTC))

    assert "'2020-01-01T00:00:00.000Z'" in sync.pages()[-1]["$where"]
    assert dataset.rows.downloaded == 5


def test_since_of_the_manifest_counts_as_well(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.well()
    parks.touch(parks.ids())
    sync.spec["since"] = "2021-01-01T00:00:00Z"

    sync.well()

    assert "'2021-01-01T00:00:00.000Z'" in sync.pages()[-1]["$where"]


def test_since_after_the_watermark_leaves_it_where_it_is(sync: Sync, parks: Dataset) -> None:
    sync.well()
    before = sync.query("SELECT watermark FROM socratasync.datasets")
    parks.update(parks.find(name="p1"), acres=11)

    report = sync.well(since=datetime.now(UTC) + timedelta(hours=1))
    assert report.rows.downloaded == 0
    assert sync.query("SELECT watermark FROM socratasync.datasets") == before
    assert any("watermark" in w for w in report.warnings)

    assert sync.one().rows.updated == 1


# -- full ------------------------------------------------------------------------------------------


def test_a_full_run_reads_everything_and_writes_what_differs(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.update(parks.find(name="p2"), acres=22)
    sync.query("UPDATE parks SET acres = -1 WHERE name = 'p4'")
    sync.query("DELETE FROM parks WHERE name = 'p3'")
    parks.delete(parks.find(name="p0"))

    rows = sync.one(mode="full").rows

    assert (rows.downloaded, rows.inserted, rows.updated, rows.unchanged) == (4, 1, 2, 1)
    assert rows.deleted == 0
    assert sync.acres() == {"p0": 0, "p1": 1, "p2": 22, "p3": 3, "p4": 4}


def test_a_full_run_with_prune_deletes_what_is_gone(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.delete(parks.find(name="p0"))
    parks.update(parks.find(name="p2"), acres=22)

    rows = sync.one(mode="full").rows

    assert (rows.inserted, rows.updated, rows.unchanged, rows.deleted) == (0, 1, 3, 1)
    assert sync.acres() == {"p1": 1, "p2": 22, "p3": 3, "p4": 4}


def test_prune_leaves_rows_of_other_origin(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    sync.query("INSERT INTO parks (name, acres) VALUES ('mine', 1)")
    sync.query("INSERT INTO parks (name, socrata_dataset) VALUES ('theirs', 'othe-rone')")

    assert sync.one(mode="full").rows.deleted == 0
    assert {"mine", "theirs"} <= set(sync.acres())


def test_prune_empties_the_table_with_the_source(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.delete(parks.ids())

    assert sync.one(mode="full").rows.deleted == 5
    assert sync.acres() == {}


def test_prune_deletes_nothing_when_the_count_is_in_doubt(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.delete(parks.find(name="p0"))
    portal.faults.add(Fault.wrong_count(7), times=None, on="count")

    report = sync.well(mode="full")

    assert report.rows.deleted == 0
    assert "p0" in sync.acres()
    assert any("nothing was deleted" in w for w in report.warnings)


# -- a dataset replaced wholesale --------------------------------------------------------------------


def test_a_dataset_republished_as_it_was_changes_nothing(sync: Sync, parks: Dataset) -> None:
    sync.well()
    parks.replace_all()

    rows = sync.one().rows

    assert (rows.downloaded, rows.unchanged) == (5, 5)
    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_a_dataset_replaced_by_other_rows_ends_right_in_update_mode(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.replace_all([park("p1", 1), park("p2", 22), park("new", 6)])

    rows = sync.one().rows

    assert (rows.inserted, rows.updated, rows.unchanged, rows.deleted) == (1, 1, 1, 3)
    assert sync.acres() == {"p1": 1, "p2": 22, "new": 6}


def test_an_update_that_brings_as_many_rows_as_there_are_deletes_only_if_it_brought_all(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    """Two new rows come while the counts are taken: four changed rows of six would look like all."""
    sync.spec["target"]["prune"] = True
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    parks = portal.add_dataset(PARKS, COLUMNS, [park("old1"), park("old2")])
    clock.at = None
    parks.insert(park("p1", 1), park("p2", 2))
    sync.well()
    parks.touch(parks.find(name="p1"))
    portal.faults.add(
        Fault.doing(lambda: parks.insert(park("q1", 1), park("q2", 1))), on="rows", dataset=PARKS
    )

    rows = sync.one().rows

    assert rows.downloaded == 4
    assert rows.deleted == 0
    assert len(sync.acres()) == 6


# -- reset -----------------------------------------------------------------------------------------


def test_reset_makes_the_table_hold_exactly_what_was_loaded(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["reset"] = True
    sync.well(mode="full")
    sync.query("INSERT INTO parks (name) VALUES ('mine')")
    parks.delete(parks.find(name="p0"))

    dataset = sync.one(mode="full")

    assert dataset.strategy == "replace"
    assert (dataset.rows.inserted, dataset.rows.deleted, dataset.rows.target) == (4, 6, 4)
    assert sync.acres() == {f"p{n}": n for n in range(1, 5)}


def test_reset_means_nothing_to_an_update(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["reset"] = True
    sync.well()
    sync.query("INSERT INTO parks (name) VALUES ('mine')")
    parks.touch(parks.ids())

    sync.well()

    assert "mine" in sync.acres()


def test_reset_forgets_datasets_that_were_not_loaded(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset("othe-rone", COLUMNS, [park("other", 1)])
    sync.well()
    sync.spec["datasets"] = [{"id": PARKS}]
    sync.spec["target"]["reset"] = True

    sync.well(mode="full")

    assert "other" not in sync.acres()
    assert [r["dataset"] for r in sync.query("SELECT dataset FROM socratasync.datasets")] == [PARKS]


def test_reset_replaces_nothing_when_one_dataset_fails(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset("othe-rone", COLUMNS, [park("other", 1)])
    sync.well()
    sync.spec["target"]["reset"] = True
    before = sync.acres()
    portal["othe-rone"].remove()
    parks.delete(parks.find(name="p0"))

    report = sync.run(mode="full")

    assert report.exit_code == 78
    assert sync.acres() == before
    assert any("nothing was replaced" in w for w in report.warnings)


def test_reset_of_datasets_with_keys_in_common_takes_the_newer_row(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    clock.at = datetime.now(UTC) + timedelta(seconds=1)
    portal.add_dataset("othe-rone", COLUMNS, [park("p1", 100)])
    sync.spec["target"]["reset"] = True

    sync.well(mode="full")

    assert sync.acres()["p1"] == 100


# -- several datasets ------------------------------------------------------------------------------


def test_a_dataset_that_fails_does_not_stop_the_others(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset("gone-0000", COLUMNS).remove()

    report = sync.run()

    assert report.exit_code == 78
    failed = {d.id: d.error.reason for d in report.datasets if d.error}
    assert failed == {"gone-0000": "DatasetNotFound"}
    assert len(sync.acres()) == 5
    assert report.as_dict()["ok"] is False


def test_a_failure_that_may_pass_asks_for_another_try(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset("sick-0000", COLUMNS, [park("x")])
    portal.add_dataset("gone-0000", COLUMNS).remove()
    portal.faults.add(Fault.status(503), times=None, dataset="sick-0000", on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert len(sync.acres()) == 5


def test_datasets_share_a_table_and_columns_are_mapped(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.add_dataset(
        "newr-0001",
        [("title", "text"), ("acres", "number"), ("lit", "checkbox")],
        [{"title": "q1", "acres": 7, "lit": True}],
    )
    sync.spec["datasets"] = [
        {"id": PARKS, "year": 2019},
        {"id": "newr-0001", "year": 2020, "columns": {"name": "title"}},
    ]

    report = sync.well()

    table = sync.table("parks", "name")
    assert table["q1"] == {"name": "q1", "acres": 7, "opened": None, "lit": True}
    assert table["p1"]["lit"] is None
    assert [(d.id, d.year) for d in report.datasets] == [(PARKS, 2019), ("newr-0001", 2020)]
    assert report.rows.target == 6


def test_years_choose_the_datasets(sync: Sync, portal: Portal, parks: Dataset) -> None:
    portal.add_dataset("othe-rone", COLUMNS, [park("other", 1)])
    sync.spec["datasets"] = [{"id": PARKS, "year": 2019}, {"id": "othe-rone", "year": 2020}]
    sync.spec["years"] = [2020]

    sync.well()

    assert set(sync.acres()) == {"other"}


def test_of_two_datasets_with_one_key_the_newer_row_wins_whichever_comes_last(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    sync.shares_keys = True
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    newer = portal.add_dataset("othe-rone", COLUMNS, [park("p1", 100)])
    sync.spec["datasets"] = [{"id": "othe-rone"}, {"id": PARKS}]
    sync.spec["parallelism"] = 1
    sync.well()
    assert sync.acres()["p1"] == 100

    clock.at += timedelta(hours=1)
    parks.update(parks.find(name="p1"), acres=5)
    sync.well()
    assert sync.acres()["p1"] == 5

    clock.at += timedelta(hours=1)
    newer.update(newer.ids(), acres=6)
    sync.well()
    assert sync.acres()["p1"] == 6


def test_without_provenance_only_the_datasets_columns_are_there(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["provenance"] = False
    sync.well()
    parks.update(parks.find(name="p1"), acres=5)

    assert sync.one().rows.updated == 1
    (row,) = sync.query("SELECT * FROM parks WHERE name = 'p1'")
    assert row == {"name": "p1", "acres": 5, "opened": None}


def test_fields_choose_and_type_the_columns(sync: Sync, parks: Dataset) -> None:
    sync.spec["target"]["fields"] = {"acres": "integer", "name": ""}

    sync.well()

    types = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = 'parks'::regclass AND attnum BETWEEN 1 AND 2 ORDER BY attnum"
    )
    assert [tuple(t.values()) for t in types] == [("acres", "integer"), ("name", "text")]
    assert "opened" not in sync.table("parks", "name")["p1"]


def test_names_that_socrata_cannot_answer_with_are_loaded_all_the_same(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["datasets"] = [{"id": PARKS, "columns": {"Park Name": "name", "ACRES": "acres"}}]
    sync.spec["target"]["key"] = ["Park Name"]

    sync.well()
    parks.update(parks.find(name="p1"), acres=5)
    parks.insert(park("p9"))
    rows = sync.one().rows

    assert (rows.inserted, rows.updated) == (1, 1)
    assert sync.table("parks", "Park Name")["p1"]["ACRES"] == 5
