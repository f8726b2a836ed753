"""Whether rows may be loaded by another interface than the one that a table was loaded by.

Rows are told apart by their ``:id``: in a table that is keyed by it, in the book of rows that others outrank, in what
an update leaves alone. Nobody promised that both interfaces give a row the same one. So before the first load by
another interface some that the table holds are looked up there. Where none is found, an update would double rows, or
lose some.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from psycopg import errors as pg

from socratasync.errors import InvalidQuery, InvalidRequest, SyncError, TargetMismatch
from socratasync.pipeline.parallel import in_parallel
from socratasync.pipeline.plan.model import DatasetPlan, Load
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.stage import form_statements
from socratasync.pipeline.stage.forms import MOST_ROWS, other_forms
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connection, Connections

log = logging.getLogger(__name__)

Planned = DatasetPlan | SyncError

_OF_THE_BOOK = 10
_OF_THE_TABLE = (MOST_ROWS - _OF_THE_BOOK) // 2
"""So many of the newest, and as many others: all of them fit into one question (``soql.MOST_IDS``)."""


def changes_over(plan: DatasetPlan) -> bool:
    """Whether the dataset's rows in the table came by another interface."""
    return plan.known is not None and plan.known.api != plan.api


def check_all(
    connections: Connections,
    source: Source,
    plans: Mapping[str, Planned],
    *,
    at_once: int,
    resets: bool,
    compares: bool = True,
) -> dict[str, Planned]:
    """The plans, of which those that change over were checked. An error stands in its dataset's place.
    Writes nothing, and without ``compares`` nothing at all, not even for a while."""

    def check(plan: DatasetPlan) -> DatasetPlan:
        with connections.connect(read_only=not compares) as connection:
            return check_changeover(connection, source, plan, resets=resets, compares=compares)

    due = {
        dataset: partial(check, plan)
        for dataset, plan in plans.items()
        if isinstance(plan, DatasetPlan) and changes_over(plan) and not resets
    }
    if not due:
        return dict(plans)
    checked = in_parallel(
        due, at_once=at_once, stopping=source.stopping, on_stop=connections.cancel_all
    )
    return {**plans, **checked}


def check_changeover(
    connection: Connection,
    source: Source,
    plan: DatasetPlan,
    *,
    resets: bool,
    compares: bool = True,
) -> DatasetPlan:
    """The plan for a dataset whose rows come by another interface than before: as it was, with a warning for each
    column of another form if it ``compares`` values; or all rows are read anew, where they have other ``:id``s.
    Raises ``TargetMismatch`` where the table is keyed by those. A table that is emptied (``resets``) needs no check."""
    if resets or not changes_over(plan):
        return plan
    ids = _some_ids(connection, plan)
    found = _known_to(source, plan, ids)
    if ids and not found:
        return _with_other_ids(plan, len(ids))
    log.info("%s: %d of %d :ids are the same by %s", plan.dataset, len(found), len(ids), plan.api)
    if not compares:
        return plan
    warnings = other_forms(connection, source, plan, sorted(found))
    return replace(plan, warnings=plan.warnings + warnings)


def _some_ids(connection: Connection, plan: DatasetPlan) -> list[str]:
    """Of rows that the table holds of the dataset, and of some that it does not hold for having another's key.
    A table without provenance tells of none."""
    shape = plan.shape
    if not shape.provenance:
        return []
    ids: list[str] = []
    with suppress(pg.UndefinedTable, pg.UndefinedColumn):  # they are still to be made
        rows = connection.execute(form_statements.some_rows(shape, _OF_THE_TABLE)).fetchall()
        ids += [row[0] for row in rows]
    ledger = Ledger(connection, f"{shape.schema}.{shape.table}", "")
    if ledger.has_outranked():
        ids += ledger.outranked_ids(plan.dataset, _OF_THE_BOOK)
    return list(dict.fromkeys(ids))


def _known_to(source: Source, plan: DatasetPlan, ids: list[str]) -> set[str]:
    """Those of the ``:id``s that the interface knows which the dataset goes over to."""
    try:
        return source.existing(plan.dataset, ids, by=plan.api)
    except InvalidQuery as exc:  # it was asked for nothing but these
        log.info("%s: %s does not take them for :ids: %s", plan.dataset, plan.api, exc.message)
        return set()


def _with_other_ids(plan: DatasetPlan, looked_up: int) -> DatasetPlan:
    """The plan that reads all rows anew. Raises ``TargetMismatch`` where they would be other rows than the table's,
    ``InvalidRequest`` where only a range was asked for."""
    assert plan.known is not None, "rows came by another interface"
    shape, before = plan.shape, plan.known.api
    found = f"dataset {plan.dataset}: of {looked_up} rows that came by {before}, none has its :id by {plan.api}"
    if "socrata_id" in shape.key:
        raise TargetMismatch(
            f"{found}, and {shape.schema}.{shape.table} is keyed by it (socrata_id), so that rows would be doubled; "
            "nothing was merged. Set spec.target.reset to true and run in full once, which loads the table anew; or "
            f"write {before} in spec.source.api for as long as that answers"
        )
    if plan.load.only:
        raise InvalidRequest(
            f"{found}, so all rows must be read anew; run without since and until first"
        )
    return _read_anew(
        plan,
        f"{found}; all rows are read anew and written with the new ones, though their data may not have changed",
    )


def _read_anew(plan: DatasetPlan, warning: str) -> DatasetPlan:
    """All rows are read, and those that are equal written, too: then the table and the book have their ``:id``s."""
    said_of_the_load = f"dataset {plan.dataset}: {plan.load.why}"
    return replace(
        plan,
        load=Load(full=True, why=f"its rows have other :ids by {plan.api}"),
        shape=replace(plan.shape, keeps_newer=None, renews_ids=True),
        starts_over=True,
        nothing_to_do=False,
        warnings=(*(w for w in plan.warnings if w != said_of_the_load), warning),
    )
