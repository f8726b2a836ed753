"""SQL that brings a stage's rows into the target, composed with ``psycopg.sql``. Pure.

Statements that merge return one row ``(inserted, updated)``, so counts are the server's own.
``t`` is the target and ``s`` the stage throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from psycopg import sql

from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT
from socratasync.pipeline.stage.statements import ARRIVAL, names
from socratasync.pipeline.target.types import compared

Source = Literal["s", "excluded"]
"""Where values come from: the stage, or in ``ON CONFLICT`` the row that was to be inserted, which has the
target's own names."""

_NEVER_YET = "infinity"
"""The time that nothing is later than."""


def _written(shape: Shape, source: Source) -> dict[str, sql.Composable]:
    """Column of the target → what is written into it."""
    values: dict[str, sql.Composable] = {
        c.name: sql.Identifier("s", c.staged) for c in shape.columns
    }
    if shape.provenance:
        values |= {
            "socrata_dataset": sql.Literal(shape.dataset),
            "socrata_id": sql.Identifier("s", ROW_ID),
            "socrata_updated_at": stamp("s"),
        }
    return values if source == "s" else {name: sql.Identifier(source, name) for name in values}


def _value_list(shape: Shape) -> sql.Composed:
    return sql.SQL(", ").join(_written(shape, "s").values())


def _staged_key(shape: Shape) -> list[tuple[str, sql.Composable]]:
    """Key column → its value in the stage ``s``. A table keyed by the source's own row id finds it
    there under its Socrata name."""
    staged = _written(shape, "s")
    return [(name, staged[name]) for name in shape.key]


def _varying_key(shape: Shape) -> sql.Composed:
    """The key's values that differ within one stage."""
    return sql.SQL(", ").join(
        value for _, value in _staged_key(shape) if not isinstance(value, sql.Literal)
    )


