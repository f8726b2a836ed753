"""A status that the API server refuses for its report: the run is recorded all the same, at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.controller.cluster.errors import Refused

ODD = "a warning that no status takes"


class Scene:
    """One SocrataSync and its operator."""

    def __init__(self) -> None:
        self.model = ClusterModel(at("2026-11-23T12:00"), SPEC)
        self.operator = operator_of(self.model)

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
