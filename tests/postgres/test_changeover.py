"""A dataset goes over to Socrata's other interface: nothing is lost, doubled or read again for that, and where the two
do not agree on what a row is, nothing is done in the dark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARKS, Sync
from tests.releases.source import SECOND_RUN, a_change, five_parks
from tests.releases.states import STATES, State

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport

pytestmark = pytest.mark.interface("Auto")  # or as a test's manifest says

COLUMNS = [
    ("name", "text"),
    ("acres", "number"),
    ("lit", "checkbox"),
    ("opened", "calendar_date"),
    ("place", "point"),
]
PLACES = {n: f"POINT (-118.{n}123456789 34.{n}987654321)" for n in range(8)}
ALL = {f"p{n}": n for n in range(8)}


@pytest.fixture
def parks(sync: Sync, portal: Portal, clock: Clock) -> Dataset:
    """Eight parks, p0 to p7, of which p7 changed last, loaded by SODA2 years after."""
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    rows = [
        {
            "name": f"p{n}",
            "acres": n,
            "lit": True,
            "opened": "2001-02-03T00:00:00.000",
            "place": PLACES[n],
        }
        for n in range(8)
    ]
    parks = portal.add_dataset(PARKS, COLUMNS, rows)
    change(parks, clock, "p7", acres=7)
    return parks


@pytest.fixture(params=["SODA2 is gone", "the manifest names SODA3"])
def goes_over(request: pytest.FixtureRequest, sync: Sync, portal: Portal) -> Callable[[], None]:
    """What makes the dataset be read by SODA3."""

    def end() -> None:
        portal.soda2_ends()

    def choose() -> None:
        sync.spec["source"] = {"api": "SODA3"}

    return end if request.param == "SODA2 is gone" else choose


def change(parks: Dataset, clock: Clock, name: str, **cells: Any) -> None:
    """A day later a park gets other values."""
    assert clock.at is not None
    clock.at += timedelta(days=1)
    parks.update(parks.find(name=name), **cells)


def interface(sync: Sync) -> list[dict[str, str] | None]:
    """What the bookkeeping notes of the interface of each dataset."""
    rows = sync.query("SELECT columns -> 'interface' AS api FROM socratasync.datasets")
    return [row["api"] for row in rows]


def ids(sync: Sync) -> set[str]:
    return {row["socrata_id"] for row in sync.query("SELECT socrata_id FROM parks")}


def versions(sync: Sync) -> dict[str, str]:
    """Which transaction wrote each row."""
    rows = sync.query("SELECT name, xmin::text FROM parks")
    return {row["name"]: row["xmin"] for row in rows}


def asked_by(portal: Portal, interface: str) -> int:
    return portal.interfaces.count(interface)


def about_values(report: RunReport) -> list[str]:
    return [warning for warning in report.warnings if "form" in warning or "look like" in warning]


# -- the same rows ---------------------------------------------------------------------------------


def test_where_rows_are_the_same_only_what_changed_is_read_and_nothing_is_said(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None]
) -> None:
    sync.well()
    before = versions(sync)
    change(parks, clock, "p3", acres=33)
    goes_over()

    report = sync.well()

    (dataset,) = report.datasets
    assert (dataset.mode, dataset.rows.updated, dataset.rows.inserted) == ("update", 1, 0)
    assert dataset.schema_in_sync is True
    assert about_values(report) == []
    assert sync.acres() == {**ALL, "p3": 33}
    assert {name for name, at in versions(sync).items() if at != before[name]} == {"p3"}
    assert interface(sync) == [{"rows": "SODA3"}]


def test_where_nothing_changed_the_new_interface_is_noted_and_no_more_looked_up(
    sync: Sync, portal: Portal, parks: Dataset, goes_over: Callable[[], None]
) -> None:
    sync.well()
    goes_over()

    assert sync.one().result == "NoChange"
    assert interface(sync) == [{"rows": "SODA3"}]
    asked = asked_by(portal, "SODA3")
    usual = len(portal.requests)
    assert sync.one().result == "NoChange"
    assert asked_by(portal, "SODA3") - asked < asked
    assert not any("in (" in asked.get("$where", "") for _, _, asked in portal.requests[usual:])


def test_rows_that_are_gone_at_the_source_do_not_make_the_others_strangers(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None]
) -> None:
    sync.well()
    parks.delete(parks.ids()[1:])
    change(parks, clock, "p0", acres=10)
    goes_over()

    dataset = sync.one()

    assert (dataset.mode, dataset.rows.updated) == ("update", 1)
    assert sync.acres() == {**ALL, "p0": 10}


def test_a_table_that_tells_of_no_row_where_it_came_from_is_gone_on_with(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None]
) -> None:
    sync.spec["target"]["provenance"] = False
    parks.ids_differ = True
    sync.well()
    change(parks, clock, "p3", acres=33)
    goes_over()

    dataset = sync.one()

    assert (dataset.rows.updated, dataset.rows.inserted) == (1, 0)
    assert sync.acres() == {**ALL, "p3": 33}
    assert interface(sync) == [{"rows": "SODA3"}]


@pytest.mark.parametrize("differ", [False, True], ids=["the same ids", "other ids"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.release)
def test_what_a_release_left_that_knew_no_other_interface_came_by_soda2(
    state: State, sync: Sync, clock: Clock, goes_over: Callable[[], None], differ: bool
) -> None:
    parks = five_parks(sync, clock)
    a_change(parks, clock)
    parks.ids_differ = differ
    with psycopg.connect(sync.dsn, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(state.bookkeeping.encode())
    clock.at = SECOND_RUN + timedelta(hours=1)
    parks.update(parks.find(name="p1"), acres=11)
    goes_over()

    dataset = sync.one()

    assert (dataset.rows.inserted, dataset.rows.updated) == (0, 5 if differ else 1)
    assert sync.acres() == {"p0": 0, "p1": 11, "p2": 2, "p3": 33, "p4": 4}
    assert interface(sync) == [{"rows": "SODA3"}]


def test_a_table_whose_ids_somebody_dropped_is_filled_anew_as_ever(
    sync: Sync, parks: Dataset, goes_over: Callable[[], None]
) -> None:
    sync.well()
    sync.query("ALTER TABLE parks DROP COLUMN socrata_id")
    parks.ids_differ = True
    goes_over()

    report = sync.well()

    assert (report.datasets[0].rows.downloaded, about_values(report)) == (8, [])
    assert len(ids(sync)) == 8


@pytest.mark.parametrize(
    "odd", ["x" * 5000, "row'; DROP TABLE parks; --", None], ids=["long", "quoted", "no id"]
)
def test_what_somebody_wrote_into_the_ids_does_no_harm(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None], odd: str | None
) -> None:
    sync.well()
    sync.query("UPDATE parks SET socrata_id = %s WHERE name < 'p3'", odd)
    change(parks, clock, "p3", acres=33)
    goes_over()

    assert sync.one().mode == "update"
    assert sync.acres() == {**ALL, "p3": 33}


def test_ids_that_the_other_interface_does_not_take_for_any_are_other_ids(
    sync: Sync, parks: Dataset, goes_over: Callable[[], None]
) -> None:
    sync.well()
    sync.query("UPDATE parks SET socrata_id = name")
    goes_over()

    assert sync.one().rows.updated == 8
    assert ids(sync) == set(parks.ids())


def test_it_goes_back_as_it_went(sync: Sync, parks: Dataset, clock: Clock) -> None:
    sync.spec["source"] = {"api": "SODA3"}
    sync.well()
    change(parks, clock, "p3", acres=33)
    sync.spec["source"] = {"api": "SODA2"}

    report = sync.well()

    assert (report.datasets[0].rows.updated, about_values(report)) == (1, [])
    assert interface(sync) == [None]


def test_a_table_that_is_emptied_anyway_is_not_looked_at(
    sync: Sync, portal: Portal, parks: Dataset, goes_over: Callable[[], None]
) -> None:
    sync.spec["target"] |= {"key": ["socrata_id"], "reset": True}
    sync.well(mode="full")
    parks.ids_differ = True
    goes_over()
    asked = len(portal.requests)

    sync.well(mode="full")

    assert sync.acres() == ALL
    assert not any("in (" in words.get("$where", "") for _, _, words in portal.requests[asked:])


# -- other ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [True, False], ids=["a row changed", "nothing changed"])
def test_a_table_keyed_by_ids_is_not_loaded_with_others(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None], changed: bool
) -> None:
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.well()
    before = versions(sync)
    parks.ids_differ = True
    if changed:
        change(parks, clock, "p3", acres=33)
    goes_over()

    for _ in range(2):
        planned = sync.plan(sync.request(), sync.options).datasets[PARKS]
        assert getattr(planned, "reason", "") == "TargetMismatch"
        report = sync.run()

        assert (report.exit_code, report.datasets[0].result) == (78, "Failed")
        assert report.failure is not None
        for said in ("SODA2", "SODA3", "socrata_id", "nothing was merged", "spec.target.reset"):
            assert said in report.failure.message
        assert versions(sync) == before
        assert interface(sync) == [None]

    sync.spec["target"]["reset"] = True
    sync.well(mode="full")
    assert sync.acres() == {**ALL, "p3": 33 if changed else 3}
    sync.spec["target"]["reset"] = False
    assert sync.one().result == "NoChange"


def test_the_manifest_may_stay_with_the_interface_whose_ids_the_table_has(
    sync: Sync, parks: Dataset, clock: Clock
) -> None:
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.well()
    parks.ids_differ = True
    sync.spec["source"] = {"api": "SODA3"}
    assert sync.run().exit_code == 78
    change(parks, clock, "p3", acres=33)
    sync.spec["source"] = {"api": "SODA2"}

    assert sync.one().rows.updated == 1
    assert sync.acres() == {**ALL, "p3": 33}


@pytest.mark.parametrize("prune", [True, False], ids=["pruned", "not pruned"])
@pytest.mark.parametrize("changed", [True, False], ids=["a row changed", "nothing changed"])
def test_a_table_with_the_publishers_key_is_read_anew_once(
    sync: Sync,
    parks: Dataset,
    clock: Clock,
    goes_over: Callable[[], None],
    prune: bool,
    changed: bool,
) -> None:
    sync.spec["target"]["prune"] = prune
    sync.foretold = True
    sync.well()
    old = ids(sync)
    parks.ids_differ = True
    expected = dict(ALL)
    if changed:
        change(parks, clock, "p3", acres=33)
        expected["p3"] = 33
    goes_over()

    report = sync.well()

    (dataset,) = report.datasets
    assert (dataset.rows.downloaded, dataset.rows.updated, dataset.rows.inserted) == (8, 8, 0)
    assert dataset.rows.deleted == 0
    assert dataset.verified is True
    assert sync.acres() == expected
    assert not ids(sync) & old
    assert any("none has its :id by SODA3" in warning for warning in report.warnings)
    again = sync.well()
    assert (again.datasets[0].result, again.warnings) == ("NoChange", [])


def test_a_full_run_writes_the_new_ids_too(sync: Sync, parks: Dataset) -> None:
    sync.well()
    old = ids(sync)
    parks.ids_differ = True
    sync.spec["source"] = {"api": "SODA3"}

    assert sync.one(mode="full").rows.updated == 8
    assert not ids(sync) & old


def test_what_since_said_of_the_watermark_is_not_said_of_a_full_load(
    sync: Sync, parks: Dataset
) -> None:
    sync.well()
    parks.ids_differ = True
    sync.spec["source"] = {"api": "SODA3"}

    report = sync.well(since=datetime(2024, 1, 1, tzinfo=UTC))

    assert not any("stays where it is" in warning for warning in report.warnings)
    assert report.datasets[0].rows.downloaded == 8


@pytest.mark.parametrize("differ", [True, False], ids=["other ids", "the same ids"])
def test_rows_that_another_outranks_come_back_after_the_change(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None], differ: bool
) -> None:
    sync.spec["target"]["prune"] = True
    (second,) = parks.insert({"name": "p1", "acres": 100})
    sync.well()
    book = "SELECT socrata_id, owed FROM socratasync.outranked"
    assert [row["owed"] for row in sync.query(book)] == [False]
    parks.ids_differ = differ
    change(parks, clock, "p3", acres=33)
    goes_over()
    before = sync.query(book)

    dataset = sync.one()

    assert dataset.left_out == 1
    assert sync.acres() == {**ALL, "p1": 100, "p3": 33}
    assert (sync.query(book) == before) is not differ
    parks.delete(second)
    change(parks, clock, "p4", acres=44)
    sync.well(mode="full")
    sync.well()
    assert sync.acres() == {**ALL, "p3": 33, "p4": 44}
    assert sync.query(book) == []


def test_only_the_dataset_that_goes_over_is_looked_at(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    other = portal.add_dataset("othe-rone", COLUMNS, [{"name": "q0", "acres": 9}])
    sync.spec["target"]["key"] = ["socrata_id"]
    sync.well()
    parks.ids_differ = True
    change(other, clock, "q0", acres=10)
    sync.spec["source"] = {"api": "SODA3"}

    report = sync.run()

    assert [d.result for d in report.datasets] == ["Failed", "Synced"]
    assert sync.acres() == {**ALL, "q0": 10}


# -- other forms -----------------------------------------------------------------------------------


def test_a_column_of_another_form_is_told_of_once_and_is_no_drift(
    sync: Sync, parks: Dataset, clock: Clock, goes_over: Callable[[], None]
) -> None:
    sync.well()
    parks.wkt_decimals = 4
    change(parks, clock, "p3", acres=33)
    goes_over()

    report = sync.well()

    (warning,) = about_values(report)
    assert re.search(
        "by SODA3 (7 of 7|8 of 8) rows that did not change have another form in column place",
        warning,
    )
    (n,) = set(re.findall(r"-118[.](\d)", warning))
    assert f"POINT (-118.{n}123 34.{n}988) for POINT (-118.{n}123456789 34.{n}987654321)" in warning
    (dataset,) = report.datasets
    assert (dataset.schema_in_sync, dataset.rows.updated) == (True, 2)  # p7 is read again
    again = sync.well()
    assert (again.datasets[0].result, again.warnings) == ("NoChange", [])
    assert sync.one(mode="full").rows.updated == 6
    assert sync.one(mode="full").rows.updated == 0


def test_nothing_is_left_of_what_was_compared(
    sync: Sync, parks: Dataset, goes_over: Callable[[], None]
) -> None:
    sync.well()
    before = [row["relname"] for row in sync.catalog()]
    goes_over()
    sync.well()

    assert [row["relname"] for row in sync.catalog()] == before


def test_few_questions_are_asked_for_it(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.well()
    sync.spec["source"] = {"api": "SODA3"}
    sync.well()
    before = len(portal.requests)
    sync.well()
    usual = len(portal.requests) - before
    sync.spec["source"] = {"api": "SODA2"}
    before = len(portal.requests)

    sync.well()

    assert len(portal.requests) - before == usual + 3


def page(*rows: str) -> Fault:
    """SODA3's answer to what is compared."""
    header = '"name","acres","lit","opened","place",":updated_at",":id"'
    text = "\n".join((header, *rows, ""))
    return Fault.answer(text.encode(), content_type="text/csv; charset=UTF-8")


