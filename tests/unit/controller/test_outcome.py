"""What became of a run, from what its Job and its pods say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status_words import Result
from socratasync.controller.jobs.outcome import Outcome, read_outcome
from socratasync.controller.observed.job import ObservedJob

MakeJob = Callable[..., ObservedJob]
NOW = at("2026-11-23T08:00")

SYNCED = {"v": 1, "run": "r", "ok": True, "rows": {"inserted": 2, "updated": 1, "deleted": 0}}
UNCHANGED = {"v": 1, "run": "r", "ok": True, "rows": {"downloaded": 9, "unchanged": 9}}
THROTTLED = {
    "v": 1,
    "run": "r",
    "ok": False,
    "rows": {"inserted": 0},
    "error": {"reason": "SourceThrottled", "message": "data.lacity.org asks to wait"},
}


def pod(
    code: int | None = None,
    said: object = "",
    *,
    reason: str = "",
    fate: str = "",
    why: str = "",
    finished: str = "2026-11-23T07:04:00Z",
    disrupted: bool = False,
) -> dict[str, Any]:
    message = said if isinstance(said, str) else json.dumps(said)
    ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": finished}
    state = {"terminated": ended} if code is not None else {}
    conditions = [{"type": "DisruptionTarget", "status": "True", "message": "node drained"}]
    return {
        "status": {
            "reason": fate or None,
            "message": why or None,
            "conditions": conditions if disrupted else [],
            "containerStatuses": [{"name": "sync", "state": state}],
        }
    }


def outcome(job: ObservedJob, *pods: dict[str, Any]) -> Outcome:
    return read_outcome(job, pods, NOW)


@pytest.mark.parametrize(
    ("pods", "result", "reason", "says"),
    [
        pytest.param(
            [pod(0, SYNCED)], Result.SUCCEEDED, "Succeeded", "2 rows inserted", id="changes"
        ),
        pytest.param(
            [pod(0, UNCHANGED)], Result.NO_CHANGE, "NoChange", "nothing new", id="no changes"
        ),
        pytest.param([pod(0)], Result.LOST, "ResultLost", "No data is lost", id="no word of it"),
        pytest.param([], Result.LOST, "ResultLost", "No data is lost", id="no pod left"),
        pytest.param(
            [pod(0, {**SYNCED, "rows": {"inserted": 10**30}})],
            Result.LOST,
            "ResultLost",
            "no report that a status could carry",
            id="more rows than there can be",
        ),
        pytest.param(
            [pod(75, THROTTLED), pod(0, SYNCED, finished="2026-11-23T07:09:00Z")],
            Result.SUCCEEDED,
            "Succeeded",
            "2 rows",
            id="a retry that made it",
        ),
        pytest.param(
            [pod(0, f"a line of log\n{json.dumps(SYNCED)}\n")],
            Result.SUCCEEDED,
            "Succeeded",
            "2 rows",
            id="the log's end instead of a message",
        ),
    ],
)
def test_a_job_that_completed(
    job: MakeJob, pods: list[dict[str, Any]], result: Result, reason: str, says: str
) -> None:
    found = outcome(job(condition="Complete"), *pods)

    assert (found.result, found.reason) == (result, reason)
    assert says in found.message
    assert (found.report is None) == (result is Result.LOST)


@pytest.mark.parametrize(
    ("job_reason", "pods", "reason", "says"),
    [
        pytest.param(
            "PodFailurePolicy",
            [pod(77, {**THROTTLED, "error": {"reason": "InvalidAppToken", "message": "refused"}})],
            "InvalidAppToken",
            "refused",
            id="the report's own reason",
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(75, THROTTLED)],
            "SourceThrottled",
            "gave up after 4 attempts",
            id="the last reason after all tries",
        ),
        pytest.param(
            "DeadlineExceeded",
            [pod(143, THROTTLED)],
            "DeadlineExceeded",
            "activeDeadlineSeconds",
            id="a deadline, whatever the pod said",
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(137, reason="OOMKilled")],
            "OOMKilled",
            "spec.job.resources.limits.memory",
            id="out of memory",
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(137, fate="Evicted", why="low on memory", reason="Error")],
            "Evicted",
            "low on memory",
            id="evicted",
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(143, reason="Error", disrupted=True)],
            "Disrupted",
            "node drained",
            id="drained",
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(1, '{"level":"error","msg":"Traceback"}', reason="Error")],
            "WorkerFailed",
            "exit code 1: Traceback",
            id="a crash with a log",
        ),
        pytest.param(
            "BackoffLimitExceeded", [], "BackoffLimitExceeded", "none of its pods", id="no pod left"
        ),
        pytest.param(
            "BackoffLimitExceeded",
            [pod(1, {**THROTTLED, "error": {"reason": "not a reason!", "message": "x"}})],
            "WorkerFailed",
            "exit code 1",
            id="a reason that no condition can carry",
        ),
    ],
)
def test_a_job_that_failed(
    job: MakeJob, job_reason: str, pods: list[dict[str, Any]], reason: str, says: str
) -> None:
    found = outcome(job(condition="Failed", reason=job_reason, failed=4), *pods)

    assert (found.result, found.reason) == (Result.FAILED, reason)
    assert says in found.message


def test_passwords_in_a_crash_s_last_words_are_masked(job: MakeJob) -> None:
    said = "could not connect to postgresql://app:hunter2@db/prod"

    found = outcome(job(condition="Failed"), pod(1, said))

    assert "hunter2" not in found.message


def test_a_job_that_was_being_deleted_on_request_is_cancelled(job: MakeJob) -> None:
    found = read_outcome(job(condition="Failed"), [pod(143, THROTTLED)], NOW, cancelled=True)

    assert (found.result, found.report) == (Result.CANCELLED, None)


PROXY = {
    "name": "istio-proxy",  # sorts before the worker's
    "state": {
        "terminated": {"exitCode": 0, "message": "bye", "finishedAt": "2026-11-23T07:05:00Z"}
    },
}


@pytest.mark.parametrize("before", [True, False], ids=["before it", "behind it"])
def test_a_container_injected_beside_the_worker_says_nothing_of_the_run(
    job: MakeJob, *, before: bool
) -> None:
    worker = pod(77, {**THROTTLED, "error": {"reason": "InvalidAppToken", "message": "refused"}})
    theirs = worker["status"]["containerStatuses"]
    worker["status"]["containerStatuses"] = [PROXY, *theirs] if before else [*theirs, PROXY]

    found = outcome(job(condition="Failed", reason="PodFailurePolicy"), worker)

    assert (found.reason, found.exit_code) == ("InvalidAppToken", 77)


def test_a_pod_in_which_only_the_injected_container_ended_tells_nothing(job: MakeJob) -> None:
    alone = {"status": {"containerStatuses": [PROXY]}}

    assert outcome(job(condition="Complete"), alone).result is Result.LOST
