"""What the first rows of a dataset rule out."""

from __future__ import annotations

import pytest

from socratasync.suggest.sample import VALUES, Sample, read_sample

HEAD = b'"a","b"\n'


@pytest.mark.parametrize(
    ("cells", "can_be_key", "is_whole"),
    [
        pytest.param([b'"1"', b'"2"'], True, True, id="each another number"),
        pytest.param([b'"1"', b'"1"'], False, True, id="one twice"),
        pytest.param([b'"1"', b""], False, True, id="one missing"),
        pytest.param([b'"1"', b'""'], True, False, id="an empty text is a value"),
        pytest.param([b'"1.5"', b'"2"'], True, False, id="a fraction"),
        pytest.param([b'"1.00"', b'"-2"'], True, True, id="noughts behind the point"),
        pytest.param([b'"a,b"', b'"a""b\nc"'], True, False, id="commas, quotes and line ends"),
        pytest.param([b'"x"', b'"' + b"y" * 1001 + b'"'], False, False, id="too long for an index"),
        pytest.param([b"1", b"2"], True, True, id="without quotes"),
    ],
)
def test_rows_rule_out_what_is_no_key(cells: list[bytes], can_be_key: bool, is_whole: bool) -> None:
    body = HEAD + b"".join(cell + b',"x"\n' for cell in cells)
    found = read_sample(["a", "b"], body, 10)

    assert found.rows == 2
    assert (found.columns["a"].can_be_key, found.columns["a"].is_whole) == (can_be_key, is_whole)


def test_a_row_that_is_cut_counts_not() -> None:
    whole = HEAD + b'"1","x"\n"2","y"\n'
    found = read_sample(["a", "b"], whole + b'"2","z', 10)

    assert (found.rows, found.size, found.wire) == (2, len(whole) - len(HEAD), 10)
    assert found.columns["a"].can_be_key


@pytest.mark.parametrize("body", [b"", HEAD, b'"a","b'])
def test_no_rows_are_no_sample(body: bytes) -> None:
    found = read_sample(["a", "b"], body, 0)

    assert (found.rows, found.size) == (0, 0)


def test_some_values_are_kept() -> None:
    body = HEAD + b"".join(b'"%d","x"\n' % n for n in range(100))

    assert read_sample(["a", "b"], body, 0).columns["a"].values == tuple(map(str, range(VALUES)))


def test_nothing_is_known_without_a_sample() -> None:
    assert Sample().rows == 0
