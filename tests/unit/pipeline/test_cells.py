"""The cells of a sample."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.pipeline.source.cells import Cells, read_cells

HEAD = '"a","b"\n'

TEXTS = [
    # what comes behind the header line, the cells of its rows
    ("", []),
    ('"1","2"\n', [["1", "2"]]),
    ("1,2\n", [["1", "2"]]),
    ('"1",\n,"2"\n', [["1", None], [None, "2"]]),
    (",\n", [[None, None]]),
    ('"",""\r\n"1","2"\r\n', [["", ""], ["1", "2"]]),
    ('"say ""hi"", then","two\nlines"\n', [['say "hi", then', "two\nlines"]]),
    ('"1","2"\n"3","4', [["1", "2"]]),
    ('"1","2"\n"3","4"', [["1", "2"]]),
    ('"1","2"\n"3"\n"5","6"\n', [["1", "2"]]),
    ('"1","2"\n"3","4","5"\n', [["1", "2"]]),
    ('"1","2"\n"3"x,"4"\n', [["1", "2"]]),
    ('"1","2"\n3"x","4"\n', [["1", "2"]]),
]


@pytest.mark.parametrize(("text", "cells"), TEXTS)
def test_whole_rows_are_read_and_null_is_no_empty_text(text: str, cells: list[Cells]) -> None:
    assert read_cells(HEAD + text, 2, 10) == cells


@pytest.mark.parametrize(("most", "rows"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_only_the_first_rows_are_read(most: int, rows: int) -> None:
    text = HEAD + '"1","2"\n' * 3

    assert len(read_cells(text, 2, most)) == rows


@pytest.mark.parametrize("text", ["", "a", "a,b", '"a', "<html>\n"])
def test_what_is_no_page_has_no_rows(text: str) -> None:
    assert read_cells(text, 2, 10) == []


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), max_size=5))
def test_what_was_written_is_read(rows: list[list[str]]) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b", "c"], *rows])

    assert read_cells(written.getvalue(), 3, 10) == rows
