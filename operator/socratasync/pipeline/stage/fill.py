"""Fills a dataset's stage: pages from Socrata's socket to ``COPY``, a checkpoint with each.

A page and its checkpoint commit together, so whatever kills the run, the next try goes on after
the last whole page. Rows are counted by PostgreSQL, never in Python. A page in which PostgreSQL
refuses a value is read again, value by value.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from psycopg import errors as pg

from socratasync.contract.bad_values import BadValues
from socratasync.errors import (
    BadValue,
    DeadlineExceeded,
    SourceThrottled,
    SourceTooSlow,
    SourceUnavailable,
)
from socratasync.pipeline.plan.model import DatasetPlan, Snapshot
from socratasync.pipeline.plan.watermark import may_resume
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.stage import statements
from socratasync.pipeline.stage.archive import ArchiveFile, Nowhere, Sink
from socratasync.pipeline.stage.landing import StageTable
from socratasync.pipeline.stage.onward import Onward, most_rows
from socratasync.pipeline.stage.pagecopy import Copied, checked, page_errors
from socratasync.pipeline.stage.staged import Page, Staged
from socratasync.pipeline.target.bookkeeping import Checkpoint
from socratasync.pipeline.target.connection import Connection

log = logging.getLogger(__name__)

SMALLEST_PAGE = 1000

_BAD_VALUES, _SILENT = "bad_values", "silent"
"""Under these names a checkpoint's ``source`` has them: its table gets no column that an earlier release does not
know."""


class Stage:
    """The rows of one plan as they come, wherever they go."""

    def __init__(
        self,
        context: RunContext,
        plan: DatasetPlan,
        connection: Connection,
        landing: StageTable,
        archive: ArchiveFile | None = None,
    ) -> None:
        self._connection = connection
        self._source = context.source
        self._plan = plan
        self._ledger = context.ledger.on(connection)
        self._page_size = context.request.spec.source.page_size
        self._progress = context.options.progress
        self._archive = archive
        self._sink: Sink = Nowhere()
        self._landing = landing
        self._onward = Onward(plan.dataset)
        self._most: int | None = None
        self._is_odd = self._never_fits = plan.shape.never_fits

    @property
    def name(self) -> str:
        """What the checkpoint goes by: the stage's name, also where the rows go into a new table."""
        return self._plan.shape.stage

    def prepare(self, now: datetime, expected: int | None, *, anew: bool = False) -> Staged:
        """No rows, or those that an earlier try left if it may be gone on with."""
        found = self._ledger.checkpoint(self.name)
        checkpoint = None if anew else self._usable(found, now)
        self._onward = Onward(self._plan.dataset)
        self._most = None if expected is None else most_rows(expected)
        staged = self._resume(checkpoint) if checkpoint else self._begin(now, found)
        if self._archive:
            self._archive.open(checkpoint.archived_bytes if checkpoint else 0)
            self._sink = self._archive
        self._progress.begin(self._plan.dataset, "download", expected)
        self._progress.advance(self._plan.dataset, staged.came, 0)
        return staged

    def _usable(self, found: Checkpoint | None, now: datetime) -> Checkpoint | None:
        if found is None or not may_resume(
            same_rows=found.fingerprint == self._plan.fingerprint,
            same_run=found.run == self._ledger.run,
            started_at=found.started_at,
            now=now,
        ):
            return None
        if self._archive and not self._archive.can_resume(found.archived_bytes):
            return None
        try:
            return found if self._landing.rows() == found.rows else None
        except pg.UndefinedTable:
            return None

    def _resume(self, checkpoint: Checkpoint) -> Staged:
        log.info("%s: going on after %s staged rows", self._plan.dataset, f"{checkpoint.rows:,}")
        self._ledger.adopt_checkpoint(self.name)
        return Staged(
            rows=checkpoint.rows,
            bytes=checkpoint.bytes,
            snapshot=Snapshot.from_dict(checkpoint.source),
            bad=BadValues.from_dict(checkpoint.source.get(_BAD_VALUES)),
            last_id=checkpoint.last_id,
            replica_as_of=checkpoint.replica_as_of,
            is_silent=bool(checkpoint.source.get(_SILENT)),
        )

    def _begin(self, now: datetime, found: Checkpoint | None) -> Staged:
        with self._connection.transaction():
            self._landing.empty(had_rows=found is not None)
            self._ledger.start_checkpoint(
                self.name, self._plan.fingerprint, now, self._plan.snapshot.as_dict()
            )
        if found:
            self._landing.tidy()
        return Staged(rows=0, bytes=0, snapshot=self._plan.snapshot, last_id=None)

    def discard(self) -> None:
        """What was read is of no use: the next try is to read anew."""
        with self._connection.transaction():
            self._landing.drop()
            self._ledger.drop_checkpoint(self.name)

    def newest_change(self) -> datetime | None:
        """The latest change that a row tells of."""
        return self._landing.newest_change()

    def fill(self, staged: Staged) -> None:
        """Read pages until one comes empty: a short page may be the last, or may have been cut. Raises
        ``BadValue`` for a value that does not fit, if that is to fail the run, and ``SourceUnavailable`` for
        many more rows than the source counts."""
        limit = self._page_size
        attempt = 1
        while True:
            try:
                page = self._page(staged, limit)
            except (SourceUnavailable, SourceThrottled, DeadlineExceeded) as exc:
                if isinstance(exc, (SourceTooSlow, DeadlineExceeded)):
                    limit = min(limit, max(SMALLEST_PAGE, limit // 2))
                    log.info("%s: asking for %s rows at a time", self._plan.dataset, f"{limit:,}")
                if not self._source.wait_after(exc, attempt):
                    raise
                attempt += 1
            except BadValue as exc:
                if self._is_odd:
                    raise
                self._is_odd = True
                log.info(
                    "%s: reading a page again, value by value, since %s", self._plan.dataset, exc
                )
            else:
                attempt = 1
                if page.came == 0:
                    return
                self._check_number(staged)
                self._is_odd = (
                    page.is_odd or self._never_fits
                )  # the next one is likely to be so, too

    def _check_number(self, staged: Staged) -> None:
        """More rows than were counted may have come since. Many more than are counted now are none of the
        source's, and what is staged is of no use."""
        if self._most is None or staged.came <= self._most:
            return
        counted = self._source.count(
            self._plan.dataset, soql.count(self._plan.condition), by=self._plan.api
        )
        self._most = most_rows(counted)
        if staged.came > self._most:
            self.discard()
            raise SourceUnavailable(
                f"dataset {self._plan.dataset}: {staged.came:,} rows came, and no end, but Socrata counts "
                f"{counted:,}; whoever answers may be another than Socrata"
            )

    def _page(self, staged: Staged, limit: int) -> Page:
        """Stage one page. Nothing of it stays if it fails."""
        query = soql.rows(
            self._plan.shape.columns,
            where=self._plan.condition,
            after=staged.last_id,
            limit=limit,
            shown=[column.field for column in self._plan.source],
        )
        self._sink.begin_page(first=self._sink.size == 0)
        try:
            with self._source.rows(self._plan.dataset, query, by=self._plan.api) as stream:
                page = self._copy_page(stream, staged, limit)
        except BaseException:
            self._sink.take_back()
            raise
        if page.came == 0 and not stream.end_is_certain:
            self._confirm_end(staged)
        self._onward.staged(page.last_id)
        staged.rows += page.rows
        staged.bad = staged.bad.plus(page.bad)
        staged.bytes += page.bytes
        staged.last_id = page.last_id or staged.last_id
        staged.replica_as_of = page.replica_as_of
        staged.is_silent = page.is_silent
        self._progress.advance(self._plan.dataset, page.came, page.bytes)
        return page

    def _confirm_end(self, staged: Staged) -> None:
        """A page without rows may have been cut right after its header line."""
        rest = soql.both(self._plan.condition, staged.last_id and soql.beyond(staged.last_id))
        if self._source.has_rows(self._plan.dataset, rest, by=self._plan.api):
            raise SourceUnavailable("Socrata's answer was cut short before its rows")

    def _copy_page(self, stream: RowStream, staged: Staged, limit: int) -> Page:
        with page_errors(self._plan.dataset), self._connection.transaction():
            self._connection.execute(statements.begin_page(self._plan.time_zone))
            with self._copying(checked(self._plan, stream, self._sink)) as copied:
                self._sink.end_page()
                page = Page(
                    rows=copied.rows,
                    bad=copied.bad,
                    is_odd=copied.is_odd,
                    bytes=stream.wire_bytes,
                    last_id=stream.last_id,
                    replica_as_of=_older(staged.replica_as_of, stream.replica.as_of),
                    is_silent=staged.is_silent or stream.replica.is_silent,
                )
                self._onward.check(
                    after=staged.last_id, last=page.last_id, rows=page.came, asked=limit
                )
                self._checkpoint(page, staged.bad.plus(page.bad))
        return page

    def _copying(self, chunks: Iterator[bytes]) -> AbstractContextManager[Copied]:
        if self._is_odd:
            return nullcontext(self._landing.copy_by_value(chunks))
        return self._landing.copying(chunks)

    def _checkpoint(self, page: Page, bad: BadValues) -> None:
        if page.came == 0 or page.last_id is None:
            return
        self._ledger.advance_checkpoint(
            self.name,
            last_id=page.last_id,
            rows=page.rows,
            bytes_=page.bytes,
            archived_bytes=self._sink.size,
            replica_as_of=page.replica_as_of,
            noted={
                **({_BAD_VALUES: bad.as_dict()} if bad.found else {}),
                **({_SILENT: True} if page.is_silent else {}),
            },
        )


def _older(one: datetime | None, other: datetime | None) -> datetime | None:
    """The older of two times, either of which may be missing."""
    return min((at for at in (one, other) if at), default=None)
