"""What nobody knows of SODA3, and what is done to be safe all the same: a test for each of these questions.

Those about a dataset that goes over from SODA2 are in ``test_changeover`` and ``test_switch``, those about datasets
that are described no more in ``test_no_views``, those about tokens in ``tests/simulator/test_source``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Row, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.interface("SODA3")  # of which these are the questions

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def by_soda3(sync: Sync, clock: Clock) -> None:
    """All rows come by SODA3, on a day that is long over for the portal."""
    clock.at = NOON
    sync.spec["source"] = {"api": "SODA3", "pageSize": 2}


@pytest.mark.parametrize("known_answer", [True, False], ids=["they go", "they stay"])
def test_columns_that_nobody_selected_are_asked_away_once_and_never_loaded(
    sync: Sync, portal: Portal, parks: Dataset, known_answer: bool
) -> None:
    parks.unasked_columns = (":version",)
    if known_answer:
        gone = Fault.doing(lambda: setattr(parks, "unasked_columns", ()))
        portal.faults.add(gone, on="rows", after=1)

    report = sync.run()

    if known_answer:
        assert report.exit_code == 0
        assert sync.acres() == {f"p{n}": n for n in range(5)}
        ids = sync.query("SELECT socrata_id FROM parks ORDER BY name")
        assert [row["socrata_id"] for row in ids] == parks.ids()
    else:
        assert report.failure is not None
        assert report.failure.reason == "SchemaChanged"
        assert "unexpected: :version" in report.failure.message
        assert sync.query("SELECT to_regclass('parks') AS there") == [{"there": None}]


def test_a_column_under_another_name_is_not_taken_for_the_one_that_was_asked_for(
    sync: Sync, parks: Dataset
) -> None:
    parks.renamed_columns = {"acres": "size"}

    failure = sync.run().failure

    assert failure is not None
    assert failure.reason == "SchemaChanged"
    assert "missing: acres; unexpected: size" in failure.message


def test_no_text_and_an_empty_one_stay_two_things(sync: Sync, portal: Portal) -> None:
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    rows: list[Row] = [{"name": "empty", "note": ""}, {"name": "none", "note": None}]
    portal.add_dataset(PARKS, [("name", "text"), ("note", "text")], rows)

    sync.well()

    assert {k: row["note"] for k, row in sync.table("parks", "name").items()} == {
        "empty": "",
        "none": None,
    }


def test_a_line_end_within_a_cell_ends_no_row(sync: Sync, portal: Portal) -> None:
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    notes = {f"p{n}": f'a\nb\r\n"c",{n}\n' for n in range(5)}
    rows = [{"name": name, "note": note} for name, note in notes.items()]
    portal.add_dataset(PARKS, [("name", "text"), ("note", "text")], rows)

    sync.well()

    assert {k: row["note"] for k, row in sync.table("parks", "name").items()} == notes


def test_an_answer_with_fewer_rows_than_it_might_have_is_not_the_end(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.short_page(1), on="rows", times=None)

    assert sync.one().verified is True
    assert len(sync.acres()) == 5


@pytest.mark.parametrize(
    ("said", "watermark_stays"),
    [
        pytest.param("[]", False, id="current"),
        pytest.param("", False, id="an empty word"),
        pytest.param("false", False, id="current in SODA2's word"),
        pytest.param(None, False, id="nothing, and the newest change came"),
        pytest.param('[["park-0001","latest"]]', True, id="a table is behind"),
        pytest.param("true", True, id="behind in SODA2's word"),
        pytest.param("maybe", True, id="a word that nobody knows"),
    ],
)
def test_what_is_said_of_a_replica_counts_as_behind_unless_it_is_known_to_mean_current(
    sync: Sync,
    portal: Portal,
    parks: Dataset,
    clock: Clock,
    said: str | None,
    watermark_stays: bool,
) -> None:
    sync.well()
    clock.at = NOON + DAY
    parks.update(parks.find(name="p0"), acres=100)
    portal.faults.add(Fault.freshness_said(said), on="rows", times=None)

    report = sync.one()

    reached = report.last_synced_since
    assert reached is not None
    assert (reached < NOON + DAY / 2) is watermark_stays
    assert sync.acres()["p0"] == 100


def test_a_replica_that_is_behind_and_says_nothing_is_not_taken_for_current(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    sync.well()
    before = parks.truth
    clock.at = NOON + DAY
    parks.update(parks.find(name="p0"), acres=100)
    portal.faults.add(Fault.doing(lambda: parks.lag(silently=True, state=before)), on="rows")
    portal.faults.add(Fault.freshness_said(None), on="rows", times=None)

    behind = sync.one()
    parks.catch_up()
    portal.faults.clear()
    after = sync.one()

    assert behind.last_synced_since is not None
    assert behind.last_synced_since < NOON + DAY / 2, "what it lacked is read again"
    assert after.rows.updated == 1
    assert sync.acres()["p0"] == 100


def test_what_a_silent_replica_lacks_is_not_deleted(
    sync: Sync, portal: Portal, parks: Dataset, clock: Clock
) -> None:
    sync.spec["target"]["prune"] = True
    before = parks.truth
    clock.at = NOON + DAY
    parks.insert({"name": "p5", "acres": 5})
    sync.well()
    portal.faults.add(Fault.freshness_said(None), on="any", times=None)
    portal.faults.add(
        Fault.doing(lambda: parks.lag(silently=True, state=before)), on="rows", after=0
    )
    portal.faults.add(Fault.wrong_count(5), on="count", times=None, after=1)

    sync.run(mode="full")

    assert "p5" in sync.acres()


def test_a_run_goes_on_where_its_pod_died_in_mid_read(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.status(500), on="rows", after=2, times=10)
    assert sync.run(run="night").exit_code == 75
    portal.faults.clear()
    asked = len(portal.requests)

    sync.well(run="night")

    first = next(p for kind, _, p in portal.requests[asked:] if kind == "rows")
    assert first["$where"] == f":id > '{parks.ids()[3]}'"


def test_nothing_is_asked_conditionally_and_no_page_by_its_number(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.well()
    sync.well()

    assert set(portal.interfaces) <= {"SODA3", ""}
    assert all("$offset" not in parameters for _, _, parameters in portal.requests)
    assert len(sync.acres()) == 5


def test_an_answer_that_is_still_being_prepared_is_waited_for(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    portal.faults.add(Fault.status(202), on="rows", times=2)

    sync.well()

    assert len(sync.acres()) == 5


def test_a_subset_of_more_columns_than_an_address_holds_is_loaded(
    sync: Sync, portal: Portal
) -> None:
    names = [f"measure_{n:03}_{'x' * 40}" for n in range(250)]
    columns = [*PARK_COLUMNS, *((name, "number") for name in names)]
    row = {"name": "p0", **{name: n for n, name in enumerate(names)}}
    portal.add_dataset(PARKS, columns, [row])
    fields = {"name": "text", **dict.fromkeys(names[:-1], "integer")}
    sync.spec["target"] = {
        "dsnSecretRef": {"name": "db"},
        "table": "parks",
        "key": ["name"],
        "fields": fields,
    }

    sync.well()

    assert sync.table("parks", "name")["p0"][names[248]] == 248
