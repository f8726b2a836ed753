"""Whether the rows of a sample fit the target's types, found out in a session that only reads.

There is no stage to fill then, nor a table for the rows. They go to the server as one setting of the session, and
PL/pgSQL assigns their values to a record that has the stage's types: so PostgreSQL itself says what a run would say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from socratasync.contract.bad_values import NO_BAD_VALUES, BadValues
from socratasync.contract.report import shorten
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.source.cells import Cells, read_cells
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, header
from socratasync.pipeline.stage import refused_value, value_statements
from socratasync.pipeline.stage.statements import read_in
from socratasync.pipeline.stage.value_by_value import (
    WHY_CHARACTERS,
    Escaping,
    as_staged,
    example,
    readable,
    refusing_null,
    unforgiven,
)
from socratasync.pipeline.stage.value_statements import StageColumn
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """So many ``rows`` were tried, and so many of their ``values`` do not fit; ``bad``: what would become of them.
    ``refusal``: what a run would say that fails for the first of them, whether or not this one's would. ``untried``:
    why none were tried, where that is so."""

    rows: int
    values: int = 0
    bad: BadValues = NO_BAD_VALUES
    refusal: str | None = None
    untried: str | None = None


def try_page(
    connection: Connection,
    plan: DatasetPlan,
    page: bytes,
    *,
    most: int,
    target: Target,
    chosen: Mapping[str, str],
    types: Mapping[str, str],
    told: Callable[[str], str],
) -> Tried:
    """Try the first ``most`` rows of a page of CSV, as far as it goes. ``chosen`` and ``types``: the manifest's
    ``target.fields`` and ``target.types``; ``told`` masks secrets. Writes nothing."""
    utf8 = connection.info.parameter_status("server_encoding") == "UTF8"
    escaping = Escaping(utf8=utf8)
    names = header(plan.shape.columns)
    rows = read_cells(b"".join(escaping.applied([page])).decode(), len(names), most)
    if not rows:
        return Tried(rows=0, untried="the sample of rows cannot be read")
    columns = _columns(connection, plan.shape, target)
    found = _tried(connection, plan, columns, rows, has_escapes=escaping.happened)
    if not found["values"]:
        return Tried(rows=len(rows))
    examples = tuple(example(each, plan.shape, told, utf8=utf8) for each in found["examples"])
    tried = Tried(
        rows=len(rows),
        values=found["values"],
        bad=BadValues(nulled=found["nulled"], skipped=found["skipped"], examples=examples),
    )
    first = next(unforgiven(found["examples"], columns), None)
    if first is None:
        return tried
    said = refused_value.sentence(
        dataset=plan.dataset,
        example=example(first, plan.shape, told, utf8=utf8),
        why=shorten(told(readable(first["why"])), WHY_CHARACTERS),
        others=found["values"] - found["forgiven"] - 1,
        column=next((c for c in plan.shape.columns if c.staged == first["column"]), None),
        staged=next(c for c in columns if c.name == first["column"]),
        is_text="\x01" not in (first["value"] or ""),
        target=target,
        chosen=chosen,
        types=types,
    )
    return replace(tried, refusal=said)


def _columns(connection: Connection, shape: Shape, target: Target) -> list[StageColumn]:
    """The columns that a stage would have."""
    types = stage_types(shape)
    words = {"names": list(types), "types": list(types.values())}
    found = connection.execute(_SQL["read_types"], words).fetchall()
    columns = (StageColumn(name=row[0], base=row[1], takes_null=row[2]) for row in found)
    refuse = refusing_null(shape, target)
    return [as_staged(each, shape, refuse) for each in columns]


def stage_types(shape: Shape) -> dict[str, str]:
    """Name → type of a stage's columns, but for its own, in the order of a page."""
    types = {column.staged: column.type for column in shape.columns}
    return {**types, UPDATED_AT: "timestamp with time zone", ROW_ID: "text"}


def _tried(
    connection: Connection,
    plan: DatasetPlan,
    columns: Sequence[StageColumn],
    rows: Sequence[Cells],
    *,
    has_escapes: bool,
) -> dict[str, Any]:
    """The rows, one after the other. What was found leaves the session with the transaction."""
    statement = value_statements.try_rows(
        stage_types(plan.shape),
        columns,
        nulls=plan.on_bad_value == "Null",
        has_escapes=has_escapes,
    )
    with connection.transaction():
        connection.execute(read_in(plan.time_zone))
        connection.execute(_SQL["hand_over"], {"rows": json.dumps(rows)})
        connection.execute(statement)
        row = connection.execute("SELECT current_setting('socratasync.judged')").fetchone()
    assert row is not None
    found: dict[str, Any] = json.loads(row[0])
    return found
