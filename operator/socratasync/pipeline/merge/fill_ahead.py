"""Rows of a dataset that is new go into the target while the rest of them is still downloaded.

Where PostgreSQL is the slower side, it has a second core to do that with, and a load takes little
longer than its download. It is one transaction, which commits only once the stage is complete and
verified. Whatever goes wrong with it, it is rolled back, and the stage is merged as usual.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import ExitStack, suppress
from itertools import pairwise

import psycopg

from socratasync.contract.report import DatasetReport, Rows
from socratasync.errors import SyncError, Terminated
from socratasync.pipeline.merge import merge, table
from socratasync.pipeline.merge import statements as merge_statements
from socratasync.pipeline.merge import table as arrival
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.fill import Page
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.connection import Connection, translate, translated

log = logging.getLogger(__name__)

THREAD = "fill-ahead"

LONGEST_IDLE_S = 60.0
"""A transaction that is open keeps the server from tidying up, so it may wait a minute, or as long as it
worked."""

_LOOK_UP_S = 0.2
_FAREWELL_S = 5.0


class FillAhead:
    """Follows one dataset's stage (``stage.Follower``); ``connection`` is that stage's, to look at
    the target with. Close it."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        self._context = context
        self._plan = plan
        self._connection = connection
        self._waiting: list[Page] = []
        self._over = False
        self._strategy = Strategy.FILL
        self._writer: _Writer | None = None
        self._opened = ExitStack()

    def restart(self, *, from_empty: bool) -> None:
        """Begin again. Rows that were staged before are not told of, so then there is no filling ahead."""
        self.stop()
        self._over = not from_empty or self._context.request.resets

    def page_came(self, page: Page) -> None:
        """Insert it, or keep it in mind until the source proves to be the faster side."""
        if self._over:
            return
        self._waiting.append(page)
        if self._writer is None and page.target_is_slower:
            self._try_to_begin()
        if self._writer is None:
            return
        if self._writer.error is not None:
            self._give_up(translate(self._writer.error).message)
        elif waits_too_long(self._writer.waited_s, self._writer.worked_s):
            self._give_up("the source has become the slower side")
        else:
            self._writer.add(self._waiting)
            self._waiting = []

    def stop(self) -> None:
        """Roll back, if anything was written, and do nothing more."""
        self._over = True
        self._waiting = []
        if self._writer is not None:
            self._writer.stop()
            self._writer = None
        self._opened.close()

    close = stop

    def commit(self, job: StagedDataset) -> DatasetReport | None:
        """The dataset is verified, so the rows stay. None: nothing was written, and the stage is to
        be merged. Raises ``Terminated``."""
        if self._writer is None:
            return None
        try:
            with self._context.journal.timed("merge"):
                return self._commit(self._writer, job)
        except psycopg.Error as exc:
            self._give_up(translate(exc).message)
            return None
        finally:
            self.stop()

    def _commit(self, writer: _Writer, job: StagedDataset) -> DatasetReport | None:
        written = writer.finish(self._context.options.stopping)
        if written != job.staged_rows:
            self._give_up(f"{written:,} of {job.staged_rows:,} rows were found in the stage")
            return None
        rows = Rows(downloaded=written, inserted=written)
        report = merge.conclude(writer.connection, job, rows, self._strategy, self._context.ledger)
        writer.connection.commit()
        return report

    # -- the beginning ---------------------------------------------------------------------------

    def _try_to_begin(self) -> None:
        try:
            with translated():
                if self._is_fit() and self._context.turns.try_beside():
                    self._opened.callback(self._context.turns.leave_beside)
                    self._begin()
        except SyncError as exc:
            self._give_up(exc.message)

    def _is_fit(self) -> bool:
        """Whether the table is there with all its columns, or may be made, and is to be filled."""
        job = StagedDataset(plan=self._plan, staged_rows=self._plan.snapshot.rows or 0)
        target = arrival.check(self._connection, self._context.request)
        fit = arrival.is_complete(target, self._context, job, make=self._context.several)
        if not fit and (target.exists or not self._make_table(job)):
            return False
        self._strategy = merge.choose_strategy(self._connection, job)
        self._over = self._strategy not in (Strategy.CREATE, Strategy.FILL)
        return not self._over

    def _make_table(self, job: StagedDataset) -> bool:
        """The table that several datasets are about to fill; unless one of them is at it just now."""
        with self._context.turns.try_alone() as granted:
            if granted:
                arrival.complete_table(self._connection, self._context, job, make=True)
            return granted

    def _begin(self) -> None:
        connection = self._opened.enter_context(self._context.connections.connect())
        connection.autocommit = False
        if self._strategy is Strategy.CREATE:
            table.create_table(connection, self._plan.shape, arrival.table_columns(self._context))
        self._writer = _Writer(connection, self._plan.shape)
        log.info("%s: filling the target while downloading", self._plan.dataset)

    def _give_up(self, why: str) -> None:
        log.info("%s: not filled while downloading, since %s", self._plan.dataset, why)
        self.stop()


def waits_too_long(waited_s: float, worked_s: float) -> bool:
    """Whether a transaction that did so much in all its time is not worth keeping open."""
    return waited_s > max(LONGEST_IDLE_S, worked_s)


class _Writer:
    """One open transaction, and the thread that inserts pages in it, up to the first ``error``."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self.connection = connection
        self._shape = shape
        self._pages: queue.SimpleQueue[Page | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._inserted: list[Page] = []
        self._written = 0
        self._began = time.monotonic()
        self.worked_s = 0.0
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def add(self, pages: list[Page]) -> None:
        """More to insert, when there is time."""
        for page in pages:
            self._pages.put(page)

    @property
    def waited_s(self) -> float:
        """Seconds in which there was nothing to insert."""
        return time.monotonic() - self._began - self.worked_s

    def finish(self, stopping: threading.Event) -> int:
        """Rows inserted, once all are. Raises what the database raised, or ``Terminated``."""
        self._pages.put(None)
        while self._thread.is_alive():
            self._thread.join(_LOOK_UP_S)
            if stopping.is_set():
                raise Terminated
        if self.error is not None:
            raise self.error
        if self._written != sum(page.rows for page in self._inserted):
            self._insert_stragglers()
        return self._written

    def stop(self) -> None:
        """End the thread. What it wrote is rolled back when its connection is closed."""
        self._stopped.set()
        self._pages.put(None)
        if self._thread.is_alive():
            with suppress(psycopg.Error, OSError):
                self.connection.cancel_safe(timeout=1.0)
        self._thread.join(_FAREWELL_S)

    def _work(self) -> None:
        try:
            while (page := self._pages.get()) is not None and not self._stopped.is_set():
                self._insert(page)
        except psycopg.Error as exc:
            self.error = exc

    def _insert(self, page: Page) -> None:
        began = time.monotonic()
        statement = merge_statements.insert_page(self._shape, page.xid, page.first_block)
        self._written += self.connection.execute(statement).rowcount
        self._inserted.append(page)
        self.worked_s += time.monotonic() - began

    def _insert_stragglers(self) -> None:
        """Rows for which there was room between those of earlier pages. One pass over the stage in all;
        not before its end, for the last page may have put some into the first."""
        for page, following in pairwise(self._inserted):
            statement = merge_statements.insert_stragglers(
                self._shape, page.xid, page.first_block, following.first_block
            )
            self._written += self.connection.execute(statement).rowcount
