from __future__ import annotations

import logging
from typing import Any

import pytest

from socratasync.contract.progress import Logged, Silent, Step


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def facts(records: list[logging.LogRecord]) -> list[dict[str, Any]]:
    return [record.__dict__["facts"] for record in records]


@pytest.mark.parametrize(
    ("rows", "total", "spent", "percent", "rate", "eta"),
    [
        pytest.param(500, 1000, 5.0, 50.0, 100, 5, id="half way"),
        pytest.param(0, 1000, 5.0, 0.0, 0, None, id="nothing yet, so nobody knows"),
        pytest.param(500, None, 5.0, None, 100, None, id="an unknown total"),
        pytest.param(1000, 1000, 5.0, 100.0, 200, 0, id="at the end"),
        pytest.param(1100, 1000, 5.0, 110.0, 220, 0, id="beyond it, but never less than nothing"),
        pytest.param(0, 0, 5.0, None, 0, None, id="nothing of nothing"),
        pytest.param(10, 100, 0.0, 10.0, 10_000_000, 0, id="no time spent"),
    ],
)
def test_a_step_knows_how_far_it_is(
    rows: int,
    total: int | None,
    spent: float,
    percent: float | None,
    rate: int,
    eta: int | None,
) -> None:
    step = Step("download", total, started=100.0, rows=rows)

    known = step.facts(100.0 + spent)

    assert known["percent"] == percent
    assert known["rows_per_second"] == rate
    assert known["eta_seconds"] == eta


def test_progress_is_logged_at_the_start_and_then_every_so_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    progress = Logged(every_s=10.0, clock=clock)

    with caplog.at_level(logging.INFO, "socratasync.progress"):
        progress.begin("rq3b-xjk8", "download", 1000)
        for clock.now in (1.0, 9.0, 10.0, 11.0, 25.0):
            progress.advance("rq3b-xjk8", 100, 5000)
        progress.finish("rq3b-xjk8")

    told = facts(caplog.records)
    assert [line["rows"] for line in told] == [0, 300, 500]
    assert told[1] == {
        "event": "progress",
        "dataset": "rq3b-xjk8",
        "stage": "download",
        "rows": 300,
        "total": 1000,
        "percent": 30.0,
        "rows_per_second": 30,
        "bytes": 15000,
        "eta_seconds": 23,
    }


def test_datasets_side_by_side_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    progress = Logged(every_s=0.0, clock=clock)

    with caplog.at_level(logging.INFO, "socratasync.progress"):
        progress.begin("a", "download", None)
        progress.begin("b", "merge", 5)
        progress.advance("a", 1, 10)
        progress.advance("b", 2, 20)

    assert [(line["dataset"], line["rows"]) for line in facts(caplog.records)] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("b", 2),
    ]


def test_silence_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    silent = Silent()

    with caplog.at_level(logging.DEBUG):
        silent.begin("a", "download", 1)
        silent.advance("a", 1, 1)
        silent.finish("a")

    assert not caplog.records
