"""311 Data's database as the Prefect flow left it: its table, its view and its status query work before and after."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.postgres.conftest import Row, Sync
from tests.postgres.test_freshness import app, as_app

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

__all__ = ["app"]  # a fixture

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"

DATES = ("createddate", "updateddate", "servicedate", "closeddate")
NUMBERS = {"nc": "integer", "cd": "integer", "latitude": "double precision"}
NUMBERS["longitude"] = "double precision"
TEXTS = (
    "requesttype status actiontaken requestsource anonymous mobileos owner ncname policeprecinct apc assignto "
    "cdmember address zipcode"
).split()
TYPES = {
    **dict.fromkeys(TEXTS, "varchar"),
    **dict.fromkeys(DATES, "timestamp"),
    **NUMBERS,
}
"""The columns of 311 Data's table beside ``id`` and ``srnumber``."""

DATABASE = f"""
CREATE TABLE requests (id serial PRIMARY KEY, srnumber varchar NOT NULL,
    {", ".join(f"{name} {pg_type}" for name, pg_type in TYPES.items())});
CREATE UNIQUE INDEX ix_requests_srnumber ON requests (srnumber);
CREATE TABLE log (id serial PRIMARY KEY, status varchar DEFAULT 'INFO', message text,
    created_time timestamp DEFAULT now());
CREATE TABLE request_types (type_id smallint PRIMARY KEY, data_code varchar);
INSERT INTO request_types VALUES (1, 'Graffiti Removal'), (2, 'Bulky Items');
INSERT INTO requests (srnumber, requesttype, status, createddate, nc, latitude, longitude) VALUES
    ('1-1', 'Graffiti Removal', 'Open', '2020-01-01 08:00', 9, 34.1, -118.2),
    ('1-0', 'Bulky Items', 'Closed', '2015-01-01 08:00', 9, 34.2, -118.3);
CREATE MATERIALIZED VIEW service_requests AS
    SELECT r.id AS request_id, r.srnumber::varchar(12) AS srnumber, r.createddate::date AS created_date,
        r.closeddate::date AS closed_date, t.type_id, r.nc::smallint AS council_id,
        r.address::varchar(100) AS address, r.latitude, r.longitude
    FROM requests r LEFT JOIN request_types t ON t.data_code = r.requesttype WHERE r.latitude IS NOT NULL;
CREATE UNIQUE INDEX ON service_requests (request_id);
INSERT INTO log (message, created_time) VALUES ('"Loading" loaded [2] records', '2020-01-02 03:04:05');
INSERT INTO log (status, message, created_time) VALUES ('ERROR', 'FAILURE', '2020-01-03 03:04:05');
"""

STATUS = "SELECT max(created_time) AS last_pulled FROM log WHERE status = 'INFO'"


@pytest.fixture
def flow(sync: Sync, portal: Portal) -> Dataset:
    """The database, and a manifest as the page has it; the source has changed a row and has a new one."""
    columns = [("srnumber", "text"), *((n, "text") for n in TEXTS)]
    columns += [(name, "calendar_date") for name in DATES] + [(n, "number") for n in NUMBERS]
    first = {
        "srnumber": "1-1",
        "requesttype": "Graffiti Removal",
        "createddate": "2020-01-01T08:00:00",
    }
    place = {"nc": 9, "latitude": 34.1, "longitude": -118.2}
    made = portal.add_dataset(
        "rq3b-xjk8",
        columns,
        [
            {**first, **place, "status": "Closed", "closeddate": "2020-01-05T00:00:00"},
            {**first, **place, "srnumber": "1-2", "requesttype": "Bulky Items"},
        ],
    )
    sync.query(DATABASE)
    integers = {name: "integer" if name in ("nc", "cd") else "" for name in TYPES}
    sync.spec["target"]["fields"] = {"srnumber": "", **integers}
    sync.spec["datasets"] = [{"id": made.id, "year": 2020}]
    sync.spec["refresh"] = {"materializedViews": ["service_requests"]}
    return made


def views_of_the_page() -> str:
    """What the page has a person run."""
    _, heading, section = PAGE.read_text(encoding="utf-8").partition(
        "## Programs that read the log"
    )
    found = re.search(r"```sql\n(.*?)```", section, re.DOTALL)
    assert heading
    assert found
    return found[1]


