"""What ``kubectl socratasync`` says of a status, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from socratasync.cli.kubectl import views

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def sync(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "la-311", "namespace": "data"},
        "spec": {
            "domain": "data.lacity.org",
            "schedule": "0 7 * * *",
            "mode": "update",
            "target": {"table": "requests"},
        },
        "status": status,
    }


def shown(view: RenderableType) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return " ".join(capture.get().split())


@pytest.mark.parametrize(
    ("at", "said"),
    [
        pytest.param("2024-05-01T11:59:30Z", "30s ago", id="seconds"),
        pytest.param("2024-05-01T11:58:59Z", "1m ago", id="a minute"),
        pytest.param("2024-05-01T10:30:00Z", "90m ago", id="under two hours in minutes"),
        pytest.param("2024-05-01T07:00:00Z", "5h ago", id="hours"),
        pytest.param("2024-04-30T07:00:00Z", "29h ago", id="under two days in hours"),
        pytest.param("2024-04-20T12:00:00Z", "11d ago", id="days"),
        pytest.param("2024-05-02T07:00:00Z", "in 19h", id="what is to come"),
        pytest.param("2024-05-01T05:00:00-07:00", "0s ago", id="in another zone"),
    ],
)
def test_a_moment_is_told_from_now(at: str, said: str) -> None:
    assert said in shown(views.overview([sync(lastSuccessfulTime=at)], NOW, with_namespace=False))


def test_a_sync_that_nobody_looked_at_yet_is_pending() -> None:
    bare = {k: v for k, v in sync().items() if k != "status"}

    assert "la-311 update 0 7 * * * Pending" in shown(
        views.overview([bare], NOW, with_namespace=False)
    )
    assert "data/la-311: data.lacity.org → public.requests, Pending" in shown(
        views.details(bare, NOW)
    )


def test_what_is_wrong_is_told_in_the_overview() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "X", "message": "correct the token"}
    failed = sync(phase="Failed", conditions=[condition])

    assert "data la-311" in shown(views.overview([failed], NOW, with_namespace=True))
    assert "correct the token" in shown(views.overview([failed], NOW, with_namespace=True))


@pytest.mark.parametrize(
    ("active", "said"),
    [
        pytest.param({"mode": "full", "job": "la-311-1"}, "full, job la-311-1", id="not yet told"),
        pytest.param(
            {
                "mode": "update",
                "progress": {
                    "dataset": "abcd-1234",
                    "stage": "download",
                    "rows": 1200,
                    "total": 3000,
                    "percent": 40.0,
                },
            },
            "update, abcd-1234 download 1,200 of 3,000 rows (40 %)",
            id="with a total",
        ),
        pytest.param(
            {"mode": "update", "progress": {"dataset": "abcd-1234", "stage": "merge", "rows": 0}},
            "update, abcd-1234 merge 0 rows",
            id="without a total",
        ),
        pytest.param(
            {"mode": "update", "reason": "PodNotStarting", "message": "no secret db"},
            "PodNotStarting: no secret db",
            id="not at work",
        ),
    ],
)
def test_an_active_run_is_told_by_its_progress(active: dict[str, Any], said: str) -> None:
    assert views.progress(active) == said
    assert said in shown(views.overview([sync(activeRun=active)], NOW, with_namespace=False))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        pytest.param(
            {"result": "Succeeded", "trigger": "Schedule", "duration": "4m12s",
             "rows": {"inserted": 1200, "updated": 8, "deleted": 0}},
            "Succeeded, Schedule, 4m12s, 1,200 new, 8 changed",
            id="a good one by its rows",
        ),
        pytest.param(
            {"result": "Failed", "trigger": "Manual", "message": "the source is away"},
            "Failed, Manual. the source is away",
            id="a bad one by its message",
        ),
        pytest.param({"result": "Lost"}, "Lost", id="a lost one"),
    ],
)  # fmt: skip
def test_a_run_that_ended_is_told_in_one_line(run: dict[str, Any], said: str) -> None:
    assert views.ended(run) == said


def test_the_history_names_why_a_run_failed() -> None:
    runs = [
        {"start": "2024-05-01T07:00:00Z", "trigger": "Schedule", "mode": "update",
         "result": "Failed", "reason": "SourceUnavailable", "duration": "9s", "job": "la-311-2"},
        {"start": "2024-04-30T07:00:00Z", "trigger": "Full", "mode": "full", "result": "Succeeded",
         "duration": "4m", "rows": {"inserted": 12, "target": 1200}, "job": "la-311-1"},
    ]  # fmt: skip
    told = shown(views.history(sync(history=runs)))

    assert "2024-05-01 07:00 Schedule update Failed (SourceUnavailable) 9s la-311-2" in told
    assert "2024-04-30 07:00 Full full Succeeded 4m 12" in told


def test_details_tell_datasets_and_conditions() -> None:
    told = shown(
        views.details(
            sync(
                phase="Failed",
                lastRun={"result": "Failed", "message": "no token"},
                datasets=[
                    {"id": "abcd-1234", "year": 2020, "api": "SODA3", "sourceRows": 1500000,
                     "rows": {"inserted": 3, "target": 1500000},
                     "error": {"reason": "InvalidAppToken", "message": "correct it"}},
                ],
                conditions=[
                    {"type": "Ready", "status": "False", "reason": "InvalidAppToken",
                     "message": "Correct [the] token", "lastTransitionTime": "2024-05-01T11:00:00Z"},
                ],
            ),
            NOW,
        )
    )  # fmt: skip

    assert "last run: Failed. no token" in told
    assert "abcd-1234 2020 SODA3 1,500,000 3" in told
    assert "InvalidAppToken: correct it" in told
    assert "Ready False 60m ago InvalidAppToken Correct [the] token" in told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            '{"ts":"2024-05-01T07:00:02.123+00:00","level":"warning","msg":"slow"}',
            "07:00:02 WARNING slow",
            id="a log line",
        ),
        pytest.param('{"v":1,"ok":true}', '{"v":1,"ok":true}', id="the report"),
        pytest.param("panic: out of memory", "panic: out of memory", id="something else"),
        pytest.param("[1]", "[1]", id="JSON that is no object"),
    ],
)
def test_the_workers_log_lines_are_for_people(line: str, said: str) -> None:
    assert views.log_line(line) == said


ONE_OFF = {
    "uid": "2",
    "result": "Failed",
    "trigger": "Full",
    "only": "year=2020",
    "message": "away",
}


def test_a_one_off_run_is_told_beside_the_others() -> None:
    told = sync(
        lastRun={"uid": "1", "result": "Succeeded"},
        lastOneOff=ONE_OFF,
        activeRun={"mode": "full", "only": "year=2019", "job": "la-311-7"},
        history=[ONE_OFF],
    )

    details = shown(views.details(told, NOW))
    assert "last run: Succeeded last one-off run: Failed, Full, only year=2020. away" in details
    assert "running: full, only year=2019, job la-311-7" in details
    assert "Full year=2020 Failed" in shown(views.history(told))


@pytest.mark.parametrize(
    ("status", "newest"),
    [
        ({"lastRun": {"uid": "1"}, "lastOneOff": ONE_OFF, "history": [ONE_OFF]}, "2"),
        ({"lastRun": {"uid": "1"}, "lastOneOff": ONE_OFF, "history": [{"uid": "1"}]}, "1"),
        ({"lastRun": {"uid": "1"}}, "1"),
        ({}, None),
    ],
)
def test_whose_log_is_the_last(status: dict[str, Any], newest: str | None) -> None:
    assert (views.newest_ended(status) or {}).get("uid") == newest


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"bytes": 1_234_567_890, "indexBytes": 340_000}, "table: 1.2 GB, and 340.0 kB of indexes"),
        ({"bytes": 8192, "indexBytes": 0}, "table: 8.2 kB, and 0 bytes of indexes"),
        ({"bytes": 8192}, "table: 8.2 kB"),
    ],
)
def test_the_disk_that_the_table_takes_is_told(size: dict[str, int], said: str) -> None:
    assert said in shown(views.details(sync(table=size), NOW))
    assert "table:" not in shown(views.details(sync(), NOW))
