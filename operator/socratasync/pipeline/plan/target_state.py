"""The target before a run: what is there, how far its datasets are in, and whether a run may write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from socratasync.api.spec import SyncSpec
from socratasync.errors import PermissionDenied, SyncError, TargetMismatch
from socratasync.pipeline.columns import PROVENANCE
from socratasync.pipeline.plan.model import Before
from socratasync.pipeline.target import catalog, grants, partitions, surroundings
from socratasync.pipeline.target.bookkeeping import Known, Ledger, new_table_name, stage_name
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.migrations import bookkeeping_exists
from socratasync.pipeline.target.partitions import Partitioned
from socratasync.pipeline.target.surroundings import Surroundings
from socratasync.pipeline.target.table_lock import is_loading


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """The target before a run. ``known``: how far each dataset is in; nothing where ``was_emptied``,
    that is where the table is empty, or gone, though it was loaded before. ``owed``: dataset → ``:id``s of
    its rows that are to be read whether or not they changed."""

    target: Target
    before: Before
    types: Mapping[str, str] = field(default_factory=dict)
    """The types of ``spec.target.fields`` and ``spec.target.types``: as written → as PostgreSQL calls them."""
    known: Mapping[str, Known] = field(default_factory=dict)
    filled: Mapping[str, str] = field(default_factory=dict)
    """The table's columns → the fields that filled them last, of whichever dataset, also where it was emptied."""
    owed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    was_emptied: bool = False
    instants: frozenset[str] = frozenset()
    """Types of the table's columns, and of the manifest, whose values are instants, whatever they are called."""
    postgis: str | None = None
    """The schema that has PostGIS's types; None where the database has no PostGIS, or not for this role."""
    around: Surroundings = field(default_factory=Surroundings)
    partitioned: Partitioned | None = None
    """How the table takes rows, where it does not take all; None too where a column does not decide it."""
    utf8: bool = True
    """Whether the database has every letter."""


def look(connection: Connection, spec: SyncSpec) -> TargetState:
    """The target as it is now. Reads only; raises nothing for a table that cannot be loaded into, but
    ``TargetMismatch`` for a bookkeeping that is too new, and ``InvalidSpec`` for a type of
    ``spec.target.fields`` or ``spec.target.types``, a time zone or a letter that this database does not have."""
    catalog.check_encoding(connection, _written(spec))
    types = catalog.check_types(connection, spec.target.fields, spec.target.types)
    catalog.check_time_zone(connection, spec.source.time_zone)
    target = catalog.read_target(connection, spec.target.schema_, spec.target.table)
    before = measure(connection, target)
    ledger = Ledger(connection, target.name, "") if bookkeeping_exists(connection) else None
    recorded = ledger.known() if ledger else {}
    emptied = before.rows == 0 and any(known.source_rows != 0 for known in recorded.values())
    return TargetState(
        target=target,
        before=before,
        types=types,
        known={} if emptied else recorded,
        filled=_filled(recorded.values()),
        owed=ledger.owed() if ledger else {},
        was_emptied=emptied,
        instants=catalog.find_instants(connection, [*types, *(c.type for c in target.columns)]),
        postgis=catalog.find_postgis(connection),
        around=surroundings.read(connection, target),
        partitioned=partitions.read(connection, target),
        utf8=connection.info.parameter_status("server_encoding") == "UTF8",
    )


def _filled(recorded: Iterable[Known]) -> dict[str, str]:
    return {
        name: last
        for part in ("frozen", "loaded")
        for known in recorded
        for name, last in known.columns.get(part, {}).items()
    }


