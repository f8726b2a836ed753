"""What is seen of a run under way: whether its worker is at work, what keeps it from it, when the next try comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import SyncStatus
from socratasync.controller.jobs.look import look_at, pause_after
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import known_away
from socratasync.controller.observed.worker import WorkerSeen
from socratasync.controller.status.records import active_run

MakeJob = Callable[..., ObservedJob]
Pod = dict[str, Any]

MADE = "2026-11-23T07:00:00Z"
LATER = "2026-11-23T07:05"
NO_NODE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]
PROXY = {"name": "istio-proxy", "state": {"running": {}}}


def pod(
    phase: str, waiting: dict[str, str] | None = None, *, made: str = MADE, **status: Any
) -> Pod:
    containers = (
        [{"name": "sync", "image": "i:1", "state": {"waiting": waiting}}] if waiting else []
    )
    return {
        "metadata": {"name": "p", "creationTimestamp": made},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


def ended(code: int, at: str, said: str = "no answer", *, disrupted: bool = False) -> Pod:
    report = {
        "v": 1,
        "run": "r",
        "ok": False,
        "error": {"reason": "TargetUnavailable", "message": said},
    }
    state = {"terminated": {"exitCode": code, "finishedAt": at, "message": json.dumps(report)}}
    gone = [{"type": "DisruptionTarget", "status": "True"}] if disrupted else []
    return pod("Failed", containerStatuses=[{"name": "sync", "state": state}], conditions=gone)


def seen(job: ObservedJob, pods: list[Pod], now: str) -> WorkerSeen:
    return look_at(job, "data", pods, at(now))


MISSING = {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}
CREATING = {"reason": "ContainerCreating"}


@pytest.mark.parametrize(
    ("pods", "now", "says"),
    [
        pytest.param([], "2026-11-23T07:00:10", None, id="a moment without a pod is ordinary"),
        pytest.param(
            [],
            "2026-11-23T07:00:40",
            "kubectl describe job la-311-1 -n data says why",
            id="a longer one is not",
        ),
        pytest.param(
            [pod("Pending", CREATING)], "2026-11-23T07:00:39", None, id="a moment on its way"
        ),
        pytest.param(
            [pod("Pending", CREATING)],
            "2026-11-23T07:00:40",
            "kubectl describe pod p -n data says why",
            id="a longer one, as with a volume whose secret is missing",
        ),
        pytest.param(
            [pod("Pending", MISSING)],
            "2026-11-23T07:00:01",
            'pod p does not start: CreateContainerConfigError: secret "db" not found',
            id="a missing secret is told at once",
        ),
        pytest.param(
            [pod("Pending", {"reason": "ErrImagePull", "message": "rpc error 1"})],
            LATER,
            "image i:1 cannot be pulled",
            id="a wrong image",
        ),
        pytest.param(
            [
                pod(
                    "Running",
                    containerStatuses=[PROXY, {"name": "sync", "state": {"waiting": MISSING}}],
                )
            ],
            LATER,
            'secret "db" not found',
            id="a missing secret beside a sidecar that runs",
        ),
        pytest.param(
            [
                pod(
                    "Pending",
                    containerStatuses=[{"name": "a", "state": {"waiting": {"reason": "Injected"}}}],
                )
            ],
            "2026-11-23T07:00:30",
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
            LATER,
            "CrashLoopBackOff",
            id="an init container that keeps the worker from starting",
        ),
        pytest.param([pod("Pending", conditions=NO_NODE)], LATER, "0/3", id="no node"),
        pytest.param(
            [ended(75, MADE), pod("Pending", MISSING, made="2026-11-23T07:01:00Z")],
            LATER,
            'secret "db" not found',
            id="the pod of a later try",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting(
    job: MakeJob, pods: list[Pod], now: str, says: str | None
) -> None:
    found = seen(job(), pods, now)

    assert found.pod is None
    assert found.away is not None
    assert found.away.reason == "PodNotStarting"
    assert found.ordinary is (says is None)
    assert (says or "") in found.away.message


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param([pod("Running")], id="it runs"),
        pytest.param([pod("Failed"), pod("Running")], id="an earlier one failed"),
        pytest.param([pod("Unknown")], id="its node is silent: it may work on"),
        pytest.param(
            [pod("Running", containerStatuses=[PROXY, {"name": "sync", "state": {"running": {}}}])],
            id="beside a sidecar",
        ),
        pytest.param(
            [
                pod(
                    "Running",
                    containerStatuses=[PROXY, {"name": "sync", "state": {"terminated": {}}}],
                )
            ],
            id="it has ended, and a sidecar has not",
        ),
    ],
)
def test_a_pod_whose_worker_began_is_at_work(job: MakeJob, pods: list[Pod]) -> None:
    assert seen(job(), pods, LATER) == WorkerSeen(pod="p")


def test_the_newest_pod_at_work_is_the_one_to_ask(job: MakeJob) -> None:
    old, new = pod("Running"), pod("Running")
    new["metadata"] = {"name": "newer", "creationTimestamp": "2026-11-23T07:04:00Z"}

    assert seen(job(), [new, old], LATER).pod == "newer"
    assert seen(job(), [old, new], LATER).pod == "newer"


@pytest.mark.parametrize(
    ("pods", "since"),
    [
        pytest.param([], MADE, id="without a pod: since the Job is there"),
        pytest.param(
            [pod("Pending", made="2026-11-23T07:04:00Z")],
            MADE,
            id="a pod put in another's place is still the first try",
        ),
        pytest.param(
            [ended(75, MADE), pod("Pending", made="2026-11-23T07:04:00Z")],
            "2026-11-23T07:04:00Z",
            id="a later try counts from its own pod",
        ),
        pytest.param(
            [ended(75, MADE)],
            "2026-11-23T07:00:10Z",
            id="a later try without a pod counts from when it was to come",
        ),
        pytest.param(
            [ended(137, MADE, disrupted=True)],
            "2026-11-23T07:00:10Z",
            id="a disrupted pod is replaced like a failed one",
        ),
    ],
)
def test_since_when_a_pod_is_expected_to_start(job: MakeJob, pods: list[Pod], since: str) -> None:
    tried = job(failed=sum(p["status"]["phase"] == "Failed" for p in pods), backoff=3)

    assert seen(tried, pods, LATER).starting_since == datetime.fromisoformat(since)


def test_a_pod_whose_node_tells_nothing_ended_when_its_conditions_last_changed(
    job: MakeJob,
) -> None:
    lost = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": f"{LATER}:00Z"}
    earlier = {"type": "Initialized", "status": "True", "lastTransitionTime": MADE}

    found = seen(job(), [pod("Failed", conditions=[earlier, lost])], "2026-11-23T07:05:30")

    assert (found.ordinary, found.starting_since) == (True, at("2026-11-23T07:05:10"))


@pytest.mark.parametrize(
    ("failed", "last_end", "says"),
    [
        (1, "2026-11-23T07:04:55Z", "try 1 of 4 failed (TargetUnavailable: no answer); "),
        (1, "2026-11-23T07:04:55Z", "makes the next pod at about 2026-11-23T07:05:05Z"),
        (3, "2026-11-23T07:04:30Z", "try 3 of 4 failed"),
        (3, "2026-11-23T07:04:30Z", "makes the next pod at about 2026-11-23T07:05:10Z"),
    ],
)
def test_between_two_tries_the_reason_is_told_and_when_the_next_comes(
    job: MakeJob, failed: int, last_end: str, says: str
) -> None:
    earlier = [ended(75, "2026-11-23T07:01:00Z", "another reason") for _ in range(failed - 1)]

    found = seen(job(failed=failed, backoff=3), [ended(75, last_end), *earlier], LATER)

    assert (found.ordinary, found.starting_since) == (False, None)
    assert found.away is not None
    assert found.away.reason == "WaitingToRetry"
    assert says in found.away.message


def test_a_failed_pod_counts_before_its_job_has_counted_it(job: MakeJob) -> None:
    found = seen(job(failed=0, backoff=3), [ended(75, "2026-11-23T07:04:59Z")], LATER)

    assert found.away is not None
    assert "try 1 of 4" in found.away.message


def test_a_password_in_a_try_s_last_words_is_masked(job: MakeJob) -> None:
    last = ended(75, "2026-11-23T07:04:59Z", "cannot reach postgresql://app:hunter2@db/prod")

    found = seen(job(failed=1, backoff=3), [last], LATER)

    assert found.away is not None
    assert "hunter2" not in found.away.message


@pytest.mark.parametrize(
    ("failed", "pods"),
    [
        pytest.param(1, [ended(78, MADE)], id="for good, as its exit code says"),
        pytest.param(4, [ended(75, MADE)], id="after the last try"),
        pytest.param(0, [ended(0, MADE)], id="well"),
        pytest.param(1, [], id="somehow: its pods are gone"),
        pytest.param(1, [pod("Failed")], id="somehow: its pod does not say when it ended"),
    ],
)
def test_a_job_about_to_end_is_left_to_end(job: MakeJob, failed: int, pods: list[Pod]) -> None:
    """Nothing is said of it, and nobody stops it: its result is there already."""
    assert seen(job(failed=failed, backoff=3), pods, LATER) == WorkerSeen()


def test_a_suspended_job_waits_for_whoever_suspended_it_however_long(job: MakeJob) -> None:
    found = seen(job(suspend=True), [], "2026-11-24T07:00")

    assert (found.ordinary, found.starting_since) == (False, None)
    assert found.away is not None
    assert "is suspended" in found.away.message


def test_kubernetes_doubles_its_pauses_up_to_ten_minutes() -> None:
    """backoff_utils.go of its Job controller."""
    pauses = [pause_after(count) // timedelta(seconds=1) for count in range(9)]

    assert pauses == [10, 10, 20, 40, 80, 160, 320, 600, 600]


@pytest.mark.parametrize(
    ("pods", "told_from"),
    [
        pytest.param(
            [pod("Pending", conditions=NO_NODE)], LATER, id="an autoscaler may make a node"
        ),
        pytest.param([pod("Pending", MISSING)], None, id="a secret is missing"),
        pytest.param(
            [pod("Pending", MISSING, conditions=NO_NODE)], None, id="a node would not be enough"
        ),
        pytest.param([pod("Pending", CREATING)], None, id="nobody knows why"),
    ],
)
def test_people_are_told_at_once_but_for_a_pod_that_waits_for_a_node(
    pods: list[Pod], told_from: str | None, job: MakeJob
) -> None:
    away = seen(job(), pods, "2026-11-23T07:01").away

    assert away is not None
    assert away.news_from == (at(told_from) if told_from else None)
    assert known_away(SyncStatus(active_run=active_run(job(), None, away))) == away
    assert active_run(job(), None).news_from is None