def same_key(shape: Shape) -> sql.Composed:
    """Whether ``t`` and ``s`` have one key."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("t", name), value)
        for name, value in _staged_key(shape)
    )


def _compared(column: Column, source: Source | Literal["t"]) -> sql.Composable:
    identifier = sql.Identifier(source, column.staged if source == "s" else column.name)
    return compared(identifier, column.type)


def differs(shape: Shape, source: Source) -> sql.Composed:
    """Whether the target row ``t`` must be rewritten from ``source`` (``s``, or ``excluded``).

    The source's ``:id`` and ``:updated_at`` do not count: a dataset republished as it was gets
    new ones for every row (but see ``Shape.stamps_equal_rows`` and ``renews_ids``). A row that another dataset also holds
    goes to the newer of the two; of two equally new ones always to the same, or they would take turns. A
    row without a time is the oldest.
    """
    data = [c for c in shape.columns if c.name not in shape.key]
    left: list[sql.Composable] = [_compared(c, "t") for c in data]
    right: list[sql.Composable] = [_compared(c, source) for c in data]
    if not shape.provenance:
        return _distinct(left, right)
    left.append(sql.Identifier("t", "socrata_dataset"))
    right.append(sql.Literal(shape.dataset))
    left.append(_lacks_provenance(source))
    right.append(sql.Literal(False))
    if shape.renews_ids:
        left.append(sql.Identifier("t", "socrata_id"))
        right.append(_row_id(source))
    if shape.stamps_equal_rows:
        left.append(sql.Identifier("t", "socrata_updated_at"))
        right.append(stamp(source))
    newer = sql.SQL(
        "(t.socrata_dataset IS NULL OR (t.socrata_dataset = {0}{1}) OR "
        "(coalesce({2}, '-infinity'), {0}::text) > "
        "(coalesce(t.socrata_updated_at, '-infinity'), t.socrata_dataset))"
    ).format(sql.Literal(shape.dataset), replaceable(shape, source), stamp(source))
    return sql.SQL("{} AND {}").format(_distinct(left, right), newer)


def _lacks_provenance(source: Source) -> sql.Composed:
    """Whether ``t`` lacks what ``source`` has: the columns were dropped, or switched off for a while."""
    return sql.SQL(
        "(t.socrata_id IS NULL OR (t.socrata_updated_at IS NULL AND {} IS NOT NULL))"
    ).format(stamp(source))


def replaceable(shape: Shape, source: Source) -> sql.Composed:
    """The further condition under which ``source`` may replace the dataset's own row ``t``
    (``KeepsNewer``): `` AND (…)``, or nothing for a full load."""
    keeps = shape.keeps_newer
    if keeps is None:
        return sql.Composed([])
    return sql.SQL(
        " AND (t.socrata_updated_at IS NULL OR {stamp} >= t.socrata_updated_at "
        "OR t.socrata_updated_at > {believed_until}::timestamptz "
        "OR (coalesce({stamp}, '-infinity') <= {read_again_after}::timestamptz "
        "AND (t.socrata_id = {id} OR t.socrata_updated_at >= {asked_since}::timestamptz)))"
    ).format(
        stamp=stamp(source),
        id=_row_id(source),
        believed_until=sql.Literal(keeps.believed_until),
        read_again_after=sql.Literal(keeps.read_again_after or _NEVER_YET),
        asked_since=sql.Literal(keeps.asked_since or _NEVER_YET),
    )


def _row_id(source: Source) -> sql.Composable:
    return sql.Identifier(source, "socrata_id" if source == "excluded" else ROW_ID)


def stamp(source: Source) -> sql.Composable:
    """When the row changed, at its source."""
    return sql.Identifier(source, "socrata_updated_at" if source == "excluded" else UPDATED_AT)


def _distinct(left: Sequence[sql.Composable], right: Sequence[sql.Composable]) -> sql.Composed:
    """Two rows of no columns are not, as PostgreSQL has it."""
    comma = sql.SQL(", ")
    return sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(comma.join(left), comma.join(right))


def _assignments(shape: Shape, source: Source) -> sql.Composed:
    written = _written(shape, source)
    if written.keys() <= set(shape.key):
        return sql.SQL("{0} = t.{0}").format(sql.Identifier(shape.key[0]))
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), value)
        for name, value in written.items()
        if name not in shape.key
    )


def insert_all(shape: Shape) -> sql.Composed:
    """Every staged row into an empty target; the row count is the number inserted."""
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} s").format(
        shape.target, names(_written(shape, "s")), _value_list(shape), shape.staged
    )


_COUNTED = sql.SQL(
    "WITH written AS ({}) SELECT count(*) FILTER (WHERE is_new), "
    "count(*) FILTER (WHERE NOT is_new) FROM written"
)


def upsert(shape: Shape) -> sql.Composed:
    """Few rows against many, one look-up by key each."""
    if shape.in_two:
        return _in_two(shape)
    return _COUNTED.format(_on_conflict(shape, sql.SQL("FROM {} s").format(shape.staged)))


def difference(shape: Shape) -> sql.Composed:
    """New and differing rows found by one join, then written by key: ``merge`` for older servers."""
    if shape.in_two:
        return _in_two(shape)
    rows = sql.SQL("FROM {} s LEFT JOIN {} t ON {} WHERE t.{} IS NULL OR ({})").format(
        shape.staged,
        shape.target,
        same_key(shape),
        sql.Identifier(shape.key[0]),
        differs(shape, "s"),
    )
    return _COUNTED.format(_on_conflict(shape, rows))


def _on_conflict(shape: Shape, rows: sql.Composed) -> sql.Composed:
    return sql.SQL(
        "INSERT INTO {} AS t ({}) SELECT {} {} ON CONFLICT ({}) DO UPDATE SET {} WHERE {} "
        "RETURNING (t.xmax = 0) AS is_new"
    ).format(
        shape.target,
        names(_written(shape, "s")),
        _value_list(shape),
        rows,
        names(shape.key),
        _assignments(shape, "excluded"),
        differs(shape, "excluded"),
    )


def _in_two(shape: Shape) -> sql.Composed:
    """``upsert`` and ``difference`` where ``ON CONFLICT`` will not do: of a partitioned table it cannot tell which
    rows were new, and has no ``xmax`` to return; and triggers see a row twice that it updates, first as a new
    one. Both halves see the table as it was."""
    return sql.SQL(
        "WITH updated AS (UPDATE {target} t SET {assignments} FROM {stage} s WHERE {same_key} "
        "AND ({differs}) RETURNING 1), inserted AS (INSERT INTO {target} ({columns}) SELECT {values} "
        "FROM {stage} s WHERE NOT EXISTS (SELECT FROM {target} t WHERE {same_key}) RETURNING 1) "
        "SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated)"
    ).format(
        target=shape.target,
        stage=shape.staged,
        assignments=_assignments(shape, "s"),
        same_key=same_key(shape),
        differs=differs(shape, "s"),
        columns=names(_written(shape, "s")),
        values=_value_list(shape),
    )


def merge(shape: Shape) -> sql.Composed:
    """Many rows against many (PostgreSQL 17 and later, which says what it did with each)."""
    statement = sql.SQL(
        "MERGE INTO {} t USING {} s ON {} WHEN MATCHED AND {} THEN UPDATE SET {} "
        "WHEN NOT MATCHED THEN INSERT ({}) VALUES ({}) RETURNING (merge_action() = 'INSERT') AS is_new"
    ).format(
        shape.target,
        shape.staged,
        same_key(shape),
        differs(shape, "s"),
        _assignments(shape, "s"),
        names(_written(shape, "s")),
        _value_list(shape),
    )
    return _COUNTED.format(statement)


def delete_missing(shape: Shape) -> sql.Composed:
    """Rows that came from this dataset and are no longer in it."""
    return sql.SQL(
        "DELETE FROM {} t WHERE t.socrata_dataset = {} AND NOT EXISTS (SELECT FROM {} s WHERE {})"
    ).format(shape.target, sql.Literal(shape.dataset), shape.staged, same_key(shape))


def count_in_place(shape: Shape) -> sql.Composed:
    """How many rows of the target have a key that is staged; one row."""
    return sql.SQL("SELECT count(*) FROM {} t WHERE EXISTS (SELECT FROM {} s WHERE {})").format(
        shape.target, shape.staged, same_key(shape)
    )


def find_duplicates(shape: Shape) -> sql.Composed:
    """One row if any key is staged twice, else none."""
    return sql.SQL("SELECT FROM {} s GROUP BY {} HAVING count(*) > 1 LIMIT 1").format(
        shape.staged, _varying_key(shape)
    )


def ranked(shape: Shape) -> sql.Composed:
    """The stage's rows by key, the newest first; of rows equally new, the last in the source's own order.
    Columns: place (ctid), id, rank from 1, first_id, and is_as_new, whether it is as new as the first."""
    return sql.SQL(
        "SELECT s.ctid AS place, s.{id} AS id, row_number() OVER w AS rank, "
        "first_value(s.{id}) OVER w AS first_id, "
        "s.{at} IS NOT DISTINCT FROM first_value(s.{at}) OVER w AS is_as_new FROM {stage} s "
        "WINDOW w AS (PARTITION BY {key} ORDER BY s.{at} DESC NULLS LAST, s.{arrival} DESC)"
    ).format(
        id=sql.Identifier(ROW_ID),
        at=sql.Identifier(UPDATED_AT),
        stage=shape.staged,
        key=_varying_key(shape),
        arrival=sql.Identifier(ARRIVAL),
    )


def delete_duplicates(shape: Shape) -> sql.Composed:
    """Keep the first row of each key (``ranked``); one row: how many went, and how many of these were as new as
    the one that stays."""
    return sql.SQL(
        "WITH gone AS (DELETE FROM {} x USING ({}) d WHERE x.ctid = d.place AND d.rank > 1 "
        "RETURNING d.is_as_new) SELECT count(*), count(*) FILTER (WHERE is_as_new) FROM gone"
    ).format(shape.staged, ranked(shape))


def find_null_keys(shape: Shape) -> sql.Composed:
    """``(row id,)`` of a few staged rows that have no key."""
    return sql.SQL("SELECT {} FROM {} s WHERE {} LIMIT 5").format(
        sql.Identifier(ROW_ID), shape.staged, null_key(shape)
    )


def delete_null_keys(shape: Shape) -> sql.Composed:
    """Remove staged rows that have no key; the row count says how many."""
    return sql.SQL("DELETE FROM {} s WHERE {}").format(shape.staged, null_key(shape))


def null_key(shape: Shape) -> sql.Composed:
    """Whether ``s`` has no key."""
    return sql.SQL(" OR ").join(
        sql.SQL("{} IS NULL").format(value) for _, value in _staged_key(shape)
    )
