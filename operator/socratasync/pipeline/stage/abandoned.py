"""Drops the stages that nobody goes on with: of a dataset that failed and left the manifest, of a sync that was
deleted while it ran. Any later run on the database does so, whatever it loads.

A stage goes if no retry may use it (no checkpoint, or one older than ``RESUME_WITHIN``), no run on its target
is under way, and it belongs to this role.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from socratasync.pipeline.plan.watermark import RESUME_WITHIN
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.target.bookkeeping import new_table_name, stage_name
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.refusals import sentence
from socratasync.pipeline.target.sql.statements import load
from socratasync.pipeline.target.table_lock import run_lock_number

log = logging.getLogger(__name__)

_SQL = load("stages")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStage:
    """A stage as it lies in the database: its tables, without the schema; its owner, quoted for SQL, if that is
    another role; when its filling began, if it has a checkpoint."""

    name: str
    tables: list[str]
    bytes: int
    owned: bool
    owner: str | None
    started_at: datetime | None

    @property
    def dataset(self) -> str:
        """The dataset's id, as the name has it."""
        return "-".join(self.name.split("_")[1:3])


def drop_abandoned(context: RunContext, in_use: Collection[str]) -> None:
    """Drop what nobody goes on with, and say so. ``in_use``: stages that this run is about to fill. What cannot
    be dropped is a warning: no run fails for it."""
    connection, now = context.connection, context.options.clock()
    with connection.cursor(row_factory=class_row(FoundStage)) as cursor:
        stages = cursor.execute(_SQL["find_stages"]).fetchall()
    unused = [s for s in stages if s.name not in in_use]
    for stage in unused:
        if stage.owned and stage.name == new_table_name(context.ledger.target):
            _remove(context, stage)  # the target is there, and this run has it to itself
    old = [s for s in unused if is_too_old(s.started_at, now)]
    targets = [row[0] for row in connection.execute(_SQL["read_targets"]).fetchall()] if old else []
    dropped = [stage for stage in old if _drop(context, stage, target_of(stage, targets), now)]
    if dropped:
        context.journal.warn(
            f"dropped {len(dropped)} stages ({sum(stage.bytes for stage in dropped):,} bytes) that earlier runs "
            "had left in schema socratasync"
        )
    connection.execute(
        _SQL["forget_lost_checkpoints"], {"before": now - RESUME_WITHIN, "in_use": list(in_use)}
    )


def is_too_old(started_at: datetime | None, now: datetime) -> bool:
    """Whether no later run would go on with the stage."""
    return started_at is None or now - started_at > RESUME_WITHIN


def target_of(stage: FoundStage, targets: Iterable[str]) -> str | None:
    """The target that the stage was made for; its name tells it only to one who knows the target."""
    return next(
        (t for t in targets if stage.name in (stage_name(t, stage.dataset), new_table_name(t))),
        None,
    )


def _drop(context: RunContext, stage: FoundStage, target: str | None, now: datetime) -> bool:
    """Drop it, unless a run is at it. A target that no run was recorded for has none."""
    connection = context.connection
    try:
        with connection.transaction():
            connection.execute(_SQL["wait_briefly"])
            if not (_is_idle(connection, target) and _is_still_old(connection, stage.name, now)):
                return False
            if stage.owned:
                _remove(context, stage)
    except psycopg.errors.LockNotAvailable as exc:
        log.info("stage %s stays for now: %s", stage.name, sentence(exc))
        return False
    if not stage.owned:
        context.journal.warn(
            f"{stage.bytes:,} bytes lie in a stage of role {stage.owner} that nobody goes on with; have that role, "
            f"or an administrator, run: DROP TABLE {', '.join(f'socratasync.{t}' for t in stage.tables)}"
        )
    return stage.owned


def _remove(context: RunContext, stage: FoundStage) -> None:
    tables = sql.SQL(", ").join(sql.Identifier("socratasync", table) for table in stage.tables)
    context.connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(tables))
    context.ledger.drop_checkpoint(stage.name)


def _is_idle(connection: Connection, target: str | None) -> bool:
    """Whether no run loads the target, nor begins to before this transaction ends."""
    if target is None:
        return True
    row = connection.execute(_SQL["try_run_lock"], {"lock": run_lock_number(target)}).fetchone()
    return row is not None and bool(row[0])


def _is_still_old(connection: Connection, stage: str, now: datetime) -> bool:
    row = connection.execute(_SQL["started_at"], {"stage": stage}).fetchone()
    return is_too_old(row[0] if row else None, now)
