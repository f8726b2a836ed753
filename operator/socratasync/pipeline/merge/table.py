"""The target made fit for a dataset before its rows come: a table where there is none yet, the columns
that an existing one lacks.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.merge import table_statements
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection


def is_complete(target: Target, plan: DatasetPlan) -> bool:
    """Whether ``complete_table`` has nothing to do, as for all but the first of several datasets."""
    return target.exists and not _lacking(target, plan)


def complete_table(context: RunContext, connection: Connection, plan: DatasetPlan) -> None:
    """Give an existing table the columns that this dataset brings; make one where there is none. In a
    short transaction of the caller's, who is alone: readers wait for it. Raises ``TargetBusy``."""
    spec = context.request.spec
    context.table.hold(connection)
    target = checked_target(connection, spec)
    if not target.exists:
        for statement in _made(plan):
            connection.execute(statement)
    elif lacking := _lacking(target, plan):
        statement = table_statements.add_columns(plan.shape.target, lacking)
        context.patience.execute(connection, statement, plan.shape.target)
    context.table.is_now(checked_target(connection, spec))


def _made(plan: DatasetPlan) -> list[sql.Composed]:
    """An empty target with its key."""
    created = table_statements.create_target(plan.shape.target, plan.table)
    return [created, table_statements.add_key(plan.shape)]


def definition(target: Target, plans: Sequence[DatasetPlan]) -> list[str]:
    """The statements, in order, by which a run of these plans makes the table or completes it; none for a table that
    has all columns. Of several datasets that add columns, the one that is done first adds its own first."""
    due = [plan for plan in plans if not plan.nothing_to_do]
    if not target.exists:
        return [statement.as_string() for statement in _made(due[0])] if due else []
    added: dict[str, str] = {}
    statements: list[str] = []
    for plan in due:
        if new := [column for column in _lacking(target, plan) if column[0] not in added]:
            added.update(new)
            statements.append(table_statements.add_columns(plan.shape.target, new).as_string())
    return statements


def _lacking(target: Target, plan: DatasetPlan) -> list[tuple[str, str]]:
    """The columns (name, type) that the dataset brings and the existing table does not have."""
    names = {column.name for column in target.columns}
    brought = [(column.name, column.type) for column in plan.shape.columns]
    if plan.shape.provenance:
        brought += PROVENANCE.items()
    return [(name, pg_type) for name, pg_type in brought if name not in names]
