"""What a new operator makes of what an earlier one has left, killed wherever it was."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.unit.controller.cluster_model import ClusterModel, Killed, operator_of
from tests.unit.controller.conftest import SPEC, at
from tests.unit.controller.test_any_sequence import World

from socratasync.api.status import UNSEEN
from socratasync.controller.observed.job import read_job
from socratasync.controller.observed.resource import Key
from socratasync.controller.roster import Roster
from socratasync.controller.slots import RunSlots
from socratasync.controller.takeover import Takeover

NOON = at("2026-11-23T12:00")


class Plan:
    """A scheduler that only remembers what is planned."""

    def __init__(self, model: ClusterModel) -> None:
        self._model = model
        self.due: dict[Key, datetime] = {}

    def wake(self, key: Key) -> None:
        self.due[key] = self._model.now

    def plan(self, key: Key, when: datetime | None) -> None:
        self.due.pop(key, None)
        if when is not None:
            self.due[key] = when

    def is_due(self, key: Key) -> bool:
        return key in self.due and self.due[key] <= self._model.now


class Operator:
    """A new process, up to the point at which it begins to watch."""

    def __init__(self, model: ClusterModel) -> None:
        self.model = model
        self.plan = Plan(model)
        self.slots = RunSlots(20, 4, self.plan.wake)
        self.roster = Roster()
        cluster: Any = model
        scheduler: Any = self.plan
        self.reconciler = operator_of(model, slots=self.slots, roster=self.roster)
        self._takeover = Takeover(
            cluster, [None], self.roster, self.slots, scheduler, self.reconciler
        )

    async def take_over(self) -> None:
        await self._takeover.active_runs()
        await self._takeover.resources()

    async def look_while_it_is_due(self) -> int:
        """As the scheduler would; how often."""
        looks = 0
        while self.plan.is_due(self.model.key):
            self.plan.plan(self.model.key, await self.reconciler.reconcile(self.model.key))
            looks += 1
            assert looks < 40, "the operator does not come to rest"
        return looks


def started(model: ClusterModel) -> Operator:
    operator = Operator(model)
    asyncio.run(operator.take_over())
    return operator


def test_a_new_resource_that_needs_no_run_costs_one_write_and_no_other_call() -> None:
    model = ClusterModel(NOON, {**SPEC, "suspend": True})
    model.calls_left = 5  # two lists, the write (asked before and after), and the list of successes

    operator = started(model)

    assert model.body["status"]["phase"] == "Suspended"
    assert model.writes == 1
    assert not operator.plan.is_due(model.key)


def test_a_resource_whose_status_is_as_it_should_be_costs_nothing() -> None:
    model = ClusterModel(NOON, {**SPEC, "suspend": True})
    started(model)
    model.calls_left = 2  # the two lists

    assert not started(model).plan.is_due(model.key)


def a_run_unknown_to_the_status() -> ClusterModel:
    """Its operator was killed right after it had created the Job."""
    model = ClusterModel(NOON, SPEC)
    operator = started(model)
    model.calls_left = 4  # its resource, its Jobs, its Job (asked before and after)
    with pytest.raises(Killed):
        asyncio.run(operator.look_while_it_is_due())
    model.calls_left = None
    assert model.jobs
    assert model.body["status"] == UNSEEN
    return model


@pytest.mark.parametrize("ended", ["not yet", "well", "badly"])
def test_a_run_that_nobody_wrote_of_is_found_though_nothing_is_due_any_more(ended: str) -> None:
    model = a_run_unknown_to_the_status()
    (name,) = model.jobs
    if ended != "not yet":
        model.end(name, ok=ended == "well", code=0 if ended == "well" else 75)
    model.edit(suspend=True)

    operator = started(model)
    asyncio.run(operator.look_while_it_is_due())

    told = model.body["status"]["activeRun" if ended == "not yet" else "lastRun"]
    assert told["job"] == name


def test_a_failed_run_that_is_recorded_is_old_news_whenever_the_watch_tells_of_it() -> None:
    model = a_run_unknown_to_the_status()
    (name,) = model.jobs
    failed = read_job(model.jobs[name])
    model.end(name, ok=False, code=75)
    asyncio.run(started(model).look_while_it_is_due())
    model.annotate("requestedAt", "again")
    later = started(model)
    asyncio.run(later.look_while_it_is_due())
    model.end(next(each for each in model.jobs if each != name), ok=True)
    later.plan.wake(model.key)
    asyncio.run(later.look_while_it_is_due())

    operator = started(model)

    assert not operator.plan.is_due(model.key)
    assert operator.roster.is_old_news(model.key, failed.uid)


@pytest.mark.parametrize(
    ("ready", "said", "at_work"),
    [
        pytest.param(0, {"reason": "PodNotStarting", "message": "no secret"}, False, id="stuck"),
        pytest.param(1, {"reason": "PodNotStarting", "message": "no secret"}, True, id="it was"),
        pytest.param(0, {}, True, id="about to start"),
    ],
)
def test_a_run_holds_a_place_from_the_start_unless_it_is_known_to_be_stuck(
    ready: int, said: dict[str, str], at_work: bool
) -> None:
    model = ClusterModel(NOON, SPEC)
    asyncio.run(started(model).look_while_it_is_due())
    model.body["status"]["activeRun"] |= said
    (job,) = model.jobs.values()
    job["status"] = {"ready": ready}

    slots = started(model).slots

    assert (slots.active, slots.stuck) == ((1, 0) if at_work else (0, 1))


class TakenOver(World):
    """The same sequences, but whoever comes last takes over, and looks only when that or its own look
    before has told it to: that must be often enough."""

    @rule(calls=st.integers(min_value=0, max_value=9))
    def operator_is_killed_within_its_takeover(self, calls: int) -> None:
        self.cluster.calls_left = calls
        try:
            operator = started(self.cluster)
            asyncio.run(operator.look_while_it_is_due())
            self._note_what_was_seen()
        except Killed:
            pass
        finally:
            self.cluster.calls_left = None
        self.operator_starts()

    def _settle(self) -> None:
        operator = started(self.cluster)
        for _ in range(20):
            asyncio.run(operator.look_while_it_is_due())
            self._note_what_was_seen()
            active = self.cluster.active_jobs()
            if not active:
                break
            self._end(active)
            operator.plan.wake(self.cluster.key)  # the watch tells of the Job
        assert not self.cluster.active_jobs()
        self.reconciler = operator.reconciler

    def _note_what_was_seen(self) -> None:
        self._note_suspension()
        if self._unseen_change:
            self.counts_from = self.cluster.now
            self._unseen_change = False

    def _end(self, active: list[Any]) -> None:
        for job in active:
            name = job["metadata"]["name"]
            if "deletionTimestamp" in job["metadata"]:
                self.cluster.remove(name)
            else:
                self.cluster.end(name, ok=True)


TakenOver.TestCase.settings = settings(stateful_step_count=30, max_examples=40)
TestTakenOver = TakenOver.TestCase
