"""Partitions that rows need: made where the table's own ones show how, and otherwise told as the statement to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.target.catalog import read_target
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.partitions import read

COLUMNS = (
    "name text, acres {number}, opened {moment}, socrata_dataset text, socrata_id text, "
    "socrata_updated_at timestamptz"
)


def parted(by: str, parts: str, *, number: str = "numeric", moment: str = "timestamp") -> str:
    """A table partitioned ``by`` a column, which is part of its key, and its partitions."""
    column = by.partition("(")[2].rstrip(")")
    columns = COLUMNS.format(number=number, moment=moment)
    key = ", ".join(dict.fromkeys(["name", column]))
    return f"CREATE TABLE parks ({columns}, PRIMARY KEY ({key})) PARTITION BY {by}; {parts}"


def part(name: str, bounds: str) -> str:
    return f"CREATE TABLE {name} PARTITION OF parks FOR VALUES {bounds};"


def partitions(sync: Sync) -> dict[str, int]:
    """The partitions' names, with how many rows each has."""
    names = [
        row["name"]
        for row in sync.query(
            "SELECT relid::regclass::text AS name FROM pg_partition_tree('parks') WHERE isleaf ORDER BY 1"
        )
    ]
    return {name: sync.query(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in names}


def failure(report: RunReport) -> str:
    assert report.failure is not None
    return report.failure.message


@dataclass(frozen=True, kw_only=True)
class Way:
    """A partitioned table, and what five parks, one of each year from 2020 on, make of it."""

    key: str
    ddl: str
    expected: Mapping[str, int]


YEARS = {f"parks_{year}": 1 for year in range(2020, 2025)}
WAYS = {
    "by the dataset": Way(
        key="socrata_dataset",
        ddl=parted("LIST (socrata_dataset)", part("parks_abcd_1234", "IN ('abcd-1234')")),
        expected={"parks_abcd_1234": 0, "parks_park_0001": 5},
    ),
    "by a list of numbers": Way(
        key="acres",
        ddl=parted("LIST (acres)", part("parks_1", "IN (1)"), number="integer"),
        expected={f"parks_{number}": 1 for number in range(5)},
    ),
    "by ranges of numbers": Way(
        key="acres",
        ddl=parted("RANGE (acres)", part("parks_2_3", "FROM (2) TO (4)"), number="bigint"),
        expected={"parks_0_1": 2, "parks_2_3": 2, "parks_4_5": 1},
    ),
    "by years of a time": Way(
        key="opened",
        ddl=parted("RANGE (opened)", part("parks_2020", "FROM ('2020-01-01') TO ('2021-01-01')")),
        expected=YEARS,
    ),
    "by years of a day": Way(
        key="opened",
        ddl=parted(
            "RANGE (opened)",
            part("parks_2020", "FROM ('2020-01-01') TO ('2021-01-01')"),
            moment="date",
        ),
        expected=YEARS,
    ),
    "by years that are there": Way(
        key="opened",
        ddl=parted(
            "RANGE (opened)",
            part("parks_2000", "FROM ('2000-01-01') TO ('2022-01-01')")
            + part("parks_2022", "FROM ('2022-01-01') TO ('2030-01-01')"),
        ),
        expected={"parks_2000": 2, "parks_2022": 3},
    ),
    "by a list, and one for all others": Way(
        key="socrata_dataset",
        ddl=parted(
            "LIST (socrata_dataset)",
            part("parks_abcd_1234", "IN ('abcd-1234')")
            + "CREATE TABLE parks_rest PARTITION OF parks DEFAULT",
        ),
        expected={"parks_abcd_1234": 0, "parks_rest": 5},
    ),
    "by hash": Way(
        key="name",
        ddl="CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp) PARTITION BY HASH (name);"
        + part("parks_0", "WITH (MODULUS 1, REMAINDER 0)"),
        expected={"parks_0": 5},
    ),
}


@pytest.fixture
def aged(portal: Portal, sync: Sync) -> Dataset:
    """Five parks, p0 to p4, opened in 2020 to 2024."""
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    return portal.add_dataset(PARKS, PARK_COLUMNS, [park(number) for number in range(5)])


def park(number: int, year: int | None = None) -> Row:
    opened = f"{year or 2020 + number}-02-03T04:05:06.000"
    return {"name": f"p{number}", "acres": number, "opened": opened}


def keyed(sync: Sync, *key: str) -> None:
    sync.spec["target"]["key"] = list(dict.fromkeys(["name", *key]))


@pytest.mark.parametrize("reset", [False, True], ids=["merged", "replaced"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.usefixtures("foretold")
def test_a_partition_that_rows_need_is_made_before_they_come(
    sync: Sync, aged: Dataset, way: Way, reset: bool
) -> None:
    keyed(sync, way.key)
    sync.query(way.ddl)
    sync.spec["target"]["reset"] = reset

    report = sync.well(mode="full" if reset else "update")

    assert partitions(sync) == way.expected
    assert report.warnings == []
    assert set(sync.acres()) == {"p0", "p1", "p2", "p3", "p4"}
    sync.well(mode="full")
    assert partitions(sync) == way.expected


def test_a_later_year_comes_with_an_update(sync: Sync, aged: Dataset) -> None:
    keyed(sync, "opened")
    sync.query(WAYS["by years of a time"].ddl)
    sync.query("CREATE INDEX parks_by_acres ON parks (acres)")
    sync.well()
    aged.insert(park(5), park(6, 2031))

    sync.well()

    assert partitions(sync) == {**YEARS, "parks_2025": 1, "parks_2031": 1}
    indexed = "SELECT count(*) AS n FROM pg_index WHERE indrelid = 'parks_2031'::regclass"
    assert sync.query(indexed) == [{"n": 2}]  # as the table has them


def test_datasets_side_by_side_make_each_partition_once(
    sync: Sync, portal: Portal, aged: Dataset
) -> None:
    keyed(sync, "opened")
    for number in range(2, 6):
        rows = [{**park(n, 2000 + n), "name": f"{number}-{n}"} for n in range(6)]
        portal.add_dataset(f"park-000{number}", PARK_COLUMNS, rows)
    sync.spec["parallelism"] = 4
    sync.query(WAYS["by years of a time"].ddl)

    sync.well()

    assert partitions(sync) == {**YEARS, **{f"parks_200{n}": 4 for n in range(6)}}


def test_new_datasets_side_by_side_get_a_partition_each(
    sync: Sync, portal: Portal, aged: Dataset
) -> None:
    keyed(sync, "socrata_dataset")
    portal.add_dataset("park-0002", PARK_COLUMNS, [park(number) for number in range(3)])
    sync.query(WAYS["by the dataset"].ddl)

    planned = sync.plan(sync.request(), sync.options)
    sync.well()

    assert partitions(sync) == {"parks_abcd_1234": 0, "parks_park_0001": 5, "parks_park_0002": 3}
    assert planned.statements == [
        f'CREATE TABLE "public"."parks_{id.replace("-", "_")}" PARTITION OF "public"."parks" FOR VALUES IN (\'{id}\')'
        for id in (PARKS, "park-0002")
    ]
    assert sync.plan(sync.request(mode="full"), sync.options).statements == []


def test_a_new_partition_is_where_its_like_is(sync: Sync, aged: Dataset) -> None:
    keyed(sync, "acres")
    sync.query(
        "CREATE SCHEMA parts; "
        + WAYS["by a list of numbers"].ddl
        + "ALTER TABLE parks_1 SET SCHEMA parts"
    )

    sync.well()

    assert partitions(sync) == {f"parts.parks_{number}": 1 for number in range(5)}


def test_a_new_partition_has_the_owner_of_its_like(sync: Sync, aged: Dataset) -> None:
    keyed(sync, "acres")
    sync.query(WAYS["by a list of numbers"].ddl + "ALTER TABLE parks_1 OWNER TO pg_monitor")

    sync.well()

    owners = sync.query(
        "SELECT relowner::regrole::text AS o FROM pg_class WHERE relname ~ '^parks_\\d$'"
    )
    assert owners == [{"o": "pg_monitor"}] * 5


@pytest.mark.parametrize(("setting", "found"), [("", None), ("pg_default", "pg_default")])
def test_another_default_tablespace_moves_no_partition(
    sync: Sync, aged: Dataset, setting: str, found: str | None
) -> None:
    sync.query(WAYS["by a list of numbers"].ddl)

    with Connections(sync.dsn).connect() as connection:
        connection.execute("SELECT set_config('default_tablespace', %s, false)", [setting])
        partitioned = read(connection, read_target(connection, "public", "parks"))

    assert partitioned is not None
    assert [each.tablespace for each in partitioned.partitions] == [found]


def test_a_dataset_without_a_partition_is_refused_before_a_row_is_read(
    sync: Sync, aged: Dataset
) -> None:
    keyed(sync, "socrata_dataset")
    sync.query(parted("LIST (socrata_dataset)", part("parks_old", "IN ('abcd-1234')")))

    planned = sync.plan(sync.request(), sync.options)
    report = sync.run()

    ((_, error),) = planned.failures
    assert (report.exit_code, failure(report)) == (78, error.message)
    statement = told(report)
    assert statement == (
        'CREATE TABLE "public"."parks_park_0001" PARTITION OF "public"."parks" FOR VALUES IN (\'park-0001\')'
    )
    assert sync.pages() == []
    sync.query(statement)
    sync.well()
    assert partitions(sync) == {"parks_old": 0, "parks_park_0001": 5}


def told(report: RunReport) -> str:
    """The first statement that the message says to run."""
    message = failure(report)
    assert "Run CREATE TABLE " in message, message
    return (
        "CREATE TABLE "
        + message.partition("Run CREATE TABLE ")[2].partition(", or make one for all")[0]
    )


NOT_SHOWN = {
    "a list": parted("LIST (acres)", part("parks_old", "IN (1)"), number="integer"),
    "ranges of numbers": parted(
        "RANGE (acres)",
        part("parks_a", "FROM (1) TO (2)") + part("parks_b", "FROM (3) TO (MAXVALUE)"),
        number="integer",
    ),
    "ranges of times": parted(
        "RANGE (opened)", part("parks_a", "FROM ('2021-06-01') TO ('2023-02-01')")
    ),
    "ranges with a zone": parted(
        "RANGE (opened)",
        part("parks_a", "FROM ('2021-01-01 08:00+00') TO ('2023-01-01 08:00+00')"),
        moment="timestamptz",
    ),
}


@pytest.mark.parametrize("ddl", NOT_SHOWN.values(), ids=NOT_SHOWN.keys())
def test_what_the_message_says_to_run_helps(sync: Sync, aged: Dataset, ddl: str) -> None:
    keyed(sync, "opened" if "(opened)" in ddl else "acres")
    sync.query(ddl)
    if "timestamptz" in ddl:
        sync.spec["source"] = {**sync.spec.get("source", {}), "timeZone": "UTC"}

    report = sync.run()

    assert (report.exit_code, report.datasets[0].error and report.datasets[0].error.reason) == (
        78,
        "TargetMismatch",
    )
    assert sync.acres() == {}
    for statement in told(report).split("; "):
        sync.query(statement)
    sync.well()
    assert len(sync.acres()) == 5


LEFT_TO_THE_TABLE = {
    "by texts": parted("RANGE (name)", part("parks_a", "FROM ('a') TO ('b')")),
    "by two columns": "CREATE TABLE parks (name text, acres numeric, opened timestamp, PRIMARY KEY (name, acres)) "
    "PARTITION BY RANGE (name, acres);" + part("parks_a", "FROM ('a', 1) TO ('b', 1)"),
    "by decimals": parted("LIST (acres)", part("parks_1", "IN (1)")),
    "in a partition's own partitions": parted(
        "RANGE (acres)",
        "CREATE TABLE parks_0 PARTITION OF parks FOR VALUES FROM (0) TO (9) PARTITION BY LIST (acres);"
        "CREATE TABLE parks_0_1 PARTITION OF parks_0 FOR VALUES IN (1)",
        number="integer",
    ),
}


@pytest.mark.parametrize("ddl", LEFT_TO_THE_TABLE.values(), ids=LEFT_TO_THE_TABLE.keys())
def test_a_row_that_no_partition_takes_is_no_fault_of_the_portal(
    sync: Sync, aged: Dataset, ddl: str
) -> None:
    keyed(sync, "acres" if "acres)" in ddl.partition("PARTITION")[2].partition(";")[0] else "name")
    sync.query(ddl)

    report = sync.run()

    assert (report.exit_code, report.failure and report.failure.reason) == (78, "TargetMismatch")
    said = failure(report)
    assert said.startswith("dataset park-0001: public.parks")
    assert "has no partition for a row (Partition key of the failing row contains (" in said
    sync.query("CREATE TABLE " + said.partition("CREATE TABLE ")[2])
    sync.well()
    assert len(sync.acres()) == 5


def test_a_partition_takes_its_own_rows_only(sync: Sync, aged: Dataset) -> None:
    """The target is a partition itself: rows of other ones are to be left out of what is read."""
    columns = COLUMNS.format(number="numeric", moment="timestamp")
    sync.query(
        f"CREATE TABLE cities ({columns}, PRIMARY KEY (name)) PARTITION BY LIST (name);"
        "CREATE TABLE parks PARTITION OF cities FOR VALUES IN ('p1')"
    )

    report = sync.run()

    assert report.exit_code == 65
    assert failure(report).endswith(
        "Leave such rows out with datasets[].where, or give it bounds that take them"
    )


def test_a_remainder_of_hashes_is_for_a_person_to_choose(sync: Sync, aged: Dataset) -> None:
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp) PARTITION BY HASH (name);"
        + part("parks_0", "WITH (MODULUS 3, REMAINDER 0)")
    )

    report = sync.run()

    assert report.exit_code == 78
    assert failure(report).endswith(
        "FOR VALUES WITH (MODULUS …, REMAINDER …), as its other ones have it"
    )


def test_a_table_that_has_the_name_is_told(sync: Sync, aged: Dataset) -> None:
    keyed(sync, "acres")
    sync.query(WAYS["by a list of numbers"].ddl + "CREATE TABLE parks_3 (x int)")

    report = sync.run()

    assert report.exit_code == 78
    assert failure(report).startswith(
        "public.parks lacks a partition, and public.parks_3, as it would be called, is there and is none of it"
    )
    assert partitions(sync) == {"parks_1": 0}
    sync.query("DROP TABLE parks_3")
    sync.well()
    assert len(partitions(sync)) == 5


def test_a_partition_is_waited_for_by_letting_readers_pass(sync: Sync, aged: Dataset) -> None:
    keyed(sync, "acres")
    sync.query(WAYS["by a list of numbers"].ddl)

    with psycopg.connect(sync.dsn) as reader:
        reader.execute("SELECT FROM parks")
        report = sync.run(sync.with_(target_wait_s=0.3, queue_s=0.1))

    assert (report.exit_code, report.failure and report.failure.reason) == (75, "TargetBusy")
    assert "holds it" in failure(report)
    sync.well()
    assert len(sync.acres()) == 5


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_years_with_a_zone_are_those_of_utc(sync: Sync, aged: Dataset, zone: str) -> None:
    """Whatever zone the role or the database has."""
    keyed(sync, "socrata_updated_at")
    sync.query(
        parted(
            "RANGE (socrata_updated_at)",
            part("parks_2001", "FROM ('2001-01-01 00:00+00') TO ('2002-01-01 00:00+00')"),
        )
    )
    sync.query(
        f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''{zone}''', current_database()); END $$"
    )

    sync.well()

    made: Any = {name: rows for name, rows in partitions(sync).items() if name != "parks_2001"}
    years = sync.query(
        "SELECT DISTINCT 'parks_' || extract(year FROM socrata_updated_at) AS name FROM parks"
    )
    assert sorted(made) == sorted(row["name"] for row in years)