def _written(spec: SyncSpec) -> dict[str, str]:
    """What of the manifest gets into the database as it is written: path → text."""
    target = spec.target
    texts = {f"spec.target.fields[{name}]": name for name in target.fields}
    texts |= {f"spec.target.types[{name}]": name for name in target.types}
    texts |= {"spec.target.key": ", ".join(target.key)}
    for number, index in enumerate(target.indexes):
        path = f"spec.target.indexes[{number}]"
        texts |= {f"{path}.columns": ", ".join(index.columns)}
        texts |= {f"{path}.where": index.where or "", f"{path}.name": index.name or ""}
    for number, dataset in enumerate(spec.datasets):
        path = f"spec.datasets[{number}]"
        texts |= {f"{path}.columns[{name}]": name for name in dataset.columns}
        texts |= {f"{path}.where": dataset.where or ""}
    return texts


def measure(connection: Connection, target: Target) -> Before:
    """What a strategy is chosen by."""
    return Before(
        exists=target.exists,
        rows=catalog.about_how_many(connection, target),
        server_version=connection.info.server_version,
    )


def check_rights(connection: Connection, spec: SyncSpec) -> None:
    """Raises ``PermissionDenied`` with all that somebody must run before this role can load the table. Of another
    role's stages nothing is said while a run is under way: it may be filling them."""
    target = spec.target
    name = f"{target.schema_}.{target.table}"
    stages = [new_table_name(name), *(stage_name(name, dataset.id) for dataset in spec.datasets)]
    grants.check_rights(
        connection,
        target.schema_,
        target.table,
        views=spec.refresh.materialized_views,
        stages=[] if is_loading(connection, name) else stages,
    )


def checked_target(connection: Connection, spec: SyncSpec) -> Target:
    """The target as it is now. Raises ``TargetMismatch`` or ``PermissionDenied`` when it cannot be
    loaded into."""
    target = catalog.read_target(connection, spec.target.schema_, spec.target.table)
    check_table(target, spec.target.key)
    return target


def check_table(target: Target, key: Sequence[str]) -> None:
    """Whether a run may write this table at all. Raises ``TargetMismatch`` or ``PermissionDenied``."""
    if problem := _table_problem(target, key):
        raise problem


def _table_problem(target: Target, key: Sequence[str]) -> SyncError | None:
    name = target.name
    if not target.schema_exists:
        return TargetMismatch(
            f"there is no schema {target.schema}; create it, or correct spec.target.schema"
        )
    if not target.exists:
        if target.may_create:
            return None
        return PermissionDenied(
            f"this role may not make tables in schema {target.schema}; run: "
            f"GRANT CREATE ON SCHEMA {target.schema} TO <this role>"
        )
    if target.kind not in ("r", "p"):
        what = _KINDS.get(str(target.kind), "something else")
        return TargetMismatch(
            f"{name} is not a table but {what}; name a table, or one that does not exist yet"
        )
    if not target.owned:
        return PermissionDenied(
            f"{name} belongs to {target.owner}, and a load must alter, empty and vacuum it; run "
            f"ALTER TABLE {name} OWNER TO <this role>, or connect as {target.owner}"
        )
    if missing := [k for k in key if target.column(k) is None and k not in PROVENANCE]:
        return TargetMismatch(
            f"{name} has no column {', '.join(missing)}, which spec.target.key names"
        )
    if tuple(sorted(key)) not in target.unique_keys:
        return TargetMismatch(_without_key(target, key))
    return None


_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}
"""What else ``pg_class`` has."""


def _without_key(target: Target, key: Sequence[str]) -> str:
    """Why rows cannot be matched, and how they can. A unique key of a partitioned table holds the columns
    that tell its partitions apart."""
    columns, name = ", ".join(key), target.name
    lacks = f"{name} has no unique constraint on ({columns}), so rows cannot be matched"
    if None in target.partitioned_by:
        return (
            f"{lacks}; being partitioned by an expression, it can have none. Name another table, or one that "
            "does not exist yet"
        )
    if more := [column for column in target.partitioned_by if column not in key]:
        return (
            f"{lacks}; being partitioned by {', '.join(map(str, more))}, it can only have one that contains "
            "this, too. Add it to spec.target.key, or name another table, or one that does not exist yet"
        )
    return f"{lacks}; run ALTER TABLE {name} ADD PRIMARY KEY ({columns}), after removing duplicates if it says so"
