"""A source that lies, changes under the reader's eyes and is cut, throttled and replaced for nights on
end, and runs that are stopped half-way: once all is quiet, the target is what the source is.

The source's clock goes on by an hour with every change, so that no overlap hides a watermark that
went too far.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.postgres.conftest import Sync
from tests.postgres.test_properties import begin, loaded, truth
from tests.source_faults import SOURCE_FAULTS, source_fault

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

KEYS = st.integers(0, 30).map(lambda n: f"k{n}")
NUMBERS = st.none() | st.integers(-3, 3)
PLACES = st.integers(0, 50)

CHANGE = st.one_of(
    st.tuples(st.just("insert"), KEYS, NUMBERS),
    st.tuples(st.just("insert"), KEYS, NUMBERS),
    st.tuples(st.just("update"), PLACES, NUMBERS),
    st.tuples(st.just("update"), PLACES, NUMBERS),
    st.tuples(st.just("delete"), PLACES),
    st.tuples(st.just("replace")),
    st.tuples(st.just("lag"), st.integers(1, 6)),
)
TROUBLE = st.one_of(
    st.tuples(st.just("change"), CHANGE),
    st.tuples(st.just("change"), CHANGE),
    SOURCE_FAULTS,
    st.tuples(st.just("stop")),
)
ON = st.sampled_from(["rows", "rows", "rows", "count", "metadata", "any"])
NIGHT = st.tuples(
    st.lists(CHANGE, max_size=5),
    st.lists(st.tuples(ON, st.integers(0, 6), TROUBLE), max_size=4),
    st.sampled_from(["update", "update", "full"]),
)
NIGHTS = st.lists(NIGHT, min_size=1, max_size=4)


class Source:
    """The dataset, its clock, and which keys had a row deleted."""

    def __init__(self, portal: Portal, dataset: Dataset, clock: Any) -> None:
        self.portal = portal
        self.dataset = dataset
        self.bereft: set[str] = set()
        self._clock = clock
        self._guard = threading.Lock()

    def happen(self, change: tuple[Any, ...]) -> None:
        """One change, an hour after the last."""
        with self._guard:
            self._clock.at += timedelta(hours=1)
            ids = self.dataset.ids()
            match change:
                case ("insert", key, number):
                    self.dataset.insert({"name": key, "acres": number})
                case ("update", place, number) if ids:
                    self.dataset.update(ids[place % len(ids)], acres=number)
                case ("delete", place) if ids:
                    self.bereft.add(str(self.dataset.rows()[place % len(ids)]["name"]))
                    self.dataset.delete(ids[place % len(ids)])
                case ("replace",):
                    self.dataset.replace_all()
                case ("lag", answers):
                    self.dataset.lag(answers)

    def trouble(
        self, on: str, after: int, what: tuple[Any, ...], stop: Callable[[], object]
    ) -> None:
        """Switch one trouble on, for the request that comes after so many others of its kind."""
        self.portal.faults.add(self._fault(what, stop), on=on, after=after)

    def _fault(self, what: tuple[Any, ...], stop: Callable[[], object]) -> Fault:
        match what:
            case ("change", change):
                return Fault.doing(lambda: self.happen(change))
            case ("stop",):
                return Fault.doing(stop)
            case _:
                return source_fault(what)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(nights=NIGHTS, page_size=st.sampled_from([1, 2, 3, 7, 1000]))
def test_whatever_the_nights_were_like_a_quiet_one_puts_all_right(
    sync: Sync, portal: Portal, clock: Any, nights: list[Any], page_size: int
) -> None:
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    dataset = begin(sync, portal, page_size)
    source = Source(portal, dataset, clock)
    for number, (changes, troubles, mode) in enumerate(nights):
        for change in changes:
            source.happen(change)
        stopping = threading.Event()
        portal.faults.clear()
        for on, after, what in troubles:
            source.trouble(on, after, what, stopping.set)
        report = sync.run(mode=mode, options=sync.with_(stopping=stopping))
        note(f"night {number}: {report.as_dict()}")

    portal.faults.clear()
    dataset.catch_up()
    clock.at += timedelta(hours=1)
    expected = truth(dataset)

    report = sync.well()
    note(f"quiet: {report.as_dict()}")
    held = loaded(sync)
    assert set(held) - set(expected) <= source.bereft
    assert {k: v for k, v in held.items() if k not in source.bereft} == {
        k: v for k, v in expected.items() if k not in source.bereft
    }
    assert source.bereft & set(expected) <= set(held)

    sync.spec["target"]["prune"] = True
    sync.well(mode="full")
    assert loaded(sync) == expected


@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_a_replica_that_lags_for_a_whole_run_loses_nothing(
    sync: Sync, portal: Portal, clock: Any, page_size: int
) -> None:
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    dataset = begin(sync, portal, page_size)
    source = Source(portal, dataset, clock)
    source.happen(("insert", "k1", 1))
    sync.well()
    dataset.lag()
    source.happen(("insert", "k2", 2))
    source.happen(("update", 0, 3))
    sync.well()

    dataset.catch_up()
    sync.well()

    assert loaded(sync) == truth(dataset)
