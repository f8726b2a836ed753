from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from tests.unit.pipeline.plans import (
    BY_CHANGE,
    BY_FLOATING,
    COLUMNS,
    EARLIER,
    KNOWN,
    LATER,
    NOON,
    PLAN,
    SHAPE,
    SNAPSHOT,
    SOURCE,
)

from socratasync.api.selection import Range
from socratasync.api.spec import Mode
from socratasync.errors import InvalidRequest, InvalidSpec
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.model import SETTLED_AFTER, DatasetPlan, KeepsNewer, Load, Snapshot
from socratasync.pipeline.plan.watermark import (
    CLOCKS_DIFFER_BY,
    EARLIEST,
    LONG_OVERLAP,
    OVERLAP,
    RESUME_WITHIN,
    choose_load,
    find_watermark,
    keeps_newer,
    known_after,
    may_resume,
    nothing_changed,
)
from socratasync.pipeline.source.soql import Watermark
from socratasync.pipeline.target.bookkeeping import Known

# -- all rows, or those that changed ------------------------------------------------------------


FEBRUARY = Range(since=datetime(2024, 2, 1, tzinfo=UTC), until=datetime(2024, 3, 1, tzinfo=UTC))
IN_FEBRUARY = Load(
    full=False,
    only=FEBRUARY,
    advances=False,
    why="rows since 2024-02-01T00:00:00Z until 2024-03-01T00:00:00Z, as asked",
)


def chosen(
    *,
    mode: Mode = "update",
    known: Known | None = KNOWN,
    since: datetime | None = None,
    watermark: Watermark = BY_CHANGE,
    columns: tuple[Column, ...] = COLUMNS,
    where: str | None = None,
    **more: Any,
) -> Load:
    return choose_load(
        **more,
        mode=mode,
        known=known,
        asked_since=since,
        watermark=watermark,
        columns=columns,
        where=where,
    )


@pytest.mark.parametrize(
    ("choose", "why"),
    [
        pytest.param(partial(chosen, mode="full"), "a full run was asked for", id="asked for"),
        pytest.param(partial(chosen, known=None), "never loaded", id="the first run of a dataset"),
        pytest.param(
            partial(chosen, known=None, since=EARLIER),
            "never loaded",
            id="even when since is given",
        ),
        pytest.param(
            partial(chosen, known=replace(KNOWN, watermark=None, synced_since=None)),
            "no watermark",
            id="the last load was of nothing, or could not be trusted",
        ),
        pytest.param(
            partial(chosen, watermark=BY_FLOATING), "no watermark", id="another watermark column"
        ),
        pytest.param(
            partial(chosen, columns=(*COLUMNS, replace(COLUMNS[0], name="zip", field="zip"))),
            "zip must be filled",
            id="a new column",
        ),
        pytest.param(
            partial(chosen, columns=(COLUMNS[0], replace(COLUMNS[1], field="state"))),
            "status must be filled",
            id="a column that comes from another field",
        ),
        pytest.param(
            partial(chosen, columns=(COLUMNS[0], replace(COLUMNS[1], source_type="number"))),
            "status must be filled",
            id="a column that was retyped",
        ),
        pytest.param(
            partial(chosen, where="a = 1"), "where changed", id="a filter that was not there"
        ),
        pytest.param(
            partial(chosen, known=replace(KNOWN, query="a = 1")),
            "where changed",
            id="a filter taken away",
        ),
    ],
)
def test_all_rows_are_read(choose: Callable[[], Load], why: str) -> None:
    load = choose()

    assert load.full
    assert load.advances
    assert load.bound is None
    assert why in load.why


def test_an_update_reads_what_changed_since_shortly_before_the_watermark() -> None:
    assert chosen() == Load(
        full=False, bound=NOON - OVERLAP, why="rows that changed since the last load"
    )


def test_a_column_that_is_gone_needs_no_full_load() -> None:
    assert not chosen(columns=COLUMNS[:1]).full


