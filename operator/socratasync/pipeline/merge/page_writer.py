"""Inserts pages of a stage into the target in one open transaction, in a thread of its own, while the next
page is downloaded."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import psycopg
from psycopg import sql

from socratasync.errors import Terminated
from socratasync.pipeline.merge import statements
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.stage.staged import Page
from socratasync.pipeline.target.connection import Connection, cancel

THREAD = "fill-ahead"

_LOOK_UP_S = 0.2
_FAREWELL_S = 5.0


@dataclass(slots=True)
class Effort:
    """How long a transaction has been open, and for how much of that it worked; times are a clock's seconds."""

    began: float
    worked_s: float = 0.0

    def add(self, began: float, ended: float) -> None:
        """It worked in between."""
        self.worked_s += ended - began

    def is_too_little(self, now: float, longest_idle_s: float) -> bool:
        """Whether it waited so much that it is not worth keeping open."""
        waited_s = now - self.began - self.worked_s
        return waited_s > max(longest_idle_s, self.worked_s)


class PageWriter:
    """One open transaction, and the thread that inserts pages in it, up to the first ``error``."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self.connection = connection
        self._shape = shape
        self._pages: queue.SimpleQueue[Page | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._inserted: list[Page] = []
        self._written = 0
        self._effort = Effort(time.monotonic())
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def add(self, pages: Sequence[Page]) -> None:
        """More to insert, when there is time."""
        for page in pages:
            self._pages.put(page)

    def waits_too_long(self, longest_idle_s: float) -> bool:
        """Whether there was nothing to insert for most of its time."""
        return self._effort.is_too_little(time.monotonic(), longest_idle_s)

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
            cancel(self.connection)
        self._thread.join(_FAREWELL_S)

    def _work(self) -> None:
        try:
            while (page := self._pages.get()) is not None and not self._stopped.is_set():
                self._insert(page)
        except psycopg.Error as exc:
            self.error = exc

    def _insert(self, page: Page) -> None:
        began = time.monotonic()
        self._execute(statements.insert_page(self._shape, page.xid, page.first_block))
        self._inserted.append(page)
        self._effort.add(began, time.monotonic())

    def _insert_stragglers(self) -> None:
        """``COPY`` may put rows of a later page into blocks of an earlier one. They are inserted last, in
        one pass over the stage, since the last page may have put some into the first block."""
        for page, following in pairwise(self._inserted):
            statement = statements.insert_stragglers(
                self._shape, page.xid, page.first_block, following.first_block
            )
            self._execute(statement)

    def _execute(self, statement: sql.Composed) -> None:
        self._written += self.connection.execute(statement).rowcount
