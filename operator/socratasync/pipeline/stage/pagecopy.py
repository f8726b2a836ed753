"""One page of CSV into a table, by ``COPY``: checked on its way, and which side was the slower one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg import sql

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.errors import BadValue, SchemaChanged, SourceUnavailable, SyncError
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.stage.archive import Sink
from socratasync.pipeline.stage.value_statements import is_about_a_value
from socratasync.pipeline.target.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """``rows`` of one page that are in the table. ``bad``: values that did not fit; ``is_odd``: whether ``COPY`` would
    have refused the page."""

    rows: int
    bad: BadValues = NO_BAD_VALUES
    is_odd: bool = False


def copy_page(connection: Connection, statement: sql.Composed, chunks: Iterable[bytes]) -> Copied:
    """Copy the chunks, the first of which begins with the header line, within the transaction that is
    open on ``connection``."""
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return Copied(rows=cursor.rowcount)


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