def test_since_before_the_watermark_reads_more_and_advances() -> None:
    load = chosen(since=EARLIER)

    assert (load.full, load.bound, load.advances) == (False, EARLIER, True)


def test_since_after_the_watermark_would_leave_a_gap_so_the_watermark_stays() -> None:
    load = chosen(since=LATER)

    assert (load.full, load.bound, load.advances) == (False, LATER, False)


def test_since_reaches_back_to_the_last_zone_where_the_watermark_has_none() -> None:
    known = replace(KNOWN, watermark_column="updateddate")

    load = chosen(known=known, watermark=BY_FLOATING, since=EARLIER)

    assert load.bound == EARLIER - timedelta(hours=12)


@pytest.mark.parametrize("zone", [timedelta(hours=14), timedelta(hours=-12)])
@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("watermark", [BY_CHANGE, BY_FLOATING])
def test_since_at_the_end_of_all_times_can_still_be_asked_for(
    watermark: Watermark, year: int, zone: timedelta
) -> None:
    known = replace(KNOWN, watermark_column=watermark.field)
    edge = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=timezone(zone))

    load = chosen(known=known, watermark=watermark, since=edge)

    assert load.bound is not None
    assert watermark.literal(load.bound)


# -- nothing to do ------------------------------------------------------------------------------


def is_quiet(
    *,
    known: Known | None = KNOWN,
    load: Load | None = None,
    snapshot: Snapshot = SNAPSHOT,
    watermark: Watermark = BY_CHANGE,
) -> bool:
    return nothing_changed(known, load or chosen(), snapshot, watermark)


def test_a_source_that_is_as_it_was_needs_no_reading() -> None:
    assert is_quiet()


def test_the_overlap_does_not_make_every_source_look_changed() -> None:
    known = known_after(PLAN, trusted=True, left_out=0)

    assert is_quiet(known=known, load=chosen(known=known))


def test_a_count_that_was_not_taken_is_no_sign_of_change() -> None:
    assert is_quiet(snapshot=replace(SNAPSHOT, rows=None))
    assert not is_quiet(known=replace(KNOWN, source_rows=None))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"rows": 99}, id="a row is gone"),
        pytest.param({"rows": 101}, id="a row is new"),
        pytest.param({"newest": LATER}, id="a row is newer"),
        pytest.param({"newest": None}, id="there is no row any more"),
        pytest.param({"rows_updated_at": LATER}, id="the rows were touched"),
        pytest.param({"rows_updated_at": None}, id="the source does not say any more"),
    ],
)
def test_any_sign_of_change_is_looked_into(changes: dict[str, object]) -> None:
    assert not is_quiet(snapshot=replace(SNAPSHOT, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "load"),
    [
        pytest.param(None, Load(full=True), id="never loaded"),
        pytest.param(KNOWN, Load(full=True), id="a full load"),
        pytest.param(KNOWN, chosen(since=EARLIER), id="since an earlier time"),
        pytest.param(KNOWN, chosen(since=LATER), id="since a later time"),
        pytest.param(replace(KNOWN, source_rows=None), chosen(), id="the last one not trusted"),
    ],
)
def test_a_load_that_was_asked_for_is_done_though_nothing_changed(
    known: Known | None, load: Load
) -> None:
    assert not nothing_changed(known, load, SNAPSHOT, BY_CHANGE)


def test_a_portal_without_rows_updated_at_is_judged_by_its_rows_own_stamps() -> None:
    known = replace(KNOWN, rows_updated_at=None)
    silent = replace(SNAPSHOT, rows_updated_at=None)

    assert is_quiet(known=known, load=chosen(known=known), snapshot=silent)
    by_date = replace(known, watermark_column="updateddate")
    assert not is_quiet(
        known=by_date,
        load=chosen(known=by_date, watermark=BY_FLOATING),
        snapshot=silent,
        watermark=BY_FLOATING,
    )


# -- afterwards ---------------------------------------------------------------------------------


