"""Which way of merging a stage into the target costs least. Pure; the figures behind the choice
are in docs/performance.md.

- ``CREATE``: no table yet. Fill it, then build its key: the index is built once, in order.
- ``FILL``: the table is empty, or the dataset is new to it and large. ``INSERT … SELECT``, in the hope
  that none of its keys is there; if one is, the others follow.
- ``UPSERT``: few rows against many. ``ON CONFLICT`` looks each of them up by the key.
- ``MERGE``: many rows against many. One hash join; rows that are equal write nothing, where
  ``ON CONFLICT`` would lock, and so log, every one of them.
- ``DIFFERENCE``: the same for PostgreSQL 14, which has no ``MERGE``.
- ``REPLACE``: ``reset``. ``TRUNCATE`` and ``INSERT`` in one transaction; readers wait for it.
"""

from __future__ import annotations

from enum import StrEnum

from socratasync.pipeline.target.connection import FIRST_WITH_MERGE

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


def choose(
    *,
    exists: bool,
    empty: bool,
    is_new: bool = False,
    staged_rows: int,
    target_rows: int,
    server_version: int,
) -> Strategy:
    """The strategy for ``staged_rows`` into about ``target_rows``, on ``server_version`` (150004 form).
    ``is_new``: the dataset was never loaded, so its keys are hardly there."""
    if not exists:
        return Strategy.CREATE
    if empty:
        return Strategy.FILL
    if staged_rows <= target_rows * SMALL_SHARE:
        return Strategy.UPSERT
    if is_new:
        return Strategy.FILL
    return Strategy.MERGE if server_version >= FIRST_WITH_MERGE else Strategy.DIFFERENCE
