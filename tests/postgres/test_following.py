"""The next year's dataset: found in the portal's catalogue by the run that comes after it, and loaded or named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Row, Sync
from tests.postgres.killed import kill_midway

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection
from socratasync.contract.report import RunReport
from socratasync.contract.successors import Successor
from socratasync.pipeline.target.adoptions import read
from socratasync.pipeline.target.connection import Connections

NEXT = "park-0027"
SEVEN = datetime(2027, 1, 15, 7, 0, tzinfo=UTC)


@pytest.fixture
def night(clock: Clock) -> Clock:
    """It is the middle of January."""
    clock.at = SEVEN - timedelta(days=1)
    return clock


@pytest.fixture
def parks_of_2026(night: Clock, sync: Sync, parks: Dataset) -> Dataset:
    """The parks of 2026, which the manifest names, loaded; it adopts what follows."""
    parks.name = "City Parks 2026"
    sync.spec["datasets"] = [{"id": PARKS, "year": 2026}]
    sync.spec["follow"] = {"name": "City Parks {year}", "adopt": "Automatic"}
    sync.options = sync.with_(clock=lambda: night.at or SEVEN)
    assert sync.well().successors == []
    return parks


def publish(
    portal: Portal,
    id: str = NEXT,
    *,
    name: str = "City Parks 2027",
    columns: Any = PARK_COLUMNS,
    rows: list[Row] | None = None,
    **about: Any,
) -> Dataset:
    """The city publishes a dataset, at a minute to seven."""
    some = [{"name": f"n{n}"} for n in range(3)] if rows is None else rows
    published = portal.add_dataset(id, columns, some, name=name)
    for word, value in about.items():
        setattr(published, word, value)
    return published


def run_at(sync: Sync, night: Clock, at: datetime = SEVEN, **words: Any) -> RunReport:
    night.at = at
    return sync.well(**words)


def told(report: RunReport) -> dict[str, Successor]:
    assert report.successors is not None
    return {each.id: each for each in report.successors}


def adopted(sync: Sync) -> list[str]:
    """What the bookkeeping says."""
    with Connections(sync.dsn).connect() as connection:
        return [each.dataset.id for each in read(connection, "public.parks")]


def loaded(sync: Sync) -> set[str]:
    return {
        row["socrata_dataset"] for row in sync.query("SELECT DISTINCT socrata_dataset FROM parks")
    }


# -- found, and loaded or named --------------------------------------------------------------------


def test_a_sibling_of_a_minute_to_seven_is_loaded_by_the_run_of_seven(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    night.at = SEVEN - timedelta(minutes=1)
    publish(portal)

    report = run_at(sync, night)

    assert [(d.id, d.year, d.rows.inserted) for d in report.datasets] == [
        (PARKS, 2026, 0),
        (NEXT, 2027, 3),
    ]
    assert told(report) == {
        NEXT: Successor(id=NEXT, name="City Parks 2027", year=2027, adopted=True)
    }
    assert len(sync.table("parks", "name")) == 8
    assert report.target_rows == 8


def test_a_sibling_is_only_named_where_that_is_all_that_is_wanted(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["follow"]["adopt"] = "Propose"
    publish(portal, columns=[*PARK_COLUMNS[:2], ("dogs", "checkbox")])

    report = run_at(sync, night)

    assert [d.id for d in report.datasets] == [PARKS]
    found = told(report)[NEXT]
    assert (found.year, found.adopted) == (2027, False)
    assert (found.columns_missing, found.columns_new) == (("opened",), ("dogs",))
    assert loaded(sync) == {PARKS}
    assert adopted(sync) == []


def test_later_runs_load_it_like_any_other(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    parks_of_2027 = publish(portal)
    run_at(sync, night)
    parks_of_2027.insert({"name": "late"})

    report = run_at(sync, night, SEVEN + timedelta(days=1))

    assert [(d.id, d.rows.inserted) for d in report.datasets] == [(PARKS, 0), (NEXT, 1)]
    assert told(report)[NEXT].adopted
    report = run_at(sync, night, SEVEN + timedelta(days=2))
    assert {d.result for d in report.datasets} == {"NoChange"}


def test_it_is_followed_in_its_turn(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    run_at(sync, night)
    publish(portal, "park-0028", name="City Parks 2028", rows=[{"name": "m0"}])

    report = run_at(sync, night, SEVEN + timedelta(days=365))

    assert [d.id for d in report.datasets] == [PARKS, NEXT, "park-0028"]
    assert adopted(sync) == [NEXT, "park-0028"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"name": "City Parks 2025"}, id="an older year"),
        pytest.param({"name": "City Parks 2026"}, id="the same year"),
        pytest.param({"name": "City Parks 2027 (archive)"}, id="another name"),
        pytest.param({"name": "City Parks 20270"}, id="no year"),
        pytest.param({"owner": "A neighbour"}, id="another owner's"),
        pytest.param({"provenance": "community"}, id="a user's"),
        pytest.param({"type": "filter"}, id="a view"),
        pytest.param({"is_private": True}, id="not public yet"),
        pytest.param({"rows": []}, id="empty yet"),
    ],
)
def test_what_only_resembles_a_successor_is_none(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock, other: dict[str, Any]
) -> None:
    publish(portal, **other)

    report = run_at(sync, night)

    assert told(report) == {}
    assert loaded(sync) == {PARKS}


def test_it_is_named_however_the_name_is_spaced_and_capitalised(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal, name="City  parks 2027")

    assert told(run_at(sync, night))[NEXT].adopted


# -- not without a person --------------------------------------------------------------------------


def test_of_two_that_follow_none_is_loaded_until_a_person_chooses(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    publish(portal, "park-0099")

    report = run_at(sync, night)

    assert [d.id for d in report.datasets] == [PARKS]
    reasons = {each.reason for each in told(report).values()}
    assert reasons == {
        "there is a choice: park-0027, park-0099 follow. Name in spec.datasets what is to be loaded"
    }
    sync.spec["datasets"].append({"id": "park-0099", "year": 2027})
    report = run_at(sync, night, SEVEN + timedelta(days=1))
    assert [d.id for d in report.datasets] == [PARKS, "park-0099"]
    assert told(report) == {}


def test_one_that_lacks_a_column_is_named_and_not_loaded(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal, columns=[("name", "text"), ("size", "number"), ("opened", "calendar_date")])

    found = told(run_at(sync, night))[NEXT]

    assert (found.columns_missing, found.columns_new) == (("acres",), ("size",))
    assert "it has no acres" in str(found.reason)
    assert loaded(sync) == {PARKS}


def test_one_with_another_type_is_named_and_not_loaded(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal, columns=[("name", "text"), ("acres", "text"), ("opened", "calendar_date")])

    found = told(run_at(sync, night))[NEXT]

    assert (found.adopted, found.columns_changed) == (False, ("acres",))


def test_one_whose_columns_the_newest_ones_map_fits_is_loaded_by_it(
    night: Clock, parks: Dataset, portal: Portal, sync: Sync
) -> None:
    parks.name = "City Parks 2026"
    parks.rename_column("acres", "size")
    sync.spec["datasets"] = [{"id": PARKS, "year": 2026, "columns": {"acres": "size"}}]
    sync.spec["follow"] = {"name": "City Parks {year}", "adopt": "Automatic"}
    sync.well()
    renamed = [("name", "text"), ("size", "number"), ("opened", "calendar_date")]
    publish(portal, columns=renamed, rows=[{"name": "n0", "size": 7}])

    report = run_at(sync, night)

    assert told(report)[NEXT].adopted
    assert sync.acres()["n0"] == 7


def test_one_that_has_the_tables_own_names_again_is_loaded_without_the_map(
    night: Clock, parks: Dataset, portal: Portal, sync: Sync
) -> None:
    parks.name = "City Parks 2026"
    parks.rename_column("acres", "size")
    sync.spec["datasets"] = [{"id": PARKS, "year": 2026, "columns": {"acres": "size"}}]
    sync.spec["follow"] = {"name": "City Parks {year}", "adopt": "Automatic"}
    sync.well()
    publish(portal, rows=[{"name": "n0", "acres": 7}])

    run_at(sync, night)

    assert sync.acres()["n0"] == 7


def test_it_is_loaded_by_the_filter_of_the_newest(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["datasets"][0]["where"] = "acres > 1"
    publish(portal, rows=[{"name": "n0", "acres": 1}, {"name": "n1", "acres": 2}])

    run_at(sync, night)

    assert {name for name in sync.acres() if name.startswith("n")} == {"n1"}


def test_years_that_leave_it_out_leave_it_to_a_person(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["years"] = [2026]
    publish(portal)

    report = run_at(sync, night)

    assert "spec.years leaves 2027 out" in str(told(report)[NEXT].reason)
    assert loaded(sync) == {PARKS}


def test_one_that_cannot_be_planned_is_proposed_and_the_run_goes_well(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    portal.faults.add(Fault.status(403), times=None, on="metadata", dataset=NEXT)

    report = run_at(sync, night)

    assert [d.id for d in report.datasets] == [PARKS]
    assert not told(report)[NEXT].adopted
    assert NEXT in str(told(report)[NEXT].reason)


# -- what it costs, and what may fail --------------------------------------------------------------


def test_looking_is_one_question_a_run(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    asked = []
    for day in range(3):
        before = len(portal.requests)
        run_at(sync, night, SEVEN + timedelta(days=day))
        asked.append([kind for kind, _, _ in portal.requests[before:]].count("catalog"))

    assert asked == [1, 1, 1]


def test_a_catalogue_that_does_not_answer_is_a_warning(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    portal.faults.add(Fault.status(503), times=None, on="catalog")

    report = run_at(sync, night)

    assert report.successors is None
    assert any("nobody could look for datasets that follow" in w for w in report.warnings)
    assert [d.id for d in report.datasets] == [PARKS]


def test_without_the_catalogue_what_was_adopted_is_loaded_all_the_same(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    run_at(sync, night)
    portal.faults.add(Fault.status(503), times=None, on="catalog")

    report = run_at(sync, night, SEVEN + timedelta(days=1))

    assert [d.id for d in report.datasets] == [PARKS, NEXT]


def test_a_portal_with_many_of_such_names_is_read_in_one_chain_of_pages(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    for number in range(250):
        portal.add_dataset(f"many-{number:04}", [("name", "text")], name=f"Parks, city, {number}")
    publish(portal)
    asked = len(portal.requests)

    report = run_at(sync, night)

    pages = [words for kind, _, words in portal.requests[asked:] if kind == "catalog"]
    assert told(report)[NEXT].adopted
    assert [page["offset"] for page in pages] == ["0", "100", "200"]


# -- killed, pinned, taken back ---------------------------------------------------------------------


def test_a_run_that_was_killed_midway_has_adopted_nothing_and_the_next_one_does_once(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal, rows=[{"name": f"n{n}"} for n in range(40)])
    sync.spec["source"] = {"pageSize": 10}
    kill_midway(sync.request(), rows=20)
    assert adopted(sync) == []
    assert loaded(sync) == {PARKS}

    run_at(sync, night)
    run_at(sync, night, SEVEN + timedelta(days=1))

    assert adopted(sync) == [NEXT]
    assert len(sync.table("parks", "name")) == 45


def test_a_try_again_of_the_very_run_finds_what_its_first_try_adopted(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    run_at(sync, night, run="of-seven")

    report = run_at(sync, night, run="of-seven")

    assert told(report)[NEXT].adopted
    assert adopted(sync) == [NEXT]


def test_what_is_pinned_is_adopted_no_more(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    run_at(sync, night)
    sync.spec["datasets"].append({"id": NEXT, "year": 2027})

    report = run_at(sync, night, SEVEN + timedelta(days=1))

    assert {d.result for d in report.datasets} == {"NoChange"}
    assert told(report) == {}
    assert adopted(sync) == []


@pytest.mark.parametrize("follow", [None, {"name": "City Parks {year}"}], ids=["off", "Propose"])
def test_what_was_adopted_is_read_no_more_once_nothing_is_adopted_and_its_rows_stay(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock, follow: Any
) -> None:
    publish(portal).insert({"name": "n3"})
    run_at(sync, night)
    automatic, sync.spec["follow"] = sync.spec["follow"], follow

    report = run_at(sync, night, SEVEN + timedelta(days=1))

    assert [d.id for d in report.datasets] == [PARKS]
    assert any(f"dataset {NEXT} (City Parks 2027) was adopted" in w for w in report.warnings)
    assert all(not each.adopted for each in told(report).values())
    assert len(sync.table("parks", "name")) == 9
    sync.spec["follow"] = automatic
    report = run_at(sync, night, SEVEN + timedelta(days=2))
    assert [d.id for d in report.datasets] == [PARKS, NEXT]


def test_a_reset_replaces_what_was_adopted_too(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    parks_of_2027 = publish(portal)
    run_at(sync, night)
    parks_of_2027.delete(parks_of_2027.find(name="n0"))
    sync.spec["target"]["reset"] = True

    report = run_at(sync, night, SEVEN + timedelta(days=1), mode="full")

    assert [d.id for d in report.datasets] == [PARKS, NEXT]
    assert len(sync.table("parks", "name")) == 7
    assert adopted(sync) == [NEXT]


def test_it_is_adopted_with_the_reset_that_first_loads_it(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    sync.spec["target"]["reset"] = True

    report = run_at(sync, night, mode="full")

    assert told(report)[NEXT].adopted
    assert adopted(sync) == [NEXT]


def test_a_table_that_somebody_emptied_gets_what_was_adopted_again(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)
    run_at(sync, night)
    publish(portal, "park-0099")
    sync.query("TRUNCATE parks")

    run_at(sync, night, SEVEN + timedelta(days=1))

    assert loaded(sync) == {PARKS, NEXT}


def test_plan_shows_what_the_run_would_adopt_and_writes_nothing(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    publish(portal)

    planned = sync.plan(sync.request(), sync.options)

    assert list(planned.datasets) == [PARKS, NEXT]
    assert planned.followed is not None
    assert list(planned.followed.adopting) == [NEXT]
    assert loaded(sync) == {PARKS}
    assert adopted(sync) == []


# -- where a source goes on that stands still, or is gone -------------------------------------------


def test_the_description_of_a_source_that_stands_still_names_where_it_goes_on(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["freshness"] = {"sourceMaxAge": "7d"}
    sync.spec["follow"] = None
    portal.add_dataset("gree-n002", PARK_COLUMNS, name="Green spaces")
    parks_of_2026.freeze(successor="gree-n002")
    assert told(run_at(sync, night)) == {}

    report = run_at(sync, night, SEVEN + timedelta(days=30))

    assert told(report) == {
        "gree-n002": Successor(
            id="gree-n002",
            name="Green spaces",
            reason=f"the description of {PARKS} names it",
        )
    }


def test_an_id_in_a_description_that_the_portal_does_not_have_is_none(
    parks_of_2026: Dataset, sync: Sync, night: Clock
) -> None:
    sync.spec["freshness"] = {"sourceMaxAge": "7d"}
    parks_of_2026.freeze(successor="park-0404")

    assert told(run_at(sync, night, SEVEN + timedelta(days=30))) == {}


def test_a_source_that_stands_still_has_its_next_year_looked_for_though_nothing_follows(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["freshness"] = {"sourceMaxAge": "7d"}
    sync.spec["follow"] = None
    publish(portal)

    report = run_at(sync, night, SEVEN + timedelta(days=30))

    found = told(report)[NEXT]
    assert (found.year, found.adopted) == (2027, False)
    assert "spec.follow is not set" in str(found.reason)


def test_a_dataset_that_was_replaced_under_its_name_is_told_with_the_new_id(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock
) -> None:
    sync.spec["follow"] = None
    parks_of_2026.remove()
    publish(portal, "park-0002", name="City Parks 2026")
    asked = len(portal.requests)

    report = sync.run()

    error = report.datasets[0].error
    assert error is not None
    assert error.reason == "DatasetNotFound"
    assert "The portal has a dataset of the same name, City Parks 2026: park-0002" in error.message
    assert [kind for kind, _, _ in portal.requests[asked:]].count("catalog") == 1


@pytest.mark.parametrize("trouble", ["no other", "no catalogue"])
def test_a_dataset_that_is_gone_for_good_is_told_as_before(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, trouble: str
) -> None:
    sync.spec["follow"] = None
    parks_of_2026.remove()
    if trouble == "no catalogue":
        portal.faults.add(Fault.status(404), times=None, on="catalog")

    error = sync.run().datasets[0].error

    assert error is not None
    assert error.reason == "DatasetNotFound"
    assert "of the same name" not in error.message


# -- runs that were asked for a part only ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_one_off_run_adopts_nothing_and_leaves_what_was_adopted_alone(
    parks_of_2026: Dataset, portal: Portal, sync: Sync, night: Clock, mode: str
) -> None:
    publish(portal)
    run_at(sync, night)
    publish(portal, "park-0028", name="City Parks 2028")
    asked = len(portal.requests)
    selection = Selection(years=(2026,), reset=mode == "full")

    report = run_at(sync, night, SEVEN + timedelta(hours=1), mode=mode, selection=selection)

    assert [d.id for d in report.datasets] == [PARKS]
    assert report.successors is None, "nobody looked"
    assert [kind for kind, _, _ in portal.requests[asked:] if kind == "catalog"] == []
    assert adopted(sync) == [NEXT]
    assert loaded(sync) == {PARKS, NEXT}, "all that the manifest names is not all of the table"
    assert len(sync.table("parks", "name")) == 8
