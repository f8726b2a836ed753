from datetime import UTC, datetime, timedelta

import pytest

from socratasync.controller.observed.schedule import read_schedule, stable_jitter
from socratasync.errors import InvalidSchedule

LA = "America/Los_Angeles"
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "at", "slot"),
    [
        pytest.param("0 7 * * *", LA, "2026-11-23T00:00", "2026-11-23T15:00", id="winter: UTC-8"),
        pytest.param("0 7 * * *", LA, "2026-07-01T00:00", "2026-07-01T14:00", id="summer: UTC-7"),
        pytest.param(
            "0 7 * * *", "Etc/UTC", "2026-07-01T07:00", "2026-07-02T07:00", id="not itself"
        ),
        pytest.param(
            "30 2 * * *", LA, "2026-03-08T00:00", "2026-03-08T10:00", id="skipped: after the gap"
        ),
        pytest.param(
            "30 1 * * *", LA, "2026-11-01T07:00", "2026-11-01T08:30", id="repeated: the first time"
        ),
        pytest.param(
            "30 1 * * *", LA, "2026-11-01T08:30", "2026-11-02T09:30", id="repeated: once only"
        ),
        pytest.param(
            "45 1 * * *", LA, "2026-11-01T09:30", "2026-11-02T09:45", id="from the repeated hour on"
        ),
        pytest.param(
            "30 * * * *", LA, "2026-11-01T08:30", "2026-11-01T09:30", id="hourly runs in both"
        ),
        pytest.param(
            "@daily", "Asia/Kolkata", "2026-01-01T00:00", "2026-01-01T18:30", id="half-hour zone"
        ),
        pytest.param("0 0 29 2 *", "UTC", "2026-01-01T00:00", "2028-02-29T00:00", id="leap day"),
    ],
)
def test_the_next_slot(schedule: str, zone: str, at: str, slot: str) -> None:
    assert read_schedule(schedule, zone).after(utc(at)) == utc(slot)


@pytest.mark.parametrize(
    ("after", "until", "newest", "older"),
    [
        pytest.param("2026-11-01T07:00", "2026-11-01T09:00", None, 0, id="none passed"),
        pytest.param(
            "2026-11-01T06:59", "2026-11-01T07:00", "2026-11-01T07:00", 0, id="passed this instant"
        ),
        pytest.param(
            "2026-11-01T06:59", "2026-11-04T06:59", "2026-11-03T07:00", 2, id="three days down"
        ),
        pytest.param(
            "2025-01-01T00:00",
            "2026-11-04T08:00",
            "2026-11-04T07:00",
            100,
            id="years down: counted to 100",
        ),
    ],
)
def test_the_newest_slot_that_passed(
    after: str, until: str, newest: str | None, older: int
) -> None:
    passed = read_schedule("0 7 * * *", "UTC").passed(utc(after), utc(until))

    if newest is None:
        assert passed is None
    else:
        assert passed is not None
        assert (passed.newest, passed.older) == (utc(newest), older)


def test_a_rare_slot_is_found_however_long_ago() -> None:
    passed = read_schedule("0 0 29 2 *", "UTC").passed(utc("2020-01-01"), utc("2027-12-31"))

    assert passed is not None
    assert (passed.newest, passed.older) == (utc("2024-02-29"), 1)


@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "30 * * * *", "*/15 1-3 * * *"])
@pytest.mark.parametrize("day", ["2026-03-07T12:00", "2026-10-31T12:00"])
def test_looking_from_anywhere_finds_the_same_slots(cron: str, day: str) -> None:
    """Slots are decided afresh at every look: a look from within the change must not see others."""
    schedule, start = read_schedule(cron, LA), utc(day)
    seen, at = [], start
    while (slot := schedule.after(at)) is not None and slot < start + 2 * DAY:
        seen.append(slot)
        at = slot

    for minutes in range(0, 2 * 24 * 60, 7):
        look = start + timedelta(minutes=minutes)
        following = next((slot for slot in seen if slot > look), None)
        if following:
            assert schedule.after(look) == following
            passed = schedule.passed(start, look)
            assert (passed.newest if passed else None) == max(
                (slot for slot in seen if slot <= look), default=None
            )


def test_the_longest_gap_of_a_weekday_schedule_spans_the_weekend() -> None:
    schedule = read_schedule("0 7 * * 1-5", "UTC")

    assert schedule.longest_gap(utc("2026-11-23T12:00")) == 3 * DAY


@pytest.mark.parametrize(
    ("schedule", "zone", "says"),
    [
        ("0 7 * *", "UTC", "five fields"),
        ("0 0 7 * * *", "UTC", "five fields"),
        ("61 7 * * *", "UTC", "cannot be read"),
        ("0 7 31 2 *", "UTC", "cannot be read"),
        ("0 7 * * *", "America/Los_Angles", "America/Los_Angeles"),
        ("0 7 * * *", "../etc/passwd", "not a zone"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_what_to_write(
    schedule: str, zone: str, says: str
) -> None:
    with pytest.raises(InvalidSchedule, match=says):
        read_schedule(schedule, zone)


def test_jitter_is_the_same_for_one_object_and_spread_over_all() -> None:
    delays = [stable_jitter(f"uid-{n}", 600) for n in range(200)]

    assert delays == [stable_jitter(f"uid-{n}", 600) for n in range(200)]
    assert all(timedelta(0) <= delay <= timedelta(seconds=600) for delay in delays)
    assert len(set(delays)) > 100
    assert stable_jitter("any", 0) == timedelta(0)
