from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.pagecopy import WholeRows

CELLS = st.none() | st.text(alphabet='a",\n\r é', max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8)


def written(rows: list[list[str | None]]) -> bytes:
    """As Socrata writes them: what is not null is quoted; the row's id comes last."""
    lines = [
        ",".join(
            ["" if c is None else '"' + c.replace('"', '""') + '"' for c in row] + [f'"row-{n}"']
        )
        for n, row in enumerate(rows)
    ]
    return "".join(line + "\n" for line in lines).encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


@given(rows=ROWS, cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_wherever_the_stream_is_cut_the_pieces_are_whole_rows_and_together_the_stream(
    rows: list[list[str | None]], cuts: list[int]
) -> None:
    data = written(rows)
    whole = WholeRows()

    fed = [whole.feed(piece) for piece in pieces(data, cuts)]

    assert b"".join(fed) + whole.rest() == data
    assert whole.rest() == b""
    count = 0
    for piece in fed:
        read = list(csv.reader(io.StringIO(piece.decode(), newline="")))
        assert all(row[-1].startswith("row-") for row in read)
        count += len(read)
    assert count == len(rows)


@pytest.mark.parametrize(
    ("chunks", "fed", "rest"),
    [
        pytest.param([b'"a"\n"b'], [b'"a"\n'], b'"b', id="a row that has begun waits"),
        pytest.param([b'"a\n', b'b"\n'], [b"", b'"a\nb"\n'], b"", id="a newline within a cell"),
        pytest.param([b'"a""\n', b'b"\n'], [b"", b'"a""\nb"\n'], b"", id="after a doubled quote"),
        pytest.param([b'"x"\n"a""', b'\n"\n'], [b'"x"\n', b'"a""\n"\n'], b"", id="cut at a quote"),
        pytest.param([b'"a",\n'], [b'"a",\n'], b"", id="a null at the end"),
        pytest.param([b'"a"'], [b""], b'"a"', id="no newline at all"),
        pytest.param([b""], [b""], b"", id="nothing"),
    ],
)
def test_a_stream_is_cut_between_rows(chunks: list[bytes], fed: list[bytes], rest: bytes) -> None:
    whole = WholeRows()

    assert [whole.feed(chunk) for chunk in chunks] == fed
    assert whole.rest() == rest
