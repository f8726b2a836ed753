"""The table's indexes are the manifest's: made after the rows, replaced, dropped, repaired, while readers read on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Event
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from psycopg import sql
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.contract.report import RunReport
from socratasync.pipeline.plan import index_plan
from socratasync.pipeline.plan.indexes import declared
from socratasync.pipeline.preview import Preview
from socratasync.pipeline.target import indexes

ACRES = "ON public.parks USING btree (acres)"


def declare(sync: Sync, *listed: dict[str, Any]) -> None:
    sync.spec["target"] = {**sync.spec["target"], "indexes": list(listed)}


def definitions(sync: Sync, table: str = "parks") -> dict[str, str]:
    """Name → definition, but for the key's."""
    rows = sync.query(
        "SELECT relname, pg_get_indexdef(indexrelid) AS definition FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
        " WHERE indrelid = to_regclass(%s) AND NOT indisprimary ORDER BY relname",
        table,
    )
    return {row["relname"]: row["definition"] for row in rows}


def kinds(sync: Sync, table: str = "parks") -> list[str]:
    """The definitions without their names."""
    return sorted(re.sub(r"INDEX \S+ ON", "INDEX ON", d) for d in definitions(sync, table).values())


def files(sync: Sync, table: str = "parks") -> dict[str, int]:
    """Name → file: another one once the index is made anew."""
    rows = sync.query(
        "SELECT relname, relfilenode FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
        " WHERE indrelid = to_regclass(%s) AND NOT indisprimary",
        table,
    )
    return {row["relname"]: row["relfilenode"] for row in rows}


def planned(sync: Sync) -> Preview:
    return sync.plan(sync.request(), sync.options)


def message(report: RunReport) -> str:
    return str(report.as_dict()["error"]["message"])


# -- made ------------------------------------------------------------------------------------------

MADE = {
    "a column": ({"columns": ["acres"]}, "CREATE INDEX ON public.parks USING btree (acres)"),
    "columns in order": (
        {"columns": ["opened", "acres"]},
        "CREATE INDEX ON public.parks USING btree (opened, acres)",
    ),
    "unique": (
        {"columns": ["acres", "name"], "unique": True},
        "CREATE UNIQUE INDEX ON public.parks USING btree (acres, name)",
    ),
    "hash": (
        {"columns": ["name"], "method": "hash"},
        "CREATE INDEX ON public.parks USING hash (name)",
    ),
    "brin": (
        {"columns": ["opened"], "method": "brin"},
        "CREATE INDEX ON public.parks USING brin (opened)",
    ),
    "spgist": (
        {"columns": ["name"], "method": "spgist"},
        "CREATE INDEX ON public.parks USING spgist (name)",
    ),
    "some rows, with a comment and a percent sign": (
        {"columns": ["opened"], "where": "parks.name like 'p%' -- by the letter"},
        "CREATE INDEX ON public.parks USING btree (opened) WHERE (name ~~ 'p%'::text)",
    ),
    "of provenance": (
        {"columns": ["socrata_updated_at"]},
        "CREATE INDEX ON public.parks USING btree (socrata_updated_at)",
    ),
}


@pytest.mark.parametrize(("index", "made"), MADE.values(), ids=MADE)
@pytest.mark.parametrize("is_new", [True, False], ids=["a new table", "a table that was there"])
def test_an_index_is_made_once_marked_and_left_alone(
    sync: Sync, parks: Dataset, index: dict[str, Any], made: str, is_new: bool
) -> None:
    if not is_new:
        sync.well()
    declare(sync, index)

    assert planned(sync).error is None
    sync.well()

    assert kinds(sync) == [made]
    (name,) = definitions(sync)
    assert re.fullmatch(r"parks_\w+_[0-9a-f]{8}", name)
    (comment,) = sync.query("SELECT obj_description(%s::regclass, 'pg_class') AS said", f'"{name}"')
    assert comment["said"].startswith("socratasync index ")
    assert not planned(sync).indexes.changes.are_due
    before = files(sync)
    parks.update(parks.find(name="p4"), acres=104)
    sync.well()
    assert files(sync) == before


@pytest.mark.parametrize(
    "name", [None, "By Acres, größer", "x" * 63], ids=["ours", "quoted", "long"]
)
def test_names_are_theirs_or_made_of_table_and_columns_and_fit(
    sync: Sync, parks: Dataset, name: str | None
) -> None:
    declare(sync, {"columns": ["acres", "opened"], **({"name": name} if name else {})})

    sync.well()

    (found,) = definitions(sync)
    assert found == (name or found)
    assert len(found.encode()) <= 63
    assert name or found.startswith("parks_acres_opened_")


