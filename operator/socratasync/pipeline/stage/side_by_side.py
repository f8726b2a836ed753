"""One page into a table by two ``COPY``s at once, where one cannot take it as fast as it comes.

PostgreSQL reads the CSV of one ``COPY`` on one core. So a page is cut where rows end, and a second connection gets
the pieces that the first is not ready for: none where the source is the slower side. The order of rows is lost.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from socratasync.pipeline.request import SecondCopy
from socratasync.pipeline.target.connection import Connection

THREAD = "copy"

_LOOK_UP_S = 0.2


class Feed:
    """A ``COPY`` in the transaction that is open on ``connection``: a thread writes what it is given, a piece at a
    time."""

    def __init__(
        self, connection: Connection, statement: sql.Composed, threads: ThreadPoolExecutor
    ) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=1)
        self._copied = threads.submit(self._copy, connection, statement)

    def _copy(self, connection: Connection, statement: sql.Composed) -> int:
        with connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                while (piece := self._pieces.get()) is not None:
                    copy.write(piece)
            return cursor.rowcount

    def offer(self, piece: bytes) -> bool:
        """Give it the piece, if it is ready for one. Returns whether it was."""
        try:
            self._pieces.put_nowait(piece)
        except queue.Full:
            return False
        return True

    def give(self, piece: bytes | None) -> None:
        """The piece, as soon as it is ready; None ends it. Raises what the database raised."""
        while True:
            try:
                return self._pieces.put(piece, timeout=_LOOK_UP_S)
            except queue.Full:
                if self._copied.done():
                    self._copied.result()

    def leave(self) -> None:
        """End it whatever becomes of it: the transaction is rolled back, unless it was ended before."""
        with suppress(psycopg.Error):
            self.end()

    def end(self) -> int:
        """The rows that went in. Raises what the database raised."""
        if not self._copied.done():
            self.give(None)
        return self._copied.result()


@contextmanager
def feeding() -> Iterator[Callable[[Connection, sql.Composed], Feed]]:
    """Begins feeds, and lets none go on after the block."""
    begun: list[Feed] = []

    def begin(connection: Connection, statement: sql.Composed) -> Feed:
        begun.append(Feed(connection, statement, threads))
        return begun[-1]

    with ThreadPoolExecutor(2, thread_name_prefix=THREAD) as threads:
        try:
            yield begin
        finally:
            for feed in begun:
                feed.leave()


def spread(
    pieces: Iterable[bytes],
    first: Feed,
    open_second: Callable[[], Feed | None],
    terms: SecondCopy,
) -> int:
    """All pieces into the first, and what it is not ready for into the second, once that is worth one. Returns the
    rows that went in."""
    second = None
    for number, piece in enumerate(pieces):
        if not (terms.always and number % 2) and first.offer(piece):
            continue
        if second is None and number >= terms.after_pieces:
            second = open_second()
        if second is None or not second.offer(piece):
            first.give(piece)
    return first.end() + (second.end() if second else 0)


def whole_rows(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The same bytes in pieces that end where a row does: at a line's end that is not between quotes. Of about
    ``most`` bytes, or what a row takes."""
    rest, quoted = b"", False
    for chunk in chunks:
        for part in (chunk[start : start + most] for start in range(0, len(chunk), most)):
            quoted ^= bool(part.count(b'"') & 1)
            end = _end_of_rows(part, quoted=quoted)
            if end:
                yield rest + part[:end]
            rest = part[end:] if end else rest + part
    if rest:
        yield rest


def _end_of_rows(part: bytes, *, quoted: bool) -> int:
    """Where the last row ends; 0: nowhere. ``quoted``: whether the part itself ends between quotes, so that its
    last line does not end a row. A quote within a value is doubled, which counts as none."""
    end = len(part)
    while (line := part.rfind(b"\n", 0, end)) >= 0:
        quoted ^= bool(part.count(b'"', line, end) & 1)
        if not quoted:
            return line + 1
        end = line
    return 0
