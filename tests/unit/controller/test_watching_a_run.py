"""What is seen of a run under way: its progress, or what keeps it from starting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import Progress
from socratasync.controller.jobs.pods import running_pod, what_holds_it_up
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.progress_log import read_progress

MakeJob = Callable[..., ObservedJob]
NOW = at("2026-11-23T07:05")


def line(**facts: Any) -> str:
    return json.dumps({"ts": "2026-11-23T07:04:59+00:00", "event": "progress", **facts})


@pytest.mark.parametrize(
    ("log", "progress"),
    [
        pytest.param("", None, id="nothing logged"),
        pytest.param("plain words about progress\n{\n[]\n", None, id="nothing of ours"),
        pytest.param(
            line(dataset="a", stage="download", rows=1, total=4, percent=25.0)
            + "\n"
            + line(dataset="b", stage="merge", rows=9)
            + '\n{"msg":"something else"}\n',
            Progress(dataset="b", stage="merge", rows=9, updated_at=at("2026-11-23T07:04:59")),
            id="the newest line, without what it does not know",
        ),
        pytest.param(
            line(dataset="a", stage="download", rows=5, total=4, percent=125.0),
            Progress(
                dataset="a",
                stage="download",
                rows=5,
                total=4,
                percent=100.0,
                updated_at=at("2026-11-23T07:04:59"),
            ),
            id="no more than all of it",
        ),
        pytest.param(
            '{"event":"progress","rows":"many","stage":7,"percent":"x"}',
            Progress(updated_at=NOW),
            id="nonsense is left out",
        ),
    ],
)
def test_progress_is_the_newest_line_of_the_log(log: str, progress: Progress | None) -> None:
    assert read_progress(log, NOW) == progress


def pod(phase: str, waiting: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    containers = [{"image": "i:1", "state": {"waiting": waiting}}] if waiting else []
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-11-23T07:00:00Z"},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


NO_NODE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]


@pytest.mark.parametrize(
    ("pods", "now", "says"),
    [
        pytest.param([], "2026-11-23T07:00:10", None, id="a moment without a pod is ordinary"),
        pytest.param([], "2026-11-23T07:00:40", "kubectl describe job", id="a longer one is not"),
        pytest.param([pod("Running")], "2026-11-23T07:05", None, id="a pod that runs"),
        pytest.param(
            [pod("Pending", {"reason": "ContainerCreating"})],
            "2026-11-23T07:05",
            None,
            id="on its way",
        ),
        pytest.param(
            [
                pod(
                    "Pending",
                    {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'},
                )
            ],
            "2026-11-23T07:05",
            'secret "db" not found',
            id="a missing secret",
        ),
        pytest.param(
            [pod("Pending", {"reason": "ErrImagePull", "message": "rpc error 1"})],
            "2026-11-23T07:05",
            "image i:1 cannot be pulled",
            id="a wrong image",
        ),
        pytest.param([pod("Pending", conditions=NO_NODE)], "2026-11-23T07:05", "0/3", id="no node"),
    ],
)
def test_what_keeps_a_pod_from_starting(
    job: MakeJob, pods: list[dict[str, Any]], now: str, says: str | None
) -> None:
    found = what_holds_it_up(job(), pods, at(now))

    assert (found is None) if says is None else (found is not None and says in found)


def test_the_newest_running_pod_is_the_one_to_ask() -> None:
    old, new = pod("Running"), pod("Running")
    new["metadata"] = {"name": "newer", "creationTimestamp": "2026-11-23T07:04:00Z"}

    assert running_pod([new, old, pod("Failed")]) == "newer"
    assert running_pod([pod("Failed")]) is None
