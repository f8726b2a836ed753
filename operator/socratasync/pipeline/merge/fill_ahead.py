"""Rows of a dataset that is new go into the target while the rest of them is still downloaded.

Where PostgreSQL is the slower side, it has a second core to do that with, and a load takes little
longer than its download. It is one transaction, which commits only once the stage is complete and
verified. Whatever goes wrong with it, it is rolled back, and the stage is merged as usual.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

import psycopg

from socratasync.errors import SyncError
from socratasync.pipeline.merge import outranked
from socratasync.pipeline.merge.clean import NOTHING
from socratasync.pipeline.merge.in_place import check_in_place
from socratasync.pipeline.merge.merge import conclude
from socratasync.pipeline.merge.merged import Merged, written
from socratasync.pipeline.merge.page_writer import PageWriter
from socratasync.pipeline.merge.strategy import Strategy, choose
from socratasync.pipeline.merge.table import complete_table, create_table, is_complete
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.staged import Page
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.refusals import translate, translated

log = logging.getLogger(__name__)


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
        self._writer: PageWriter | None = None
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

    def _commit(self, writer: PageWriter, staged: StagedDataset) -> Merged | None:
        inserted = writer.finish(self._context.options.stopping)
        if inserted != staged.staged_rows:
            self._give_up(f"{inserted:,} of {staged.staged_rows:,} rows were found in the stage")
            return None
        check_in_place(writer.connection, staged, inserted=inserted)
        outranked.begin(self._context, writer.connection, staged)
        what = written(staged, NOTHING, inserted, updated=0)
        done = conclude(self._context, writer.connection, staged, what, self._strategy)
        writer.connection.commit()
        self._tell("committed", "the rows that were filled in while downloading stay")
        return done

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
        self._writer = PageWriter(connection, self._plan.shape)
        self._tell("begun", "filling the target while downloading")

    def _give_up(self, why: str) -> None:
        self._tell("given up", f"not filled while downloading, since {why}")
        self.stop()

    def _tell(self, step: str, sentence: str) -> None:
        facts = {"event": "fill-ahead", "dataset": self._plan.dataset, "step": step}
        log.info("%s: %s", self._plan.dataset, sentence, extra={"facts": facts})
