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
    """Whether ``complete_table`` has nothing to do, as for all but the first of several datasets. A
    dataset that is alone makes its table itself, rows first (``Strategy.CREATE``)."""
    return not _lacking(target, plan) if target.exists else plan.alone


def complete_table(context: RunContext, connection: Connection, plan: DatasetPlan) -> None:
    """Give an existing table the columns that this dataset brings; make one where there is none. In a
    short transaction of the caller's, who is alone: readers wait for it. Raises ``TargetBusy``."""
    spec = context.request.spec
    context.table.hold(connection)
    target = checked_target(connection, spec)
    if not target.exists:
        create_table(connection, plan)
    elif lacking := _lacking(target, plan):
        statement = table_statements.add_columns(plan.shape.target, lacking)
        context.patience.execute(connection, statement, plan.shape.target)
    context.table.is_now(checked_target(connection, spec))


def create_table(connection: Connection, plan: DatasetPlan) -> None:
    """An empty target with its key; in a transaction of the caller's."""
    connection.execute(create_target(plan))
    connection.execute(table_statements.add_key(plan.shape))


def create_target(plan: DatasetPlan) -> sql.Composed:
    """The empty target without its key."""
    return table_statements.create_target(plan.shape.target, plan.table)


def definition(target: Target, plans: Sequence[DatasetPlan]) -> list[str]:
    """The statements, in order, by which a run of these plans makes the table or completes it; none for a table that
    has all columns. Of several datasets that add columns, the one that is done first adds its own first."""
    due = [plan for plan in plans if not plan.nothing_to_do]
    if not target.exists:
        made = [create_target(due[0]), table_statements.add_key(due[0].shape)] if due else []
        return [statement.as_string() for statement in made]
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
