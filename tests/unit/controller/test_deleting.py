"""A resource that is being deleted: it gives its slot back, takes none, and starts nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.slots import RunSlots

OTHER = Key("data", "other")
DUE = at("2026-11-23T12:00")


class Scene:
    """One sync, its operator that has room for one run, and another sync that waits for that room."""

    def __init__(self) -> None:
        self.model = ClusterModel(DUE, SPEC)
        self.let_in: list[Key] = []
        self.slots = RunSlots(1, 1, self.let_in.append)
        self.operator = operator_of(self.model, slots=self.slots)

    def delete(self) -> None:
        """A user deletes it; with foreground propagation it stays until its Job is gone."""
        self.model.body["metadata"]["deletionTimestamp"] = "2026-11-23T12:05:00Z"
        self.model.body["metadata"]["resourceVersion"] = "deleting"

    def is_looked_at(self) -> Any:
        return asyncio.run(self.operator.reconcile(self.model.key))

    def is_seen_by_an_event(self) -> Any:
        return self.operator.needs_reconcile_at(read_resource(self.model.body))


@pytest.fixture(name="scene")
def _scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("notice", [Scene.is_looked_at, Scene.is_seen_by_an_event])
def test_the_slot_of_its_run_goes_to_the_next_in_line(scene: Scene, notice: Any) -> None:
    scene.is_looked_at()
    assert not scene.slots.ask(OTHER, "nyc", DUE, DUE).free
    scene.delete()

    assert notice(scene) is None

    assert scene.let_in == [OTHER]


@pytest.mark.parametrize("notice", [Scene.is_looked_at, Scene.is_seen_by_an_event])
def test_its_place_in_the_queue_goes(scene: Scene, notice: Any) -> None:
    scene.slots.occupy(OTHER, "nyc")
    scene.is_looked_at()
    assert scene.slots.waiting == 1
    scene.delete()

    assert notice(scene) is None

    assert scene.slots.waiting == 0


@pytest.mark.parametrize("notice", [Scene.is_looked_at, Scene.is_seen_by_an_event])
def test_it_starts_nothing_and_takes_no_slot_whatever_is_due(scene: Scene, notice: Any) -> None:
    scene.delete()
    scene.model.annotate("requestedAt", "now")
    scene.model.now += minutes(2 * 24 * 60)

    assert notice(scene) is None

    assert scene.model.created == []
    assert scene.model.writes == 0
    assert scene.slots.active == 0
