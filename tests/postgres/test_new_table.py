"""A table that the run makes: rows are copied straight into it, and it is seen when all of them are in, or not at all."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.postgres.conftest import ROW_BY_ROW, Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.stage import side_by_side

pytestmark = pytest.mark.usefixtures("slow_server", "foretold")

EXPECTED = {f"p{n}": n for n in range(5)}
COLUMNS = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]


@pytest.fixture(autouse=True)
def nothing_is_left(sync: Sync) -> Iterator[None]:
    """Whatever becomes of a run: once one is well, nothing of the product's own tables is left."""
    yield
    if sync.query("SELECT to_regclass('parks') AS t") != [{"t": None}] and own_tables(sync):
        sync.run()
        assert own_tables(sync) == []


def own_tables(sync: Sync) -> list[Row]:
    return sync.query(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('socratasync')"
        " AND relkind = 'r' AND (relname LIKE 'new%' OR relname LIKE 'stage%')"
    )


def fail_after_a_page(sync: Sync, portal: Portal, **words: Any) -> None:
    """A run that reads two rows, and nothing after that."""
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows")
    assert sync.run(**words).exit_code == 75
    portal.faults.clear()


def pages(portal: Portal) -> list[str]:
    """Which rows were asked for, page by page."""
    return [str(words) for kind, _, words in portal.requests if kind == "rows"]


def nothing_is_there(sync: Sync) -> bool:
    return sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


def add(portal: Portal, dataset: str, rows: list[Row]) -> Dataset:
    return portal.add_dataset(dataset, COLUMNS, rows)


# -- what it is like ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_it_is_as_if_a_person_had_made_it(sync: Sync, parks: Dataset, page_size: int) -> None:
    sync.spec["source"] = {"pageSize": page_size}

    dataset = sync.one()

    assert (dataset.rows.downloaded, dataset.rows.inserted, dataset.strategy) == (5, 5, "create")
    assert (dataset.rows.updated, dataset.rows.unchanged) == (0, 0)
    assert sync.acres() == EXPECTED
    assert sync.query("SELECT * FROM socratasync.checkpoints") == []
    assert own_tables(sync) == []
    assert sync.query(
        "SELECT relpersistence::text AS kept, reloptions AS options, relreplident::text AS told"
        " FROM pg_class WHERE oid = 'parks'::regclass"
    ) == [{"kept": "p", "options": None, "told": "d"}]
    assert sync.query(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'parks'::regclass AND contype = 'p'"
    ) == [{"conname": "parks_pkey"}]
    assert sync.query(
        "SELECT attname::text AS name, atthasdef AS has_default FROM pg_attribute"
        " WHERE attrelid = 'parks'::regclass AND attnum > 0 ORDER BY attnum"
    ) == [
        {"name": name, "has_default": False}
        for name in (
            "name",
            "acres",
            "opened",
            "socrata_dataset",
            "socrata_id",
            "socrata_updated_at",
        )
    ]
    assert sync.query("SELECT DISTINCT socrata_dataset AS d FROM parks") == [{"d": "park-0001"}]
    assert sync.one().rows.changed == 0


def test_rows_of_any_length_come_by_either_connection(sync: Sync, portal: Portal) -> None:
    notes = {f"n{n}": 'a "quoted",\nbroken\r\nline ' + "x" * (n * 37 % 400) for n in range(3000)}
    rows = [{"name": name, "note": note} for name, note in notes.items()]
    portal.add_dataset("note-0001", [("name", "text"), ("note", "text")], rows)
    sync.spec["target"].update(table="notes", key=["name"])
    sync.spec["source"] = {"pageSize": 500}
    sync.options = sync.with_(second_copy=dataclasses.replace(ROW_BY_ROW, piece_bytes=900))

    assert sync.one().rows.inserted == 3000

    assert {name: row["note"] for name, row in sync.table("notes", "name").items()} == notes