def last_pulled(sync: Sync) -> datetime:
    (row,) = sync.query(STATUS)
    answer: datetime = row["last_pulled"]
    return answer.replace(tzinfo=None)  # as 311 Data's API does: a null would be its error


def service_requests(sync: Sync) -> list[tuple[Any, ...]]:
    rows = sync.query("SELECT srnumber, type_id, closed_date IS NULL AS open FROM service_requests")
    return sorted((row["srnumber"], row["type_id"], row["open"]) for row in rows)


def definitions(sync: Sync) -> list[Row]:
    return sync.query(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull FROM pg_attribute a"
        " WHERE a.attrelid = 'requests'::regclass AND a.attnum > 0 AND a.attname NOT LIKE 'socrata%'"
        " ORDER BY a.attnum"
    )


@pytest.mark.parametrize("provenance", [True, False])
def test_the_flows_table_is_gone_on_with_and_its_view_and_its_rows_of_other_years_stay(
    sync: Sync, flow: Dataset, provenance: bool
) -> None:
    sync.spec["target"]["provenance"] = provenance
    before = definitions(sync)
    assert service_requests(sync) == [("1-0", 2, True), ("1-1", 1, True)]

    report = sync.one()

    assert (report.rows.inserted, report.rows.updated) == (1, 1)
    assert definitions(sync) == before
    assert service_requests(sync) == [("1-0", 2, True), ("1-1", 1, False), ("1-2", 2, True)]
    (row,) = sync.query("SELECT * FROM requests WHERE srnumber = '1-1'")
    assert (row["id"], row["status"]) == (1, "Closed")


def test_the_status_query_answers_as_before_until_the_view_is_there_and_then_tells_of_runs(
    sync: Sync, portal: Portal, flow: Dataset
) -> None:
    of_the_flow = datetime.fromisoformat("2020-01-02T03:04:05")
    assert last_pulled(sync) == of_the_flow
    sync.well()
    assert last_pulled(sync) == of_the_flow

    sync.query(views_of_the_page())

    first = last_pulled(sync)
    (run,) = sync.query("SELECT finished_at FROM socratasync.runs")
    assert first == run["finished_at"].replace(tzinfo=None)
    portal.faults.add(Fault.status(503), times=None, on="metadata")
    assert sync.run().exit_code == 75
    assert last_pulled(sync) == first
    portal.faults.clear()
    sync.well()
    assert last_pulled(sync) > first


def test_the_log_has_a_line_for_each_run_and_those_of_the_flow(
    sync: Sync, portal: Portal, flow: Dataset
) -> None:
    sync.well()
    sync.query(views_of_the_page())
    flow.is_missing = True
    assert sync.run().exit_code != 0
    with psycopg.connect(sync.dsn, autocommit=True) as connection:  # a run that is under way
        connection.execute(
            "INSERT INTO socratasync.runs (run, target, mode) VALUES ('now', 'public.requests', 'update')"
        )

    rows = sync.query("SELECT id, status, message FROM log ORDER BY created_time")

    assert [(row["id"], row["status"]) for row in rows] == [
        (1, "INFO"),
        (2, "ERROR"),
        (None, "INFO"),
        (None, "ERROR"),
    ]
    assert rows[2]["message"] == "loaded 1 records, updated 1"
    assert "rq3b-xjk8" in rows[3]["message"]


def test_the_apis_role_needs_no_right_but_to_the_view(sync: Sync, flow: Dataset, app: str) -> None:
    sync.well()
    sync.query(views_of_the_page())
    role = sql.Identifier(str(conninfo_to_dict(app)["user"]))
    sync.query(sql.SQL("GRANT SELECT ON log TO {}").format(role))

    (row,) = as_app(app, STATUS)

    assert row["last_pulled"] == last_pulled(sync)


def test_the_flow_can_be_gone_back_to(sync: Sync, flow: Dataset) -> None:
    sync.well()
    sync.query(views_of_the_page())

    sync.query("DROP VIEW log; ALTER TABLE log_of_the_flow RENAME TO log")

    sync.query("INSERT INTO log (status, message) VALUES ('INFO', 'loaded')")
    assert last_pulled(sync).year > 2020
    assert "DROP VIEW log; ALTER TABLE log_of_the_flow RENAME TO log" in PAGE.read_text("utf-8")
