from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.times import (
    CRON_SHAPE,
    MACROS,
    ZONE_SHAPE,
    cron_fields,
    cron_occurs,
    matches,
    zone_exists,
)
from socratasync.times import read_duration, read_instant, write_duration, write_instant

FIELDS = {
    "minute": [str(n) for n in range(60)],
    "hour": [str(n) for n in range(24)],
    "day": [str(n) for n in range(1, 32)],
    "month": [*(str(n) for n in range(1, 13)), "JAN", "jun", "Dec"],
    "weekday": [*(str(n) for n in range(8)), "SUN", "fri"],
}


def cron_field(values: list[str]) -> st.SearchStrategy[str]:
    """A field of cron: a star, numbers, forward ranges and steps."""
    one = st.sampled_from(values)
    numbers = [v for v in values if v.isdigit()]
    span = st.tuples(st.sampled_from(numbers), st.sampled_from(numbers)).map(
        lambda pair: "-".join(sorted(pair, key=int))
    )
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 20)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    return st.lists(st.one_of(st.just("*"), one, span, step), min_size=1, max_size=3).map(",".join)


schedules = st.tuples(*(cron_field(values) for values in FIELDS.values())).map(" ".join)


@given(schedules)
def test_every_schedule_that_cronsim_reads_has_the_shape(schedule: str) -> None:
    assert matches(CRON_SHAPE, schedule)


@given(st.text(alphabet="0123456789*/,-LFRI @adily#", max_size=20))
def test_what_has_the_shape_is_read_by_cronsim_or_never_comes_round(text: str) -> None:
    if not matches(CRON_SHAPE, text) or not cron_occurs(text):
        return

    assert next(CronSim(cron_fields(text), datetime(2024, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("macro", [*MACROS, "@Daily"])
def test_every_macro_is_a_schedule(macro: str) -> None:
    assert matches(CRON_SHAPE, macro)
    assert cron_occurs(macro)
    assert len(cron_fields(macro).split()) == 5


@pytest.mark.parametrize(
    ("schedule", "comes_round"),
    [
        pytest.param("0 7 29 2 *", True, id="29 February does, in leap years"),
        pytest.param("0 7 30 2 *", False, id="30 February does not"),
        pytest.param("0 7 31 4,6 *", False, id="the 31st of short months does not"),
        pytest.param("0 7 L * *", True, id="the last day of the month does"),
        pytest.param("0 7 * * 7", True, id="day 7 is Sunday"),
        pytest.param("0 22-6 * * *", False, id="a range that runs backwards is no range"),
    ],
)
def test_whether_a_schedule_comes_round(schedule: str, comes_round: bool) -> None:
    assert matches(CRON_SHAPE, schedule)
    assert cron_occurs(schedule) is comes_round


def test_a_schedule_that_cronsim_refuses_does_not_come_round() -> None:
    with pytest.raises(CronSimError):
        CronSim("0 7 30 2 *", datetime(2024, 1, 1, tzinfo=UTC))

    assert not cron_occurs("0 7 30 2 *")


@pytest.mark.parametrize(
    ("zone", "taken"),
    [
        ("America/Los_Angeles", True),
        ("America/Argentina/Buenos_Aires", True),
        ("Etc/GMT+8", True),
        ("Etc/UTC", True),
        ("UTC", True),
        ("America/Los_Angels", False),
        ("PST", False),
        ("Local", False),
        ("+08:00", False),
        ("../etc/passwd", False),
        ("/etc/localtime", False),
        ("America", False),
        ("Etc/UTC\n", False),
    ],
)
def test_which_zones_are_taken(zone: str, taken: bool) -> None:
    assert (matches(ZONE_SHAPE, zone) and zone_exists(zone)) is taken


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("36h", timedelta(hours=36)),
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    assert read_duration(text) == duration


@given(st.integers(0, 10**8))
def test_a_duration_survives_being_written(seconds: int) -> None:
    assert read_duration(write_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


def test_nothing_is_written_as_no_seconds() -> None:
    assert write_duration(timedelta()) == "0s"


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_an_instant_survives_being_written(at: datetime) -> None:
    assert read_instant(write_instant(at)) == at


def test_an_instant_is_read_into_utc() -> None:
    at = read_instant("2024-01-01T00:00:00-08:00")

    assert at.isoformat() == "2024-01-01T08:00:00+00:00"