def test_an_index_is_made_on_the_night_that_it_is_declared_though_nothing_changed(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    sync.query("CREATE MATERIALIZED VIEW totals AS SELECT sum(acres) FROM parks WITH NO DATA")
    sync.spec["refresh"] = {"materializedViews": ["totals"]}
    declare(sync, {"columns": ["acres"]})

    report = sync.well()

    assert (report.datasets[0].rows.inserted, report.datasets[0].rows.updated) == (0, 0)
    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]
    (view,) = sync.query("SELECT relispopulated FROM pg_class WHERE relname = 'totals'")
    assert not view["relispopulated"]  # no rows came, for which it would be refreshed


@pytest.mark.parametrize("listed", [[], [{"columns": ["acres"]}]], ids=["none", "one"])
def test_a_night_without_a_change_costs_one_query(
    sync: Sync, parks: Dataset, monkeypatch: pytest.MonkeyPatch, listed: list[dict[str, Any]]
) -> None:
    declare(sync, *listed)
    sync.well()
    asked = Mock(wraps=indexes.read)
    monkeypatch.setattr(indexes, "read", asked)
    monkeypatch.setattr(index_plan, "problems", None)
    monkeypatch.setattr(index_plan, "means_the_same", None)

    report = sync.well()

    assert asked.call_count == 1
    assert "refresh" not in report.as_dict()["seconds"]


def test_a_date_range_is_looked_up_in_the_index_that_was_declared(
    sync: Sync, parks: Dataset
) -> None:
    days = (date(2012, 1, 1) + timedelta(days=n) for n in range(3000))
    parks.insert(*({"name": f"q{n}", "opened": f"{day}T00:00:00"} for n, day in enumerate(days)))
    declare(sync, {"columns": ["opened"], "name": "by_day"})
    sync.well()

    plan = sync.query(
        "EXPLAIN SELECT * FROM parks WHERE opened >= '2012-01-01' AND opened < '2012-02-01'"
    )

    assert "by_day" in str(plan)


# -- replaced and dropped --------------------------------------------------------------------------


def test_a_changed_one_is_replaced_and_one_that_is_taken_out_dropped(
    sync: Sync, parks: Dataset
) -> None:
    declare(sync, {"columns": ["acres"]}, {"columns": ["opened"], "name": "day"})
    sync.well()
    declare(sync, {"columns": ["opened", "name"], "name": "day"})

    assert [i.name for i in planned(sync).indexes.changes.drop] == list(definitions(sync))
    sync.well()

    assert definitions(sync) == {
        "day": "CREATE INDEX day ON public.parks USING btree (opened, name)"
    }
    declare(sync)
    sync.well()
    assert definitions(sync) == {}


def test_an_index_keeps_its_file_when_its_name_changes_even_by_changing_places(
    sync: Sync, parks: Dataset
) -> None:
    declare(sync, {"columns": ["acres"], "name": "a"}, {"columns": ["opened"], "name": "b"})
    sync.well()
    before = files(sync)
    declare(sync, {"columns": ["acres"], "name": "b"}, {"columns": ["opened"], "name": "a"})

    sync.well()

    assert files(sync) == {"a": before["b"], "b": before["a"]}
    declare(sync, {"columns": ["acres"]}, {"columns": ["opened"], "name": "a"})
    sync.well()
    assert sorted(files(sync).values()) == sorted(before.values())
    assert "b" not in files(sync)


def test_a_column_that_was_renamed_below_its_index_gets_a_new_one(
    sync: Sync, parks: Dataset
) -> None:
    declare(sync, {"columns": ["acres"]})
    sync.well()
    sync.query("ALTER TABLE parks RENAME COLUMN acres TO old")
    sync.query("ALTER TABLE parks ADD COLUMN acres numeric")

    sync.well()

    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]