def test_afterwards_the_watermark_is_what_the_source_said_before_the_first_row() -> None:
    known = known_after(PLAN, trusted=True, left_out=3)

    assert known == replace(KNOWN, left_out=3)


def test_a_date_that_people_keep_is_read_again_for_longer() -> None:
    known = known_after(replace(PLAN, watermark=BY_FLOATING), trusted=True, left_out=0)

    assert known.synced_since == NOON - LONG_OVERLAP


def test_an_update_that_could_not_be_trusted_leaves_the_watermark() -> None:
    newer = replace(SNAPSHOT, newest=LATER)
    plan = replace(PLAN, load=chosen(), known=KNOWN, snapshot=newer)

    known = known_after(plan, trusted=False, left_out=0)

    assert known.watermark == NOON
    assert known.synced_since == NOON - OVERLAP
    assert known.source_rows is None
    assert known.rows_updated_at is None


@pytest.mark.parametrize("earlier", [None, KNOWN], ids=["the first", "a later one"])
def test_a_full_load_that_could_not_be_trusted_is_done_again(earlier: Known | None) -> None:
    plan = replace(PLAN, known=earlier, where="a = 1")

    known = known_after(plan, trusted=False, left_out=0)

    assert chosen(known=known, where="a = 1").full


def test_a_since_that_leaves_a_gap_leaves_the_watermark() -> None:
    plan = replace(PLAN, load=chosen(since=LATER), known=KNOWN)

    known = known_after(plan, trusted=True, left_out=0)

    assert known.watermark == NOON
    assert known.source_rows is None


def test_an_empty_dataset_has_no_watermark_and_is_read_whole_next_time() -> None:
    plan = replace(PLAN, snapshot=replace(SNAPSHOT, rows=0, newest=None))

    known = known_after(plan, trusted=True, left_out=0)

    assert (known.watermark, known.synced_since, known.source_rows) == (None, None, 0)
    assert chosen(known=known).full


def test_an_update_keeps_the_count_of_what_the_full_load_left_out() -> None:
    plan = replace(PLAN, load=chosen(), known=replace(KNOWN, left_out=5))

    assert known_after(plan, trusted=True, left_out=0).left_out == 5


def reached(
    newest: timedelta | None,
    *,
    replica: timedelta | None = None,
    load: Load = PLAN.load,
    earlier: timedelta = timedelta(days=-1),
    watermark: Watermark = BY_CHANGE,
    taken_at: datetime | None = NOON,
) -> timedelta | None:
    """How far the watermark gets, in a run that began at noon. All from noon on."""
    known = replace(KNOWN, watermark=NOON + earlier, synced_since=NOON + earlier - OVERLAP)
    plan = replace(
        PLAN,
        load=load,
        known=known,
        watermark=watermark,
        replica_as_of=None if replica is None else NOON + replica,
        snapshot=replace(
            SNAPSHOT, newest=None if newest is None else NOON + newest, taken_at=taken_at
        ),
    )
    after = known_after(plan, trusted=True, left_out=0).watermark
    return None if after is None else after - NOON


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NEXT_UPDATE = Load(full=False, bound=NOON - timedelta(days=1) - OVERLAP)
OLD_UPDATE = Load(full=False, bound=NOON - timedelta(days=9))


