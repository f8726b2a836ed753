"""Small ledgers: what is kept of Jobs and resources, which edits count, and when probes say no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import LastRun, SyncStatus
from socratasync.controller.health import Health
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Key, Resource, fingerprint
from socratasync.controller.roster import Roster
from socratasync.controller.runs import surplus_jobs

MakeResource = Callable[..., Resource]
MakeJob = Callable[..., ObservedJob]
KEY = Key("data", "la-311")


@pytest.mark.parametrize(
    ("edit", "counts"),
    [
        ({"domain": "data.cityofnewyork.us"}, True),
        ({"datasets": [{"id": "rq3b-xjk8", "where": "a = 1"}]}, True),
        ({"years": [2020]}, True),
        ({"mode": "full"}, True),
        ({"since": "2026-01-01T00:00:00Z"}, True),
        ({"source": {"watermark": "updated"}}, True),
        ({"source": {"appTokenSecretRef": {"name": "t"}}}, True),
        ({"target": {"dsnSecretRef": {"name": "x"}, "table": "t", "key": ["k"]}}, True),
        ({"source": {"pageSize": 1000}}, False),
        ({"suspend": True}, False),
        ({"schedule": "@daily", "timeZone": "Etc/GMT"}, False),
        ({"jitterSeconds": 5, "startingDeadlineSeconds": 5}, False),
        ({"successfulRunsHistoryLimit": 0, "failedRunsHistoryLimit": 0}, False),
        ({"freshness": {"maxLag": "1h"}}, False),
        ({"notify": [{"slack": {"secretRef": {"name": "s"}}}]}, False),
        ({"hooks": [{"url": "https://a.example.org"}]}, False),
        ({"job": {"backoffLimit": 0}}, False),
        ({"refresh": {"vacuum": "None"}}, False),
    ],
    ids=str,
)
def test_only_edits_of_what_is_loaded_change_the_fingerprint(
    resource: MakeResource, edit: dict[str, Any], counts: bool
) -> None:
    before, after = resource().spec, resource(**edit).spec
    assert before is not None
    assert after is not None

    assert (fingerprint(before) != fingerprint(after)) is counts


def test_history_limits_spare_what_is_not_recorded(resource: MakeResource, job: MakeJob) -> None:
    jobs = [
        job(f"good-{n}", "Complete", created=f"2026-11-2{n}T07:00:00Z") for n in range(1, 5)
    ] + [job(f"bad-{n}", "Failed", created=f"2026-11-2{n}T08:00:00Z") for n in range(1, 4)]
    last = LastRun(uid="uid-of-good-3", created_at=at("2026-11-23T07:00"))
    spec = resource(successfulRunsHistoryLimit=2, failedRunsHistoryLimit=1).spec
    assert spec is not None

    gone = surplus_jobs(jobs, spec, SyncStatus(last_run=last))

    assert [each.name for each in gone] == ["good-1", "bad-1"]


@pytest.mark.parametrize(
    ("first", "then", "looked_at"),
    [
        pytest.param({}, None, False, id="just created, by the operator itself"),
        pytest.param({}, {}, False, id="a change that says nothing"),
        pytest.param({}, {"running_pods": 1}, True, id="its pod starts"),
        pytest.param({}, {"failed_pods": 1}, True, id="a try fails"),
        pytest.param({}, {"deleting": True}, True, id="somebody deletes it"),
        pytest.param({}, {"suspended": True}, True, id="a queue holds it"),
        pytest.param({"running_pods": 1}, {"running_pods": 1}, False, id="its pod still runs"),
        pytest.param({"running_pods": 1}, {"uid": "next"}, False, id="the next run's"),
        pytest.param({"running_pods": 1}, None, True, id="at work at first sight"),
    ],
)
def test_an_active_job_is_worth_a_look_when_what_matters_of_it_changes(
    job: MakeJob, first: dict[str, Any], then: dict[str, Any] | None, looked_at: bool
) -> None:
    roster, seen = Roster(), replace(job(), **first)
    same = roster.is_same(KEY, seen)
    if then is not None:
        same = roster.is_same(KEY, replace(job(), **then))

    assert same is not looked_at


def test_the_roster_knows_own_writes_ghosts_and_old_news() -> None:
    roster = Roster()
    assert roster.is_news(KEY, "7")
    assert roster.is_old_news(KEY, "a job"), "nobody can tell before the resource is seen"
    assert roster.is_old_news(KEY, "a recorded job")

    roster.note(KEY, "7", "last")
    assert roster.unrecorded(KEY, {"a recorded job", "last"}) == {"a job"}
    assert roster.unrecorded(KEY, {"last"}) == set(), "told once"
    roster.note(KEY, "7", "last")
    assert roster.is_old_news(KEY, "a recorded job"), "whenever it is told of again"
    assert not roster.is_news(KEY, "7")
    assert roster.is_news(KEY, "8")
    assert roster.is_old_news(KEY, "last")
    assert not roster.is_old_news(KEY, "another")

    known = roster.keys()
    roster.note(Key("data", "new"), "1", None)
    assert roster.gone({}, known) == [KEY], "one that came meanwhile is none"
    roster.forget(KEY)
    assert KEY not in roster


@pytest.mark.parametrize(
    ("watching", "ticked", "answered", "resynced", "alive", "ready"),
    [
        pytest.param(False, None, None, None, True, False, id="starting"),
        pytest.param(True, "07:59:58", "07:59:40", None, True, False, id="not yet listed"),
        pytest.param(True, "07:59:58", "07:59:40", "07:56:00", True, True, id="at work"),
        pytest.param(True, "07:59:58", "07:58:45", "07:56:00", True, True, id="one answer is late"),
        pytest.param(True, "07:58:00", "07:59:40", "07:56:00", False, False, id="it stalls"),
        pytest.param(True, "07:59:58", "07:58:44", "07:59:00", True, False, id="the API is away"),
        pytest.param(True, "07:59:58", "07:59:40", "07:30:00", True, False, id="listings fail"),
    ],
)
def test_probes(
    watching: bool,
    ticked: str | None,
    answered: str | None,
    resynced: str | None,
    alive: bool,
    ready: bool,
) -> None:
    now = at("2026-11-23T08:00:00")

    def moment(text: str | None) -> datetime | None:
        return at(f"2026-11-23T{text}") if text else None

    health = Health(lambda: now, lambda: moment(ticked))
    health.watching, health.answered = watching, moment(answered)
    health.resynced = moment(resynced)

    assert (health.why_dead() is None) is alive
    assert (health.why_not_ready() is None) is ready


@pytest.mark.parametrize("watching", [False, True])
def test_an_operator_that_is_not_ready_says_what_the_api_said(watching: bool) -> None:
    health = Health(lambda: at("2026-11-23T08:00:00"), lambda: at("2026-11-23T08:00:00"))
    health.watching, health.unanswered = watching, "no answer"

    assert "no answer" in str(health.why_not_ready())


def test_a_scheduler_that_never_came_round_is_found_out() -> None:
    moments = iter([at("2026-11-23T08:00:00"), at("2026-11-23T08:00:00") + timedelta(minutes=1)])
    health = Health(lambda: next(moments), lambda: None)
    health.watching = True

    assert "has not come round" in str(health.why_dead())