def first_row(parks: Dataset, cells: dict[str, str]) -> str:
    """p0 as it is, but for these cells."""
    row = {**parks.rows()[0], **cells}
    names = [name for name, _ in COLUMNS]
    return ",".join(f'"{row[name]}"' for name in (*names, ":updated_at", ":id"))


LOOKED_UP = 1
"""Requests for ``:id``s before the one for rows to compare."""


@pytest.mark.parametrize(
    ("cells", "beside_the_table", "by_itself"),
    [
        pytest.param({}, "", "", id="the same"),
        pytest.param({"acres": "0.00"}, "", "", id="zeros more"),
        pytest.param(
            {"name": "Park 0"}, "name than by SODA2, such as Park 0 for p0", "", id="text"
        ),
        pytest.param({"lit": "Y"}, "", "lit do not look like checkbox, such as Y", id="a yes"),
        pytest.param(
            {"lit": "on and off"},
            "lit has another form than by SODA2, and does not fit boolean",
            "lit do not look like checkbox, such as on and off",
            id="neither yes nor no",
        ),
        pytest.param(
            {"opened": "03/02/2001"},
            "opened than by SODA2, such as 03/02/2001 for 2001-02-03",
            "opened do not look like floating_timestamp, such as 03/02/2001",
            id="another day, or not",
        ),
        pytest.param(
            {"acres": "many"},
            "acres has another form than by SODA2, and does not fit numeric",
            "acres do not look like number, such as many",
            id="no number",
        ),
        pytest.param(
            {"place": "(34.0, -118.0)"},
            "place than by SODA2, such as (34.0, -118.0) for POINT (",
            "place do not look like point, such as (34.0, -118.0)",
            id="no geometry",
        ),
    ],
)
@pytest.mark.parametrize("triggers", [False, True], ids=["the table tells", "the types tell"])
def test_whatever_comes_is_told_of_where_soda2_is_gone_and_keeps_nobody_from_loading(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    cells: dict[str, str],
    beside_the_table: str,
    by_itself: str,
    triggers: bool,
) -> None:
    sync.well()
    if triggers:  # they may have made anything of what came
        sync.query(_TRIGGER)
    portal.soda2_ends()
    portal.faults.add(page(first_row(parks, cells)), on="rows", after=LOOKED_UP)

    report = sync.well()

    said = by_itself if triggers else beside_the_table
    told = [warning for warning in report.warnings if "column" in warning]
    assert len(told) == bool(said)
    assert said in "".join(told)
    assert (report.datasets[0].result, report.datasets[0].schema_in_sync) == ("NoChange", True)
    assert interface(sync) == [{"rows": "SODA3"}]


