"""Pages cut where rows end, and spread over two ways."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.pipeline.request import SecondCopy
from socratasync.pipeline.stage.side_by_side import Feed, spread, whole_rows

VALUES = st.text(st.sampled_from('a",\r\n \u00e9'), max_size=9)
ROWS = st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=30)


def written(rows: list[list[str]]) -> bytes:
    """As Socrata writes them: quoted where need be, each on a line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(rows=ROWS, chunk=st.integers(1, 40), most=st.integers(1, 60))
def test_every_piece_is_whole_rows_and_none_is_lost(
    rows: list[list[str]], chunk: int, most: int
) -> None:
    data = written(rows)
    chunks = [data[start : start + chunk] for start in range(0, len(data), chunk)]

    pieces = list(whole_rows(chunks, most))

    assert b"".join(pieces) == data
    assert [row for piece in pieces for row in read(piece)] == rows
    assert all(piece.count(b'"') % 2 == 0 for piece in pieces)


@pytest.mark.parametrize(
    ("chunks", "pieces"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([b"a\nb\n"], [b"a\nb\n"], id="two rows in one chunk"),
        pytest.param([b"a\nb", b"c\nd\n"], [b"a\n", b"bc\nd\n"], id="a row in two chunks"),
        pytest.param([b"a\n", b"b"], [b"a\n", b"b"], id="the last row has no end"),
        pytest.param([b'"a\n', b'b"\nc\n'], [b'"a\nb"\nc\n'], id="a line between quotes"),
        pytest.param([b'x\n"a""\n', b'"\n'], [b"x\n", b'"a""\n"\n'], id="a quote within"),
        pytest.param([b'"\n\n\n', b'"\n'], [b'"\n\n\n"\n'], id="many lines between quotes"),
    ],
)
def test_where_a_page_is_cut(chunks: list[bytes], pieces: list[bytes]) -> None:
    assert list(whole_rows(chunks, 100)) == pieces


def test_a_piece_is_no_longer_than_it_must_be() -> None:
    assert list(whole_rows([b"a\n" * 6], 4)) == [b"a\na\n"] * 3


class Way(Feed):
    """One that is ready for every so many-th piece, and writes nothing."""

    def __init__(self, every: int) -> None:
        self.every, self.came, self.asked = every, list[bytes](), 0

    def offer(self, piece: bytes) -> bool:
        self.asked += 1
        if self.asked % self.every:
            return False
        self.came.append(piece)
        return True

    def give(self, piece: bytes | None) -> None:
        if piece is not None:
            self.came.append(piece)

    def end(self) -> int:
        return len(self.came)


PIECES = [b"%d" % number for number in range(10)]


@pytest.mark.parametrize(
    ("terms", "ready", "first", "second"),
    [
        pytest.param(SecondCopy(after_pieces=0), 1, PIECES, None, id="the first is always ready"),
        pytest.param(SecondCopy(after_pieces=20), 9, PIECES, None, id="the page is small"),
        pytest.param(SecondCopy(after_pieces=4), 99, PIECES[:4], PIECES[4:], id="it never is"),
        pytest.param(
            SecondCopy(after_pieces=1, always=True), 1, PIECES[::2], PIECES[1::2], id="by turns"
        ),
    ],
)
def test_the_second_gets_what_the_first_is_not_ready_for(
    terms: SecondCopy, ready: int, first: list[bytes], second: list[bytes] | None
) -> None:
    ways = [Way(ready)]

    def open_second() -> Way:
        ways.append(Way(1))
        return ways[-1]

    assert spread(PIECES, ways[0], open_second, terms) == 10

    assert [way.came for way in ways] == [first, *([second] if second else [])]


def test_without_a_second_the_first_takes_all() -> None:
    way = Way(99)

    assert spread(PIECES, way, lambda: None, SecondCopy(after_pieces=0)) == 10

    assert way.came == PIECES
