from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.pipeline.source.retry import RetryPolicy, parse_retry_after

NOW = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)
USUAL = RetryPolicy()


def never() -> float:
    return 0.0


def always() -> float:
    return 1.0


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [
        (1, 0.5, 1),
        (2, 1, 2),
        (3, 2, 4),
        (4, 4, 8),
        (5, 8, 16),
        (6, 16, 32),
    ],
)
def test_each_wait_is_twice_the_last_less_a_random_half(
    attempt: int, shortest: float, longest: float
) -> None:
    assert USUAL.wait_before(attempt, chance=never) == shortest
    assert USUAL.wait_before(attempt, chance=always) == longest


def test_after_the_last_attempt_comes_no_wait() -> None:
    assert USUAL.wait_before(7) is None
    assert RetryPolicy(attempts=1).wait_before(1) is None


def test_a_wait_never_exceeds_the_longest() -> None:
    patient = RetryPolicy(attempts=100_000)

    assert patient.wait_before(7, chance=always) == 60
    assert patient.wait_before(99_999, chance=always) == 60


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        pytest.param(0.0, 1.0, id="but no shorter than our own"),
        pytest.param(0.9, 1.0, id="not even by a little"),
        pytest.param(17.0, 17.0, id="to the second"),
        pytest.param(600.0, 600.0, id="ten minutes at most"),
        pytest.param(601.0, None, id="more is not waited for"),
        pytest.param(float("inf"), None, id="least of all for ever"),
    ],
)
def test_a_wait_that_is_asked_for_is_kept(asked: float, waited: float | None) -> None:
    assert USUAL.wait_before(1, asked, chance=always) == waited


@given(st.floats(min_value=0), st.integers(1, 6), st.floats(0, 1))
def test_nothing_that_is_asked_for_shortens_our_own_waits(
    asked: float, attempt: int, drawn: float
) -> None:
    own = USUAL.wait_before(attempt, chance=lambda: drawn)
    waited = USUAL.wait_before(attempt, asked, chance=lambda: drawn)

    assert own is not None
    assert waited is None or own <= waited <= 600


def test_a_wait_that_is_asked_for_does_not_add_attempts() -> None:
    assert USUAL.wait_before(7, 1.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 5 ", 5.0, id="seconds with blanks"),
        pytest.param("0", 0.0, id="none"),
        pytest.param("Thu, 29 Feb 2024 12:01:30 GMT", 90.0, id="a date"),
        pytest.param("Thu, 29 Feb 2024 13:01:30 +0100", 90.0, id="a date of another zone"),
        pytest.param("Thu, 29 Feb 2024 12:01:30", 90.0, id="a date without a zone is in UTC"),
        pytest.param("Thu, 29 Feb 2024 11:00:00 GMT", 0.0, id="a date that is past"),
        pytest.param("86400", 86_400.0, id="a day"),
        pytest.param("86401", None, id="more than a day is a mistake"),
        pytest.param("9" * 6000, None, id="a number without an end"),
        pytest.param("Thu, 29 Feb 2124 12:00:00 GMT", None, id="a date in a hundred years"),
        pytest.param(None, None, id="no header"),
        pytest.param("", None, id="an empty one"),
        pytest.param("soon", None, id="a word"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("²", None, id="a digit that is no number"),
        pytest.param("Thu, 31 Feb 2024 12:00:00 GMT", None, id="a day that does not exist"),
        pytest.param("Wed, 21 Oct 99999 07:28:00 GMT", None, id="a year that does not exist"),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_whatever_breaks_the_reading(header: str) -> None:
    seconds = parse_retry_after(header, NOW)

    assert seconds is None or seconds >= 0
