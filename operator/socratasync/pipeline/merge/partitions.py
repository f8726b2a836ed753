"""The partitions that a dataset's rows need, made before they are merged, where the table's own ones show how.

In a short transaction of their own, as columns are added: the merge's would keep readers out for as long as it takes. One
that stays empty because the merge fails does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from psycopg import errors as pg
from psycopg import sql

from socratasync.errors import TargetMismatch
from socratasync.pipeline.plan.bounds import Grid, write_point
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.plan.partitions import MOST, Layout, read_layout
from socratasync.pipeline.plan.target_state import checked_target
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT
from socratasync.pipeline.stage.verify import StagedDataset
from socratasync.pipeline.target import partitions
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.partitions import NewPartition

log = logging.getLogger(__name__)


def make_partitions(context: RunContext, connection: Connection, staged: StagedDataset) -> None:
    """Give the table those that it lacks for the staged rows. Raises ``TargetMismatch``, with the statements to run,
    where it is not shown how they are made, and ``TargetBusy``."""
    if not _lacking(context, connection, staged.shape):
        return
    with connection.transaction():
        context.lock.exclusive(connection)
        context.table.hold(connection)
        for new in _lacking(
            context, connection, staged.shape
        ):  # another dataset may just have done it
            _make(context, connection, staged.shape, new)
        context.table.is_now(checked_target(connection, context.request.spec))


def _lacking(context: RunContext, connection: Connection, shape: Shape) -> list[NewPartition]:
    target = checked_target(connection, context.request.spec)
    layout = read_layout(partitions.read(connection, target)) if target.kind == "p" else None
    return layout.lacking(_values(connection, shape, layout)) if layout else []


def _make(context: RunContext, connection: Connection, shape: Shape, new: NewPartition) -> None:
    statement = partitions.create_partition(shape.schema, shape.table, new)
    try:
        context.patience.execute(connection, statement, shape.target)
    except pg.DuplicateTable as exc:
        raise TargetMismatch(
            f"{shape.schema}.{shape.table} lacks a partition, and {new.schema}.{new.name}, as it would be called, is "
            "there and is none of it; rename that one, or, if it has the rows, attach it with ALTER TABLE "
            f"{shape.schema}.{shape.table} ATTACH PARTITION {new.schema}.{new.name}"
        ) from exc
    if own := partitions.own_partition(new):
        connection.execute(own)
    log.info("%s: made for its rows: %s", shape.dataset, statement.as_string(connection))


# -- what the stage has -----------------------------------------------------------------------------


def _values(connection: Connection, shape: Shape, layout: Layout) -> Sequence[str]:
    """Values of the staged rows as PostgreSQL writes them: one at least for each partition that is lacking, up to more
    than would be made."""
    column = layout.of.column
    if column == "socrata_dataset" and shape.provenance:
        return [shape.dataset]
    staged = {each.name: each.staged for each in shape.columns}
    if shape.provenance:
        staged |= {"socrata_updated_at": UPDATED_AT, "socrata_id": ROW_ID}
    # A part of the key, as PostgreSQL wants it, and so it is loaded.
    rows = connection.execute(_distinct(shape, sql.Identifier(staged[column]), layout)).fetchall()
    return [row[0] for row in rows]


def _distinct(shape: Shape, column: sql.Identifier, layout: Layout) -> sql.Composed:
    """``OFFSET 0`` keeps the server from asking for each row what can be asked for each value."""
    value = _rounded(column, layout.grid) if layout.grid else column
    statement = sql.SQL(
        "SELECT value::text FROM (SELECT DISTINCT {} AS value FROM {} OFFSET 0) AS found WHERE "
    ).format(value, shape.staged)
    if layout.of.way == "l":
        taken = sql.Literal([each for each in layout.values if each is not None])
        condition = sql.SQL("value::text <> ALL ({}::text[])").format(taken)
    else:
        condition = sql.SQL(" AND ").join([sql.SQL("value IS NOT NULL"), *_outside(layout)])
    in_one = layout.grid.size if layout.grid and layout.grid.unit != "number" else 1
    return (
        statement
        + condition
        + sql.SQL(" ORDER BY value LIMIT {}").format(sql.Literal(MOST * in_one + 1))
    )


def _outside(layout: Layout) -> list[sql.Composed]:
    """The conditions that no range has the value."""
    found: list[sql.Composed] = []
    for low, high in layout.ranges:
        ends = [
            sql.SQL(way).format(sql.Literal(write_point(end, layout.of.type)))
            for way, end in (("value < {}", low), ("value >= {}", high))
            if end is not None
        ]
        found.append(
            sql.SQL("({})").format(sql.SQL(" OR ").join(ends or [sql.SQL("false").format()]))
        )
    return found


def _rounded(column: sql.Identifier, grid: Grid) -> sql.Composed:
    """Down to where its range begins, or its month."""
    if grid.unit == "number":
        return sql.SQL("(floor(({0} - {1})::numeric / {2}) * {2} + {1})::bigint").format(
            column, sql.Literal(grid.offset), sql.Literal(grid.size)
        )
    unit = "month" if grid.unit == "months" else "day"
    return sql.SQL("date_trunc({}, {})").format(sql.Literal(unit), column)
