"""Pages that lead on, in circles, and nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.stage.onward import Onward, most_rows


def read(ends: list[str]) -> int:
    """How many pages with these ends are staged before one is refused."""
    onward, after = Onward("abcd-1234"), None
    for number, last in enumerate(ends):
        try:
            onward.check(after=after, last=last, rows=1, asked=1)
        except SourceUnavailable:
            return number
        onward.staged(last)
        after = last
    return len(ends)


@given(st.integers(1, 300))
def test_pages_that_lead_on_are_all_read(pages: int) -> None:
    assert read([f"row-{n}" for n in range(pages)]) == pages


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_circle_of_any_length_is_found_within_three_rounds(before: int, length: int) -> None:
    path = [f"row-{n}" for n in range(before)]
    circle = [f"row-{before + n}" for n in range(length)] * 1000

    assert read(path + circle) <= 3 * (before + length)


def test_the_same_page_is_found_when_it_comes_again() -> None:
    assert read(["row-a", "row-a"]) == 1


def test_a_page_that_was_not_staged_may_come_again() -> None:
    onward = Onward("abcd-1234")
    for _ in range(2):
        onward.check(after=None, last="row-a", rows=1, asked=1)


@pytest.mark.parametrize(
    ("after", "last", "rows", "asked", "said"),
    [
        (None, "row-b", 3, 2, "3 rows where 2 were asked for"),
        ("row-a", None, 1, 2, "do not end with their :id"),
        ("row-a", "row-a", 1, 2, "ends with row row-a, which was read before"),
    ],
)
def test_a_page_that_does_not_lead_on_is_refused(
    after: str | None, last: str | None, rows: int, asked: int, said: str
) -> None:
    with pytest.raises(SourceUnavailable, match=said):
        Onward("abcd-1234").check(after=after, last=last, rows=rows, asked=asked)


def test_an_empty_page_is_the_end_and_no_circle() -> None:
    Onward("abcd-1234").check(after="row-a", last=None, rows=0, asked=2)


@pytest.mark.parametrize(
    ("counted", "most"), [(0, 10_000), (300, 10_300), (100_000, 110_000), (1_500_000, 1_650_000)]
)
def test_rows_may_come_while_others_are_read(counted: int, most: int) -> None:
    assert most_rows(counted) == most
