"""A status that the API server refuses for its report: the run is recorded all the same, at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes
from tests.unit.controller.conftest import SPEC, at

from socratasync.controller.cluster.errors import Refused
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.reconcile import Reconciler
from socratasync.controller.roster import Roster
from socratasync.controller.runs import Runs
from socratasync.controller.slots import RunSlots

ODD = "a warning that no status takes"


class Scene:
    """One SocrataSync and its operator."""

    def __init__(self) -> None:
        self.model = ClusterModel(at("2026-11-23T12:00"), SPEC)
        cluster: Any = self.model
        slots = RunSlots(20, 4, lambda _: None)
        metrics = Metrics(lambda: self.model.now)
        runs = Runs(cluster, "image")
        self.operator = Reconciler(cluster, runs, slots, Roster(), metrics, lambda: self.model.now)

    def look(self) -> None:
        """Until nothing is left to be done for now."""
        for _ in range(4):
            asyncio.run(self.operator.reconcile(self.model.key))

    def run(self, *, ok: bool, code: int = 0) -> dict[str, Any]:
        """One run to its end; the status afterwards."""
        self.look()
        (name,) = self.model.jobs
        self.model.now += minutes(4)
        self.model.end(name, ok=ok, code=code, warnings=[ODD])
        self.look()
        status: dict[str, Any] = self.model.body["status"]
        return status


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_run_that_went_well_is_recorded_as_lost(scene: Scene) -> None:
    scene.model.refused = ODD

    status = scene.run(ok=True)

    assert (status["lastRun"]["result"], status["lastRun"]["reason"]) == ("Lost", "ResultLost")
    assert "refuses the status with its report" in status["lastRun"]["message"]
    assert "rows" not in status["lastRun"]
    assert "activeRun" not in status
    assert len(scene.model.recorded) == 1


def test_a_run_that_failed_is_recorded_with_its_reason(scene: Scene) -> None:
    scene.model.refused = ODD

    status = scene.run(ok=False, code=75)

    assert (status["lastRun"]["result"], status["lastRun"]["reason"]) == (
        "Failed",
        "SourceUnavailable",
    )
    assert "warnings" not in status["lastRun"]


def test_a_run_whose_report_is_taken_is_recorded_with_it(scene: Scene) -> None:
    status = scene.run(ok=True)

    assert status["lastRun"]["warnings"] == [ODD]


def test_a_status_that_is_refused_for_another_reason_stays_an_error(scene: Scene) -> None:
    scene.model.refused = "activeRun"

    with pytest.raises(Refused):
        scene.look()
