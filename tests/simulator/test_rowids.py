"""Row identifiers are encrypted numbers: they can be read back, and their strings mislead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socrata_simulator.rows import rowids

KEY = 0x1234_5678_9ABC


@given(number=st.integers(0, 2**64 - 1), key=st.integers(0, 2**64 - 1))
def test_an_identifier_holds_its_number(number: int, key: int) -> None:
    assert rowids.decode(rowids.encode(number, key), key) == number


def test_an_identifier_looks_like_a_real_one() -> None:
    letters = rowids.ALPHABET
    text = rowids.encode(7, KEY)

    assert len(text) == len("row-qj7s_fjjw-ckwc")
    assert text.startswith("row-")
    assert all(c in letters for c in text[4:8] + text[9:13] + text[14:])
    assert {text[8], text[13]} <= set(rowids.SEPARATORS)


def test_the_order_of_the_strings_is_not_the_order_of_the_rows() -> None:
    texts = [rowids.encode(n, KEY) for n in range(100)]

    assert texts != sorted(texts)
    assert len(set(texts)) == 100


def test_another_dataset_gives_the_same_row_another_identifier() -> None:
    assert rowids.encode(1, KEY) != rowids.encode(1, KEY + 1)


@pytest.mark.parametrize(
    "text",
    ["", "row-", "row-qj7s_fjjw", "rv-qj7s_fjjw-ckwc", "row-QJ7S_fjjw-ckwc", "row-qj7s fjjw-ckwc"],
)
def test_what_is_not_an_identifier_has_no_number(text: str) -> None:
    assert rowids.decode(text, KEY) is None
