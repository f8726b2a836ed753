"""For how long a dataset may stand still before somebody should look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from socratasync.suggest.rhythm import find_rhythm

FIRST = date(2024, 1, 1)  # a Monday
HOLIDAYS = {(1, 1), (5, 27), (7, 4), (11, 28), (11, 29), (12, 24), (12, 25), (12, 26)}


def year_of(is_one: Callable[[date], bool], first: date = FIRST) -> list[date]:
    """The days of a year on which something changes."""
    return [d for n in range(366) if is_one(d := first + timedelta(days=n))]


def _workday(day: date) -> bool:
    return day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS


PUBLISHERS: dict[str, Callable[[date], bool]] = {
    "daily": lambda day: True,
    "on workdays": _workday,
    "weekly": lambda day: day.weekday() == 2,
    "monthly": lambda day: day.day == 3,
    "on the last workday of a month": lambda day: (
        _workday(day)
        and not any(
            _workday(day + timedelta(days=n))
            for n in range(1, 9)
            if (day + timedelta(days=n)).month == day.month
        )
    ),
}


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


@pytest.mark.parametrize("publisher", PUBLISHERS)
def test_no_night_of_the_next_year_is_an_alarm_and_a_stop_is_one(publisher: str) -> None:
    is_one = PUBLISHERS[publisher]
    past, coming = year_of(is_one)[-100:], year_of(is_one, FIRST + timedelta(days=366))
    found = find_rhythm(past, at(past[-1]), at(FIRST + timedelta(days=366)))
    assert found.max_age

    changed = past[-1]
    for night in range(365):
        now = FIRST + timedelta(days=366 + night)
        changed = now if now in coming else changed
        assert now - changed <= found.max_age, f"{publisher}: {now}, last changed on {changed}"
    assert found.max_age <= timedelta(days=100)


@pytest.mark.parametrize(
    ("gaps", "days"),
    [
        pytest.param([1] * 20, 4, id="daily: never less than four days"),
        pytest.param([1, 1, 1, 1, 3] * 6, 6, id="with weekends"),
        pytest.param([7] * 10, 21, id="weekly"),
        pytest.param([1] * 30 + [90], 4, id="one outage of three months changes nothing"),
        pytest.param([1, 10] * 8, 20, id="what is now and then so long is usual"),
    ],
)
def test_the_limit_is_a_multiple_of_what_is_usual(gaps: list[int], days: int) -> None:
    changes = [FIRST]
    for gap in gaps:
        changes.append(changes[-1] + timedelta(days=gap))
    found = find_rhythm(changes, at(changes[-1]), at(changes[-1]))

    assert found.max_age == timedelta(days=days)


def test_a_dataset_that_stands_still_already_gets_no_limit() -> None:
    days = [FIRST + timedelta(days=n) for n in range(20)]
    found = find_rhythm(days, at(days[-1]), at(days[-1] + timedelta(days=5)))

    assert found.max_age is None
    assert "seems to be finished; 4d would be" in found.reason


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([], "Too little"),
        ([FIRST], "replaced as a whole"),
        ([FIRST + timedelta(days=n) for n in range(5)], "Too little"),
    ],
)
def test_few_days_are_no_rhythm(days: list[date], said: str) -> None:
    found = find_rhythm(days, at(FIRST), at(FIRST))

    assert (found.usual, found.max_age) == (None, None)
    assert said in found.reason


def test_the_rows_own_days_do_where_the_portal_does_not_say_when_it_changed() -> None:
    days = [FIRST + timedelta(days=n) for n in range(20)]

    assert find_rhythm(days, None, at(days[-1])).max_age == timedelta(days=4)
    assert find_rhythm(days, None, at(days[-1] + timedelta(days=9))).max_age is None
