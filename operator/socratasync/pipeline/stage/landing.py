"""Where the pages of a dataset go: into a stage of its own or, where the run makes the target, straight into that.

A stage is unlogged: it lives for one run, and a crash of the server empties it. A new table is logged, has another
name until its rows are in (``merge.new_table``), and is filled by all datasets of the run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from socratasync.errors import SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage import statements
from socratasync.pipeline.stage.pagecopy import Copied, copy_page
from socratasync.pipeline.stage.side_by_side import Feed, feeding, spread, whole_rows
from socratasync.pipeline.stage.value_by_value import ValueByValue
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import FIRST_WITH_HEADER_MATCH, Connection

log = logging.getLogger(__name__)


class StageTable:
    """A stage: it takes a dataset's pages, each in the transaction that is open on the dataset's connection, and
    numbers rows as they come."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        self._connection = connection
        self._shape = plan.shape
        self._header_match = connection.info.server_version >= FIRST_WITH_HEADER_MATCH
        self._value_by_value = ValueByValue(context, plan, connection)
        self._count = catalog.count_rows(plan.shape.staged)
        self._newest = statements.newest_change(plan.shape)

    def empty(self, *, had_rows: bool) -> None:
        """Begin with no rows, in the caller's transaction. ``had_rows``: whether there may be some."""
        self.drop()
        self._connection.execute(statements.create_stage(self._shape))

    def tidy(self) -> None:
        """After that transaction: such rows leave their room to others."""

    def drop(self) -> None:
        """Let go of the rows."""
        drop_stage(self._connection, self._shape)

    def rows(self) -> int:
        """How many there are. Raises ``UndefinedTable`` of the driver."""
        return catalog.count(self._connection, self._count)

    def newest_change(self) -> datetime | None:
        """The latest change that a row tells of."""
        row = self._connection.execute(self._newest).fetchone()
        assert row is not None, "an aggregate has a row"
        return row[0]  # type: ignore[no-any-return]

    @contextmanager
    def copying(self, chunks: Iterable[bytes]) -> Iterator[Copied]:
        """The page goes in, and stays if the block ends well and the transaction is committed right after."""
        shape = self._shape
        statement = statements.copy_into(shape.staged, shape, header_match=self._header_match)
        yield copy_page(self._connection, statement, chunks)

    def copy_by_value(self, chunks: Iterable[bytes]) -> Copied:
        """A page that ``COPY`` refuses."""
        return self._value_by_value.copy(chunks, header_match=self._header_match)

    def close(self) -> None:
        """No more pages come."""


class NewTable(StageTable):
    """A table that is going to be the target. Large pages come in by two connections where one is too slow."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        super().__init__(context, plan, connection)
        self._connections = context.connections
        self._terms = context.options.second_copy
        self._time_zone = plan.time_zone
        self._second: Connection | None = None
        self._has_tried = False
        self._opened = ExitStack()
        self._count = statements.count_in_new(plan.shape)
        self._newest = statements.newest_in_new(plan.shape)
        connection.execute(statements.name_dataset(plan.shape))

    def empty(self, *, had_rows: bool) -> None:
        """Rows that came before are deleted, since others share the table."""
        if had_rows:
            self.drop()

    def tidy(self) -> None:
        """What was deleted makes room for what comes."""
        self._connection.execute(statements.vacuum_new(self._shape))

    def drop(self) -> None:
        """Let go of the dataset's rows."""
        super().drop()
        self._connection.execute(statements.delete_from_new(self._shape))

    @contextmanager
    def copying(self, chunks: Iterable[bytes]) -> Iterator[Copied]:
        """By two connections if need be: the second commits first, so that its rows are never without a checkpoint
        but for a moment, after which they are found by their count."""
        with ExitStack() as committed, feeding() as feed:
            first = feed(self._connection, statements.copy_into_new(self._shape, has_header=True))

            def open_second() -> Feed | None:
                connection = self._second_connection()
                if connection is None:
                    return None
                committed.enter_context(connection.transaction())
                connection.execute(statements.begin_page(self._time_zone))
                statement = statements.copy_into_new(self._shape, has_header=False)
                return feed(connection, statement)

            pieces = whole_rows(chunks, self._terms.piece_bytes)
            yield Copied(rows=spread(pieces, first, open_second, self._terms))

    def _second_connection(self) -> Connection | None:
        """None where the server has none to spare."""
        if not self._has_tried:
            self._has_tried = True
            try:
                self._second = self._opened.enter_context(self._connections.connect())
                self._second.execute(statements.name_dataset(self._shape))
            except SyncError as exc:
                log.info("%s: copying by one connection, since %s", self._shape.dataset, exc)
        return self._second

    def copy_by_value(self, chunks: Iterable[bytes]) -> Copied:
        """By way of a stage of its own."""
        self._connection.execute(statements.create_stage(self._shape))
        copied = super().copy_by_value(chunks)
        self._connection.execute(statements.move_to_new(self._shape))
        self._connection.execute(statements.drop_staged(self._shape))
        return copied

    def close(self) -> None:
        """The second connection is not needed any more."""
        self._opened.close()


def drop_stage(connection: Connection, shape: Shape) -> None:
    """Remove the dataset's stage, if it is there."""
    connection.execute(statements.drop_stage(shape))


def landing(context: RunContext, plan: DatasetPlan, connection: Connection) -> StageTable:
    """Where the plan's pages go."""
    kind = NewTable if plan.shape.new_table else StageTable
    return kind(context, plan, connection)