THEIRS = {
    "just the same": ({"columns": ["acres"]}, "CREATE INDEX mine ON parks (acres)", True),
    "the same condition in other words": (
        {"columns": ["acres"], "where": "name = 'p1' and acres > 3"},
        "CREATE INDEX mine ON parks (acres) WHERE ((name)::text = 'p1'::text) AND acres > 3",
        True,
    ),
    "a key": ({"columns": ["name"], "unique": True}, "SELECT", True),
    "another condition": (
        {"columns": ["acres"], "where": "acres > 3"},
        "CREATE INDEX mine ON parks (acres) WHERE acres > 4",
        False,
    ),
    "no condition": (
        {"columns": ["acres"], "where": "acres > 3"},
        "CREATE INDEX mine ON parks (acres)",
        False,
    ),
    "a condition more": (
        {"columns": ["acres"]},
        "CREATE INDEX mine ON parks (acres) WHERE acres > 3",
        False,
    ),
    "backwards": ({"columns": ["acres"]}, "CREATE INDEX mine ON parks (acres DESC)", False),
    "with more in it": (
        {"columns": ["acres"]},
        "CREATE INDEX mine ON parks (acres) INCLUDE (name)",
        False,
    ),
    "an expression": ({"columns": ["acres"]}, "CREATE INDEX mine ON parks ((acres + 1))", False),
    "of another method": (
        {"columns": ["acres"]},
        "CREATE INDEX mine ON parks USING hash (acres)",
        False,
    ),
    "of other operators": (
        {"columns": ["name"]},
        "CREATE INDEX mine ON parks (name text_pattern_ops)",
        False,
    ),
    "in another order": (
        {"columns": ["name"]},
        'CREATE INDEX mine ON parks (name COLLATE "C")',
        False,
    ),
    "not unique": (
        {"columns": ["acres"], "unique": True},
        "CREATE INDEX mine ON parks (acres)",
        False,
    ),
    "columns the other way round": (
        {"columns": ["acres", "opened"]},
        "CREATE INDEX mine ON parks (opened, acres)",
        False,
    ),
    "unique, which was not asked for": (
        {"columns": ["acres"]},
        "CREATE UNIQUE INDEX mine ON parks (acres)",
        False,
    ),
    "unique once a transaction is over": (
        {"columns": ["acres"], "unique": True},
        "ALTER TABLE parks ADD CONSTRAINT mine UNIQUE (acres) DEFERRABLE",
        False,
    ),
}


@pytest.mark.parametrize(("index", "theirs", "counts"), THEIRS.values(), ids=THEIRS)
def test_a_persons_index_counts_if_it_is_just_the_same_and_always_stays(
    sync: Sync, parks: Dataset, index: dict[str, Any], theirs: str, counts: bool
) -> None:
    sync.well()
    sync.query(theirs)
    before = definitions(sync)
    declare(sync, index)

    assert bool(planned(sync).indexes.changes.make) is not counts
    sync.well()

    after = definitions(sync)
    assert before.items() <= after.items()
    assert len(after) == len(before) + (not counts)
    declare(sync)
    sync.well()
    assert definitions(sync) == before


def test_an_index_that_a_person_made_his_own_stays(sync: Sync, parks: Dataset) -> None:
    """By another comment, or by resting a constraint on it."""
    declare(
        sync,
        {"columns": ["acres"], "name": "told"},
        {"columns": ["acres"], "name": "rests", "unique": True},
    )
    sync.well()
    sync.query("COMMENT ON INDEX told IS 'for the map'")
    sync.query("ALTER TABLE parks ADD CONSTRAINT rests UNIQUE USING INDEX rests")
    declare(sync)

    sync.well()

    assert set(definitions(sync)) == {"told", "rests"}


# -- left half made --------------------------------------------------------------------------------


def half_made(sync: Sync, **index: Any) -> str:
    """As a kill leaves it, in the midst of being made for this manifest."""
    declare(sync, index)
    (each,) = declared(sync.request().spec.target)
    sync.query(f"CREATE UNIQUE INDEX {each.name_before} ON parks (acres)")
    sync.query(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", each.name_before
    )
    return str(each.name_before)


def test_one_that_a_kill_left_half_made_is_repaired_and_refuses_no_row_before(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    half_made(sync, columns=["acres"])
    parks.update(parks.find(name="p4"), acres=0)  # as p0, which the left one does not have

    report = sync.well()

    assert sync.acres()["p4"] == 0
    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]
    assert report.warnings == []


