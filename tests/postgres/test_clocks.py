"""Clocks that are wrong, rows that do not say when they changed, and replicas that are behind and do
not say so: whatever a run was told, one of the next holds what the source holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.source import soql

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


class Day:
    """A dataset and runs on one day: everything has its time, and goes on from the last."""

    def __init__(self, sync: Sync, clock: Clock, portal: Portal) -> None:
        self._sync = sync
        self._clock = clock
        self._real = clock.at = NOON - 24 * HOUR
        self._ahead = timedelta(0)
        sync.options = sync.with_(clock=lambda: self._real)
        portal.datasets.clear()
        columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
        self.parks = portal.add_dataset(PARKS, columns, self._rows())

    def _rows(self) -> list[dict[str, object]]:
        opened = f"{self._real:%Y-%m-%dT%H:%M:%S}.000"
        return [{"name": f"p{n}", "acres": n, "opened": opened} for n in range(5)]

    def at(self, time: timedelta) -> Dataset:
        """It is so long after noon: the dataset, to be changed."""
        self._real = NOON + time
        self._clock.at = self._real + self._ahead
        return self.parks

    def portal_clock_is(self, ahead: timedelta) -> None:
        """From now on the portal's clock is so far ahead of ours."""
        self._ahead = ahead
        self._clock.at = self._real + ahead
        self.parks.put_clock_right()

    def change(self, time: timedelta, name: str, acres: int) -> None:
        """A row changes, and with it the date that people keep."""
        parks = self.at(time)
        opened = f"{self._clock():%Y-%m-%dT%H:%M:%S}.000"
        parks.update(parks.find(name=name), acres=acres, opened=opened)

    def run(self, time: timedelta) -> None:
        """An update."""
        self.at(time)
        self._sync.well()

    @property
    def is_in_step(self) -> bool:
        """Whether the table holds what the dataset holds."""
        rows = self.parks.rows()
        truth = {row["name"]: None if row["acres"] is None else int(row["acres"]) for row in rows}
        return truth == self._sync.acres()


@pytest.fixture
def day(sync: Sync, portal: Portal, parks: Dataset, clock: Clock) -> Day:
    """Five parks, changed a day ago and loaded two hours ago."""
    found = Day(sync, clock, portal)
    found.run(-2 * HOUR)
    return found


# -- replicas that are behind and do not say so -------------------------------------------------------


def answered_by_a_replica(
    portal: Portal,
    parks: Dataset,
    *,
    on: str,
    after: int = 0,
    times: int | None = None,
    silently: bool = True,
) -> None:
    """What is asked of that kind is answered by a replica as of now; unless ``silently``, a header tells."""
    state = parks.truth
    replica = Fault.doing(lambda: parks.lag(silently=silently, state=state))
    portal.faults.add(replica, on=on, after=after, times=times)
    portal.faults.add(Fault.doing_afterwards(parks.catch_up), on=on, after=after, times=times)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([("rows", 0, None)], id="the pages"),
        pytest.param([("rows", 1, None)], id="all pages but the first"),
        pytest.param([("rows", 0, 1)], id="the first page"),
        pytest.param([("rows", 0, None), ("count", 1, None)], id="pages and counts"),
        pytest.param([("rows", 0, None), ("count", 0, 1)], id="pages and the newest change"),
        pytest.param([("count", 0, 1)], id="the newest change"),
        pytest.param([("count", 1, None)], id="the counts"),
        pytest.param([("rows", 0, None), ("count", 0, None)], id="all but the description"),
    ],
)
@pytest.mark.parametrize("lag", [14 * MINUTE, 59 * MINUTE])
@pytest.mark.parametrize("says", [True, False], ids=["rowsUpdatedAt", "no rowsUpdatedAt"])
def test_a_replica_that_is_silently_behind_loses_no_change(
    sync: Sync, portal: Portal, day: Day, behind: list[tuple[str, int, int | None]], lag: timedelta,
    says: bool,
) -> None:  # fmt: skip
    if not says:
        day.parks.metadata = {"rowsUpdatedAt": None}
    sync.spec["source"] = {"pageSize": 2}
    day.change(-HOUR - lag, "p0", 100)
    day.at(-lag)
    for on, after, times in behind:
        answered_by_a_replica(portal, day.parks, on=on, after=after, times=times)
    day.change(-lag + MINUTE, "p1", 101)
    day.change(-lag / 2, "p2", 102)
    day.change(-MINUTE, "p3", 103)
    day.run(0 * HOUR)
    portal.faults.clear()
    day.parks.catch_up()

    day.run(10 * MINUTE)
    assert day.is_in_step
    day.run(HOUR)
    assert day.is_in_step


