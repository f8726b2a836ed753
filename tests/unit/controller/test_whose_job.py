"""A Job is a sync's own by its controlling owner alone: never by its name, and never by a label."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, Object
from tests.unit.controller.conftest import SPEC, at

from socratasync.controller.action import Capacity, RunToStart
from socratasync.controller.cluster.errors import Conflict, Refused
from socratasync.controller.decide import decide
from socratasync.controller.jobs.build import build_job
from socratasync.controller.jobs.defaults import NOTHING_SAID
from socratasync.controller.observed.resource import Resource, read_resource
from socratasync.controller.runs import Runs

NOW = at("2026-11-23T12:00")
OURS = {"kind": "SocrataSync", "name": "la-311", "uid": "uid-of-the-sync", "controller": True}
FOREIGN = [
    pytest.param([], id="nobody's"),
    pytest.param([{**OURS, "uid": "uid-of-another"}], id="a sync's that had this name before"),
    pytest.param([{**OURS, "controller": False}], id="ours, but not ours to control"),
    pytest.param(
        [{**OURS, "controller": False}, {**OURS, "uid": "uid-of-another"}],
        id="another's, and we are named beside it",
    ),
]


class Scene:
    """A sync whose first run is to start, and a Job of that run's name that is there already."""

    def __init__(
        self, owners: list[dict[str, Any]], model: type[ClusterModel] = ClusterModel
    ) -> None:
        self.model = model(NOW, SPEC)
        cluster: Any = self.model
        self.runs = Runs(cluster, "image")
        self.resource: Resource = read_resource(self.model.body)
        run = decide(self.resource, [], NOW, Capacity()).run
        assert run is not None
        self.run: RunToStart = run
        job = build_job(self.resource, run, "image", NOTHING_SAID)
        job["metadata"]["ownerReferences"] = owners
        asyncio.run(self.model.create_job(job))


@pytest.mark.parametrize("owners", FOREIGN)
def test_a_job_of_the_runs_name_that_is_not_ours_is_in_the_way_and_not_taken_for_the_run(
    owners: list[dict[str, Any]],
) -> None:
    scene = Scene(owners)

    with pytest.raises(Refused, match=f"{scene.run.job} belongs to something else"):
        asyncio.run(scene.runs.start(scene.resource, scene.run))


@pytest.mark.parametrize("owners", FOREIGN)
def test_a_job_that_only_has_our_label_is_none_of_our_jobs(owners: list[dict[str, Any]]) -> None:
    scene = Scene(owners)

    assert asyncio.run(scene.runs.of(scene.resource)) == []


def test_a_job_of_the_runs_name_that_is_ours_is_the_run() -> None:
    """The operator was killed between creating it and noting it."""
    scene = Scene([{**OURS, "uid": "another's", "controller": False}, OURS])

    taken = asyncio.run(scene.runs.start(scene.resource, scene.run))

    assert (taken.name, taken.uid) == (scene.run.job, "job-1")
    assert [job.uid for job in asyncio.run(scene.runs.of(scene.resource))] == ["job-1"]
    assert len(scene.model.created) == 1


class Vanishing(ClusterModel):
    """Jobs that are there when one is made, and gone when they are asked for."""

    async def get_job(self, _namespace: str, _name: str) -> Object | None:
        return None


def test_a_job_that_goes_while_it_is_asked_for_is_tried_again() -> None:
    scene = Scene([OURS], Vanishing)

    with pytest.raises(Conflict, match="just being deleted"):
        asyncio.run(scene.runs.start(scene.resource, scene.run))
