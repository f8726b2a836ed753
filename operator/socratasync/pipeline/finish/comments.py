"""After the merge: comments on the table and its columns, with what the portal says of them.

Every run looks, since the portal may reword what it says while no row changes; only a difference is written.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import psycopg
from psycopg import sql

from socratasync.errors import TargetBusy
from socratasync.pipeline.finish.comment_text import wanted
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target import comments
from socratasync.pipeline.target.comments import TABLE
from socratasync.pipeline.target.refusals import translate
from socratasync.pipeline.target.types import relation

log = logging.getLogger(__name__)


def comment(context: RunContext) -> None:
    """Write the comments that differ from what the portal says, all or none. A table that others hold is commented by
    a later run; another failure is raised, and says that the data is in."""
    target = context.request.spec.target
    if not target.comments:
        return
    try:
        found = comments.read(context.connection, target.schema_, target.table)
        if texts := comments.differing(wanted(found.told), found.there):
            log.info("comments on %s of %s", len(texts), context.request.target)
            with context.journal.timed("refresh"):
                _write(context, texts)
    except TargetBusy as exc:
        context.journal.warn(
            f"the data is in, but its table was not commented, and is by the next run: {exc.message}"
        )
    except psycopg.Error as exc:
        error = translate(exc)
        raise type(error)(
            f"the data is in, but comments on {context.request.target} were not written (spec.target.comments: false "
            f"leaves them out): {error.message}"
        ) from exc


def _write(context: RunContext, texts: dict[str, str]) -> None:
    """The statements lock nobody out who reads or writes, and wait behind others for no longer than a moment."""
    target = context.request.spec.target
    statements = [_statement(target.schema_, target.table, *each) for each in texts.items()]
    patience = replace(
        context.patience, wait_s=min(context.patience.wait_s, context.patience.queue_s)
    )
    patience.execute_alone(
        context.connection,
        sql.SQL("; ").join(statements),
        relation(target.schema_, target.table),
        readers_matter=False,
    )


def _statement(schema: str, table: str, name: str, text: str) -> sql.Composed:
    if name == TABLE:
        what = sql.SQL("TABLE {}").format(sql.Identifier(schema, table))
    else:
        what = sql.SQL("COLUMN {}").format(sql.Identifier(schema, table, name))
    return sql.SQL("COMMENT ON {} IS {}").format(what, sql.Literal(text))
