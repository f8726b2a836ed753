from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.status import Progress
from socratasync.contract.progress import Logged, Silent, Step, StepName
from socratasync.contract.progress_lines import read_progress
from socratasync.process.logs import JsonFormatter
from socratasync.process.redact import Redactor


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
        pytest.param(
            1100, 1000, 5.0, 100.0, 220, 0, id="beyond it: no more than all, nor less than nothing"
        ),
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


# -- written and read ---------------------------------------------------------------------------


class Kept(logging.Handler):
    """Log records as the worker's log has them: one JSON object a line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter(Redactor()))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@given(
    dataset=st.from_regex("[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True),
    step=st.sampled_from(["download", "merge"]),
    total=st.none() | st.integers(0, 10**12),
    rows=st.integers(0, 10**12),
)
def test_what_is_logged_is_read(dataset: str, step: StepName, total: int | None, rows: int) -> None:
    kept, log = Kept(), logging.getLogger("socratasync.progress")
    level = log.level
    log.addHandler(kept)
    log.setLevel(logging.INFO)
    try:
        progress = Logged(every_s=0.0)
        progress.begin(dataset, step, total)
        progress.advance(dataset, rows, 10)
        log.info("something else")
    finally:
        log.removeHandler(kept)
        log.setLevel(level)

    found = read_progress("\n".join(kept.lines))
    assert found is not None
    assert (found.dataset, found.stage, found.rows, found.total) == (dataset, step, rows, total)
    assert found.percent == (min(100.0, round(100 * rows / total, 1)) if total else None)
    assert found.updated_at is not None
    assert found.updated_at.microsecond == 0


AT = datetime(2026, 11, 23, 7, 4, 59, tzinfo=UTC)


def line(**facts: Any) -> str:
    return json.dumps({"ts": "2026-11-23T07:04:59.123+00:00", "event": "progress", **facts})


@pytest.mark.parametrize(
    ("log", "progress"),
    [
        pytest.param("", None, id="nothing logged"),
        pytest.param("plain words about progress\n{\n[]\n", None, id="nothing of ours"),
        pytest.param(
            f"{line(dataset='a', stage='download', rows=1, total=4, percent=25.0)}\n"
            f'{line(dataset="b", stage="merge", rows=9)}\n{{"msg":"something else"}}\n',
            Progress(dataset="b", stage="merge", rows=9, updated_at=AT),
            id="the newest line, without what it does not know",
        ),
        pytest.param(
            f"{line(dataset='a', stage='merge', rows=9)}\n{line(rows='many', stage=7)}",
            Progress(dataset="a", stage="merge", rows=9, updated_at=AT),
            id="nonsense is passed over",
        ),
        pytest.param(line(rows=-1), None, id="fewer rows than none"),
        pytest.param(line(percent=110.0), None, id="more than all of it"),
        pytest.param('{"event": "progress", "x": ' + "[" * 60_000, None, id="deep brackets"),
    ],
)
def test_progress_is_the_newest_line_of_the_log(log: str, progress: Progress | None) -> None:
    assert read_progress(log) == progress
