"""``socratasync plan``: what it foretells, and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.commands.conftest import PARKS, Command, Finished, Manifest, rows

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

_EVERYTHING = """
SELECT n.nspname, c.relname, c.relkind, c.relfilenode, pg_relation_size(c.oid), c.reltuples
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2
"""


def _planned(ran: Finished) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(ran.stdout)
    return plan


def test_a_plan_says_what_a_first_run_would_load(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert "no such table yet; the run makes it" in ran.stdout
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith(f"{PARKS} ")]
    assert "all rows     5" in line
    assert "it was never loaded before" in line


def test_a_plan_as_json_has_rows_bytes_columns_and_the_way_of_merging(
    socratasync: Command, manifest: Manifest, portal: Portal, dsn: str
) -> None:
    portal.add_synthetic("much-0001", rows=3000)
    target = {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]}
    file = manifest(datasets=[{"id": "much-0001"}], target=target)
    plan = _planned(socratasync("plan", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn))
    ran = socratasync("run", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn)

    (dataset,) = plan["datasets"]
    assert (dataset["load"], dataset["rows"], dataset["strategy"]) == ("full", 3000, "create")
    assert dataset["columns"][0] == {
        "name": "srnumber",
        "type": "text",
        "field": "srnumber",
        "sourceType": "text",
        "label": "SRNumber",
    }
    received = json.loads(ran.stdout)["bytes"]
    assert dataset["estimatedBytes"] == pytest.approx(received, rel=0.1)


@pytest.fixture(name="odd")
def _odd(spec: dict[str, Any], parks: Dataset, dsn: str) -> None:
    """Parks of which two share a name, and one has an area that is no whole number, to be loaded as one."""
    parks.insert({"name": "p1", "acres": 37.744})
    spec["datasets"] = [{"id": PARKS, "columns": {"since": "opened"}}]
    spec["target"]["fields"] = {"name": "varchar(80)", "acres": "integer", "since": ""}


@pytest.mark.usefixtures("odd")
def test_a_plan_shows_the_table_its_keys_and_a_value_that_does_not_fit(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    said = " ".join(ran.stdout.split())
    assert ran.returncode == 65
    assert 'CREATE TABLE "public"."parks" ( "name" varchar(80), "acres" integer, ' in said
    assert 'ALTER TABLE "public"."parks" ADD PRIMARY KEY ("name");' in said
    assert "since timestamp without time zone opened floating_timestamp" in said
    assert "2 rows share a key; " in said
    assert 'column acres: "37.744"' in said
    assert "error: park-0001: BadValue: dataset park-0001, row row-" in ran.stderr
    assert max(map(len, ran.stdout.splitlines())) <= 100


def test_a_plan_shows_whose_clock_times_are_told_by(
    spec: dict[str, Any], socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    spec["source"] = {"timeZone": "America/Denver"}
    spec["target"]["fields"] = {"name": "", "opened": "timestamptz"}
    shown = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    plan = _planned(socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn))

    assert "floating_timestamp, America/Denver" in " ".join(shown.stdout.split())
    (dataset,) = plan["datasets"]
    assert [column.get("timeZone") for column in dataset["columns"]] == [None, "America/Denver"]


@pytest.mark.usefixtures("odd")
def test_the_same_as_json(socratasync: Command, manifest: Manifest, dsn: str) -> None:
    ran = socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn)

    plan = _planned(ran)
    (dataset,) = plan["datasets"]
    create, key = plan["target"]["statements"]
    assert ran.returncode == 65
    assert '"acres" integer' in create
    assert key == 'ALTER TABLE "public"."parks" ADD PRIMARY KEY ("name")'
    assert dataset["columns"][2] == {
        "name": "since",
        "type": "timestamp without time zone",
        "field": "opened",
        "sourceType": "floating_timestamp",
        "label": "opened",
    }
    assert dataset["sharedKeys"] == {
        "rows": 2,
        "keys": 1,
        "withoutKey": 0,
        "isAll": True,
        "examples": [{"key": {"name": "p1"}, "rows": 2}],
        "unknown": None,
    }
    (example,) = dataset["sample"].pop("examples")
    assert (example["column"], example["value"]) == ("acres", "37.744")
    told = {"rows": 6, "badValues": 1, "nulled": 0, "skipped": 1, "untried": None}
    assert dataset["sample"] == told
    assert dataset["leftOut"] == []
    assert dataset["error"]["reason"] == "BadValue"


def test_a_plan_of_an_update_counts_only_what_changed(
    socratasync: Command, manifest: Manifest, parks: Dataset, clock: Any, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    clock.at = None
    parks.insert({"name": "new"})
    parks.add_column("lake", "text")
    plan = _planned(
        socratasync("plan", "-f", manifest(), "-o", "json", "--mode", "update", SOCRATASYNC_DSN=dsn)
    )

    (dataset,) = plan["datasets"]
    assert dataset["addColumns"] == [{"name": "lake", "type": "text"}]
    assert not dataset["schemaInSync"]
    assert dataset["sourceRows"] == 6


def test_a_plan_says_when_there_is_nothing_to_do(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert "the source is as it was at the last load" in " ".join(ran.stdout.split())


@pytest.mark.parametrize("loaded", [False, True], ids=["before the first run", "after a run"])
def test_a_plan_writes_nothing(
    socratasync: Command, manifest: Manifest, parks: Dataset, dsn: str, loaded: bool
) -> None:
    if loaded:
        socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
        parks.add_column("lake", "text", value="yes")
        parks.insert({"name": "new"})
    before = rows(dsn, _EVERYTHING)
    ran = socratasync("plan", "-f", manifest(), "--mode", "full", SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert rows(dsn, _EVERYTHING) == before


def test_a_plan_says_of_a_database_that_only_reads_what_a_run_would(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    for command in ("plan", "run"):
        ran = socratasync(command, "-f", manifest(), SOCRATASYNC_DSN=dsn)

        assert ran.returncode == 78
        said = " ".join(ran.stderr.split())
        assert f'ALTER DATABASE "{name}" RESET "default_transaction_read_only"' in said


def test_without_a_database_a_plan_makes_none(socratasync: Command, manifest: Manifest) -> None:
    ran = socratasync("plan", "-f", manifest())

    assert ran.returncode == 0, ran.stderr
    assert "no such table yet" in ran.stdout
    assert "values were not tried, since there is no database yet" in ran.stdout
    assert list(Path(socratasync.data).iterdir()) == []


def test_a_dataset_that_would_fail_leaves_the_others_planned(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    file = manifest(datasets=[{"id": PARKS}, {"id": "gone-0001"}])
    ran = socratasync("plan", "-f", file, SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 78
    assert "it was never loaded before" in ran.stdout
    assert "error: gone-0001: DatasetNotFound: " in ran.stderr


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param("CREATE TABLE parks (name text)", "has no unique constraint", id="no key"),
        pytest.param("CREATE VIEW parks AS SELECT 1 AS name", "is not a table", id="a view"),
        pytest.param(
            "CREATE TABLE parks (name text PRIMARY KEY, acres boolean)",
            "cannot hold the dataset's acres",
            id="a column of another kind",
        ),
    ],
)
def test_a_table_that_cannot_take_the_data_is_found_out_beforehand(
    socratasync: Command, manifest: Manifest, dsn: str, statement: str, said: str
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(statement)
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 78
    assert said in " ".join(ran.stderr.split())


def test_a_missing_view_is_found_out_beforehand(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    file = manifest(refresh={"materializedViews": ["none_such"]})
    ran = socratasync("plan", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 78
    assert "no materialized view none_such" in _planned(ran)["error"]["message"]


def test_sql_of_a_config_map_is_planned_and_run_from_the_environment(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    file = manifest(refresh={"sqlConfigMapRef": {"name": "app", "key": "after.sql"}})
    where = "after.sql of the config map app (spec.refresh.sqlConfigMapRef)"
    given = {"SOCRATASYNC_DSN": dsn, "SOCRATASYNC_REFRESH_SQL": "CREATE TABLE a (); DROP TABLE a"}

    planned = socratasync("plan", "-f", file, **given)
    said = " ".join(planned.stdout.split())
    assert f"if rows change: {where}, 2 statements in one transaction" in said
    assert socratasync("run", "-f", file, **given).returncode == 0
    given["SOCRATASYNC_REFRESH_SQL"] = "TABLE a"
    told = " ".join(socratasync("plan", "-f", file, **given).stdout.split())
    assert f"if rows change: {where}, 1 statement " in told
    assert f"even if no rows change: {where}, which is another text than ran last" in told
    as_json = _planned(socratasync("plan", "-f", file, "-o", "json", **given))
    assert as_json["sql"] == {"statements": 1, "isNew": True}
    ran = socratasync("run", "-f", file, **given)
    assert ran.returncode == 78
    assert f"{where} failed, and nothing of it stays: line 1: TABLE a: " in " ".join(
        ran.stderr.split()
    )
    without = socratasync("plan", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn)
    assert _planned(without)["sql"] is None
    assert "SOCRATASYNC_REFRESH_SQL is not set" in _planned(without)["warnings"][0]


def test_partitions_that_only_rows_tell_are_said_to_be_made(
    socratasync: Command, manifest: Manifest, spec: dict[str, Any], dsn: str
) -> None:
    spec["target"]["key"] = ["name", "acres"]
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "CREATE TABLE parks (name text, acres int, PRIMARY KEY (name, acres)) PARTITION BY LIST (acres);"
            "CREATE TABLE parks_1 PARTITION OF parks FOR VALUES IN (1)"
        )
    said = "a partition that rows need for their acres is made before the merge, like parks_1"

    shown = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn).stdout
    told = _planned(socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn))

    assert said in " ".join(shown.split())
    assert told["target"]["partitions"] == said


def test_a_source_in_trouble_is_told_as_json_too(
    socratasync: Command, manifest: Manifest, portal: Portal, dsn: str
) -> None:
    portal.faults.add(Fault.status(503), times=99)
    ran = socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn)

    (dataset,) = _planned(ran)["datasets"]
    assert ran.returncode == 75
    assert dataset["error"]["reason"] == "SourceUnavailable"


def test_a_bad_manifest_is_told_as_json_too(socratasync: Command, manifest: Manifest) -> None:
    ran = socratasync("plan", "-f", manifest(datasets=[]), "-o", "json")

    assert ran.returncode == 78
    assert _planned(ran)["error"]["reason"] == "InvalidSpec"


def test_what_follows_is_planned_loaded_and_then_stands_with_the_others(
    socratasync: Command, manifest: Manifest, parks: Dataset, portal: Portal, dsn: str
) -> None:
    parks.name = "City Parks 2026"
    columns = [(column.name, column.type) for column in parks.fields]
    portal.add_dataset("park-2027", columns, [{"name": "n0"}], name="City Parks 2027")
    follow = {"name": "City Parks {year}", "adopt": "Automatic"}
    file = manifest(datasets=[{"id": PARKS, "year": 2026}], follow=follow)

    planned = socratasync("plan", "-f", file, SOCRATASYNC_DSN=dsn)
    assert "park-2027 (2027), City Parks 2027, follows: the run adopts it" in planned.stdout
    ran = socratasync("run", "-f", file, SOCRATASYNC_DSN=dsn)
    assert ran.returncode == 0, ran.stderr
    assert "park-2027 (2027), City Parks 2027, follows: it is adopted" in ran.stdout
    plan = _planned(socratasync("plan", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn))
    assert [(each["id"], each["adopted"]) for each in plan["successors"]] == [("park-2027", True)]
    status = _planned(socratasync("status", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn))
    assert [(each["id"], each["loaded"]) for each in status["datasets"]] == [
        (PARKS, True),
        ("park-2027", True),
    ]


@pytest.fixture(name="indexed")
def _indexed(
    spec: dict[str, Any], socratasync: Command, manifest: Manifest, parks: Dataset, dsn: str
) -> None:
    """A table with an index of ours that is to go, one to be named otherwise, and one to be made."""
    spec["target"]["indexes"] = [
        {"columns": ["acres"], "name": "old"},
        {"columns": ["name", "acres"], "name": "b"},
    ]
    assert socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn).returncode == 0
    spec["target"]["indexes"] = [
        {"columns": ["acres"], "where": "acres > 3", "name": "large"},
        {"columns": ["name", "acres"], "name": "c"},
    ]


@pytest.mark.usefixtures("indexed")
def test_a_plan_shows_what_becomes_of_indexes_and_makes_none(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    before = rows(dsn, _EVERYTHING)
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    plan = _planned(socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn))

    said = " ".join(ran.stdout.split())
    assert (
        "index large is made: btree (acres) where acres > 3; readers and writers go on "
        "index b is named c index old is dropped"
    ) in said
    assert plan["indexes"] == {
        "make": [
            {
                "name": "large",
                "columns": ["acres"],
                "method": "btree",
                "unique": False,
                "where": "acres > 3",
                "error": None,
            }
        ],
        "rename": [{"name": "b", "to": "c", "error": None}],
        "drop": ["old"],
    }
    assert rows(dsn, _EVERYTHING) == before


@pytest.mark.usefixtures("indexed")
def test_a_plan_ends_with_why_an_index_cannot_be_made_and_drops_none(
    socratasync: Command, manifest: Manifest, spec: dict[str, Any], dsn: str
) -> None:
    spec["target"]["indexes"][0]["where"] = "acre > 3"
    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    plan = _planned(socratasync("plan", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn))

    assert ran.returncode == 78
    assert "index large" not in ran.stdout
    assert "index old" not in ran.stdout
    assert "index b is named c" in ran.stdout
    assert "spec.target.indexes[0].where: PostgreSQL refuses the condition" in " ".join(
        ran.stderr.split()
    )
    (made,) = plan["indexes"]["make"]
    assert made["error"] == plan["error"]


def test_a_plan_without_a_database_knows_the_columns_that_an_index_may_have(
    socratasync: Command, manifest: Manifest, spec: dict[str, Any]
) -> None:
    spec["target"]["indexes"] = [{"columns": ["acre"]}, {"columns": ["acres"]}]
    ran = socratasync("plan", "-f", manifest())

    assert ran.returncode == 78
    assert "public.parks has no column acre; there are name, acres, opened" in " ".join(
        ran.stderr.split()
    )
    assert ": btree (acres)" in ran.stdout


def test_a_column_that_the_run_adds_may_have_an_index(
    socratasync: Command, manifest: Manifest, spec: dict[str, Any], parks: Dataset, dsn: str
) -> None:
    assert socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn).returncode == 0
    parks.add_column("trees", "number")
    parks.update(parks.find(name="p1"), trees=12)
    spec["target"]["indexes"] = [{"columns": ["trees"], "where": "trees > 3"}]

    ran = socratasync("plan", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert "is made: btree (trees) where trees > 3" in ran.stdout
    assert socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn).returncode == 0