@pytest.mark.parametrize(
    ("find", "expected"),
    [
        pytest.param(
            partial(reached, -30 * HOUR), -30 * HOUR, id="a quiet source: its newest change"
        ),
        pytest.param(partial(reached, -HOUR), -HOUR, id="a change that every replica shows by now"),
        pytest.param(partial(reached, -59 * MINUTE), -HOUR, id="one that some may not show yet"),
        pytest.param(partial(reached, 0 * HOUR), -HOUR, id="one of just now"),
        pytest.param(partial(reached, 48 * HOUR), -HOUR, id="one of a clock that is ahead"),
        pytest.param(partial(reached, None), None, id="no row at all"),
        pytest.param(
            partial(reached, 0 * HOUR, replica=-3 * HOUR), -3 * HOUR, id="no further than a replica"
        ),
        pytest.param(
            partial(reached, -5 * HOUR, replica=-3 * HOUR),
            -5 * HOUR,
            id="a replica that has it all",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, replica=-5 * MINUTE),
            -HOUR,
            id="pages may be older than their replica",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, replica=-30 * HOUR, load=NEXT_UPDATE),
            -24 * HOUR,
            id="not back, where the next update reads all of this again",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, replica=-3 * HOUR, load=NEXT_UPDATE),
            -3 * HOUR,
            id="forward as far as the replica",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, replica=-30 * HOUR, load=OLD_UPDATE),
            -30 * HOUR,
            id="back, where older rows may have been overwritten",
        ),
        pytest.param(
            partial(
                reached,
                -HOUR,
                earlier=-MINUTE,
                load=Load(full=False, bound=NOON - MINUTE - OVERLAP),
            ),
            -HOUR,
            id="back, where an earlier release went too far",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, watermark=BY_FLOATING),
            0 * HOUR,
            id="a date is read again for days",
        ),
        pytest.param(
            partial(reached, 0 * HOUR, taken_at=None),
            0 * HOUR,
            id="an earlier release did not note when",
        ),
    ],
)
def test_the_watermark_passes_no_change_that_the_rows_read_may_lack(
    find: Callable[[], timedelta | None], expected: timedelta | None
) -> None:
    assert find() == expected


def test_what_replicas_may_lack_and_what_is_read_again_agree() -> None:
    """Whatever is younger than a silent replica may be is read again, and is not taken for known."""
    snapshot = replace(SNAPSHOT, newest=NOON, rows_updated_at=NOON, taken_at=NOON)

    after = known_after(replace(PLAN, snapshot=snapshot), trusted=True, left_out=0)

    assert after.synced_since is not None
    assert after.synced_since <= NOON - SETTLED_AFTER - OVERLAP
    assert after.rows_updated_at is None
    assert not is_quiet(known=after, load=chosen(known=after), snapshot=snapshot)


def test_a_source_that_went_quiet_is_read_once_more_and_then_no_more() -> None:
    young = replace(PLAN, snapshot=replace(SNAPSHOT, taken_at=NOON))
    known = known_after(young, trusted=True, left_out=0)
    settled = replace(SNAPSHOT, taken_at=NOON + SETTLED_AFTER + timedelta(seconds=2))
    load = chosen(known=known)
    assert not is_quiet(known=known, load=load, snapshot=settled)

    known = known_after(
        replace(PLAN, known=known, load=load, snapshot=settled), trusted=True, left_out=0
    )

    assert is_quiet(known=known, load=chosen(known=known), snapshot=settled)


@pytest.mark.parametrize(
    ("age", "settled"),
    [
        pytest.param(timedelta(0), False, id="just now"),
        pytest.param(SETTLED_AFTER, False, id="an hour, or almost"),
        pytest.param(SETTLED_AFTER + timedelta(seconds=1), False, id="a fraction is left out"),
        pytest.param(SETTLED_AFTER + timedelta(seconds=1.001), True, id="over an hour for certain"),
        pytest.param(-timedelta(days=2), False, id="ahead"),
    ],
)
def test_a_change_is_known_to_all_replicas_after_an_hour(age: timedelta, settled: bool) -> None:
    assert replace(SNAPSHOT, rows_updated_at=NOON - age, taken_at=NOON).is_settled is settled


