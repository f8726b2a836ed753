"""What must never happen to data: rows deleted that exist, stale ones believed, changes passed over.

Every test here is a story of one afternoon on which something might be lost.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from tests.conftest import Clock
from tests.postgres.conftest import Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")

PARKS = "park-0001"
COLUMNS = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]


def numbered(first: int, last: int) -> list[Row]:
    return [{"name": f"p{n}", "acres": n} for n in range(first, last)]


def names(sync: Sync) -> set[str]:
    return set(sync.acres())


# -- what may be deleted -----------------------------------------------------------------------------


@pytest.fixture
def thirty(sync: Sync, portal: Portal, parks: Dataset) -> Dataset:
    """Thirty parks, loaded; ten on a page."""
    parks.replace_all(numbered(0, 30))
    sync.spec["source"] = {"pageSize": 10}
    sync.spec["target"]["prune"] = True
    sync.well()
    return parks


def keep_replacing(portal: Portal, parks: Dataset) -> None:
    """The dataset is replaced by other rows, and other numbers of them, with every other page."""
    for page in range(1, 60, 2):
        rows = numbered(page % 7, page % 7 + 5 + page % 11)
        portal.faults.add(Fault.doing(partial(parks.replace_all, rows)), on="rows", after=page)


def test_prune_deletes_nothing_while_the_dataset_keeps_being_replaced(
    sync: Sync, portal: Portal, thirty: Dataset
) -> None:
    keep_replacing(portal, thirty)

    report = sync.run(mode="full")

    assert report.rows.deleted == 0
    assert names(sync) == {f"p{n}" for n in range(30)}


def test_prune_deletes_nothing_when_counts_agree_by_chance_in_a_replacement(
    sync: Sync, portal: Portal, thirty: Dataset, clock: Clock
) -> None:
    """Ten old rows and twenty new ones were read; ten more come before the last count."""
    clock.at = datetime.now(UTC) + timedelta(minutes=5)
    portal.faults.add(
        Fault.doing(lambda: thirty.replace_all(numbered(20, 30) + numbered(0, 10))),
        on="rows",
        after=1,
    )
    portal.faults.add(Fault.doing(lambda: thirty.insert(*numbered(10, 20))), on="count", after=2)

    sync.run(mode="full")

    assert names(sync) == {f"p{n}" for n in range(30)}


def test_prune_deletes_what_is_gone_though_the_dataset_grows_meanwhile(
    sync: Sync, portal: Portal, thirty: Dataset
) -> None:
    thirty.delete(thirty.find(name="p3"))
    portal.faults.add(Fault.doing(lambda: thirty.insert({"name": "new"})), on="rows", after=1)

    assert sync.one(mode="full").rows.deleted == 1
    assert names(sync) == {f"p{n}" for n in range(30) if n != 3} | {"new"}


def test_reset_replaces_nothing_while_the_dataset_keeps_being_replaced(
    sync: Sync, portal: Portal, thirty: Dataset
) -> None:
    del sync.spec["target"]["prune"]
    sync.spec["target"]["reset"] = True
    keep_replacing(portal, thirty)

    report = sync.run(mode="full")

    assert report.exit_code == 65, report.as_dict()
    assert report.as_dict()["error"]["reason"] == "RowCountMismatch"
    assert names(sync) == {f"p{n}" for n in range(30)}


@pytest.mark.parametrize("how", ["prune", "reset"])
def test_a_replica_that_is_behind_deletes_no_row_that_was_loaded_from_another(
    sync: Sync, portal: Portal, parks: Dataset, how: str
) -> None:
    sync.spec["target"][how] = True
    sync.well()
    parks.lag()
    parks.insert({"name": "new", "acres": 1})
    behind = parks.shown
    parks.catch_up()
    sync.well()
    assert "new" in names(sync)
    parks.lag(state=behind)  # the same old replica answers again

    report = sync.run(mode="full")

    assert "new" in names(sync), report.as_dict()
    parks.catch_up()
    sync.well(mode="full")
    assert names(sync) == {f"p{n}" for n in range(5)} | {"new"}


def with_an_old_row(sync: Sync, portal: Portal, clock: Clock) -> Dataset:
    """p0 to p2, loaded; p0 is a year older than the others, and p2 has changed since. The manifest is
    that of ``parks``."""
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    portal.datasets.clear()
    parks = portal.add_dataset(PARKS, COLUMNS, numbered(0, 1))
    clock.at = datetime(2021, 1, 1, tzinfo=UTC)
    parks.insert(*numbered(1, 3))
    sync.well()
    parks.touch(parks.find(name="p2"))
    return parks


@pytest.mark.usefixtures("parks")
def test_an_update_deletes_no_row_that_changed_behind_its_back(
    sync: Sync, portal: Portal, clock: Clock
) -> None:
    """p0 is old and not asked for. While pages are read it changes and another row comes: as many
    rows were read as there were, and none is left unread."""
    sync.spec["target"]["prune"] = True
    sync.spec["source"] = {"pageSize": 1}
    parks = with_an_old_row(sync, portal, clock)

    def meanwhile() -> None:
        parks.touch(parks.find(name="p0"))
        parks.insert({"name": "p3", "acres": 3})

    portal.faults.add(Fault.doing(meanwhile), on="rows", after=1)

    assert sync.one().rows.deleted == 0
    assert names(sync) == {f"p{n}" for n in range(4)}


@pytest.mark.usefixtures("parks")
def test_an_update_deletes_no_row_that_it_did_not_ask_for(
    sync: Sync, portal: Portal, clock: Clock
) -> None:
    """p0 is old and not asked for. A row comes after the first count, so that as many rows are asked for
    as there were at all."""
    sync.spec["target"]["prune"] = True
    parks = with_an_old_row(sync, portal, clock)
    newest_and_all = 2
    portal.faults.add(
        Fault.doing(lambda: parks.insert({"name": "p3"})), on="count", after=newest_and_all
    )

    assert sync.one().rows.deleted == 0
    assert names(sync) == {f"p{n}" for n in range(4)}


@pytest.mark.parametrize("how", ["prune", "reset"])
@pytest.mark.parametrize("left", [0, 900])
def test_a_large_dataset_that_shrank_just_now_is_kept_until_that_is_sure(
    sync: Sync, portal: Portal, parks: Dataset, how: str, left: int
) -> None:
    """A dataset in the middle of its nightly replacement looks like that."""
    parks.replace_all(numbered(0, 2000))
    sync.spec["target"][how] = True
    sync.well()
    parks.replace_all(numbered(0, left))

    report = sync.run(mode="full")

    assert len(names(sync)) == 2000
    told = str(report.as_dict())
    assert "rowCount" in told
    assert (report.exit_code == 65) == (how == "reset")

    sync.spec["verify"] = {"rowCount": "Off"}
    sync.well(mode="full")
    assert len(names(sync)) == left


def test_an_update_of_a_large_dataset_in_the_middle_of_its_replacement_deletes_nothing(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    parks.replace_all(numbered(0, 2000))
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.replace_all(numbered(0, 700))

    sync.run()

    assert len(names(sync)) == 2000


def test_a_large_dataset_that_has_been_smaller_for_days_is_believed(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    parks.replace_all(numbered(0, 2000))
    sync.spec["target"]["prune"] = True
    sync.well()
    parks.replace_all(numbered(0, 700))
    later = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=2))

    assert sync.one(mode="full", options=later).rows.deleted == 1300


# -- what the watermark may pass ----------------------------------------------------------------------


def test_rows_that_an_empty_page_hid_are_read_though_the_dataset_shrank_meanwhile(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    """As many rows go as were hidden, which makes the count plausible."""
    parks.replace_all(numbered(0, 10))
    sync.spec["source"] = {"pageSize": 4}
    portal.faults.add(Fault.short_page(0), on="rows", after=2)  # hides p8 and p9

    def shrink() -> None:
        parks.delete([*parks.find(name="p0"), *parks.find(name="p1")])

    portal.faults.add(Fault.doing_afterwards(shrink), on="rows", after=2)

    sync.well()

    assert names(sync) == {f"p{n}" for n in range(10)}


@pytest.mark.parametrize("how", ["full", "since"])
def test_old_rows_from_a_replica_that_is_behind_are_put_right_by_the_next_update(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock, how: str
) -> None:
    """What a lagging replica overwrites was changed long before the watermark."""
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    portal.datasets.clear()
    parks = portal.add_dataset(PARKS, COLUMNS, numbered(0, 5))
    behind = parks.shown
    for number in range(5):
        clock.at += timedelta(days=1)
        parks.update(parks.find(name=f"p{number}"), acres=100 + number)
    sync.well()
    parks.lag(state=behind)

    if how == "full":
        sync.well(mode="full")
    else:
        sync.well(since=datetime(2019, 1, 1, tzinfo=UTC))
    parks.catch_up()
    sync.well()

    assert sync.acres() == {f"p{n}": 100 + n for n in range(5)}


def test_an_update_puts_no_older_row_of_a_key_in_place_of_a_newer_one(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    """The older one is read every time, for its date of the year 3020."""
    sync.spec["source"] = {"watermark": "opened"}
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    portal.datasets.clear()
    parks = portal.add_dataset(PARKS, COLUMNS)
    parks.insert({"name": "k", "acres": 1, "opened": "3020-01-01T00:00:00.000"})
    for day in (1, 2, 30):
        clock.at = datetime(2020, 3, day, tzinfo=UTC)
        opened = f"{clock.at:%Y-%m-%dT%H:%M:%S}.000"
        parks.insert({"name": "k" if day < 3 else "other", "acres": day, "opened": opened})
        sync.well()

    parks.insert({"name": "one more", "acres": 0, "opened": opened})
    sync.well()

    assert sync.acres() == {"k": 2, "other": 30, "one more": 0}


def test_a_change_stamped_in_the_future_hides_none_that_follows(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    clock.at = datetime.now(UTC) + timedelta(days=900)
    portal.datasets.clear()
    wrong = portal.add_dataset(PARKS, COLUMNS, numbered(0, 1))
    sync.well()
    wrong.put_clock_right()
    clock.at = None
    wrong.insert({"name": "after", "acres": 1})

    sync.well()

    assert "after" in names(sync)


# -- what may be left behind --------------------------------------------------------------------------


def test_a_column_that_the_target_lost_is_filled_again_for_every_row(
    sync: Sync, parks: Dataset
) -> None:
    settled = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=1))
    sync.well(options=settled)
    assert sync.one(options=settled).result == "NoChange"
    sync.query("ALTER TABLE parks DROP COLUMN acres")

    sync.well(options=settled)

    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_provenance_that_is_wanted_later_is_filled_for_every_row(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["target"]["provenance"] = False
    sync.well()
    sync.spec["target"]["provenance"] = True
    sync.spec["target"]["prune"] = True

    report = sync.well()

    assert report.rows.target == 5
    assert report.datasets[0].rows.target == 5
    parks.delete(parks.find(name="p1"))
    assert sync.one(mode="full").rows.deleted == 1


def test_datasets_whose_rows_changed_at_the_same_moment_do_not_take_turns(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    sync.shares_keys = True
    clock.at = datetime.now(UTC) + timedelta(hours=1)
    portal.datasets.clear()
    for number in range(2):
        portal.add_dataset(f"same-000{number}", COLUMNS, [{"name": "k", "acres": number}])
    one, other = portal.datasets.values()
    assert one.rows()[0][":updated_at"] == other.rows()[0][":updated_at"]
    sync.well()
    held = sync.query("SELECT xmin::text, * FROM parks")

    for mode in ("update", "full"):
        rows = sync.well(mode=mode).rows
        assert (rows.inserted, rows.updated, rows.unchanged) == (0, 0, 2)
    assert sync.query("SELECT xmin::text, * FROM parks") == held


# -- others at work in the target ----------------------------------------------------------------------


def test_a_key_that_the_app_inserts_during_the_merge_is_no_failure(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    parks.replace_all(numbered(0, 40))
    with psycopg.connect(sync.dsn) as app:
        app.execute("INSERT INTO parks (name, acres) VALUES ('p30', -1)")

        def commit_once_waited_for() -> None:
            while not sync.query(
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'socratasync' AND wait_event_type = 'Lock'"
            ):
                pass
            app.commit()

        other = threading.Thread(target=commit_once_waited_for)
        other.start()
        rows = sync.one(mode="full").rows
        other.join()

    assert sync.acres() == {f"p{n}": n for n in range(40)}
    assert (rows.inserted, rows.updated, rows.unchanged) == (34, 1, 5)


def test_duplicates_are_counted_once_when_a_merge_is_tried_again(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    parks.replace_all([*numbered(0, 40), {"name": "p7", "acres": 70}, {"name": None, "acres": 1}])
    with psycopg.connect(sync.dsn) as app:
        app.execute("INSERT INTO parks (name, acres) VALUES ('p30', 30)")
        threading.Timer(0.5, app.commit).start()
        report = sync.well(mode="full")

    (dataset,) = report.datasets
    assert dataset.duplicates == 1
    assert len([w for w in report.warnings if "the name of another row" in w]) == 1
    rows = dataset.rows
    assert rows.downloaded == 42 == rows.inserted + rows.updated + rows.unchanged + 2


def test_a_row_that_the_app_keeps_locked_makes_the_run_give_way_and_changes_nothing(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    before = sync.acres()
    known = sync.query("SELECT * FROM socratasync.datasets")
    parks.update(parks.ids(), acres=100)
    with psycopg.connect(sync.dsn) as app:
        app.execute("SELECT FROM parks WHERE name = 'p3' FOR UPDATE")

        report = sync.run(options=sync.with_(target_wait_s=0.2))

        assert report.exit_code == 75
        assert report.as_dict()["error"]["reason"] == "TargetBusy"
        assert sync.acres() == before
        assert sync.query("SELECT * FROM socratasync.datasets") == known
    sync.well()
    assert set(sync.acres().values()) == {100}


def test_a_second_unique_constraint_is_a_refusal_that_leaves_everything(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    sync.query("ALTER TABLE parks ADD UNIQUE (acres)")
    parks.update(parks.find(name="p1"), acres=2)

    report = sync.run()

    assert report.exit_code == 65
    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_a_trigger_that_refuses_rows_leaves_them_out_of_the_counts(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    sync.query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF new.acres > 100 THEN RETURN NULL; END IF; RETURN new; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    parks.insert({"name": "small", "acres": 1}, {"name": "large", "acres": 101})
    parks.update(parks.find(name="p1"), acres=102)
    parks.update(parks.find(name="p2"), acres=22)

    for mode in ("update", "full"):
        rows = sync.one(mode=mode).rows
        expected = (1, 1) if mode == "update" else (0, 0)
        assert (rows.inserted, rows.updated) == expected
        assert rows.inserted + rows.updated + rows.unchanged == rows.downloaded


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_keys_that_are_equal_to_the_target_are_one(
    sync: Sync, portal: Portal, parks: Dataset, filled: bool
) -> None:
    """``char`` takes no notice of spaces at the end."""
    sync.shares_keys = True
    sync.query("CREATE TABLE parks (name char(10) PRIMARY KEY, acres numeric)")
    sync.spec["target"]["fields"] = {"name": "", "acres": ""}
    if filled:
        sync.query("INSERT INTO parks VALUES ('p1', -1), ('mine', 2)")
    parks.insert({"name": "p1  ", "acres": 10}, {"name": "p1 ", "acres": 11})

    dataset = sync.one()

    assert dataset.duplicates == 2
    held = {n.strip(): a for n, a in sync.acres().items() if n.strip() != "mine"}
    assert held == {"p0": 0, "p1": 11, "p2": 2, "p3": 3, "p4": 4}
    again = sync.one(mode="full").rows
    assert (again.inserted, again.updated) == (0, 0)


def test_numbers_that_differ_only_in_their_zeros_are_one_key(sync: Sync, portal: Portal) -> None:
    parks = portal.add_dataset(
        "numb-0001",
        [("n", "number"), ("v", "text")],
        [{"n": "1", "v": "a"}, {"n": "1.0", "v": "b"}],
    )
    sync.spec["target"]["key"] = ["n"]
    for mode in ("update", "full"):
        assert sync.one(mode=mode).duplicates == 1
        ((key, row),) = sync.table(key="n").items()
        assert (key, row["v"]) == (1, "b")
    parks.update(parks.find(v="a"), v="c")
    sync.well()
    assert [r["v"] for r in sync.table(key="n").values()] == ["c"]