_TRIGGER = """
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER keep BEFORE UPDATE ON parks FOR EACH ROW EXECUTE FUNCTION keep()
"""


def test_a_value_that_no_text_holds_is_told_of(sync: Sync, portal: Portal, parks: Dataset) -> None:
    sync.well()
    portal.soda2_ends()
    portal.faults.add(page(first_row(parks, {"name": "p\0"})), on="rows", after=LOOKED_UP)

    report = sync.well()

    assert any("to be compared with earlier rows" in warning for warning in report.warnings)
    assert report.datasets[0].result == "NoChange"


@pytest.mark.parametrize("same", [True, False], ids=["as before", "otherwise"])
def test_a_value_that_does_not_fit_its_column_is_compared_as_it_is_spelled(
    sync: Sync, portal: Portal, clock: Clock, same: bool
) -> None:
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    sync.spec["target"] = {
        "dsnSecretRef": {"name": "db"},
        "table": "parks",
        "key": ["name"],
        "fields": {"name": "", "place": "uuid"},
        "onBadValue": "Null",
    }
    rows = [{"name": f"p{n}", "place": PLACES[n]} for n in range(8)]
    parks = portal.add_dataset(PARKS, [("name", "text"), ("place", "point")], rows)
    sync.well()
    if not same:
        parks.wkt_decimals = 4
    sync.spec["source"] = {"api": "SODA3"}

    told = [warning for warning in sync.well().warnings if "form" in warning]

    assert len(told) == (not same)
    assert "does not fit uuid" in "".join(told) or same


# -- troubles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, LOOKED_UP], ids=["at the ids", "at the rows"])
def test_trouble_of_the_new_interface_is_trouble_of_the_run(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock, after: int
) -> None:
    sync.well()
    change(parks, clock, "p3", acres=33)
    portal.soda2_ends()
    portal.faults.add(Fault.status(500), on="rows", after=after, times=None)

    report = sync.run()

    assert (report.exit_code, report.failure and report.failure.reason) == (75, "SourceUnavailable")
    assert sync.acres() == ALL
    assert interface(sync) == [None]
    portal.faults.clear()
    assert sync.one().rows.updated == 1


def test_trouble_of_the_old_interface_is_none(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    sync.well()
    change(parks, clock, "p3", acres=33)
    parks.wkt_decimals = 4
    sync.spec["source"] = {"api": "SODA3"}
    portal.soda2_ends(status=404)

    report = sync.well()

    assert report.datasets[0].rows.updated == 2
    assert len(about_values(report)) == 1
    assert asked_by(portal, "SODA3") > 0


def test_a_dataset_that_became_private_is_not_called_another(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    parks.make_private()
    sync.spec["source"] = {"api": "SODA3"}

    assert sync.run().exit_code == 77
    assert sync.acres() == ALL