# -- rows of the target that are newer ------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "watermark", "keeps"),
    [
        pytest.param(Load(full=True), BY_CHANGE, None, id="a full load"),
        pytest.param(
            NEXT_UPDATE,
            BY_CHANGE,
            KeepsNewer(
                believed_until=NOON + CLOCKS_DIFFER_BY,
                read_again_after=NOON - SETTLED_AFTER,
                asked_since=NEXT_UPDATE.bound,
            ),
            id="an update by the source's own stamp",
        ),
        pytest.param(
            NEXT_UPDATE,
            BY_FLOATING,
            KeepsNewer(
                believed_until=NOON + CLOCKS_DIFFER_BY, read_again_after=None, asked_since=None
            ),
            id="an update by a date",
        ),
        pytest.param(
            IN_FEBRUARY,
            BY_CHANGE,
            KeepsNewer(
                believed_until=NOON + CLOCKS_DIFFER_BY, read_again_after=EARLIEST, asked_since=None
            ),
            id="a range, in which a newer version need not be",
        ),
    ],
)
def test_newer_rows_of_the_target_stay_in_updates_only(
    load: Load, watermark: Watermark, keeps: KeepsNewer | None
) -> None:
    assert keeps_newer(load, watermark, NOON) == keeps


def test_what_an_update_keeps_out_for_being_older_is_read_again_by_the_next() -> None:
    """It is stamped after ``read_again_after``: the bound lies before, and the source is not quiet."""
    for newest in (-2 * HOUR, -HOUR, 0 * HOUR, 48 * HOUR):
        snapshot = replace(SNAPSHOT, newest=NOON + newest, taken_at=NOON)
        keeps = keeps_newer(NEXT_UPDATE, BY_CHANGE, NOON)
        after = known_after(
            replace(PLAN, load=NEXT_UPDATE, known=KNOWN, snapshot=snapshot),
            trusted=True,
            left_out=0,
        )

        assert keeps is not None
        assert keeps.read_again_after is not None
        assert after.synced_since is not None
        assert after.synced_since < keeps.read_again_after


# -- a range ------------------------------------------------------------------------------------


def test_a_range_is_read_as_it_was_asked_for() -> None:
    assert chosen(only=FEBRUARY) == IN_FEBRUARY
    assert chosen(only=FEBRUARY, watermark=BY_CHANGE, owed=["row-1"], since=LATER) == IN_FEBRUARY
    assert replace(PLAN, load=IN_FEBRUARY, where="a = 1", owed=("row-1",)).condition == (
        "(a = 1) and ((:updated_at >= '2024-02-01T00:00:00.000Z') and (:updated_at < '2024-03-01T00:00:00.000Z'))"
    )


@pytest.mark.parametrize(
    ("only", "why"),
    [
        (Range(since=NOON), "rows since 2024-02-29T12:00:00Z, as asked"),
        (Range(until=NOON), "rows until 2024-02-29T12:00:00Z, as asked"),
    ],
)
def test_a_range_may_have_one_end(only: Range, why: str) -> None:
    assert chosen(only=only).why == why


@pytest.mark.parametrize(
    ("choose", "why"),
    [
        pytest.param(partial(chosen, known=None), "it was never loaded before", id="a new dataset"),
        pytest.param(
            partial(chosen, watermark=BY_FLOATING),
            "it was loaded by :updated_at, and is to be by updateddate",
            id="another watermark column",
        ),
        pytest.param(partial(chosen, where="a = 1"), "its where changed", id="another filter"),
        pytest.param(
            partial(chosen, lacking=["zip"]), "zip must be filled anew", id="a column that is empty"
        ),
    ],
)
def test_a_range_is_refused_where_other_rows_must_be_read_first(
    choose: Callable[..., Load], why: str
) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^a range is not enough: .*Run without since and until"
    ) as caught:
        choose(only=FEBRUARY)

    assert why in caught.value.message


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("known", [KNOWN, replace(KNOWN, watermark=None, synced_since=None)])
def test_a_range_leaves_the_bookkeeping_as_it_was(known: Known, trusted: bool) -> None:
    snapshot = replace(SNAPSHOT, newest=LATER, rows=999, rows_updated_at=LATER)
    plan = replace(PLAN, load=IN_FEBRUARY, known=known, snapshot=snapshot, api="SODA3")

    after = known_after(plan, trusted=trusted, left_out=2)

    assert after == replace(known, left_out=2, columns=plan.columns_after)
    assert not nothing_changed(known, IN_FEBRUARY, snapshot, BY_CHANGE)


