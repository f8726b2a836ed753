"""The book of rows that the target does not hold, because another row of their dataset, or of another
dataset, has their key.

It is kept in the transaction that merges. Each row in it can come back: once the row that stands for it
leaves the target, it is owed, and the next run reads it anew by its ``:id``. A target without provenance
has no such book, since its rows do not tell where they came from.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg import errors as pg

from socratasync.api.source import Interface
from socratasync.errors import BadValue, SyncError
from socratasync.pipeline.merge import outranked_statements as statements
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.types import Relation

log = logging.getLogger(__name__)

MOST_ASKED = 1000
"""After more rows the source is not asked one by one, or rather a hundred by a hundred: so many in the place of
others of their dataset are a replacement of it, and so many others a full run counts anew."""

_LOOKED_FOR = MOST_ASKED + 1
"""So many rows are looked for, to see whether there are more."""


def are_many(found: Collection[object]) -> bool:
    """Whether these are too many to ask for."""
    return len(found) > MOST_ASKED


def find_existing(
    context: RunContext, connection: Connection, staged: StagedDataset
) -> Collection[str]:
    """Rows (``:id``) of the target whose key an update brings for another row of the same dataset, though
    they still are at the source and meet its ``where``: not replaced, but two rows with one key. Asks the source, so before the
    transaction that merges."""
    plan = staged.plan
    if plan.load.full or not plan.shape.provenance:
        return ()
    try:
        found = connection.execute(statements.find_rivals(plan.shape, _LOOKED_FOR)).fetchall()
    except (pg.UndefinedTable, pg.UndefinedColumn):
        return ()  # others altered the table: the merge will find it so, and give way
    if are_many(found):
        return ()
    return context.source.existing(plan.dataset, [row[0] for row in found], plan.where, by=plan.api)


def begin(context: RunContext, connection: Connection, staged: StagedDataset) -> None:
    """What is staged is judged anew: for a full load every row of the dataset. Rows that were left out of the
    stage are not in the target, or only as they were before."""
    plan, target = staged.plan, context.ledger.target
    if not plan.shape.provenance:
        return
    if plan.load.full:
        context.ledger.on(connection).forget_dataset(plan.dataset)
    else:
        connection.execute(statements.forget(target, plan.shape, plan.owed))
    if staged.skipped:
        connection.execute(statements.note_skipped(target, plan.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Displaced:
    """Staged rows that the target does not hold under their key. ``ids``: None where they are many.
    ``taken``: whether others may have the key of some of them."""

    ids: tuple[str, ...] | None
    taken: bool


NONE_DISPLACED = Displaced(ids=(), taken=False)


def find_displaced(connection: Connection, staged: StagedDataset) -> Displaced:
    """One look by key, so that a dataset whose rows are all in their place costs no more than that."""
    if not staged.shape.provenance:
        return NONE_DISPLACED
    found = connection.execute(statements.find_displaced(staged.shape, _LOOKED_FOR)).fetchall()
    if are_many(found):
        return Displaced(ids=None, taken=True)
    return Displaced(ids=tuple(row[0] for row in found), taken=any(row[1] for row in found))


def remove_rekeyed(
    context: RunContext, connection: Connection, staged: StagedDataset, displaced: Displaced
) -> int:
    """Delete rows of the target whose key was corrected at the source. Returns how many."""
    if displaced.ids == ():
        return 0
    statement = statements.delete_rekeyed(context.ledger.target, staged.shape, displaced.ids)
    with _deleting(staged):
        return catalog.count(connection, statement)


def note_rivals(
    context: RunContext,
    connection: Connection,
    staged: StagedDataset,
    existing: Collection[str],
) -> None:
    """Write down which rows will be outranked by the merge that follows, in its transaction."""
    statement = statements.note_rivals(
        context.ledger.target, staged.shape, list(existing), staged.plan.new_datasets
    )
    connection.execute(statement)


def stamping(context: RunContext, connection: Connection, staged: StagedDataset) -> StagedDataset:
    """The dataset, which writes the times of equal rows, too, if it shares keys with another one."""
    shape = staged.shape
    if not shape.provenance:
        return staged
    shares = context.ledger.on(connection).shares_keys(shape.dataset)
    shape = replace(shape, stamps_equal_rows=shares)
    return replace(staged, plan=replace(staged.plan, shape=shape))


def remove_missing(context: RunContext, connection: Connection, staged: StagedDataset) -> int:
    """Delete rows of the dataset that did not come. Returns how many."""
    statement = statements.delete_missing(
        context.ledger.target, staged.shape, some_are_skipped=staged.skipped > 0
    )
    with _deleting(staged):
        return catalog.count(connection, statement)


@contextmanager
def _deleting(staged: StagedDataset) -> Iterator[None]:
    """Raises ``BadValue`` for a row that others refer to. Keys that are checked at the commit only say it in
    PostgreSQL's words."""
    try:
        yield
    except (pg.ForeignKeyViolation, pg.RestrictViolation) as exc:
        shape, diag = staged.shape, exc.diag
        raise BadValue(
            f"{shape.schema}.{shape.table} keeps a row that is gone at the source, or has another key there: rows of "
            f"{diag.schema_name}.{diag.table_name} refer to it by {diag.constraint_name}. Delete or change those, or "
            "make that foreign key ON DELETE CASCADE or SET NULL; nothing was merged"
        ) from exc


def count_stale(context: RunContext, dataset: str, table: Relation) -> int:
    """How many rows of the dataset that were left out are in the target as they were before."""
    statement = statements.count_stale(context.ledger.target, dataset, table)
    return catalog.count(context.connection, statement)


def forget_gone(context: RunContext, dataset: str, by: Interface) -> None:
    """Take rows out of the book that are no more at the source, or no longer meet its ``where``: only a full
    load would notice. ``by``: the interface that they came by."""
    ids = context.ledger.outranked_ids(dataset, _LOOKED_FOR)
    if are_many(ids):
        return
    try:
        where = context.request.spec.dataset(dataset).where
        existing = context.source.existing(dataset, ids, where, by=by)
    except SyncError as exc:
        log.info("%s: not looked for what is gone, since %s", dataset, exc.message)
        return
    context.ledger.forget_rows(dataset, [each for each in ids if each not in existing])