def test_a_replica_that_is_silently_behind_puts_no_older_row_back(
    sync: Sync, portal: Portal, day: Day
) -> None:
    day.change(-40 * MINUTE, "p1", 101)
    before = day.parks.truth
    day.change(-10 * MINUTE, "p1", 102)
    day.run(-5 * MINUTE)

    day.parks.lag(silently=True, state=before)
    day.run(0 * HOUR)
    assert sync.acres()["p1"] == 102
    day.parks.catch_up()
    day.run(2 * HOUR)
    assert sync.acres()["p1"] == 102


@pytest.mark.parametrize("lag", [3 * HOUR, 20 * HOUR])
def test_a_newest_change_told_by_a_fresher_replica_is_not_believed(
    portal: Portal, day: Day, lag: timedelta
) -> None:
    """The newest change is asked of one replica; the rows come from another, which says how old it is."""
    day.change(-lag, "p0", 100)
    answered_by_a_replica(portal, day.parks, on="rows", silently=False)
    day.change(-lag + HOUR, "p1", 101)
    day.change(-HOUR, "p2", 102)
    day.run(0 * HOUR)
    assert not day.is_in_step
    portal.faults.clear()

    day.run(10 * MINUTE)
    assert day.is_in_step


def test_a_source_that_is_quiet_is_not_read_again_for_replicas(
    sync: Sync, portal: Portal, day: Day
) -> None:
    day.change(-10 * MINUTE, "p1", 101)
    for time in (0 * HOUR, HOUR, 2 * HOUR):
        day.run(time)
    pages = len(sync.pages())

    day.run(3 * HOUR)

    assert len(sync.pages()) == pages


# -- clocks that are wrong ------------------------------------------------------------------------------


def republished(day: Day) -> None:
    """Every row goes and comes again, as publishers do who upload a whole dataset."""
    day.parks.replace_all([{"name": f"p{n}", "acres": 200 + n} for n in range(5)])


def updated(day: Day) -> None:
    """A row changes."""
    day.parks.update(day.parks.find(name="p1"), acres=200)


@pytest.mark.parametrize("change", [updated, republished])
@pytest.mark.parametrize(
    ("ahead", "runs"),
    [
        pytest.param(48 * HOUR, [5 * MINUTE], id="while the wrong stamp lies ahead"),
        pytest.param(48 * HOUR, [72 * HOUR], id="when the wrong stamp has passed"),
        pytest.param(900 * 24 * HOUR, [5 * MINUTE], id="years ahead"),
        pytest.param(
            30 * MINUTE, [n * 10 * MINUTE for n in range(1, 16)], id="ahead by half an hour"
        ),
        pytest.param(4 * MINUTE, [5 * MINUTE, 3 * HOUR], id="ahead by minutes"),
        pytest.param(-HOUR, [5 * MINUTE], id="behind by an hour"),
    ],
)
def test_a_change_after_a_clock_was_put_right_is_not_dropped(
    day: Day, change: Callable[[Day], None], ahead: timedelta, runs: list[timedelta]
) -> None:
    day.change(-50 * MINUTE, "p4", 104)
    day.run(-40 * MINUTE)
    day.at(-30 * MINUTE)
    day.portal_clock_is(ahead)
    day.change(-20 * MINUTE, "p1", 101)
    day.run(-10 * MINUTE)
    assert day.is_in_step

    day.at(0 * HOUR)
    day.portal_clock_is(timedelta(0))
    change(day)
    for time in runs:
        day.run(time)

    assert day.is_in_step


