"""One page of CSV into the stage, by ``COPY`` on one connection or, where PostgreSQL is slower than
the source, on two at once: one backend reads CSV at some 90 MB/s, whatever the network could do.

Bytes are handed on as they come. For two connections they are cut between rows, which takes no
look at rows either: outside of cells, the quotes so far are even in number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle

from psycopg import Copy

from socratasync.postgres import Connection
from socratasync.statements import MergeShape, copy_rest, copy_stage

LARGE_PAGE_BYTES = 4 * 1024 * 1024
"""Below that a second connection would wait for more than it would do."""

HELD_UP = 0.25
"""The share of the time that went by waiting for PostgreSQL to take what had come: next to none where
the source is the slower of the two, for a socket buffers more than a chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """``rows`` of one page. ``target_is_slower``: the page is large, and the source was held up."""

    rows: int
    target_is_slower: bool


class WholeRows:
    """Cuts a stream of CSV, every cell of it quoted or empty, between rows."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, chunk: bytes) -> bytes:
        """The rows that are whole by now; the row that has begun waits for the next chunk."""
        data = self._begun + chunk
        end = _end_of_rows(data)
        self._begun = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What was never followed by the end of its row."""
        return self._begun


def _end_of_rows(data: bytes) -> int:
    """Where the last whole row ends in ``data``, which begins with a row."""
    end = data.rfind(b"\n")
    quotes = data.count(b'"', 0, max(end, 0))
    while end >= 0 and quotes % 2:  # a newline within a cell
        before = data.rfind(b"\n", 0, end)
        quotes -= data.count(b'"', max(before, 0), end)
        end = before
    return end + 1


def copy_page(
    connection: Connection,
    shape: MergeShape,
    chunks: Iterable[bytes],
    *,
    header_match: bool,
    second: Connection | None,
) -> Copied:
    """Copy the chunks, the first of which begins with the header line, within the transactions that
    are open on ``connection`` and, if given, on ``second``."""
    statement = copy_stage(shape, header_match=header_match)
    pace = _Pace()
    with connection.cursor() as cursor:
        if second is None:
            with cursor.copy(statement) as copy:
                for chunk in pace.coming(chunks):
                    pace.write(copy, chunk)
            return pace.copied(cursor.rowcount)
        with second.cursor() as other:
            with cursor.copy(statement) as copy, other.copy(copy_rest(shape)) as copy_too:
                takers = cycle((copy, copy_too))
                for rows in _between_rows(pace.coming(chunks)):
                    pace.write(next(takers), rows)
            return pace.copied(cursor.rowcount + other.rowcount)


def _between_rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, each piece but the last ending with a row."""
    whole = WholeRows()
    for chunk in chunks:
        if rows := whole.feed(chunk):
            yield rows
    if rest := whole.rest():
        yield rest


class _Pace:
    """Which side one waits for: the one that gives bytes, or the one that takes them."""

    def __init__(self) -> None:
        self._giving = self._taking = 0.0
        self._bytes = 0

    def coming(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        asked = time.monotonic()
        for chunk in chunks:
            self._giving += time.monotonic() - asked
            self._bytes += len(chunk)
            yield chunk
            asked = time.monotonic()

    def write(self, copy: Copy, chunk: bytes) -> None:
        began = time.monotonic()
        copy.write(chunk)
        self._taking += time.monotonic() - began

    def copied(self, rows: int) -> Copied:
        held_up = self._taking > HELD_UP * (self._giving + self._taking)
        slower = self._bytes >= LARGE_PAGE_BYTES and held_up
        return Copied(rows=rows, target_is_slower=slower)
