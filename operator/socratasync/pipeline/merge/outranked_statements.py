"""SQL that keeps book of rows which another row's key keeps out of the target (``socratasync.outranked``).
Pure.

``t`` is the target and ``s`` the stage, as in ``statements``; ``o`` is the book. A row of a source is named
by its dataset and ``:id``, which a table without provenance does not tell: there is no book of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from socratasync.pipeline.merge import statements
from socratasync.pipeline.plan.model import SETTLED_AFTER, Shape
from socratasync.pipeline.plan.watermark import CLOCKS_DIFFER_BY
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT
from socratasync.pipeline.stage.statements import skipped
from socratasync.pipeline.target.types import Relation

_ID = sql.Identifier("s", ROW_ID)

_NOTE = sql.SQL(
    "INSERT INTO socratasync.outranked (target, dataset, socrata_id, holder_dataset, holder_id, owed) {} "
    "ON CONFLICT (target, dataset, socrata_id) DO UPDATE SET holder_dataset = excluded.holder_dataset, "
    "holder_id = excluded.holder_id, owed = excluded.owed"
)

_AND_OWE = sql.SQL(
    "WITH gone AS ({gone} RETURNING t.socrata_id), owed AS ("
    "UPDATE socratasync.outranked o SET owed = true, holder_dataset = NULL, holder_id = NULL "
    "FROM gone WHERE o.target = {target} AND o.holder_dataset = {dataset} AND o.holder_id = gone.socrata_id) SELECT count(*) FROM gone"
)
"""Deletes rows, and has those read anew that they stood for."""


def forget(target: str, shape: Shape, asked: Sequence[str]) -> sql.Composed:
    """The staged rows, and those that were asked for by ``:id``, are judged anew."""
    return sql.SQL(
        "DELETE FROM socratasync.outranked o WHERE o.target = {} AND o.dataset = {} AND "
        "(o.socrata_id = ANY ({}) OR EXISTS (SELECT FROM {} s WHERE {} = o.socrata_id))"
    ).format(
        sql.Literal(target),
        sql.Literal(shape.dataset),
        sql.Literal(list(asked)),
        shape.staged,
        _ID,
    )


def find_displaced(shape: Shape, most: int) -> sql.Composed:
    """``(row id, whether another row has its key)`` of staged rows that the target does not hold under their
    key: new ones, those of another key, and those whose key another row has."""
    return sql.SQL(
        "SELECT {0}, t.socrata_id IS NOT NULL FROM {1} s LEFT JOIN {2} t ON {3} "
        "WHERE (t.socrata_dataset, t.socrata_id) IS DISTINCT FROM ({4}, {0}) LIMIT {5}"
    ).format(
        _ID,
        shape.staged,
        shape.target,
        statements.same_key(shape),
        sql.Literal(shape.dataset),
        sql.Literal(most),
    )


def delete_rekeyed(target: str, shape: Shape, only: Sequence[str] | None) -> sql.Composed:
    """Rows of the target under a key that the staged row of their ``:id`` has no more; one row, how many.
    ``only``: the ``:id``s to look for, where they are few. An update leaves those that it would not
    replace, either."""
    few = sql.SQL(" AND t.socrata_id = ANY ({})").format(sql.Literal(list(only or ())))
    gone = sql.SQL(
        "DELETE FROM {} t USING {} s WHERE t.socrata_dataset = {} AND t.socrata_id = {} "
        "AND ({}) IS NOT TRUE{}{}"
    ).format(
        shape.target,
        shape.staged,
        sql.Literal(shape.dataset),
        _ID,
        statements.same_key(shape),
        statements.replaceable(shape, "s"),
        few if only is not None else sql.SQL(""),
    )
    return _and_owe(target, shape, gone)


def delete_missing(target: str, shape: Shape, *, some_are_skipped: bool) -> sql.Composed:
    """Rows that came from this dataset and are no longer in it; one row, how many. Those that were left out of
    the stage still are."""
    gone = statements.delete_missing(shape)
    if some_are_skipped:
        gone = sql.SQL("{} AND NOT EXISTS (SELECT FROM {} k WHERE k.{} = t.socrata_id)").format(
            gone, skipped(shape), sql.Identifier(ROW_ID)
        )
    return _and_owe(target, shape, gone)


def _and_owe(target: str, shape: Shape, gone: sql.Composed) -> sql.Composed:
    return _AND_OWE.format(
        gone=gone, target=sql.Literal(target), dataset=sql.Literal(shape.dataset)
    )


def note_keyless(target: str, shape: Shape) -> sql.Composed:
    """Staged rows that have no key."""
    return _NOTE.format(
        sql.SQL("SELECT DISTINCT {}, {}, {}, NULL, NULL, false FROM {} s WHERE {}").format(
            sql.Literal(target),
            sql.Literal(shape.dataset),
            _ID,
            shape.staged,
            statements.null_key(shape),
        )
    )


def note_skipped(target: str, shape: Shape) -> sql.Composed:
    """Rows that were left out of the stage."""
    return _NOTE.format(
        sql.SQL("SELECT DISTINCT {}, {}, k.{}, NULL, NULL, false FROM {} k").format(
            sql.Literal(target),
            sql.Literal(shape.dataset),
            sql.Identifier(ROW_ID),
            skipped(shape),
        )
    )


def count_stale(target: str, dataset: str, table: Relation) -> sql.Composed:
    """How many rows that are noted as not in the target are there as they were before; one row."""
    return sql.SQL(
        "SELECT count(*) FROM socratasync.outranked o JOIN {} t ON t.socrata_dataset = o.dataset "
        "AND t.socrata_id = o.socrata_id "
        "WHERE o.target = {} AND o.dataset = {} AND o.holder_id IS NULL"
    ).format(table, sql.Literal(target), sql.Literal(dataset))


def note_duplicates(target: str, shape: Shape) -> sql.Composed:
    """Staged rows that come after another one with their key."""
    return _NOTE.format(
        sql.SQL(
            "SELECT DISTINCT ON (d.id) {0}, {1}, d.id, {1}, d.first_id, false FROM ({2}) d "
            "WHERE d.rank > 1 AND d.id <> d.first_id"
        ).format(sql.Literal(target), sql.Literal(shape.dataset), statements.ranked(shape))
    )


def find_rivals(shape: Shape, most: int) -> sql.Composed:
    """``(row id,)`` of rows in the target that are of the same dataset as the staged row with their key, and
    not that row."""
    return sql.SQL(
        "SELECT DISTINCT t.socrata_id FROM {} s JOIN {} t ON {} WHERE t.socrata_dataset = {} "
        "AND t.socrata_id <> {} LIMIT {}"
    ).format(
        shape.staged,
        shape.target,
        statements.same_key(shape),
        sql.Literal(shape.dataset),
        _ID,
        sql.Literal(most),
    )


def _is_doubtful(target: str, new_datasets: Sequence[str]) -> sql.Composed:
    """Whether ``at`` may be older than a row of ``their_dataset`` that the target says is older. While a dataset
    shared no keys, rows that came again as they were kept the time that they had in the target."""
    return sql.SQL(
        "their_dataset <> ALL ({}) AND NOT EXISTS (SELECT FROM socratasync.datasets d "
        "WHERE d.target = {} AND d.dataset = their_dataset AND d.watermark_column = {} "
        "AND at > d.watermark + {})"
    ).format(
        sql.Literal(list(new_datasets)),
        sql.Literal(target),
        sql.Literal(UPDATED_AT),
        sql.Literal(SETTLED_AFTER + CLOCKS_DIFFER_BY),
    )


def note_rivals(
    target: str, shape: Shape, existing: Sequence[str], new_datasets: Sequence[str]
) -> sql.Composed:
    """Of a staged row and the row in the target that has its key, the one that stays and the one that is
    outranked, before they are merged.

    ``existing``: those of the dataset's rows in the target that there still are at the source, as are those
    that came after the staged row with their key. Others there were replaced. Rows that the loser stood for are the winner's from now on. ``new_datasets`` are loaded for
    the first time by this run. A loser of another dataset whose time of change is in doubt is read anew.
    """
    return sql.SQL(
        "WITH pairs AS (SELECT {id} AS id, t.socrata_dataset AS their_dataset, t.socrata_id AS their_id, "
        "coalesce({written}, false) AS wins, {at} AS at FROM {stage} s JOIN {table} t ON {same_key} "
        "WHERE t.socrata_dataset <> {dataset} OR t.socrata_id <> {id}), "
        "judged AS (SELECT CASE WHEN wins THEN their_dataset ELSE {dataset} END AS loser_dataset, "
        "CASE WHEN wins THEN their_id ELSE id END AS loser_id, "
        "CASE WHEN wins THEN {dataset} ELSE their_dataset END AS winner_dataset, "
        "CASE WHEN wins THEN id ELSE their_id END AS winner_id, "
        "their_dataset <> {dataset} OR their_id = ANY ({existing}) OR EXISTS ("
        "SELECT FROM socratasync.outranked o WHERE o.target = {target} AND o.dataset = {dataset} "
        "AND o.socrata_id = their_id AND o.holder_dataset = {dataset} AND o.holder_id = id) AS is_rival, "
        "wins AND their_dataset <> {dataset} AND {doubtful} AS is_doubtful FROM pairs), "
        "handed_on AS (UPDATE socratasync.outranked o SET holder_dataset = winner_dataset, "
        "holder_id = winner_id FROM judged WHERE o.target = {target} "
        "AND o.holder_dataset = loser_dataset AND o.holder_id = loser_id "
        "AND (o.dataset, o.socrata_id) <> (winner_dataset, winner_id)), "
        "freed AS (DELETE FROM socratasync.outranked o USING judged WHERE o.target = {target} "
        "AND o.dataset = winner_dataset AND o.socrata_id = winner_id "
        "AND o.holder_dataset = loser_dataset AND o.holder_id = loser_id) {note}"
    ).format(
        id=_ID,
        written=statements.differs(shape, "s"),
        stage=shape.staged,
        table=shape.target,
        same_key=statements.same_key(shape),
        dataset=sql.Literal(shape.dataset),
        existing=sql.Literal(list(existing)),
        target=sql.Literal(target),
        at=statements.stamp("s"),
        doubtful=_is_doubtful(target, new_datasets),
        note=_NOTE.format(
            sql.SQL(
                "SELECT DISTINCT ON (loser_dataset, loser_id) {}, loser_dataset, loser_id, "
                "winner_dataset, winner_id, is_doubtful FROM judged WHERE is_rival"
            ).format(sql.Literal(target))
        ),
    )
