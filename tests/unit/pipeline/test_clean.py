"""What is said of rows that are left out of a merge, since they have no key of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import SHAPE

from socratasync.pipeline.merge.clean import about_duplicates, about_keyless

BY_TWO = replace(SHAPE, key=("srnumber", "status"))


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (
            1,
            "dataset abcd-1234: 1 row left out for having no srnumber, status, among them row-a, row-b",
        ),
        (
            2,
            "dataset abcd-1234: 2 rows left out for having no srnumber, status, among them row-a, row-b",
        ),
        (
            1234,
            "dataset abcd-1234: 1,234 rows left out for having no srnumber, status, among them row-a, row-b",
        ),
    ],
)
def test_rows_without_a_key_are_counted_and_some_are_named(removed: int, said: str) -> None:
    assert about_keyless(BY_TWO, removed, ["row-a", "row-b"]) == said


@pytest.mark.parametrize(
    ("removed", "as_new", "why"),
    [
        (1, 0, "1 row left out for having the srnumber of another row, which changed later"),
        (
            1,
            1,
            "1 row left out for having the srnumber of another row, which is as new, and which the portal "
            "lists last",
        ),
        (
            4000,
            1500,
            "4,000 rows left out for having the srnumber of another row, which changed later or, in 1,500 "
            "cases, is as new and listed last by the portal",
        ),
    ],
)
def test_why_another_row_of_the_key_stayed(removed: int, as_new: int, why: str) -> None:
    assert about_duplicates(SHAPE, removed, as_new) == f"dataset abcd-1234: {why}"