# -- the watermark column -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mapping", "found"),
    [
        pytest.param(":updated_at", {}, BY_CHANGE, id="the source's own stamp"),
        pytest.param("updateddate", {}, BY_FLOATING, id="a date without a zone"),
        pytest.param(
            "systemmodstamp", {}, Watermark(field="systemmodstamp"), id="a time with a zone"
        ),
        pytest.param(
            "updateddate",
            {"updateddate": "systemmodstamp"},
            Watermark(field="systemmodstamp"),
            id="a target column that comes from another field",
        ),
    ],
)
def test_the_watermark_column_is_found(
    name: str, mapping: dict[str, str], found: Watermark
) -> None:
    assert find_watermark(name, mapping, SOURCE) == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("closeddate", "has no column closeddate; use"),
        ("Updated Date", "has no column Updated Date; Nearest to Updated Date: updateddate. use"),
        ("status", "status is text, not a time"),
    ],
)
def test_a_watermark_column_that_cannot_be_one_is_refused(name: str, said: str) -> None:
    with pytest.raises(InvalidSpec, match=said) as caught:
        find_watermark(name, {}, SOURCE)

    assert "use :updated_at" in caught.value.message


# -- stages and checkpoints ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("same_rows", "same_run", "age", "resumes"),
    [
        pytest.param(True, True, timedelta(days=9), True, id="a retry of the run itself"),
        pytest.param(True, False, timedelta(hours=1), True, id="what another run left"),
        pytest.param(True, False, RESUME_WITHIN, True, id="a day old at most"),
        pytest.param(True, False, timedelta(hours=25), False, id="not older"),
        pytest.param(False, True, timedelta(0), False, id="nor of other rows"),
    ],
)
def test_a_stage_is_gone_on_with(
    same_rows: bool, same_run: bool, age: timedelta, resumes: bool
) -> None:
    assert resumes is may_resume(
        same_rows=same_rows, same_run=same_run, started_at=NOON - age, now=NOON
    )


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(replace(PLAN, year=1999), True, id="the year is only a label"),
        pytest.param(
            replace(PLAN, snapshot=Snapshot(rows=1, newest=None, rows_updated_at=None)),
            True,
            id="the source may have moved on",
        ),
        pytest.param(replace(PLAN, where="a = 1"), False, id="a filter"),
        pytest.param(replace(PLAN, load=Load(full=False, bound=NOON)), False, id="a bound"),
        pytest.param(
            replace(PLAN, shape=replace(SHAPE, columns=COLUMNS[:1])), False, id="fewer columns"
        ),
        pytest.param(
            replace(
                PLAN,
                shape=replace(SHAPE, columns=(COLUMNS[0], replace(COLUMNS[1], type="varchar(9)"))),
            ),
            False,
            id="another type",
        ),
    ],
)
def test_a_stage_is_known_by_the_rows_and_columns_it_holds(other: DatasetPlan, same: bool) -> None:
    assert (other.fingerprint == PLAN.fingerprint) is same


def test_what_a_checkpoint_remembers_of_the_source_is_read_back() -> None:
    for snapshot in (SNAPSHOT, Snapshot(rows=None, newest=None, rows_updated_at=None)):
        assert Snapshot.from_dict(json.loads(json.dumps(snapshot.as_dict()))) == snapshot


def test_what_the_bookkeeping_knows_is_read_back() -> None:
    assert Known.from_dict({**KNOWN.as_dict(), "run": "x", "merged_at": NOON}) == KNOWN


def test_the_condition_joins_the_filter_and_the_bound() -> None:
    plan = replace(PLAN, where="a = 1 or b", load=Load(full=False, bound=NOON))

    assert plan.condition == (
        "(a = 1 or b) and (:updated_at >= '2024-02-29T12:00:00.000Z' or :updated_at is null)"
    )
    assert PLAN.condition is None