def test_an_update_by_a_date_takes_what_changed_after_a_clock_was_put_right(
    sync: Sync, day: Day
) -> None:
    sync.spec["source"] = {"watermark": "opened"}
    day.run(-HOUR)
    day.portal_clock_is(48 * HOUR)
    day.change(-20 * MINUTE, "p1", 101)
    day.run(-10 * MINUTE)

    day.portal_clock_is(timedelta(0))
    day.change(0 * HOUR, "p1", 200)
    day.run(5 * MINUTE)

    assert day.is_in_step


# -- rows that do not say when they changed ---------------------------------------------------------------


@pytest.mark.parametrize("says", [True, False], ids=["rowsUpdatedAt", "no rowsUpdatedAt"])
@pytest.mark.parametrize("was", ["stamped", "unstamped"])
def test_a_row_without_a_time_of_change_is_read_by_every_update(
    day: Day, says: bool, was: str
) -> None:
    if not says:
        day.parks.metadata = {"rowsUpdatedAt": None}
    if was == "unstamped":
        day.parks.unstamp(day.parks.find(name="p1"))
        day.run(-HOUR)
    for time in (0 * HOUR, 2 * HOUR, 24 * HOUR):
        day.change(time, "p1", 300 + time // HOUR)
        day.parks.unstamp(day.parks.find(name="p1"))

        day.run(time + 5 * MINUTE)

        assert day.is_in_step


def test_a_dataset_none_of_whose_rows_says_when_it_changed_stays_in_step(day: Day) -> None:
    day.parks.unstamp(day.parks.ids())
    for time in (0 * HOUR, 2 * HOUR):
        day.change(time, "p1", 300 + time // HOUR)
        day.parks.unstamp(day.parks.find(name="p1"))

        day.run(time + 5 * MINUTE)

        assert day.is_in_step


def test_a_portal_that_says_nothing_of_changes_is_not_read_where_all_rows_do(
    sync: Sync, day: Day
) -> None:
    day.parks.metadata = {"rowsUpdatedAt": None}
    day.run(0 * HOUR)

    assert sync.one().result == "NoChange"


def test_an_update_and_what_it_leaves_out_are_all_rows(day: Day) -> None:
    """Deletion after an update relies on it."""
    day.change(-HOUR, "p1", 101)
    day.parks.unstamp(day.parks.find(name="p2"))
    for watermark in (soql.Watermark(), soql.Watermark(field="opened", floating=True)):
        day.parks.update(day.parks.find(name="p3"), opened=None)
        read = day.parks.ids(soql.since(watermark, NOON - 2 * HOUR) or "")
        left = day.parks.ids(soql.before(watermark, NOON - 2 * HOUR))

        assert read
        assert left
        assert sorted(read + left) == sorted(day.parks.ids())


def test_datasets_that_share_a_row_without_a_time_do_not_take_turns(
    sync: Sync, portal: Portal, day: Day
) -> None:
    other = portal.add_dataset("othe-rone", [("name", "text"), ("acres", "number")])
    other.insert({"name": "p1", "acres": 7})
    for dataset in (day.parks, other):
        dataset.unstamp(dataset.find(name="p1"))
    day.run(0 * HOUR)
    day.parks.touch(day.parks.find(name="p2"))  # so that there is something to read
    day.run(1 * HOUR)  # writes down that the row has no time any more
    held = sync.query("SELECT xmin::text, * FROM parks WHERE name = 'p1'")

    for hour in (2, 3):
        day.parks.touch(day.parks.find(name="p2"))
        day.run(hour * HOUR)
        assert sync.query("SELECT xmin::text, * FROM parks WHERE name = 'p1'") == held