def test_one_whose_session_was_ended_while_it_was_made_is_made_by_the_next_run(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    declare(sync, {"columns": ["acres"]})
    with psycopg.connect(sync.dsn) as reader, ThreadPoolExecutor() as pool:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT FROM parks")
        run = pool.submit(sync.run)
        while not (waiting := sync.query("SELECT pid FROM pg_locks WHERE NOT granted")):
            assert not run.done(), run.result().as_dict()
        sync.query("SELECT pg_terminate_backend(%s)", waiting[0]["pid"])
        report = run.result()

    assert report.exit_code == 75
    (left,) = sync.query("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert left["indexrelid"].startswith("socratasync_")
    sync.well()
    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]
    assert left["indexrelid"] not in definitions(sync)


def test_one_that_a_kill_left_whole_but_without_its_name_gets_it(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    left = half_made(sync, columns=["acres"], unique=True)
    sync.query("UPDATE pg_index SET indisvalid = true WHERE indexrelid = %s::regclass", left)
    before = files(sync)

    sync.well()

    assert list(files(sync).values()) == list(before.values())
    assert kinds(sync) == [f"CREATE UNIQUE INDEX {ACRES}"]
    assert left not in files(sync)


def test_a_unique_one_that_is_taken_out_lets_rows_in_the_same_night(
    sync: Sync, parks: Dataset
) -> None:
    declare(sync, {"columns": ["acres"], "unique": True})
    sync.well()
    parks.update(parks.find(name="p4"), acres=0)
    assert sync.run().exit_code == 65
    declare(sync)

    sync.well()

    assert sync.acres()["p4"] == 0
    assert definitions(sync) == {}


# -- what fails ------------------------------------------------------------------------------------

FOREKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "no such column": (
        {"columns": ["acre"]},
        "spec.target.indexes[0].columns: public.parks has no column acre; there are name, acres, opened, ",
    ),
    "no operators": (
        {"columns": ["acres"], "method": "gist"},
        "spec.target.indexes[0].method: PostgreSQL has no gist index for the column acres, which is numeric; choose "
        "another method or column, or create the extension that has it",
    ),
    "no SQL": (
        {"columns": ["acres"], "where": "acres >"},
        "spec.target.indexes[0].where: PostgreSQL refuses the condition: syntax error",
    ),
    "no condition": (
        {"columns": ["acres"], "where": "acres"},
        "spec.target.indexes[0].where: PostgreSQL refuses the condition: argument of WHERE must be type boolean",
    ),
    "a column that is not there": (
        {"columns": ["acres"], "where": "acre > 3"},
        'spec.target.indexes[0].where: PostgreSQL refuses the condition: column "acre" does not exist',
    ),
    "another statement": (
        {"columns": ["acres"], "where": "true); DROP TABLE parks; SELECT (true"},
        "spec.target.indexes[0].where: PostgreSQL refuses the condition: cannot insert multiple commands",
    ),
    "a subquery": (
        {"columns": ["acres"], "where": "acres > (SELECT 1)"},
        "spec.target.indexes[0].where: must have no subquery, which no index can have",
    ),
    "a subquery for each row": (
        {"columns": ["acres"], "where": "acres > (SELECT max(oid::int) + acres FROM pg_class)"},
        "spec.target.indexes[0].where: must have no subquery, which no index can have",
    ),
    "the last days": (
        {"columns": ["opened"], "where": "opened > now() - interval '30 days'"},
        "spec.target.indexes[0].where: now() changes by itself, and the rows of an index only with the table; "
        "compare with fixed values",
    ),
    "today": (
        {"columns": ["opened"], "where": "opened > current_date AND name <> 'now()'"},
        "spec.target.indexes[0].where: CURRENT_DATE changes by itself",
    ),
    "a name that is taken": (
        {"columns": ["acres"], "name": "parks_pkey"},
        "spec.target.indexes[0].name: public.parks_pkey is there already, and is another index of parks, which this "
        "product did not make; choose another name, or rename or drop that one",
    ),
    "the name of a table": (
        {"columns": ["acres"], "name": "parks"},
        "spec.target.indexes[0].name: public.parks is there already, and is no index, which this product did not make",
    ),
}


@pytest.mark.parametrize(("index", "told"), FOREKNOWN.values(), ids=FOREKNOWN)
def test_what_plan_refuses_fails_the_refresh_in_the_same_words_and_the_data_is_in(
    sync: Sync, parks: Dataset, index: dict[str, Any], told: str
) -> None:
    sync.well()
    declare(sync, index, {"columns": ["opened"]})
    parks.update(parks.find(name="p4"), acres=104)

    refused = planned(sync).error
    report = sync.run()

    assert refused is not None
    assert told in refused.message
    assert report.exit_code == refused.exit_code == 78
    assert f"is not: {refused.message}" in message(report)
    assert message(report).startswith("the data is in, but its index ")
    assert sync.acres()["p4"] == 104
    assert kinds(sync) == ["CREATE INDEX ON public.parks USING btree (opened)"]  # the other one
    assert message(sync.run()) == message(report)  # owed, although nothing changed
    declare(sync, {"columns": ["opened"]})
    sync.well()


@pytest.mark.parametrize(
    "case", [c for c in FOREKNOWN if "name" not in c], ids=[c for c in FOREKNOWN if "name" not in c]
)
def test_a_first_plan_knows_the_columns_that_the_run_makes(
    sync: Sync, parks: Dataset, case: str
) -> None:
    index, told = FOREKNOWN[case]
    declare(sync, index)

    refused = planned(sync).error

    assert refused is not None
    assert told in refused.message
    report = sync.run()
    assert refused.message in message(report)
    assert len(sync.acres()) == 5


UNFORESEEN = {
    "rows that share it": (
        {"columns": ["acres"], "unique": True},
        "SELECT",
        "rows share what is to be unique (Key (acres)=(3) is duplicated.). Leave such rows out with "
        "datasets[].where, or take spec.target.indexes[0].unique out",
        65,
    ),
    "a row that is too long": (
        {"columns": ["remark"]},
        "UPDATE parks SET remark = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 900) n)",
        "Choose another spec.target.indexes[0].method, such as hash",
        65,
    ),
    "a function that may change": (
        {"columns": ["acres"], "where": "opened::timestamptz > '2020-01-01'"},
        "SELECT",
        "spec.target.indexes[0]: PostgreSQL refuses the index: functions in index predicate must be marked IMMUTABLE",
        78,
    ),
    "a condition that fails": (
        {"columns": ["acres"], "where": "1 / acres > 0"},
        "SELECT",
        "spec.target.indexes[0].where: cannot be told of every row: division by zero",
        65,
    ),
}


@pytest.mark.parametrize(("index", "made", "told", "code"), UNFORESEEN.values(), ids=UNFORESEEN)
def test_an_index_that_cannot_be_made_leaves_nothing_and_the_others_are(
    sync: Sync, parks: Dataset, index: dict[str, Any], made: str, told: str, code: int
) -> None:
    parks.update(parks.find(name="p4"), acres=3)
    sync.well()
    sync.query(
        "ALTER TABLE parks ADD remark text; ALTER TABLE parks ALTER remark SET STORAGE EXTERNAL"
    )
    sync.query(made)
    declare(sync, {"columns": ["name", "acres"], "name": "old"})
    sync.well()
    declare(sync, index, {"columns": ["name", "opened"], "name": "other"})

    report = sync.run()

    assert report.exit_code == code
    assert told in message(report)
    assert set(definitions(sync)) == {"old", "other"}  # none goes while not all are made


def test_a_role_that_may_make_no_index_is_told_the_grant_and_the_data_is_in(
    sync: Sync, parks: Dataset, request: pytest.FixtureRequest
) -> None:
    sync.well()
    declare(sync, {"columns": ["acres"]})
    with as_loader(sync):
        parks.update(parks.find(name="p4"), acres=104)
        refused = planned(sync).error
        report = sync.run()

    assert refused is not None
    assert refused.exit_code == report.exit_code == 77
    assert "run: GRANT CREATE ON SCHEMA public TO a_loader" in refused.message
    assert refused.message in message(report)
    assert sync.acres()["p4"] == 104


@contextmanager
def as_loader(sync: Sync) -> Iterator[None]:
    """Runs connect as a role that owns the table and may make nothing in its schema."""
    (database,) = sync.query("SELECT current_database() AS name")
    name = sql.Identifier(database["name"])
    sync.query("CREATE ROLE a_loader LOGIN")
    try:
        sync.query(
            "ALTER TABLE parks OWNER TO a_loader; ALTER SCHEMA socratasync OWNER TO a_loader;"
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
        sync.query(
            "SELECT 1; DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relkind = 'r' AND"
            " relnamespace = 'socratasync'::regnamespace LOOP"
            " EXECUTE format('ALTER TABLE socratasync.%I OWNER TO a_loader', t); END LOOP; END $$"
        )
        sync.query(sql.SQL("GRANT CREATE ON DATABASE {} TO a_loader").format(name))
        sync.dsn = psycopg.conninfo.make_conninfo(sync.owner_dsn, user="a_loader")
        yield
    finally:
        sync.dsn = sync.owner_dsn
        sync.query("REASSIGN OWNED BY a_loader TO CURRENT_USER; DROP OWNED BY a_loader")
        sync.query("DROP ROLE a_loader")


# -- readers ---------------------------------------------------------------------------------------


def test_readers_are_never_locked_out_by_a_later_index(sync: Sync, parks: Dataset) -> None:
    """One has had a transaction open since before, for which the index waits; others come meanwhile, and none of them
    waits: they are given no time at all to."""
    declare(sync, {"columns": ["opened"]})
    sync.well()
    declare(sync, {"columns": ["acres"]})
    over = Event()
    with psycopg.connect(sync.dsn) as first, ThreadPoolExecutor() as pool:
        first.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        first.execute("SELECT FROM parks")
        reads = pool.submit(read_on, sync, first, over)
        try:
            sync.well()
        finally:
            over.set()
        waited = reads.result()

    assert waited >= 3
    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]


def read_on(sync: Sync, first: psycopg.Connection[Any], over: Event) -> int:
    """Read, without ever waiting for a lock, until the run is over. Returns how often somebody read while the run
    waited; after a few of these the first reader ends."""
    passes = 0
    with psycopg.connect(sync.dsn, autocommit=True) as reader:
        reader.execute("SET lock_timeout = '1ms'")
        while not over.is_set():
            waits = reader.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone()
            reader.execute("SELECT count(*) FROM parks")
            first_reads = not first.closed and passes < 3
            if first_reads:
                first.execute("SELECT count(*) FROM parks")
            passes += waits is not None
            if passes >= 3:
                first.rollback()
    return passes


@pytest.mark.parametrize(
    ("begin", "who"),
    [
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class", "a console"),
        ("LOCK TABLE parks IN ROW EXCLUSIVE MODE", "a console"),
        ("SELECT FROM parks", None),
    ],
    ids=["who sees other rows as they were", "who writes", "not who has read"],
)
def test_who_keeps_an_index_from_being_made_is_named_and_it_is_made_the_next_time(
    sync: Sync, parks: Dataset, begin: str, who: str | None
) -> None:
    sync.well()
    declare(sync, {"columns": ["acres"]})
    impatient = sync.with_(index_wait_s=0.05, target_wait_s=0.05, queue_s=0.05)
    with psycopg.connect(sync.dsn, application_name="a console") as other:
        other.execute(begin)
        report = sync.run(options=impatient)
        pid = other.info.backend_pid

    if who:
        assert report.exit_code == 75
        assert re.search(rf"session {pid} \(.*{who}.*\) holds it", message(report))
        sync.well()
    assert kinds(sync) == [f"CREATE INDEX {ACRES}"]


# -- partitions ------------------------------------------------------------------------------------


@pytest.fixture
def in_parts(sync: Sync, parks: Dataset) -> Dataset:
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp) PARTITION BY HASH (name);"
        "CREATE TABLE parks_0 PARTITION OF parks FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE parks_1 PARTITION OF parks FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
    )
    return parks


def test_a_table_in_partitions_has_them_on_every_partition(sync: Sync, in_parts: Dataset) -> None:
    sync.well()
    declare(sync, {"columns": ["acres"], "name": "by_acres"})

    sync.well()

    assert definitions(sync) == {
        "by_acres": "CREATE INDEX by_acres ON ONLY public.parks USING btree (acres)"
    }
    assert len(kinds(sync, "parks_0")) == len(kinds(sync, "parks_1")) == 1
    declare(sync)
    sync.well()
    assert definitions(sync) == {}
    assert kinds(sync, "parks_0") == []


def test_a_unique_one_must_have_what_the_table_is_partitioned_by(
    sync: Sync, in_parts: Dataset
) -> None:
    sync.well()
    declare(sync, {"columns": ["acres"], "unique": True})

    refused = planned(sync).error
    report = sync.run()

    assert refused is not None
    assert refused.message == (
        "spec.target.indexes[0].unique: public.parks is partitioned by name, which every unique index of it must "
        "contain; add it to columns, or take unique out"
    )
    assert refused.message in message(report)
    declare(sync, {"columns": ["acres", "name"], "unique": True})
    sync.well()
