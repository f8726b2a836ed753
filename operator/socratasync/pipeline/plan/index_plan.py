"""The indexes of a table as it is, or as a run makes it: what becomes of them, and why one cannot be made. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from socratasync.api.spec import SyncSpec
from socratasync.api.target import TargetSpec
from socratasync.errors import InvalidSpec, SyncError, TargetMismatch
from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.plan.indexes import DeclaredIndex, IndexChanges, decide, declared
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.target import grants, indexes
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection, Connections
from socratasync.pipeline.target.index_check import FutureTable, check_index, means_the_same


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPlan:
    """What a run would do. ``problems``: why it would fail to, by the path of the index in the manifest."""

    changes: IndexChanges = field(default_factory=IndexChanges)
    problems: Mapping[str, SyncError] = field(default_factory=dict)

    @property
    def error(self) -> SyncError | None:
        """The first of them."""
        return next(iter(self.problems.values()), None)


def changes(connection: Connection, spec: TargetSpec, target: Target) -> IndexChanges:
    """What is to be done with the indexes of an existing table."""
    assert target.oid is not None
    table = FutureTable(target=target, more={})
    return decide(
        declared(spec),
        indexes.read(connection, target.oid),
        means_the_same=lambda one, other: means_the_same(connection, table, one, other),
    )


def problems(
    connection: Connection, table: FutureTable, changes: IndexChanges
) -> dict[str, SyncError]:
    """Why indexes cannot be made, or named, by their paths."""
    due = {each.path: each for each in (*changes.make, *(each for _, each in changes.name))}
    if not due:
        return {}
    target = table.target
    if grant := indexes.missing_grant(connection, target.schema):
        return dict.fromkeys(due, grants.lacks(connection, [grant]))
    ours = [*changes.drop, *(index for index, _ in changes.name)]
    names = [each.name for each in due.values()]
    taken = indexes.read_taken(connection, target.schema, names, ours)
    found: dict[str, SyncError] = {}
    for path, each in due.items():
        problem = _is_taken(target, each, taken)
        if problem is None and each in changes.make:
            problem = check_index(connection, table, path, each.index)
        if problem:
            found[path] = problem
    return found


def _is_taken(target: Target, each: DeclaredIndex, taken: Mapping[str, str]) -> SyncError | None:
    if each.name not in taken:
        return None
    what = f"another index of {taken[each.name]}" if taken[each.name] else "no index"
    return TargetMismatch(
        f"{each.path}.name: {target.schema}.{each.name} is there already, and is {what}, which this product did not "
        "make; choose another name, or rename or drop that one"
    )


def foresee(
    connections: Connections | None, spec: SyncSpec, target: Target, plans: Iterable[object]
) -> IndexPlan:
    """What a run of these plans would do. ``connections``: None where there is no database yet."""
    planned = [plan for plan in plans if isinstance(plan, DatasetPlan)]
    if not spec.target.indexes and not target.exists:
        return IndexPlan()
    more = {} if target.exists and not planned else _columns(target, planned)
    if connections is None:
        every = declared(spec.target)
        return IndexPlan(changes=IndexChanges(make=every), problems=_lacking(target, every, more))
    with connections.connect(read_only=True) as connection:
        if target.exists:
            due = changes(connection, spec.target, target)
        else:
            due = IndexChanges(make=declared(spec.target))
        if not target.exists and not more:
            return IndexPlan(changes=due)  # nothing is known of its columns
        table = FutureTable(target=target, more=more)
        return IndexPlan(changes=due, problems=problems(connection, table, due))


def _columns(target: Target, plans: Iterable[DatasetPlan]) -> dict[str, str]:
    """The columns that the run makes: all of a new table, what an existing one lacks."""
    columns: dict[str, str] = {}
    for plan in plans:
        columns.update(plan.add if target.exists else plan.table)
        if plan.shape.provenance:
            columns.update(PROVENANCE)
    return columns


def _lacking(
    target: Target, every: Iterable[DeclaredIndex], columns: Mapping[str, str]
) -> dict[str, SyncError]:
    return {
        each.path: InvalidSpec(
            f"{each.path}.columns: {target.name} has no column {', '.join(missing)}; there are {', '.join(columns)}"
        )
        for each in every
        if columns and (missing := [name for name in each.index.columns if name not in columns])
    }
