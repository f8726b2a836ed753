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

from socratasync.contract.report import Rows
from socratasync.errors import SyncError, Terminated
from socratasync.pipeline.merge import outranked, statements
from socratasync.pipeline.merge.in_place import check_in_place
from socratasync.pipeline.merge.merge import Merged, Written, conclude
from socratasync.pipeline.merge.strategy import Strategy, choose
from socratasync.pipeline.merge.table import complete_table, create_table, is_complete
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.staged import Page
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.refusals import translate, translated

log = logging.getLogger(__name__)

THREAD = "fill-ahead"

_LOOK_UP_S = 0.2
_FAREWELL_S = 5.0


class FillAhead:
    """Follows one dataset's stage (``staged.Follower``); ``connection`` is that stage's, to look at
    the target with. Close it."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        self._context = context
        self._plan = plan
        self._connection = connection
        self._strategy = choose(plan, plan.snapshot.rows or 0, resets=context.request.resets)
        self._waiting: list[Page] = []
        self._over = True
        self._writer: _Writer | None = None
        self._opened = ExitStack()

    def restart(self, *, from_empty: bool) -> None:
        """Begin again. Rows that were staged before are not told of, so then there is no filling ahead."""
        self.stop()
        self._over = not from_empty or self._strategy not in (Strategy.CREATE, Strategy.FILL)

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
        elif self._writer.waits_too_long(self._context.options.filling_ahead.longest_idle_s):
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

    def commit(self, staged: StagedDataset) -> Merged | None:
        """The dataset is verified, so the rows stay. None: nothing was written, and the stage is to
        be merged. Raises ``Terminated``."""
        if self._writer is None:
            return None
        try:
            with self._context.journal.timed("merge"):
                return self._commit(self._writer, staged)
        except psycopg.Error as exc:
            self._give_up(translate(exc).message)
            return None
        finally:
            self.stop()

    def _commit(self, writer: _Writer, staged: StagedDataset) -> Merged | None:
        inserted = writer.finish(self._context.options.stopping)
        if inserted != staged.staged_rows:
            self._give_up(f"{inserted:,} of {staged.staged_rows:,} rows were found in the stage")
            return None
        check_in_place(writer.connection, staged, inserted=inserted)
        outranked.begin(self._context, writer.connection, staged)
        came = inserted + staged.skipped
        written = Written(rows=Rows(downloaded=came, inserted=inserted))
        merged = conclude(self._context, writer.connection, staged, written, self._strategy)
        writer.connection.commit()
        self._tell("committed", "the rows that were filled in while downloading stay")
        return merged

    # -- the beginning ---------------------------------------------------------------------------

    def _try_to_begin(self) -> None:
        try:
            with translated():
                if self._is_ready():
                    self._begin()
        except SyncError as exc:
            self._give_up(exc.message)

    def _is_ready(self) -> bool:
        """Whether the table is there with all its columns, or may be made; else a later page asks again."""
        target = checked_target(self._connection, self._context.request.spec)
        if is_complete(target, self._plan):
            return True
        return not target.exists and self._make_table()

    def _make_table(self) -> bool:
        """The table that several datasets are about to fill; unless one of them is at it just now."""
        with self._connection.transaction():
            granted = self._context.lock.try_exclusive(self._connection)
            if granted:
                complete_table(self._context, self._connection, self._plan)
            return granted

    def _begin(self) -> None:
        connection = self._opened.enter_context(self._context.connections.connect())
        connection.autocommit = False
        if not self._context.lock.try_shared(connection):
            self._opened.close()
            return
        self._context.table.hold(connection)
        if self._strategy is Strategy.CREATE:
            create_table(connection, self._plan)
        self._writer = _Writer(connection, self._plan.shape)
        self._tell("begun", "filling the target while downloading")

    def _give_up(self, why: str) -> None:
        self._tell("given up", f"not filled while downloading, since {why}")
        self.stop()

    def _tell(self, step: str, sentence: str) -> None:
        facts = {"event": "fill-ahead", "dataset": self._plan.dataset, "step": step}
        log.info("%s: %s", self._plan.dataset, sentence, extra={"facts": facts})


def waits_too_long(waited_s: float, worked_s: float, longest_idle_s: float) -> bool:
    """Whether a transaction that did so much in all its time is not worth keeping open."""
    return waited_s > max(longest_idle_s, worked_s)


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
        self._worked_s = 0.0
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def add(self, pages: list[Page]) -> None:
        """More to insert, when there is time."""
        for page in pages:
            self._pages.put(page)

    def waits_too_long(self, longest_idle_s: float) -> bool:
        """Whether there was nothing to insert for most of its time."""
        waited_s = time.monotonic() - self._began - self._worked_s
        return waits_too_long(waited_s, self._worked_s, longest_idle_s)

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
        statement = statements.insert_page(self._shape, page.xid, page.first_block)
        self._written += self.connection.execute(statement).rowcount
        self._inserted.append(page)
        self._worked_s += time.monotonic() - began

    def _insert_stragglers(self) -> None:
        """``COPY`` may put rows of a later page into blocks of an earlier one. They are inserted last, in
        one pass over the stage, since the last page may have put some into the first block."""
        for page, following in pairwise(self._inserted):
            statement = statements.insert_stragglers(
                self._shape, page.xid, page.first_block, following.first_block
            )
            self._written += self.connection.execute(statement).rowcount
