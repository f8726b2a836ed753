"""One page of CSV into the stage, by ``COPY``, and which side was the slower one meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from psycopg import Copy

from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.request import FillingAhead
from socratasync.pipeline.stage.statements import copy_stage
from socratasync.pipeline.target.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """``rows`` of one page. ``target_is_slower``: the page is large, and the source was held up."""

    rows: int
    target_is_slower: bool


def copy_page(
    connection: Connection,
    shape: Shape,
    chunks: Iterable[bytes],
    *,
    header_match: bool,
    judged_by: FillingAhead,
) -> Copied:
    """Copy the chunks, the first of which begins with the header line, within the transaction that is
    open on ``connection``."""
    pace = _Pace()
    with connection.cursor() as cursor:
        with cursor.copy(copy_stage(shape, header_match=header_match)) as copy:
            for chunk in pace.coming(chunks):
                pace.write(copy, chunk)
        slower = pace.is_held_up(judged_by)
        return Copied(rows=cursor.rowcount, target_is_slower=slower)


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

    def is_held_up(self, by: FillingAhead) -> bool:
        share = self._taking / max(self._giving + self._taking, 1e-9)
        return self._bytes >= by.page_bytes and share > by.held_up
