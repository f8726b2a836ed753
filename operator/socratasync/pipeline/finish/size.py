"""At a run's end: how much disk the table takes, and how much its indexes do."""

from __future__ import annotations

import logging

import psycopg
from psycopg.rows import class_row

from socratasync.contract.report import TableSize
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target.connection import milliseconds
from socratasync.pipeline.target.sql.statements import load

log = logging.getLogger(__name__)

_SQL, _LOCKS = load("size"), load("locks")


def measure(context: RunContext) -> None:
    """Put the table's bytes into the report. Of a table that others lock meanwhile nothing is said: no run fails for a
    figure."""
    target, connection = context.request.spec.target, context.connection
    words = {"schema": target.schema_, "table": target.table}
    wait = {"wait": milliseconds(context.patience.queue_s)}
    try:
        with (
            connection.transaction(),
            connection.cursor(row_factory=class_row(TableSize)) as cursor,
        ):
            connection.execute(_LOCKS["set_lock_timeout"], wait)
            context.journal.report.table = cursor.execute(_SQL["read"], words).fetchone()
    except psycopg.Error as exc:
        log.info("the table was not measured: %s", exc)
