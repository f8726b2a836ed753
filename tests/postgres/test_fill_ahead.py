"""Rows that go into the target while others are still downloaded: the same result as without, or none."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from tests.postgres.conftest import Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.merge import page_writer
from socratasync.pipeline.request import FillingAhead

pytestmark = pytest.mark.usefixtures("slow_server", "foretold")

EXPECTED = {f"p{n}": n for n in range(5)}
BEGUN, GIVEN_UP = "begun", "given up"


@pytest.fixture
def steps(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """What was told of filling ahead: (dataset, step)."""
    caplog.set_level(logging.INFO, "socratasync.pipeline.merge.fill_ahead")

    def told() -> list[tuple[str, str]]:
        facts = [getattr(record, "facts", {}) for record in caplog.records]
        return [(f["dataset"], f["step"]) for f in facts if f.get("event") == "fill-ahead"]

    return told


@pytest.fixture
def said(steps: Callable[[], list[tuple[str, str]]]) -> Callable[[str], int]:
    """How often a step was told."""
    return lambda step: [told for _, told in steps()].count(step)


@pytest.fixture
def merged_as_usual(
    sync: Sync, steps: Callable[[], list[tuple[str, str]]]
) -> Callable[[], list[str]]:
    """The datasets whose stage was merged after all."""

    def found() -> list[str]:
        ahead = {dataset for dataset, step in steps() if step == "committed"}
        loaded = sync.query(
            "SELECT DISTINCT jsonb_object_keys(datasets) AS id FROM socratasync.runs"
        )
        return sorted({row["id"] for row in loaded} - ahead)

    return found


def nothing_is_there(sync: Sync) -> bool:
    return sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_first_load_is_in_when_its_download_is(
    sync: Sync,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
    page_size: int,
) -> None:
    sync.spec["source"] = {"pageSize": page_size}

    dataset = sync.one()

    assert (dataset.rows.downloaded, dataset.rows.inserted, dataset.strategy) == (5, 5, "create")
    assert (dataset.rows.updated, dataset.rows.unchanged) == (0, 0)
    assert sync.acres() == EXPECTED
    assert said(BEGUN) == 1
    assert merged_as_usual() == []
    assert sync.query("SELECT to_regclass('socratasync.checkpoints') IS NOT NULL AS there")
    assert sync.query("SELECT * FROM socratasync.checkpoints") == []
    (target,) = sync.query(
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'parks'::regclass AND contype = 'p'"
    )
    assert target == {"count": 1}
    assert sync.one().rows.changed == 0


def test_a_table_is_not_filled_ahead_where_the_source_is_the_slower_side(
    sync: Sync, parks: Dataset, said: Callable[[str], int]
) -> None:
    sync.options = sync.with_(filling_ahead=FillingAhead())
    sync.spec["source"] = {"pageSize": 1}

    assert sync.one().rows.inserted == 5

    assert (said(BEGUN), said(GIVEN_UP)) == (0, 0)


def test_rows_of_any_length_are_found_wherever_the_stage_has_them(
    sync: Sync, portal: Portal, said: Callable[[str], int], merged_as_usual: Callable[[], list[str]]
) -> None:
    notes = {f"n{n}": "x" * (n * 37 % 400) for n in range(6000)}
    rows = [{"name": name, "note": note} for name, note in notes.items()]
    portal.add_dataset("note-0001", [("name", "text"), ("note", "text")], rows)
    sync.spec["target"].update(table="notes", key=["name"])
    sync.spec["source"] = {"pageSize": 500}

    assert sync.one().rows.inserted == 6000

    assert {n: row["note"] or "" for n, row in sync.table("notes", "name").items()} == notes
    assert merged_as_usual() == []


def test_rows_that_are_not_found_in_the_stage_bring_on_the_usual_merge(
    sync: Sync, portal: Portal, said: Callable[[str], int]
) -> None:
    """Somebody's UPDATE of the stage makes a row another transaction's, in the last page's blocks; the
    insertion of the first page waits until then."""
    rows = [{"name": f"n{n}", "note": "x" * 1500} for n in range(10)]  # five of them fill a block
    portal.add_dataset("note-0001", [("name", "text"), ("note", "text")], rows)
    sync.spec["target"].update(table="notes", key=["name"])
    sync.spec["source"] = {"pageSize": 5}
    sync.query(
        "CREATE TABLE notes (name text PRIMARY KEY, note text, socrata_dataset text,"
        " socrata_id text, socrata_updated_at timestamptz);"
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN new; END $$;"
        "CREATE TRIGGER wait BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION wait()"
    )
    with psycopg.connect(sync.dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(42)")

        def interfere() -> None:
            (stage,) = sync.query("SELECT stage FROM socratasync.checkpoints")
            table = sql.Identifier("socratasync", stage["stage"])
            sync.query(sql.SQL("UPDATE {} SET name = name WHERE name = 'n7'").format(table))
            other.execute("SELECT pg_advisory_unlock(42)")

        portal.faults.add(Fault.doing(interfere), on="rows", after=2)

        assert sync.one().rows.inserted == 10

    assert set(sync.table("notes", "name")) == {f"n{n}" for n in range(10)}
    assert (said(BEGUN), said(GIVEN_UP)) == (1, 1)


def test_nothing_is_seen_before_all_is_verified(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.spec["source"] = {"pageSize": 2}
    seen = []
    look = Fault.doing(lambda: seen.append(nothing_is_there(sync)))
    portal.faults.add(look, times=None, on="rows")
    portal.faults.add(look, times=None, on="count")

    sync.well()

    assert len(seen) > 4
    assert all(seen)
    assert sync.acres() == EXPECTED


@pytest.mark.parametrize(
    ("trouble", "on", "exit_code"),
    [
        pytest.param(Fault.wrong_count(9), "count", 65, id="a count that is wrong"),
        pytest.param(Fault.status(503), "rows", 75, id="a source that is gone"),
    ],
)
def test_a_download_that_fails_leaves_nothing(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    said: Callable[[str], int],
    trouble: Fault,
    on: str,
    exit_code: int,
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["verify"] = {"rowCount": "Fail"}
    portal.faults.add(trouble, times=None, after=1, on=on)

    assert sync.run().exit_code == exit_code

    assert said(BEGUN) >= 1
    assert nothing_is_there(sync)


def test_a_page_that_fails_ends_it_since_a_transaction_must_not_stay_open(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.status(503), times=1, after=1, on="rows")

    assert sync.one().rows.inserted == 5

    assert sync.acres() == EXPECTED
    assert said(BEGUN) == 1
    assert merged_as_usual() == ["park-0001"]


def test_rows_that_an_earlier_try_staged_are_merged_as_usual(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows")
    sync.run(run="job-1")
    portal.faults.clear()
    before = said(BEGUN)

    report = sync.well(run="job-1")

    assert report.rows.inserted == 5
    assert sync.acres() == EXPECTED
    assert said(BEGUN) == before
    assert merged_as_usual() == ["park-0001"]


@pytest.mark.parametrize(
    ("extra", "duplicates", "left_out"),
    [
        pytest.param([{"name": "p1", "acres": 7}], 1, 0, id="a key twice"),
        pytest.param([{"name": None, "acres": 7}], 0, 1, id="a row without a key"),
    ],
)
def test_keys_that_are_not_clean_are_cleaned_as_usual(
    sync: Sync,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
    extra: list[Row],
    duplicates: int,
    left_out: int,
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    for row in extra:
        parks.insert(row)

    dataset = sync.one()

    assert (dataset.duplicates, dataset.rows.inserted) == (duplicates, 5)
    assert dataset.rows.downloaded == 5 + duplicates + left_out
    assert sync.acres() == {**EXPECTED, **({"p1": 7} if duplicates else {})}
    assert said(GIVEN_UP) == 1
    assert merged_as_usual() == ["park-0001"]


def test_several_datasets_fill_a_table_that_the_first_of_them_makes(
    sync: Sync, portal: Portal, parks: Dataset, merged_as_usual: Callable[[], list[str]]
) -> None:
    columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
    for number in (1, 2):
        rows = [{"name": f"q{number}{n}", "acres": n} for n in range(5)]
        portal.add_dataset(f"more-000{number}", columns, rows)
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 3

    report = sync.well()

    assert report.rows.inserted == 15
    assert len(sync.acres()) == 15
    assert [d.strategy for d in report.datasets] == ["fill"] * 3


def test_datasets_with_keys_in_common_end_as_if_merged_one_after_the_other(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.shares_keys = True
    newer = [{"name": f"p{n}", "acres": 10 * n} for n in range(3, 9)]
    columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
    portal.add_dataset("more-0001", columns, newer)
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 2

    report = sync.well()

    assert set(sync.acres()) == {f"p{n}" for n in range(9)}
    assert sum(d.rows.downloaded for d in report.datasets) == 11
    assert report.rows.inserted == 9
    sync.well(mode="full")
    once = sync.acres()
    sync.well(mode="full")
    assert sync.acres() == once


def test_a_table_with_rows_of_others_is_merged_by_key(
    sync: Sync, portal: Portal, parks: Dataset, merged_as_usual: Callable[[], list[str]]
) -> None:
    sync.shares_keys = True
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp,"
        " socrata_dataset text, socrata_id text, socrata_updated_at timestamptz)"
    )
    sync.query("INSERT INTO parks (name, acres) SELECT 'mine' || n, n FROM generate_series(1, 9) n")
    sync.query("INSERT INTO parks (name, acres) VALUES ('p1', 99)")

    dataset = sync.one()

    assert (dataset.rows.inserted, dataset.rows.updated) == (4, 1)
    assert len(sync.acres()) == 14
    assert merged_as_usual() == ["park-0001"]


def test_a_table_that_lacks_a_column_is_not_altered_before_the_download_is_verified(
    sync: Sync, parks: Dataset, said: Callable[[str], int], merged_as_usual: Callable[[], list[str]]
) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")

    assert sync.one().rows.inserted == 5

    assert sync.acres() == EXPECTED
    assert said(BEGUN) == 0
    assert merged_as_usual() == ["park-0001"]


@pytest.mark.parametrize("mode", ["update", "full"])
def test_what_is_known_is_merged_by_key(
    sync: Sync, parks: Dataset, said: Callable[[str], int], mode: str
) -> None:
    sync.well()
    parks.update(parks.find(name="p1"), acres=11)
    begun = said(BEGUN)

    assert sync.one(mode=mode).rows.updated == 1

    assert said(BEGUN) == begun


def test_a_reset_replaces_all_at_once(
    sync: Sync, parks: Dataset, said: Callable[[str], int]
) -> None:
    sync.spec["target"]["reset"] = True

    sync.well(mode="full")

    assert sync.acres() == EXPECTED
    assert said(BEGUN) == 0


def test_a_server_with_no_connection_to_spare_is_filled_afterwards(
    sync: Sync,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
    dsn: str,
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        database = connection.info.dbname
        role = sql.Identifier(f"thrifty_{database}")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 2").format(role))
        connection.execute(
            sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(sql.Identifier(database), role)
        )
        connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(role))
        sync.dsn = psycopg.conninfo.make_conninfo(dsn, user=f"thrifty_{database}")
        try:
            assert sync.one().rows.inserted == 5
            sync.dsn = dsn  # the role's own connections may still be ending
            assert merged_as_usual() == ["park-0001"]
        finally:
            sync.dsn = dsn
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
    assert said(GIVEN_UP) == 1


def test_a_connection_that_is_cut_costs_nothing_but_time(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
) -> None:
    """As ``idle_in_transaction_session_timeout`` does when the source is slow for once."""
    sync.spec["source"] = {"pageSize": 2}

    def cut() -> None:
        sync.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'idle in transaction'"
        )

    portal.faults.add(Fault.doing(cut), times=1, on="rows", after=2)

    assert sync.one().rows.inserted == 5

    assert sync.acres() == EXPECTED
    assert merged_as_usual() == ["park-0001"]


def test_a_transaction_that_waits_more_than_it_works_is_not_kept_open(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    said: Callable[[str], int],
    merged_as_usual: Callable[[], list[str]],
) -> None:
    ahead = dataclasses.replace(sync.options.filling_ahead, longest_idle_s=0.0)
    sync.options = sync.with_(filling_ahead=ahead)
    sync.spec["source"] = {"pageSize": 1}
    portal.faults.add(Fault.delayed(0.2), times=2, on="rows", after=1)

    assert sync.one().rows.inserted == 5

    assert sync.acres() == EXPECTED
    assert (said(BEGUN), said(GIVEN_UP)) == (1, 1)
    assert merged_as_usual() == ["park-0001"]


def test_a_stopped_run_rolls_back(
    sync: Sync, portal: Portal, parks: Dataset, said: Callable[[str], int]
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    stopping = threading.Event()
    portal.faults.add(Fault.doing(stopping.set), times=1, on="rows", after=2)

    assert sync.run(options=sync.with_(stopping=stopping)).terminated

    assert said(BEGUN) == 1
    assert nothing_is_there(sync)
    open_ones = (
        "SELECT FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' AND datname = %s"
    )
    with psycopg.connect(sync.dsn) as connection:
        assert connection.execute(open_ones, [connection.info.dbname]).fetchall() == []
    assert not [t for t in threading.enumerate() if t.name == page_writer.THREAD]
