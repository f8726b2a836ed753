"""What a run will do with a dataset: all of it, what changed, or nothing. Pure.

The watermark is the newest change that the source itself reported before the first row was read,
never what the target holds: rows that come late, or were missed, are then asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from socratasync.api.selection import Range
from socratasync.api.spec import Mode
from socratasync.errors import InvalidRequest, InvalidSpec
from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.plan.model import (
    SETTLED_AFTER,
    DatasetPlan,
    KeepsNewer,
    Load,
    Snapshot,
)
from socratasync.pipeline.plan.nearest import sentence
from socratasync.pipeline.source.soql import MOST_IDS, UPDATED_AT, Watermark
from socratasync.pipeline.target.bookkeeping import Known
from socratasync.times import write_instant

OVERLAP = timedelta(minutes=15)
"""Read again before the watermark: Socrata stamps rows when a change begins, not when it shows. How
long replicas may take to show it is ``SETTLED_AFTER``, and comes on top while a change is that young."""

LONG_OVERLAP = timedelta(days=3)
"""The same for a date that people keep: such rows reach the portal hours after their own date, which
may be wrong by a day, and whose zone nobody knows."""

FURTHEST_WEST = timedelta(hours=12)
"""A time of the clock on the wall is behind UTC by no more than that."""

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""A change stamped further ahead of our clock was stamped by a clock that is wrong. Less than
``OVERLAP``, which makes up for our own clock being ahead by as much."""

EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
"""Times beyond cannot be turned into another zone; no row is older or newer than these."""

RESUME_WITHIN = timedelta(hours=24)
"""A stage older than that is begun anew: its rows may be gone from the source."""


def find_watermark(
    name: str, mapping: Mapping[str, str], source: tuple[SourceColumn, ...]
) -> Watermark:
    """The watermark column of a dataset: the source field, or the target column it is mapped to.

    Raises ``InvalidSpec`` when there is no such column, or it holds no time.
    """
    if name == UPDATED_AT:
        return Watermark()
    wanted = mapping.get(name, name)
    column = next((c for c in source if c.field == wanted), None)
    if column is None:
        raise InvalidSpec(
            f"spec.source.watermark: the dataset has no column {wanted}; "
            f"{sentence([wanted], {c.field: c.label for c in source})}use :updated_at"
        )
    if column.canonical not in ("floating_timestamp", "fixed_timestamp"):
        raise InvalidSpec(
            f"spec.source.watermark: {wanted} is {column.canonical}, not a time; use :updated_at"
        )
    return Watermark(field=wanted, floating=column.canonical == "floating_timestamp")


def choose_load(
    *,
    mode: Mode,
    known: Known | None,
    asked_since: datetime | None,
    watermark: Watermark,
    columns: tuple[Column, ...],
    where: str | None,
    lacking: Sequence[str] = (),
    owed: Sequence[str] = (),
    only: Range | None = None,
) -> Load:
    """Whether all rows are read, and from when on if not. ``lacking``: columns that the target does
    not have, whether it never had them or somebody dropped them. ``owed``: rows to read in any case. ``only``: the
    range that was asked for. Raises ``InvalidRequest`` where other rows must be read before such a range."""
    if only:
        reason = _why_not_a_range(known, watermark, columns, where, lacking)
        return _of_range(only, reason)
    if mode == "full":
        return Load(full=True, why="a full run was asked for")
    if known is None:
        return Load(full=True, why="it was never loaded before")
    if known.watermark is None or known.watermark_column != watermark.field:
        return Load(full=True, why="its last load left no watermark to go on from")
    if reason := _reload_reason(known, columns, where, lacking):
        return Load(full=True, why=reason)
    if len(owed) > MOST_IDS:
        return Load(
            full=True, why=f"{len(owed):,} rows must be read anew, for others stood for them"
        )
    bound = known.synced_since
    if asked_since is None:
        return Load(full=False, bound=bound, why="rows that changed since the last load")
    asked_since = min(max(asked_since, EARLIEST), LATEST)
    if watermark.floating:
        asked_since -= FURTHEST_WEST
    if bound is not None and asked_since > bound:
        return Load(
            full=False,
            bound=asked_since,
            advances=False,
            why="since is later than the watermark, which therefore stays where it is",
        )
    return Load(full=False, bound=asked_since, why="rows that changed since the time given")


def _why_not_a_range(
    known: Known | None,
    watermark: Watermark,
    columns: tuple[Column, ...],
    where: str | None,
    lacking: Sequence[str],
) -> str | None:
    """Why other rows must be read first: the dataset would count as loaded, or as loaded so."""
    if known is None:
        return "it was never loaded before"
    if known.watermark_column != watermark.field:
        return f"it was loaded by {known.watermark_column}, and is to be by {watermark.field}"
    return _reload_reason(known, columns, where, lacking)


def _of_range(only: Range, reason: str | None) -> Load:
    if reason:
        raise InvalidRequest(f"a range is not enough: {reason}. Run without since and until first")
    return Load(full=False, only=only, advances=False, why=f"{_span(only)}, as asked")


def _span(only: Range) -> str:
    ends = {"since": only.since, "until": only.until}
    told = [f"{word} {write_instant(at)}" for word, at in ends.items() if at]
    return f"rows {' '.join(told)}"


