"""What the target database already holds: the table, its columns and keys, the views to refresh.

Reads only. What it means for a run is decided elsewhere (``drift``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import errors as pg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from socratasync.errors import InvalidSpec, PermissionDenied, TargetMismatch
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.types import type_sql

_SQL = load("catalog")

MANY = 10_000
"""So many rows are not counted where an estimate will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetColumn:
    """A column of the target table as PostgreSQL describes it."""

    name: str
    type: str
    base: str = ""
    """The type that a domain is made of, without its length; "" for a column of any other type."""
    required: bool
    has_default: bool
    generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target table. ``kind`` is pg_class's relkind; None when there is no such relation."""

    schema: str
    table: str
    kind: str | None = None
    oid: int | None = None
    storage: str | None = None
    """The files that hold the rows: others after TRUNCATE and after whatever rewrites the table."""
    partitioned_by: tuple[str | None, ...] = ()
    """Its columns, where it is partitioned; None for an expression."""
    owned: bool = False
    owner: str = ""
    schema_exists: bool = True
    may_create: bool = True
    estimate: int = 0
    columns: tuple[TargetColumn, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """``schema.table``, as people write it."""
        return f"{self.schema}.{self.table}"

    @property
    def exists(self) -> bool:
        """Whether something of that name is there."""
        return self.kind is not None

    def column(self, name: str) -> TargetColumn | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterializedView:
    """A view to refresh. ``concurrently``: readers need not wait for it."""

    name: str
    concurrently: bool


def read_target(connection: Connection, schema: str, table: str) -> Target:
    """The target as it is now."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_SQL["read_table"], {"schema": schema, "table": table}).fetchone()
        rights = _schema_rights(connection, schema)
        if found is None:
            return Target(schema=schema, table=table, schema_exists=rights[0], may_create=rights[1])
        oid = {"oid": found["oid"]}
        keys = cursor.execute(_SQL["read_unique_keys"], oid).fetchall()
    with connection.cursor(row_factory=class_row(TargetColumn)) as cursor:
        columns = cursor.execute(_SQL["read_columns"], oid).fetchall()
    return Target(
        schema=schema,
        table=table,
        kind=found["kind"],
        oid=found["oid"],
        storage=found["storage"],
        partitioned_by=tuple(found["partitioned_by"]),
        owned=found["owned"],
        owner=found["owner"],
        estimate=found["estimate"] or 0,
        columns=tuple(columns),
        unique_keys=tuple(tuple(row["key"]) for row in keys),
    )


def _schema_rights(connection: Connection, schema: str) -> tuple[bool, bool]:
    quoted = sql.Identifier(schema).as_string(connection)
    row = connection.execute(_SQL["schema_rights"], {"quoted": quoted}).fetchone()
    assert row is not None
    return row[0], row[1]


def is_empty(connection: Connection, table: sql.Identifier) -> bool:
    """Whether the table has no row that this transaction sees."""
    row = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table)).fetchone()
    return row is not None and not row[0]


def hold(connection: Connection, table: sql.Identifier) -> None:
    """Keep others from altering, emptying or dropping the table until the transaction ends."""
    connection.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(table))


def about_how_many(connection: Connection, target: Target) -> int:
    """The table's rows as PostgreSQL estimates them, counted where it does not know and they are few; 0 only
    if it is empty or not there."""
    if target.kind not in ("r", "p"):
        return 0
    table = sql.Identifier(target.schema, target.table)
    if is_empty(connection, table):
        return 0
    return target.estimate or _few(connection, table) or _planned(connection, table)


def _few(connection: Connection, table: sql.Identifier) -> int:
    """How many rows there are; 0 if there are many."""
    counted = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) few")
    found = count(connection, counted.format(table, sql.Literal(MANY + 1)))
    return found if found <= MANY else 0


def _planned(connection: Connection, table: sql.Identifier) -> int:
    """As many rows as the planner expects, by the size of the files. A table that was never analysed, for
    having been loaded without a vacuum, is not read for that."""
    statement = sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {}").format(table)
    row = connection.execute(statement).fetchone()
    assert row is not None
    return max(MANY, int(row[0][0]["Plan"]["Plan Rows"]))


def find_postgis(connection: Connection) -> str | None:
    """The schema of the extension PostGIS; None where the database does not have it, or not for this role."""
    row = connection.execute(_SQL["find_postgis"]).fetchone()
    return row[0] if row else None


def check_types(
    connection: Connection, fields: Mapping[str, str], types: Mapping[str, str]
) -> dict[str, str]:
    """The types that the manifest gives its columns, by ``spec.target.fields`` and ``spec.target.types``: as it
    writes them → as PostgreSQL calls them, as in ``TargetColumn.type`` but without length. Raises
    ``InvalidSpec`` for one that does not exist."""
    called = _existing(connection, fields, "spec.target.fields")
    return called | (_existing(connection, types, "spec.target.types") if types else {})


def _existing(connection: Connection, fields: Mapping[str, str], path: str) -> dict[str, str]:
    types = {pg_type: name for name, pg_type in fields.items() if pg_type}
    for pg_type in types:
        type_sql(pg_type, path)
    found: dict[str, str] = dict(
        connection.execute(_SQL["read_types"], {"types": list(types)}).fetchall()
    )
    if unknown := [f"{types[t]}: there is no type {t}" for t in types if found[t] is None]:
        raise InvalidSpec(
            f"{path}: {'; '.join(unknown)} in this database; write one such as text, integer or "
            "numeric, or create the extension that has it"
        )
    return found


def check_time_zone(connection: Connection, zone: str | None) -> None:
    """Raises ``InvalidSpec`` for a time zone that the server does not have: its table of zones may be older than ours."""
    if zone is None:
        return
    row = connection.execute(_SQL["has_time_zone"], {"zone": zone}).fetchone()
    assert row is not None
    if not row[0]:
        raise InvalidSpec(
            f"spec.source.timeZone: this PostgreSQL knows no time zone {zone}; write another name of the same clock, of "
            "those in the view pg_timezone_names"
        )


def find_instants(connection: Connection, types: Iterable[str]) -> frozenset[str]:
    """Those of the types whose values are instants, so that a text without a zone says less than they hold: also domains,
    arrays and ranges of such."""
    rows = connection.execute(_SQL["find_instants"], {"types": list(types)}).fetchall()
    return frozenset(row[0] for row in rows)


def check_encoding(connection: Connection, texts: Mapping[str, str]) -> None:
    """Whether the database has every letter of these texts (path in the manifest → text), which are names of
    columns, or are kept in the bookkeeping. Raises ``InvalidSpec`` for the first that it has not."""
    encoding = connection.info.parameter_status("server_encoding")
    for path, text in texts.items():
        if text.isascii() or encoding == "UTF8":
            continue
        try:
            connection.execute(_SQL["read_back"], {"text": text})
        except pg.UntranslatableCharacter as exc:
            raise InvalidSpec(
                f'{path}: the database, whose encoding is {encoding}, has not all letters of "{text}"; write it '
                "without them, or load into a database of encoding UTF8"
            ) from exc


def read_views(connection: Connection, names: Iterable[str]) -> list[MaterializedView]:
    """The materialized views of these names. Raises what ``read_view`` does for the first that cannot be
    refreshed."""
    return [read_view(connection, name) for name in names]


def read_view(connection: Connection, name: str) -> MaterializedView:
    """The materialized view called ``view`` or ``schema.view``.

    Raises ``TargetMismatch`` when it is missing or something else, ``PermissionDenied`` when this role may not
    refresh it.
    """
    quoted = sql.Identifier(*name.split(".")).as_string(connection)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_SQL["read_view"], {"name": quoted}).fetchone()
    if row is None or row["kind"] != "m":
        raise TargetMismatch(
            f"spec.refresh.materializedViews: there is no materialized view {name}; create it or "
            "take it out of the list"
        )
    if not row["may_refresh"]:
        raise PermissionDenied(
            f"spec.refresh.materializedViews: {name} belongs to another role, and this one may not refresh "
            "it; socratasync plan names the grant"
        )
    return MaterializedView(name=name, concurrently=row["concurrently"] and row["populated"])


def count_rows(table: sql.Identifier) -> sql.Composed:
    """``(count,)`` of a whole table."""
    return sql.SQL("SELECT count(*) FROM {}").format(table)


def count_by_dataset(target: sql.Identifier) -> sql.Composed:
    """``(dataset, rows)`` for the whole target, rows of no known dataset under null."""
    return sql.SQL("SELECT socrata_dataset, count(*) FROM {} GROUP BY 1").format(target)


def analyze(table: sql.Identifier) -> sql.Composed:
    """Statistics, without which the planner guesses a stage to be tiny."""
    return sql.SQL("ANALYZE {}").format(table)


def count(connection: Connection, statement: sql.Composed) -> int:
    """The single number that a statement returns."""
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def count_rows_of(connection: Connection, target: Target, dataset: str) -> int:
    """How many rows of the dataset the target holds; of a table that does not say, all."""
    if not target.exists:
        return 0
    table = sql.Identifier(target.schema, target.table)
    if target.column("socrata_dataset") is None:
        return count(connection, count_rows(table))
    counts = connection.execute(count_by_dataset(table)).fetchall()
    return sum(rows for whose, rows in counts if whose == dataset)
