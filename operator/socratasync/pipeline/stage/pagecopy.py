"""One page of CSV into the stage, by ``COPY``: checked on its way, and which side was the slower one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Copy
from psycopg import errors as pg

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.errors import BadValue, SchemaChanged, SourceUnavailable, SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.request import FillingAhead
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.stage.archive import Sink
from socratasync.pipeline.stage.statements import copy_into
from socratasync.pipeline.stage.value_statements import is_about_a_value
from socratasync.pipeline.target.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """``rows`` of one page that are in the stage. ``target_is_slower``: the page is large, and the source was
    held up. ``bad``: values that did not fit; ``is_odd``: whether ``COPY`` would have refused the page."""

    rows: int
    target_is_slower: bool = False
    bad: BadValues = NO_BAD_VALUES
    is_odd: bool = False


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
        with cursor.copy(copy_into(shape.staged, shape, header_match=header_match)) as copy:
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


def checked(plan: DatasetPlan, stream: RowStream, sink: Sink) -> Iterator[bytes]:
    """The stream's chunks, also written to ``sink``, once its header line is the one that was asked for.
    Raises ``SchemaChanged`` if it is another, ``SourceUnavailable`` if it is none."""
    expected = soql.header(plan.shape.columns)
    for number, chunk in enumerate(stream):
        if number == 0 and stream.header != expected:
            raise _other_header(plan.dataset, stream.header, expected)
        sink.write(chunk)
        yield chunk


def _other_header(dataset: str, got: list[str], expected: list[str]) -> SyncError:
    if not set(got) & set(expected):
        return SourceUnavailable(
            f"dataset {dataset}: the answer does not begin with the columns that were asked for, but with "
            f"{','.join(got)[:60]!r}; a proxy may stand between"
        )
    return SchemaChanged(_header_sentence(dataset, got, expected))


def _header_sentence(dataset: str, got: list[str], expected: list[str]) -> str:
    missing = [name for name in expected if name not in got]
    extra = [name for name in got if name not in expected]
    return (
        f"dataset {dataset} answered with other columns than were asked for (missing: "
        f"{', '.join(missing) or 'none'}; unexpected: {', '.join(extra[:10]) or 'none'}); its schema "
        "may be changing right now"
    )


@contextmanager
def page_errors(dataset: str) -> Iterator[None]:
    """What PostgreSQL says of a page that it cannot take leaves as what is wrong with the page: cut
    (``SourceUnavailable``), or with a value that does not fit (``BadValue``)."""
    try:
        yield
    except psycopg.Error as exc:
        if _is_cut(exc):
            raise SourceUnavailable(
                f"Socrata's answer was cut short inside a row: {exc.diag.message_primary}"
            ) from exc
        if not is_about_a_value(exc.sqlstate):
            raise
        raise BadValue(f"dataset {dataset}: {exc.diag.message_primary}") from exc


def _is_cut(exc: psycopg.Error) -> bool:
    """A row that cannot be read, or ends before its ``:id``; what else must not be null is so by a domain."""
    if isinstance(exc, pg.NotNullViolation):
        return exc.diag.column_name == soql.ROW_ID
    return isinstance(exc, pg.BadCopyFileFormat)
