"""When the operator gives a run a place, takes it back, and looks again at whoever waits for one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.api.names import portal_of
from socratasync.controller.next_look import LOOK_AT_QUEUE
from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.runs import LOOK_EVERY
from socratasync.controller.slots import RunSlots

OTHER = Key("data", "other")
DUE = at("2026-11-23T12:00")


class Scene:
    """One sync that is due, and its operator, which has room for one run on a portal."""

    def __init__(self) -> None:
        self.model = ClusterModel(DUE, SPEC)
        self.let_in: list[Key] = []
        self.slots = RunSlots(20, 1, self.let_in.append)
        self.operator = operator_of(self.model, slots=self.slots)

    def look(self) -> timedelta | None:
        """One look; how long it is until the next."""
        self.model.now += LOOK_EVERY
        again: datetime | None = asyncio.run(self.operator.reconcile(self.model.key))
        return again - self.model.now if again else None

    @property
    def job(self) -> dict[str, Any]:
        (job,) = self.model.jobs.values()
        return job

    def pod_is(self, phase: str, **state: Any) -> None:
        self.model.pods[self.job["metadata"]["name"]] = [
            {
                "metadata": {"name": "p", "creationTimestamp": "2026-11-23T12:00:00Z"},
                "status": {
                    "phase": phase,
                    "containerStatuses": [{"name": "sync", "image": "i", "state": state}],
                },
            }
        ]

    def other_asks(self, domain: str = SPEC["domain"]) -> bool:
        return self.slots.ask(OTHER, domain, DUE, DUE).free


@pytest.fixture(name="scene")
def _scene() -> Scene:
    scene = Scene()
    scene.look()
    assert scene.slots.active == 1
    return scene


MISSING = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}}


def test_a_run_whose_pod_does_not_start_gives_its_place_to_the_next_until_it_does(
    scene: Scene,
) -> None:
    assert not scene.other_asks()
    scene.pod_is("Pending", **MISSING)
    scene.look()
    assert scene.let_in == [OTHER]
    assert (scene.slots.active, scene.slots.stuck) == (1, 1)

    scene.pod_is("Running", running={})
    scene.look()

    assert (scene.slots.active, scene.slots.stuck) == (2, 0), "both are at work now"


def test_a_run_that_has_just_been_created_holds_its_place(scene: Scene) -> None:
    scene.pod_is("Pending", waiting={"reason": "ContainerCreating"})
    scene.look()

    assert (scene.slots.active, scene.slots.stuck) == (1, 0)


def test_a_run_counts_for_the_portal_that_it_reads_whatever_the_spec_names_by_now(
    scene: Scene,
) -> None:
    scene.model.edit(domain="data.cityofnewyork.us")
    scene.pod_is("Pending", **MISSING)
    scene.look()
    scene.pod_is("Running", running={})
    scene.look()

    assert not scene.other_asks(SPEC["domain"])
    scene.slots.free(OTHER)
    assert scene.other_asks("data.cityofnewyork.us")


def test_one_that_waits_is_looked_at_now_and_then_and_its_status_stays_still_between() -> None:
    scene = Scene()
    assert scene.other_asks()
    assert scene.look() == LOOK_AT_QUEUE
    writes = scene.model.writes
    told = read_resource(scene.model.body).status.conditions or ()
    assert any(f"by {OTHER}" in each.message for each in told)

    scene.slots.occupy(Key("maps", "third"), SPEC["domain"])
    scene.slots.free(OTHER)
    assert scene.model.writes == writes, "holders come and go without a write"


def test_a_run_that_is_overdue_is_so_since_it_was_due() -> None:
    """So that after a pause of the operator's the first due comes first, and not who is listed first."""
    scene = Scene()
    scene.look()
    scene.model.end(scene.job["metadata"]["name"], ok=True)
    scene.look()
    scene.model.now = datetime(2026, 11, 24, 9, tzinfo=UTC)

    seen = scene.operator.needs_reconcile_at(read_resource(scene.model.body))

    assert seen == datetime(2026, 11, 24, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "portal"),
    [
        ("data.lacity.org", "data.lacity.org"),
        ("Data.LACity.org", "data.lacity.org"),
        ("data.lacity.org:443", "data.lacity.org"),
        ("data.lacity.org:8443", "data.lacity.org:8443"),
        ("localhost:4443", "localhost:4443"),
    ],
)
def test_a_portal_is_one_however_its_domain_is_written(written: str, portal: str) -> None:
    assert portal_of(written) == portal
    resource = read_resource({**Scene().model.body, "spec": {**SPEC, "domain": written}})
    assert resource.domain == portal
