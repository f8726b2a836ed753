"""The target made fit for a dataset before its rows come."""

from __future__ import annotations

import psycopg
import pytest
from tests.postgres.conftest import PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.errors import TargetBusy
from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.merge.table import complete_table
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target.catalog import read_target

LAKES = "lake-0001"


@pytest.fixture(name="both", autouse=True)
def _both(sync: Sync, portal: Portal, parks: Dataset) -> None:
    """Two datasets: the parks, and lakes with a column more."""
    portal.add_dataset(LAKES, [("name", "text"), ("acres", "text"), ("depth", "number")])
    sync.options = sync.with_(target_wait_s=0.2)


def complete(context: RunContext, plan: DatasetPlan) -> None:
    with context.connection.transaction():
        complete_table(context, context.connection, plan)


def columns(sync: Sync) -> dict[str, str]:
    """The table's columns and types."""
    rows = sync.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
        "WHERE attrelid = 'parks'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return {row["attname"]: row["type"] for row in rows}


WHOLE = {
    "name": "text",
    "acres": "text",
    "opened": "timestamp without time zone",
    "depth": "numeric",
    **PROVENANCE,
}


def test_the_first_of_several_datasets_makes_the_table_of_all(sync: Sync) -> None:
    with sync.planned() as (context, plans):
        complete(context, plans[PARKS])
        made = read_target(context.connection, "public", "parks")
        complete(context, plans[LAKES])

        assert read_target(context.connection, "public", "parks") == made
        assert made.unique_keys == (("name",),)
        assert columns(sync) == WHOLE


def test_a_dataset_gives_the_table_what_it_lacks_and_the_rows_stay(sync: Sync) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY); INSERT INTO parks VALUES ('p9')")

    with sync.planned() as (context, plans):
        complete(context, plans[PARKS])
        assert list(columns(sync)) == ["name", "acres", "opened", *PROVENANCE]
        complete(context, plans[LAKES])

    assert columns(sync) == {name: WHOLE[name] for name in columns(sync)}
    assert list(columns(sync)) == ["name", "acres", "opened", *PROVENANCE, "depth"]
    assert list(sync.acres()) == ["p9"]


def test_a_table_that_somebody_else_alters_meanwhile_is_left_alone(sync: Sync) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY)")

    with sync.planned() as (context, plans):
        sync.query("ALTER TABLE parks ADD theirs text")
        with pytest.raises(TargetBusy, match="altered by somebody else"):
            complete(context, plans[PARKS])
        assert list(columns(sync)) == ["name", "theirs"]


def test_who_reads_the_table_is_waited_for_a_while_and_named(sync: Sync) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY)")

    with sync.planned() as (context, plans), psycopg.connect(sync.owner_dsn) as reader:
        reader.execute("SELECT * FROM parks")
        with pytest.raises(TargetBusy, match=str(reader.info.backend_pid)):
            complete(context, plans[PARKS])
    assert list(columns(sync)) == ["name"]
