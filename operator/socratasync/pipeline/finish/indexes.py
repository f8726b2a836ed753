"""The table's indexes are brought to the manifest's, while readers read on.

New ones are made before old ones go, under a name of their own until they are whole, so that one that a kill leaves half
made is known by the next run. What fails is the refresh's failure, each index on its own: the data is in.
"""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import replace

import psycopg
from psycopg import errors as pg

from socratasync.errors import (
    BadValue,
    InvalidSpec,
    SyncError,
    TargetBusy,
    TargetUnavailable,
    Terminated,
)
from socratasync.pipeline.plan import index_plan
from socratasync.pipeline.plan.indexes import DeclaredIndex, IndexChanges
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target import catalog, indexes
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.index_check import FutureTable
from socratasync.pipeline.target.refusals import sentence, translate
from socratasync.pipeline.target.types import relation

log = logging.getLogger(__name__)


def clear_the_way(context: RunContext, target: Target) -> bool:
    """Before rows come: drop those of our indexes that may refuse rows and that the manifest has no longer, or that were
    left half made. Returns whether the table's indexes are not the manifest's."""
    changes = _changes(context, target)
    for index in changes.in_the_way:
        _drop(context, target, index.name)
    return changes.are_due


def keep_indexes(context: RunContext, *, is_new: bool) -> SyncError | None:
    """Make, name and drop what the manifest says. What fails is a warning; returns the first such error. ``is_new``: this
    run made the table, to which nobody else writes yet."""
    spec, connection = context.request.spec.target, context.connection
    target = catalog.read_target(connection, spec.schema_, spec.table)
    changes = _changes(context, target)
    if not changes.are_due:
        return None
    problems = index_plan.problems(connection, FutureTable(target=target, more={}), changes)
    failed = [
        _told(context, each, problems[each.path]) for each in _due(changes) if each.path in problems
    ]
    can = [each for each in changes.make if each.path not in problems]
    before = indexes.raise_work_memory(connection)
    try:
        made = [_make(context, target, each, is_new=is_new) for each in can]
    finally:
        indexes.set_work_memory(connection, before)
    failed += [error for error in made if error]
    for index in changes.in_the_way if failed else changes.drop:
        _drop(context, target, index.name)
    failed += _name(context, target, but=problems)
    return next(iter(failed), None)


def _due(changes: IndexChanges) -> list[DeclaredIndex]:
    return [*changes.make, *(each for _, each in changes.name)]


def _changes(context: RunContext, target: Target) -> IndexChanges:
    if target.oid is None:
        return IndexChanges()
    return index_plan.changes(context.connection, context.request.spec.target, target)


# -- made ------------------------------------------------------------------------------------------


def _make(
    context: RunContext, target: Target, each: DeclaredIndex, *, is_new: bool
) -> SyncError | None:
    """The index under its first name. A table that nobody else writes to, and one in partitions, which PostgreSQL
    indexes in no other way, is read once, while writers wait. Returns what went wrong."""
    table = relation(target.schema, target.table)
    concurrently = not is_new and target.kind != "p"
    statement = indexes.create(each.name_before, table, each.index, concurrently=concurrently)
    patience = replace(context.patience, wait_s=context.options.index_wait_s)
    log.info("making index %s on %s", each.name, target.name)
    try:
        patience.execute_beside(context.connection, statement, table, drops=False)
    except (psycopg.Error, TargetBusy) as exc:
        error = exc if isinstance(exc, TargetBusy) else _refused(context, exc, each)
        failed = _told(context, each, error)
        if concurrently and not isinstance(error, TargetUnavailable):
            _drop(context, target, each.name_before)
        return failed
    log.info("index %s on %s is made", each.name, target.name)
    return None


def _refused(context: RunContext, exc: psycopg.Error, each: DeclaredIndex) -> SyncError:
    """What PostgreSQL says of an index that it does not make, and what can be done."""
    if context.options.stopping.is_set():
        raise Terminated from exc
    said = sentence(exc)
    if isinstance(exc, pg.UniqueViolation):
        detail = (
            f" ({' '.join(exc.diag.message_detail.split())})" if exc.diag.message_detail else ""
        )
        return BadValue(
            f"rows share what is to be unique{detail}. Leave such rows out with datasets[].where, or take "
            f"{each.path}.unique out"
        )
    if isinstance(exc, pg.ProgramLimitExceeded):
        return BadValue(
            f"{said}. Choose another {each.path}.method, such as hash, or leave such rows out by its where"
        )
    if isinstance(exc, pg.DataError):
        return BadValue(f"{each.path}.where: cannot be told of every row: {said}")
    if isinstance(exc, pg.DuplicateTable):
        return TargetBusy(f"{said}: it was left half made, and could not be dropped yet")
    if isinstance(exc, (pg.InvalidObjectDefinition, pg.SyntaxError, pg.FeatureNotSupported)):
        return InvalidSpec(f"{each.path}: PostgreSQL refuses the index: {said}")
    return translate(exc)


def _told(context: RunContext, each: DeclaredIndex, error: SyncError) -> SyncError:
    failed = type(error)(f"the data is in, but its index {each.name} is not: {error.message}")
    context.journal.warn(failed.message)
    return failed


# -- named and dropped -----------------------------------------------------------------------------


def _name(context: RunContext, target: Target, *, but: Container[str]) -> list[SyncError]:
    """Give indexes their names and marks, all at once, since some may have had each other's names. ``but``: the paths
    of those that are not to be named. One whose name an old index still has is named by the next run."""
    due = _changes(context, target)
    held = {index.name for index in due.drop}
    names = [(i, each) for i, each in due.name if each.path not in but and each.name not in held]
    connection, schema = context.connection, target.schema
    try:
        with connection.transaction():
            for index, each in names:
                if index.name not in (each.name_before, each.name):
                    connection.execute(indexes.rename(schema, index.name, each.name_before))
            for index, each in names:
                if index.name != each.name:
                    connection.execute(indexes.rename(schema, each.name_before, each.name))
                connection.execute(indexes.mark(schema, each.name, each.digest))
    except psycopg.Error as exc:
        return [_told(context, each, _refused(context, exc, each)) for _, each in names]
    return []


def _drop(context: RunContext, target: Target, name: str) -> None:
    """Drop one of our indexes; what keeps it is a warning, and the next run tries again. Of a table in partitions,
    readers are locked out for a moment."""
    connection, patience = context.connection, context.patience
    table, in_parts = relation(target.schema, target.table), target.kind == "p"
    statement = indexes.drop(target.schema, name, concurrently=not in_parts)
    try:
        if in_parts:
            patience.execute(connection, statement, table)
        else:
            patience.execute_beside(connection, statement, table, drops=True)
        log.info("index %s of %s is dropped", name, target.name)
    except (psycopg.Error, TargetBusy) as exc:
        if context.options.stopping.is_set():
            raise Terminated from exc
        error = exc if isinstance(exc, TargetBusy) else translate(exc)
        context.journal.warn(
            f"index {name} of {target.name} is wanted no more, and was not dropped; the next run tries again: {error.message}"
        )
