"""The manifest's own SQL: in one transaction, on a connection of its own, whose settings it may change as it likes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg

from socratasync.api.refresh import RefreshSpec
from socratasync.api.script import NO_TRANSACTION, Statement
from socratasync.errors import (
    PermissionDenied,
    SyncError,
    TargetBusy,
    TargetMismatch,
    TargetUnavailable,
)
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target import refresh_sql
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.refusals import refusal, sentence

log = logging.getLogger(__name__)

_TOLD_AS_THEY_ARE = (PermissionDenied, TargetBusy, TargetUnavailable)
"""What another error of the SQL is, is not for the data: a person looks at the text."""

_HINT_CHARACTERS = 200


def run_sql(context: RunContext) -> SyncError | None:
    """Run the statements, all or none. The error, told as a warning, if one of them failed; waits for others' locks as
    other statements of a refresh do, and lets readers pass meanwhile."""
    refresh = context.request.spec.refresh
    if refresh.sql is None:
        return None
    run = _Run(context, refresh)
    log.info("%s, %d statements", refresh.written_in, len(refresh.script))
    try:
        with context.connections.connect() as connection:
            try:
                context.patience.attempt(connection, lambda: run.once(connection))
            except psycopg.Error as exc:
                error = run.failed(exc)
            else:
                return None
    except SyncError as exc:  # there was no connection to be had
        error = type(exc)(f"the data is in, but {refresh.written_in} was not run: {exc.message}")
    context.journal.warn(error.message)
    return error


@dataclass(slots=True)
class _Run:
    """``at``: the statement that is being run; None before the first, and after the last one."""

    context: RunContext
    refresh: RefreshSpec
    at: Statement | None = None

    def once(self, connection: Connection) -> None:
        """In the caller's transaction. That this text was run is written down first: the text may give up the role
        that can."""
        ledger, digest = self.context.ledger, self.refresh.sql_digest
        refresh_sql.record(connection, ledger.target, ledger.run, str(digest))
        for statement in self.refresh.script:
            self.at = statement
            # Prepared, so that it is one statement, whatever a semicolon in it was taken for.
            connection.execute(statement.text.encode(), prepare=True)
        self.at = None

    def failed(self, exc: psycopg.Error) -> SyncError:
        """Ours for the driver's, with the statement and its line."""
        kind = refusal(exc.sqlstate).error if exc.sqlstate else TargetUnavailable
        kind = kind if kind in _TOLD_AS_THEY_ARE else TargetMismatch
        return kind(
            f"the data is in, but {self.refresh.written_in} failed, and nothing of it stays: "
            f"{self._place(exc)}: {_said(exc)}"
        )

    def _place(self, exc: psycopg.Error) -> str:
        if self.at is None:
            return "at the end of its transaction"
        position = int(exc.diag.statement_position or 1)
        return f"line {self.at.line_of(position)}: {self.at.shown}"


def _said(exc: psycopg.Error) -> str:
    if isinstance(exc, pg.ActiveSqlTransaction):
        return f"{NO_TRANSACTION}; take it out, and run it by hand"
    hint = " ".join((exc.diag.message_hint or "").split())[:_HINT_CHARACTERS]
    return sentence(exc) + (f" ({hint})" if hint else "")
