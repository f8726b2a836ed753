"""Two Jobs of one second: creation times have whole seconds, so something else must tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import ActiveRun, LastRun, RunSummary, SyncStatus
from socratasync.controller.action import Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.memory import has_recorded
from socratasync.controller.observed.resource import Resource
from socratasync.controller.runs import surplus_jobs

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]

CREATED = "2026-11-23T07:00:00Z"
NOW = at("2026-11-23T08:00")
LAST = LastRun(job="la-311-1", uid="uid-of-la-311-1", created_at=at("2026-11-23T07:00:00"))


@pytest.mark.parametrize("condition", ["Complete", "Failed", ""])
def test_the_same_one_comes_first_in_whatever_order_they_are_listed(
    resource: MakeResource, job: MakeJob, condition: str
) -> None:
    jobs = [job(f"la-311-{name}", condition, created=CREATED) for name in "cab"]

    taken = [decide(resource(), listed, NOW, Capacity()).job for listed in permutations(jobs)]

    assert {each.name for each in taken if each} == {"la-311-a"}


def test_the_older_comes_first_whatever_its_name(resource: MakeResource, job: MakeJob) -> None:
    jobs = [
        job("la-311-a", "Complete", created="2026-11-23T07:00:01Z"),
        job("la-311-b", "Complete", created=CREATED),
    ]

    action = decide(resource(), jobs, NOW, Capacity())

    assert action.job is not None
    assert action.job.name == "la-311-b"


def test_the_result_of_one_created_in_the_last_runs_second_is_not_lost(
    resource: MakeResource, job: MakeJob
) -> None:
    second = job("la-311-2", "Complete", created=CREATED)

    action = decide(resource(status=SyncStatus(last_run=LAST)), [second], NOW, Capacity())

    assert action.kind is Kind.RECORD
    assert action.job == second


@pytest.mark.parametrize(
    ("created", "status", "recorded"),
    [
        pytest.param("2026-11-23T06:59:59Z", {}, True, id="older, and history forgot it"),
        pytest.param(CREATED, {}, False, id="of the last run's second"),
        pytest.param("2026-11-23T07:00:01Z", {}, False, id="newer"),
        pytest.param(
            "2026-11-23T06:59:59Z",
            {"active_run": ActiveRun(uid="uid-of-la-311-2")},
            False,
            id="older, and called active",
        ),
        pytest.param(
            CREATED, {"history": (RunSummary(uid="uid-of-la-311-2"),)}, True, id="in history"
        ),
    ],
)
def test_what_counts_as_recorded(
    job: MakeJob, created: str, status: dict[str, Any], recorded: bool
) -> None:
    seen = job("la-311-2", "Complete", created=created)

    assert has_recorded(SyncStatus(last_run=LAST, **status), seen) is recorded


@pytest.mark.parametrize("condition", ["Complete", "Failed"])
def test_the_history_limits_clear_the_same_one_away_in_whatever_order_they_are_listed(
    resource: MakeResource, job: MakeJob, condition: str
) -> None:
    jobs = [job(f"la-311-{name}", condition, created=CREATED) for name in "cab"]
    history = tuple(RunSummary(uid=each.uid) for each in jobs)
    spec = resource(successfulRunsHistoryLimit=2, failedRunsHistoryLimit=2).spec
    assert spec is not None

    gone = [
        [job.name for job in surplus_jobs(listed, spec, SyncStatus(history=history))]
        for listed in permutations(jobs)
    ]

    assert gone == [["la-311-a"]] * len(gone)