@pytest.mark.parametrize("grantor", ["", " IN SCHEMA public"])
def test_it_has_the_rights_that_its_schema_gives_to_tables(
    sync: Sync, parks: Dataset, dsn: str, grantor: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        role = sql.Identifier(f"reader_{connection.info.dbname}")
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        give = sql.SQL("ALTER DEFAULT PRIVILEGES" + grantor + " GRANT SELECT ON TABLES TO {}")
        connection.execute("CREATE SCHEMA socratasync")
        also = "ALTER DEFAULT PRIVILEGES IN SCHEMA socratasync GRANT DELETE ON TABLES TO {}"
        try:
            connection.execute(give.format(role))
            connection.execute(sql.SQL(also).format(role))
            sync.well()
            rights = connection.execute(
                "SELECT has_table_privilege(%(who)s, 'parks', 'SELECT'),"
                " has_table_privilege(%(who)s, 'parks', 'DELETE')",
                {"who": f"reader_{connection.info.dbname}"},
            ).fetchone()
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
    assert rights == (True, False)


@pytest.mark.parametrize("table", ["parks", "ein_Tisch", "t" * 63, 'quo"ted'][:3])
def test_its_name_may_be_any(sync: Sync, parks: Dataset, table: str) -> None:
    sync.spec["target"]["table"] = table

    assert sync.one().rows.inserted == 5
    assert sync.one().rows.changed == 0


# -- when it is seen ---------------------------------------------------------------------------------


def test_nothing_is_seen_before_all_is_verified(sync: Sync, portal: Portal, parks: Dataset) -> None:
    add(portal, "more-0001", [{"name": f"q{n}", "acres": n} for n in range(3)])
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 1
    seen = []
    look = Fault.doing(lambda: seen.append(nothing_is_there(sync)))
    portal.faults.add(look, times=None, on="rows")
    portal.faults.add(look, times=None, on="count")

    sync.well()

    assert len(seen) > 8
    assert all(seen[:-2])  # rows are counted once more, when they are in
    assert len(sync.acres()) == 8


@pytest.mark.parametrize(
    ("trouble", "on", "exit_code"),
    [
        pytest.param(Fault.wrong_count(9), "count", 65, id="a count that is wrong"),
        pytest.param(Fault.status(503), "rows", 75, id="a source that is gone"),
    ],
)
def test_a_download_that_fails_leaves_nothing_to_see(
    sync: Sync, portal: Portal, parks: Dataset, trouble: Fault, on: str, exit_code: int
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["verify"] = {"rowCount": "Fail"}
    portal.faults.add(trouble, times=None, after=1, on=on)

    assert sync.run().exit_code == exit_code

    assert nothing_is_there(sync)


def test_a_stopped_run_leaves_neither_a_table_nor_a_session(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    stopping = threading.Event()
    portal.faults.add(Fault.doing(stopping.set), times=1, on="rows", after=2)

    assert sync.run(options=sync.with_(stopping=stopping)).terminated

    assert nothing_is_there(sync)
    open_ones = (
        "SELECT FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' AND datname = %s"
    )
    with psycopg.connect(sync.dsn) as connection:
        assert connection.execute(open_ones, [connection.info.dbname]).fetchall() == []
    assert not [t for t in threading.enumerate() if t.name.startswith(side_by_side.THREAD)]


def test_a_table_that_somebody_makes_meanwhile_is_not_touched(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.shares_keys = True
    sync.foretold = False
    make = Fault.doing(lambda: sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres int)"))
    portal.faults.add(make, on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert "was made by somebody else" in str(report.error)
    sync.foretold = True
    assert sync.query("SELECT * FROM parks") == []
    assert sync.one().rows.inserted == 5
    assert own_tables(sync) == []


# -- going on --------------------------------------------------------------------------------------


def test_a_later_try_goes_on_where_an_earlier_one_stopped(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    fail_after_a_page(sync, portal, run="job-1")
    asked = len(pages(portal))

    report = sync.well(run="job-1")

    assert report.rows.inserted == 5
    assert sync.acres() == EXPECTED
    assert all(":id" in page for page in pages(portal)[asked:]), "the first page was read again"


def test_a_page_that_is_only_half_there_is_found_by_its_count(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    """As after a crash between the commits of the two connections."""
    fail_after_a_page(sync, portal, run="job-1")
    (new,) = own_tables(sync)
    table = sql.Identifier("socratasync", new["relname"])
    half = "INSERT INTO {} (name, socrata_dataset, socrata_id) VALUES ('p3', 'park-0001', 'row-x')"
    sync.query(sql.SQL(half).format(table))

    assert sync.well(run="job-1").rows.inserted == 5

    assert sync.acres() == EXPECTED


def test_rows_without_a_checkpoint_do_not_come_in(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    fail_after_a_page(sync, portal, run="job-1")
    sync.query("DELETE FROM socratasync.checkpoints WHERE stage LIKE 'stage%'")

    report = sync.well(run="job-1")

    assert sync.acres() == EXPECTED
    assert report.warnings == []


def test_another_layout_begins_anew(sync: Sync, portal: Portal, parks: Dataset) -> None:
    fail_after_a_page(sync, portal)
    sync.spec["target"]["fields"] = {"name": "", "acres": "bigint"}

    assert sync.one().rows.inserted == 5

    assert sync.acres() == EXPECTED
    types = "SELECT format_type(atttypid, NULL) AS t FROM pg_attribute WHERE attrelid = 'parks'::regclass AND attname = 'acres'"
    assert sync.query(types) == [{"t": "bigint"}]


def test_rows_of_a_dataset_that_left_the_manifest_do_not_come_in(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    add(portal, "more-0001", [{"name": f"q{n}", "acres": n} for n in range(5)])
    sync.spec["source"] = {"pageSize": 2}
    sync.foretold = False
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows", dataset="more-0001")
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows", dataset="park-0001")
    assert sync.run().exit_code == 75
    portal.faults.clear()
    sync.spec["datasets"] = [{"id": "park-0001"}]

    report = sync.well()

    assert sync.acres() == EXPECTED
    assert report.target_rows == 5


def test_what_nobody_goes_on_with_is_dropped_by_the_next_run(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows")
    sync.run()
    portal.faults.clear()
    sync.foretold = False
    assert len(own_tables(sync)) == 1
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")

    sync.well()

    assert own_tables(sync) == []


# -- several datasets ------------------------------------------------------------------------------


def test_several_datasets_fill_it_at_once(sync: Sync, portal: Portal, parks: Dataset) -> None:
    for number in (1, 2):
        add(portal, f"more-000{number}", [{"name": f"q{number}{n}", "acres": n} for n in range(5)])
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 3

    report = sync.well()

    assert report.rows.inserted == 15
    assert len(sync.acres()) == 15
    assert [d.strategy for d in report.datasets] == ["create"] * 3
    whose = "SELECT socrata_dataset AS id, count(*) FROM parks GROUP BY 1 ORDER BY 1"
    assert [row["count"] for row in sync.query(whose)] == [5, 5, 5]


def test_a_dataset_that_fails_leaves_the_others_whole(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    add(portal, "more-0001", [{"name": f"q{n}", "acres": n} for n in range(5)])
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 1
    sync.foretold = False  # what is done already is not planned again
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows", dataset="more-0001")

    report = sync.run(run="job-1")

    assert report.exit_code == 75
    assert sync.acres() == EXPECTED
    portal.faults.clear()
    again = sync.well(run="job-1")
    assert len(sync.acres()) == 10
    assert [d.rows.inserted for d in again.datasets] == [5, 5]
    assert again.target_rows == 10


@pytest.mark.parametrize("published", [False, True])
def test_one_that_is_read_anew_does_not_disturb_the_others(
    sync: Sync, portal: Portal, parks: Dataset, published: bool
) -> None:
    if published:
        sync.query("CREATE PUBLICATION everything FOR ALL TABLES")
    add(portal, "more-0001", [{"name": f"q{n}", "acres": n} for n in range(5)])
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["parallelism"] = 1
    sync.spec["verify"] = {"rowCount": "Warn"}
    portal.faults.add(Fault.wrong_count(9), times=3, after=1, on="count", dataset="more-0001")

    report = sync.run()

    assert report.ok
    assert len(sync.acres()) == 10
    assert report.rows.inserted == 10


# -- keys that are none ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "duplicates", "left_out"),
    [
        pytest.param([{"name": "p1", "acres": 7}], 1, 0, id="a key twice"),
        pytest.param([{"name": None, "acres": 7}], 0, 1, id="a row without a key"),
    ],
)
def test_rows_without_a_key_of_their_own_are_left_out(
    sync: Sync, parks: Dataset, extra: list[Row], duplicates: int, left_out: int
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    for row in extra:
        parks.insert(row)

    dataset = sync.one()

    assert (dataset.duplicates, dataset.rows.inserted) == (duplicates, 5)
    assert dataset.rows.downloaded == 5 + duplicates + left_out
    assert sync.acres() == {**EXPECTED, **({"p1": 7} if duplicates else {})}


def test_of_rows_that_are_equally_new_the_one_that_the_portal_lists_last_stays(
    sync: Sync, portal: Portal
) -> None:
    """Their order is lost between two connections; a stage knows it, and both must come to the same."""
    rows = [{"name": f"p{n % 40}", "acres": n} for n in range(200)]
    add(portal, "park-0002", rows).replace_all(rows)
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["verify"] = {"rowCount": "Warn"}
    sync.spec["source"] = {"pageSize": 30}

    assert sync.one().duplicates == 160

    copied = sync.acres()
    assert sync.one(mode="full").rows.changed == 0
    sync.forget()
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)")
    assert sync.one().duplicates == 160
    assert sync.acres() == copied


def test_datasets_with_keys_in_common_end_as_if_merged_one_after_the_other(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.shares_keys = True
    add(portal, "more-0001", [{"name": f"p{n}", "acres": 10 * n} for n in range(3, 9)])
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


@pytest.mark.parametrize("both", [True, False])
def test_too_many_rows_without_a_key_of_their_own_fail_their_dataset_alone(
    sync: Sync, portal: Portal, parks: Dataset, both: bool
) -> None:
    sync.spec["verify"] = {"rowCount": "Fail"}
    parks.insert({"name": None, "acres": 1})
    add(portal, "more-0001", [{"name": f"q{n if n or not both else None}"} for n in range(5)])
    if both:
        portal.datasets["more-0001"].insert({"name": "q1"})

    report = sync.run()

    assert report.exit_code == 65
    assert ["Nothing was merged" in str(d.error) for d in report.datasets] == [True, both]
    if both:
        assert nothing_is_there(sync)
        assert own_tables(sync) == []
    else:
        assert set(sync.acres()) == {f"q{n}" for n in range(5)}


def test_a_key_that_is_too_long_for_an_index_is_told_with_its_dataset(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    import random

    letters = random.Random(1)
    long = "".join(chr(letters.randint(33, 126)) for _ in range(9000))
    add(portal, "more-0001", [{"name": long, "acres": 1}])

    report = sync.run()

    assert report.exit_code == 65
    assert "more-0001: a row is larger than PostgreSQL can store or index" in str(
        report.datasets[1].error
    )
    assert sync.acres() == EXPECTED


# -- the second connection -------------------------------------------------------------------------


def test_a_server_with_no_connection_to_spare_is_filled_by_one(
    sync: Sync, parks: Dataset, dsn: str
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
        finally:
            sync.dsn = dsn
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


@pytest.mark.parametrize("value", ["many", None])
def test_a_page_that_copy_refuses_comes_in_value_by_value(
    sync: Sync, parks: Dataset, value: str | None
) -> None:
    sync.spec["target"]["fields"] = {"name": "varchar(4)", "acres": ""}
    sync.spec["target"]["onBadValue"] = "Skip"
    sync.spec["verify"] = {"rowCount": "Warn"}
    sync.spec["source"] = {"pageSize": 2}
    parks.insert({"name": "too long", "acres": 9})

    dataset = sync.one()

    assert (dataset.rows.inserted, dataset.bad_values.skipped) == (5, 1)
    assert sync.acres() == EXPECTED
