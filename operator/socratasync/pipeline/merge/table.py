"""A staged dataset's arrival in the target: the table is made fit for it, then its rows come in.

Each step waits for its turn, since other datasets of the run arrive at the same table.
"""

from __future__ import annotations

from collections.abc import Sequence

from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.merge import statements
from socratasync.pipeline.plan.drift import check_table
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.request import RunContext, RunRequest
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection


def check(connection: Connection, request: RunRequest) -> Target:
    """The target as it is now. Raises ``TargetMismatch`` when it cannot be loaded into."""
    target = catalog.read_target(connection, request.spec.target.schema_, request.spec.target.table)
    check_table(target, request.spec.target.key)
    return target


def complete_table(
    connection: Connection, context: RunContext, job: StagedDataset, *, make: bool = False
) -> None:
    """Give an existing table the columns that this dataset brings; ``make`` one where there is none."""
    target = check(connection, context.request)
    if target.exists:
        add_columns(connection, job.shape, _lacking(target, context, job))
    elif make:
        with connection.transaction():
            create_table(connection, job.shape, table_columns(context))


def is_complete(target: Target, context: RunContext, job: StagedDataset, *, make: bool) -> bool:
    """Whether ``complete_table`` has nothing to do, as for all but the first of several datasets."""
    return not _lacking(target, context, job) if target.exists else not make


def _lacking(target: Target, context: RunContext, job: StagedDataset) -> list[tuple[str, str]]:
    """The columns (name, type) that the dataset brings and the existing table does not have."""
    names = {column.name for column in target.columns}
    lacking = [(c.name, c.type) for c in job.shape.columns if c.name not in names]
    if context.request.spec.target.provenance:
        lacking += provenance_columns(names)
    return lacking


def table_columns(context: RunContext) -> Sequence[tuple[str, str]]:
    """The columns of a table still to be made."""
    extra = provenance_columns(set()) if context.request.spec.target.provenance else []
    return [*context.table, *extra]


def create_table(connection: Connection, shape: Shape, table: Sequence[tuple[str, str]]) -> None:
    """An empty target with its key; in a transaction of the caller's."""
    connection.execute(statements.create_target(shape.target, table))
    connection.execute(statements.add_key(shape))


def add_columns(connection: Connection, shape: Shape, columns: Sequence[tuple[str, str]]) -> None:
    """Columns that the target lacks, in a short transaction of its own: readers wait only for that."""
    if columns:
        connection.execute(statements.add_columns(shape.target, columns))


def provenance_columns(names: set[str]) -> list[tuple[str, str]]:
    """Which provenance columns a table with these columns still lacks."""
    return [(name, pg_type) for name, pg_type in PROVENANCE.items() if name not in names]
