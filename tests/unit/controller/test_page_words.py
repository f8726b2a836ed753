"""What the status page calls ages, durations and runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.controller.conftest import at

from socratasync.controller.page.chart import HEIGHT, WIDTH, chart
from socratasync.controller.page.entry import Run
from socratasync.controller.page.words import ago, many, number, span, when

NOW = at("2026-11-25T12:00")
HOUR = 3600
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (HOUR, "1 h"),
        (HOUR + 59, "1 h"),
        (HOUR + 61, "1 h 1 min"),
        (DAY + HOUR, "1 d 1 h"),
        (40 * DAY, "40 d"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "past", "future"),
    [
        (0, "just now", "just now"),
        (59, "just now", "in a moment"),
        (60, "1 minute ago", "in 1 minute"),
        (119, "1 minute ago", "in 1 minute"),
        (2 * HOUR - 1, "119 minutes ago", "in 119 minutes"),
        (2 * HOUR, "2 hours ago", "in 2 hours"),
        (2 * DAY - 1, "47 hours ago", "in 47 hours"),
        (2 * DAY, "2 days ago", "in 2 days"),
        (4000 * DAY, "4,000 days ago", "in 4,000 days"),
    ],
)
def test_an_age_is_told_by_the_coarsest_unit_that_tells(
    seconds: int, past: str, future: str
) -> None:
    away = timedelta(seconds=seconds)

    assert ago(NOW - away, NOW) == past
    assert ago(NOW + away, NOW) == future


def test_a_moment_is_told_in_utc() -> None:
    assert when(at("2026-11-25T07:05:59")) == "2026-11-25 07:05 UTC"


def test_counts_are_told_for_people() -> None:
    assert number(1583244) == "1,583,244"
    assert number(0) == "0"
    assert number(None) == "\N{EN DASH}"
    assert [many(count, "sync", "syncs") for count in (0, 1, 1200)] == [
        "0 syncs",
        "1 sync",
        "1,200 syncs",
    ]


def run(result: str | None, seconds: float | None = 60) -> Run:
    end = NOW + timedelta(seconds=seconds) if seconds is not None else None
    return Run(start=NOW, end=end, result=result)


@pytest.mark.parametrize(
    ("newest_first", "kinds", "words"),
    [
        ([], [], "No run has ended yet."),
        ([run("Succeeded", 252)], ["good"], "One run: it succeeded, after 4 min 12 s."),
        (
            [run("Failed"), run("Succeeded"), run("Succeeded", 120)],
            ["good", "good", "bad"],
            "The last 3 runs: 2 succeeded, 1 failed; the longest took 2 min.",
        ),
        (
            [run("NoChange"), run("Cancelled"), run("Lost"), run(None, None)],
            ["other", "other", "other", "same"],
            "The last 4 runs: 2 ended, nobody knows how, 1 was cancelled, 1 found nothing new; "
            "the longest took 1 min.",
        ),
    ],
)
def test_the_last_runs_are_drawn_the_newest_at_the_right_and_told_in_words(
    newest_first: list[Run], kinds: list[str], words: str
) -> None:
    drawn = chart(newest_first)

    assert [bar.kind for bar in drawn.bars] == kinds
    assert drawn.text == words


def test_every_bar_is_within_the_chart_and_none_upon_another() -> None:
    drawn = chart([run("Succeeded", seconds) for seconds in (0, 1, 60, 86400)] * 5)

    assert len(drawn.bars) == 10
    assert all(bar.y >= 0 and bar.y + bar.height == HEIGHT for bar in drawn.bars)
    assert all(0 < bar.height <= HEIGHT for bar in drawn.bars)
    assert max(bar.height for bar in drawn.bars) == HEIGHT
    ends = [0, *(bar.x + bar.width for bar in drawn.bars)]
    assert all(end < bar.x for end, bar in zip(ends, drawn.bars, strict=False))
    assert ends[-1] <= WIDTH


def test_a_bar_tells_when_its_run_began_how_it_ended_and_how_long_it_took() -> None:
    told = [bar.text for bar in chart([run("Failed", 60), run("Succeeded", None)]).bars]

    assert told == [
        "2026-11-25 12:00 UTC: succeeded",
        "2026-11-25 12:00 UTC: failed, after 1 min",
    ]
