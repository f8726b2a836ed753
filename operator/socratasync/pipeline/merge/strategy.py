"""Which way of merging a stage into the target costs least. Pure; the figures behind the choice
are in docs/performance.md. ``run`` and ``plan`` choose here.

- ``CREATE``: no table yet. ``COPY`` fills it, then its key is built: the index once, in order, and no row twice.
- ``FILL``: the table was empty, or the dataset is new to it and large. ``INSERT … SELECT``, in the hope
  that none of its keys is there; if one is, the others follow.
- ``UPSERT``: few rows against many. ``ON CONFLICT`` looks each of them up by the key.
- ``MERGE``: many rows against many. One hash join; rows that are equal write nothing, where
  ``ON CONFLICT`` would lock, and so log, every one of them.
- ``DIFFERENCE``: the same before PostgreSQL 17, whose ``MERGE`` is the first to say which rows were new.
- ``REPLACE``: ``reset``. ``TRUNCATE`` and ``INSERT`` in one transaction; readers wait for it.
"""

from __future__ import annotations

from enum import StrEnum

from socratasync.pipeline.plan.model import Before, DatasetPlan
from socratasync.pipeline.target.connection import FIRST_WITH_MERGE_RETURNING

SMALL_SHARE = 0.10
"""Above a tenth of the target, one pass over it beats that many look-ups."""


class Strategy(StrEnum):
    """How staged rows get into the target."""

    CREATE = "create"
    FILL = "fill"
    UPSERT = "upsert"
    MERGE = "merge"
    DIFFERENCE = "difference"
    REPLACE = "replace"


def choose(plan: DatasetPlan, staged_rows: int, *, resets: bool = False) -> Strategy:
    """The strategy for so many rows of the dataset, into the target as it was before the run: what
    other datasets of the run bring meanwhile changes nothing, so it can be told beforehand."""
    if resets:
        return Strategy.REPLACE
    if not plan.before.exists:
        return Strategy.CREATE if plan.shape.new_table else Strategy.FILL
    if plan.before.rows == 0:
        return Strategy.FILL
    if plan.known is None and not _are_few(staged_rows, plan.before):
        return Strategy.FILL
    return choose_by_key(plan.before, staged_rows)


def choose_by_key(before: Before, staged_rows: int) -> Strategy:
    """The strategy where some of the keys are in the table already."""
    return Strategy.UPSERT if _are_few(staged_rows, before) else join_for(before.server_version)


def join_for(server_version: int) -> Strategy:
    """How many rows meet many."""
    has_merge = server_version >= FIRST_WITH_MERGE_RETURNING
    return Strategy.MERGE if has_merge else Strategy.DIFFERENCE


def _are_few(staged_rows: int, before: Before) -> bool:
    return staged_rows <= before.rows * SMALL_SHARE
