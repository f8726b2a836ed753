"""What is seen of a run under way: its progress, or what keeps it from starting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.controller.jobs.pods import running_pod, what_holds_it_up
from socratasync.controller.observed.job import ObservedJob

MakeJob = Callable[..., ObservedJob]


def pod(phase: str, waiting: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    containers = (
        [{"name": "sync", "image": "i:1", "state": {"waiting": waiting}}] if waiting else []
    )
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
        pytest.param(
            [
                pod(
                    "Pending",
                    containerStatuses=[{"name": "a", "state": {"waiting": {"reason": "Injected"}}}],
                )
            ],
            "2026-11-23T07:05",
            None,
            id="a sidecar that takes its time",
        ),
        pytest.param(
            [
                pod(
                    "Pending",
                    {"reason": "PodInitializing"},
                    initContainerStatuses=[
                        {"name": "mesh", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
                    ],
                )
            ],
            "2026-11-23T07:05",
            "CrashLoopBackOff",
            id="an init container that keeps the worker from starting",
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