def keeps_newer(load: Load, watermark: Watermark, now: datetime) -> KeepsNewer | None:
    """Which newer rows of the target a load that begins ``now`` leaves alone."""
    if load.full:
        return None
    if load.only:
        # A newer version of a row may lie beyond the range, and no later update would read it again.
        return KeepsNewer(
            believed_until=now + CLOCKS_DIFFER_BY, read_again_after=EARLIEST, asked_since=None
        )
    stamped = watermark.field == UPDATED_AT
    return KeepsNewer(
        believed_until=now + CLOCKS_DIFFER_BY,
        read_again_after=now - SETTLED_AFTER if stamped else None,
        asked_since=load.bound if stamped else None,
    )


def must_start_over(
    known: Known | None, columns: tuple[Column, ...], where: str | None, lacking: Sequence[str]
) -> bool:
    """Whether rows that did not change must be read, whatever the mode: none were merged, the table
    lost them or some of their columns, or others are wanted."""
    return known is None or _reload_reason(known, columns, where, lacking) is not None


def _reload_reason(
    known: Known, columns: tuple[Column, ...], where: str | None, lacking: Sequence[str]
) -> str | None:
    """Why rows that did not change must be read all the same."""
    loaded, types = known.columns.get("loaded", {}), known.columns.get("source", {})
    zones = known.columns.get("zones", {})
    new = [
        c.name
        for c in columns
        if loaded.get(c.name) != c.field
        or types.get(c.whole) != c.field_type
        or zones.get(c.name) != c.zone
    ]
    new += [name for name in lacking if name not in new]
    if new:
        return f"{', '.join(new[:5])} must be filled anew for all rows"
    if known.query != (where or ""):
        return "its where changed"
    return None


def nothing_changed(
    known: Known | None, load: Load, snapshot: Snapshot, watermark: Watermark
) -> bool:
    """Whether the source is as it was at the last load, so that there is nothing to read.

    Any change of a row moves ``rowsUpdatedAt``; where a portal omits it, ``:updated_at`` and the
    number of rows, if they are counted, must do, and tell nothing of rows without a time of change.
    """
    if known is None or load.full or not load.advances or load.bound != known.synced_since:
        return False
    if snapshot.rows_updated_at is None and watermark.field != UPDATED_AT:
        return False
    return (
        snapshot.rows_updated_at == known.rows_updated_at
        and snapshot.newest == known.watermark
        and snapshot.rows in (None, known.source_rows)
    )


def known_after(plan: DatasetPlan, *, trusted: bool, left_out: int) -> Known:
    """The bookkeeping once the plan's rows are in.

    ``trusted``: the rows were counted and are all there; else the watermark stays, and the next
    update reads them again. A full load leaves none then: its reason, be it a new column or another
    filter, will not come again, so the next run must be full by itself. A range changes nothing of it.
    """
    if plan.load.only and plan.known:
        return replace(
            plan.known, columns=plan.columns_after, left_out=plan.known.left_out + left_out
        )
    moves = trusted and plan.load.advances
    earlier = plan.known
    stays = None if plan.load.full or not earlier else earlier.watermark
    reached = _reached(plan) if moves else stays
    overlap = OVERLAP if plan.watermark.field == UPDATED_AT else LONG_OVERLAP
    # Rows of a lagging replica are older than rowsUpdatedAt says; do not take them for current.
    current = moves and plan.replica_as_of is None
    return Known(
        dataset=plan.dataset,
        year=plan.year,
        watermark_column=plan.watermark.field,  # an update has the earlier one; without a watermark it says nothing
        watermark=reached,
        synced_since=reached - overlap if reached else None,
        source_rows=plan.snapshot.rows if current else None,
        rows_updated_at=plan.snapshot.rows_updated_at
        if current and plan.snapshot.is_settled
        else None,
        columns=plan.columns_after,
        query=plan.where or "",
        left_out=left_out + (earlier.left_out if earlier and not plan.load.full else 0),
    )


def _reached(plan: DatasetPlan) -> datetime | None:
    """The newest change that the rows read are sure to hold.

    The newest change, the count and each page may have been answered by replicas of different age. One
    that says so lacks what is newer than itself, and may have overwritten newer rows: the watermark
    moves back to the replica's time. One that does not say so has all but the last ``SETTLED_AFTER``,
    which no watermark passes. A source that has been quiet for longer is not read again for that.
    """
    reached = _within_replica(plan)
    taken_at = plan.snapshot.taken_at
    if reached is None or taken_at is None or plan.watermark.field != UPDATED_AT:
        return reached
    return min(reached, taken_at - SETTLED_AFTER)


def _within_replica(plan: DatasetPlan) -> datetime | None:
    """The newest change, or the time of the replica that said it was behind."""
    newest, as_of = plan.snapshot.newest, plan.replica_as_of
    if newest is None or as_of is None:
        return newest
    earlier, bound = plan.known, plan.load.bound
    if earlier and earlier.watermark and bound and bound == earlier.synced_since:
        return max(min(newest, as_of), earlier.watermark)  # the next update reads all of this again
    return min(newest, as_of)


def may_resume(*, same_rows: bool, same_run: bool, started_at: datetime, now: datetime) -> bool:
    """Whether a stage that an earlier try left is worth going on with."""
    return same_rows and (same_run or now - started_at <= RESUME_WITHIN)
