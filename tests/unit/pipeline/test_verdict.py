"""What the counts of a stage allow: to merge, to move the watermark, to delete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

import pytest
from tests.unit.pipeline.plans import BY_FLOATING, EARLIER, KNOWN, LATER, NOON, PLAN, SNAPSHOT

from socratasync.api.selection import Range
from socratasync.api.target import VerifySpec
from socratasync.contract.bad_values import BadValues
from socratasync.errors import RowCountMismatch, SourceUnavailable, SyncError
from socratasync.pipeline.plan.model import DatasetPlan, Load, Snapshot
from socratasync.pipeline.source.interface import UNKNOWN_TIME
from socratasync.pipeline.stage.counts import BELIEVED_AFTER, Counted
from socratasync.pipeline.stage.staged import Staged
from socratasync.pipeline.stage.verdict import (
    Terms,
    Verdict,
    are_too_many,
    doubt,
    judge,
    lag,
    may_destroy,
    silent_as_of,
    suffices,
)

RowCount = Literal["Off", "Warn", "Fail"]

EXACT = Counted(staged=100, before=100, after=100)
GROWN = Counted(staged=100, before=100, after=110)
SHORT = Counted(staged=90, before=100, after=100)
UPDATE = replace(PLAN, load=Load(full=False, bound=NOON), where="a = 1")
RANGE = replace(PLAN, load=Load(full=False, only=Range(until=NOON), advances=False))
UNREAD = "(a = 1) and (:updated_at < '2024-02-29T12:00:00.000Z')"


def terms(
    row_count: RowCount = "Warn",
    *,
    tolerance: int | str = 0,
    resets: bool = False,
    prunes: bool = False,
    is_range: bool = False,
) -> Terms:
    verify = VerifySpec.model_validate({"rowCount": row_count, "tolerance": tolerance})
    return Terms(verify=verify, resets=resets, prunes=prunes, is_range=is_range)


@pytest.mark.parametrize(
    ("left_out", "rows", "row_count", "tolerance", "too_many"),
    [
        (0, 100, "Fail", 0, False),
        (1, 100, "Fail", 0, True),
        (2, 100, "Fail", 2, False),
        (3, 100, "Fail", 2, True),
        (5, 100, "Fail", "5%", False),
        (6, 100, "Fail", "5%", True),
        (1, None, "Fail", "100%", True),
        (9, 100, "Warn", 0, False),
        (9, 100, "Off", 0, False),
    ],
)
def test_rows_that_are_left_out_are_missing_rows(
    left_out: int, rows: int | None, row_count: RowCount, tolerance: int | str, too_many: bool
) -> None:
    verify = terms(row_count, tolerance=tolerance).verify

    assert are_too_many(left_out, replace(SNAPSHOT, rows=rows), verify) is too_many


# -- what may be deleted --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreed", "plan", "before", "destroys"),
    [
        pytest.param(terms(), PLAN, 100, False, id="nobody wants it"),
        pytest.param(terms(), UPDATE, 100, False, id="nobody wants it of an update"),
        pytest.param(terms(prunes=True), PLAN, 100, True, id="all rows are read"),
        pytest.param(terms(prunes=True), PLAN, 0, True, id="of which there are none"),
        pytest.param(terms(resets=True), PLAN, 100, True, id="a reset"),
        pytest.param(terms(resets=True, prunes=True), UPDATE, 0, True, id="a reset of anything"),
        pytest.param(terms(prunes=True), UPDATE, 99, False, id="an update of some rows"),
        pytest.param(terms(prunes=True), UPDATE, 0, False, id="an update of no row"),
        pytest.param(
            terms(prunes=True),
            replace(UPDATE, snapshot=replace(SNAPSHOT, rows=0)),
            0,
            False,
            id="an update of no row of none: it is being replaced",
        ),
    ],
)
def test_who_deletes_without_one_more_count(
    agreed: Terms, plan: DatasetPlan, before: int, destroys: bool
) -> None:
    def count(condition: str | None) -> int:
        raise AssertionError(condition)

    assert may_destroy(agreed, plan, before, count) is destroys


@pytest.mark.parametrize("rows", [None, 1, 100])
@pytest.mark.parametrize(("unread", "destroys"), [(0, True), (1, False)])
def test_an_update_deletes_if_it_asks_for_every_row(
    rows: int | None, unread: int, destroys: bool
) -> None:
    asked = []

    def count(condition: str | None) -> int:
        asked.append(condition)
        return unread

    plan = replace(UPDATE, snapshot=replace(SNAPSHOT, rows=rows))

    assert may_destroy(terms(prunes=True), plan, rows or 1, count) is destroys
    assert asked == [UNREAD]


# -- the verdict ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted", "tolerance", "destroys", "enough"),
    [
        pytest.param(EXACT, 0, False, True, id="all are there"),
        pytest.param(EXACT, 0, True, True, id="all are there, and others deleted"),
        pytest.param(GROWN, 0, False, True, id="rows came meanwhile"),
        pytest.param(GROWN, 10, True, False, id="rows came meanwhile, and which are gone?"),
        pytest.param(SHORT, 0, False, False, id="some are missing"),
        pytest.param(SHORT, "10%", False, True, id="as many as may be"),
        pytest.param(SHORT, "10%", True, False, id="as many as may be, but are they gone?"),
    ],
)
def test_when_a_stage_is_filled_anew(
    counted: Counted, tolerance: int | str, destroys: bool, enough: bool
) -> None:
    assert suffices(counted, terms(tolerance=tolerance), destroys=destroys) is enough


WARNED = Verdict(
    trusted=False,
    exact=False,
    warning="dataset abcd-1234: 90 rows came, but Socrata counts 100; they were merged, and the next run "
    "reads them again",
)


@pytest.mark.parametrize(
    ("counted", "agreed", "verdict"),
    [
        pytest.param(EXACT, terms("Fail"), Verdict(), id="all are there"),
        pytest.param(EXACT, terms(resets=True), Verdict(), id="all are there, for a reset"),
        pytest.param(GROWN, terms("Fail"), Verdict(exact=False), id="rows came meanwhile"),
        pytest.param(
            SHORT, terms("Fail", tolerance=10), Verdict(exact=False), id="as many as may be"
        ),
        pytest.param(
            GROWN,
            terms(resets=True, tolerance=10),
            Verdict(exact=False),
            id="steady but for as many as may be, for a reset",
        ),
        pytest.param(SHORT, terms(), WARNED, id="some are missing"),
        pytest.param(
            SHORT,
            terms(is_range=True),
            replace(
                WARNED,
                warning="dataset abcd-1234: 90 rows came, but Socrata counts 100; they were merged, and no later "
                "run reads them again: ask for the range once more",
            ),
            id="some of a range",
        ),
        pytest.param(SHORT, terms(tolerance=9), WARNED, id="one more than may be"),
        pytest.param(SHORT, terms("Off", prunes=True), WARNED, id="counted only for prune"),
        pytest.param(SHORT, terms("Fail"), None, id="some are missing, and must not be"),
        pytest.param(SHORT, terms(resets=True), None, id="some are missing, for a reset"),
        pytest.param(GROWN, terms(resets=True, tolerance=9), None, id="unsteady, for a reset"),
    ],
)
def test_the_verdict_on_a_stage(counted: Counted, agreed: Terms, verdict: Verdict | None) -> None:
    if verdict is not None:
        assert judge("abcd-1234", counted, agreed) == verdict
        return
    with pytest.raises(RowCountMismatch, match=r"dataset abcd-1234: .*; nothing was merged"):
        judge("abcd-1234", counted, agreed)


# -- doubts ---------------------------------------------------------------------------------------

LOADED = replace(PLAN, known=KNOWN)
OTHERWISE = replace(LOADED, where="a = 1")
ALIKE = replace(LOADED, known=replace(KNOWN, query="a = 1"), where="a = 1")
ROUGH = Verdict(exact=False)
HAD = 2000


def staged(came: int, *, replica_as_of: datetime | None = None) -> Staged:
    return Staged(
        rows=came - 1,
        bytes=0,
        snapshot=SNAPSHOT,
        last_id=None,
        replica_as_of=replica_as_of,
        bad=BadValues(skipped=1),
    )


@pytest.mark.parametrize(
    ("plan", "came", "verdict", "agreed", "said"),
    [
        pytest.param(LOADED, HAD, Verdict(), terms(), None, id="no row is gone"),
        pytest.param(LOADED, 1000, Verdict(), terms(), None, id="half of them are"),
        pytest.param(LOADED, 999, Verdict(), terms(), "has 999 rows, the target 2,000", id="more"),
        pytest.param(
            OTHERWISE, 999, Verdict(), terms(), None, id="more, for other rows are wanted"
        ),
        pytest.param(ALIKE, 999, Verdict(), terms(), "has 999 rows", id="more, of those wanted"),
        pytest.param(PLAN, 999, Verdict(), terms(), None, id="never loaded before"),
        pytest.param(LOADED, 999, Verdict(), terms("Off"), None, id="nobody wants to know"),
        pytest.param(LOADED, HAD, ROUGH, terms(), "changed while it was read", id="not exact"),
        pytest.param(PLAN, HAD, ROUGH, terms("Off"), "changed while it", id="not exact, ever"),
        pytest.param(LOADED, HAD, ROUGH, terms(resets=True), None, id="not exact, for a reset"),
    ],
)
def test_what_leaves_in_doubt_what_is_gone(
    plan: DatasetPlan, came: int, verdict: Verdict, agreed: Terms, said: str | None
) -> None:
    found = doubt(plan, staged(came), verdict, agreed, had=lambda: HAD, now=NOON)

    if said is None:
        assert found is None
        return
    assert isinstance(found, RowCountMismatch)
    assert "dataset abcd-1234" in found.message
    assert said in found.message


@pytest.mark.parametrize(
    ("plan", "agreed", "error"),
    [
        pytest.param(LOADED, terms(), SourceUnavailable, id="what it lacks may be there"),
        pytest.param(PLAN, terms(), type(None), id="never loaded before"),
        pytest.param(LOADED, terms("Off"), type(None), id="nobody wants to know"),
    ],
)
def test_a_replica_that_is_behind_leaves_in_doubt_what_is_gone(
    plan: DatasetPlan, agreed: Terms, error: type[SyncError | None]
) -> None:
    behind = staged(HAD, replica_as_of=NOON)

    assert type(doubt(plan, behind, Verdict(), agreed, had=lambda: HAD, now=NOON)) is error


@pytest.mark.parametrize(
    ("plan", "as_of", "refused"),
    [
        pytest.param(RANGE, NOON, True, id="a range of a replica that is behind"),
        pytest.param(RANGE, None, False, id="a range"),
        pytest.param(UPDATE, NOON, False, id="an update, whose watermark goes back"),
    ],
)
def test_a_range_must_not_come_from_a_replica_that_is_behind(
    plan: DatasetPlan, as_of: datetime | None, refused: bool
) -> None:
    found = lag(plan, as_of)

    assert isinstance(found, SourceUnavailable) is refused
    assert (found is not None) is refused


@pytest.mark.parametrize(
    ("last_change", "doubted"),
    [
        pytest.param(NOON, True, id="not at once"),
        pytest.param(NOON - BELIEVED_AFTER, False, id="but after a day"),
        pytest.param(None, True, id="never where the newest change tells of no deletion"),
    ],
)
def test_a_loss_that_lasts_is_believed(last_change: datetime | None, doubted: bool) -> None:
    long_ago = NOON - BELIEVED_AFTER
    snapshot = replace(SNAPSHOT, rows_updated_at=long_ago)
    plan = replace(LOADED, snapshot=snapshot, source_updated_at=long_ago, last_change=last_change)

    found = doubt(plan, staged(500), Verdict(), terms(), had=lambda: HAD, now=NOON)

    assert (found is not None) is doubted


@pytest.mark.parametrize(
    ("plan", "snapshot", "latest", "as_of"),
    [
        pytest.param(PLAN, SNAPSHOT, NOON, None, id="it has the newest change"),
        pytest.param(PLAN, SNAPSHOT, LATER, None, id="and one that came since"),
        pytest.param(PLAN, SNAPSHOT, EARLIER, EARLIER, id="it lacks the newest change"),
        pytest.param(PLAN, SNAPSHOT, None, UNKNOWN_TIME, id="it has no row"),
        pytest.param(
            PLAN, replace(SNAPSHOT, newest=None), None, None, id="no row says when it changed"
        ),
        pytest.param(UPDATE, SNAPSHOT, EARLIER, EARLIER, id="an update that asked for that change"),
        pytest.param(UPDATE, SNAPSHOT, None, UNKNOWN_TIME, id="and got nothing"),
        pytest.param(
            UPDATE,
            replace(SNAPSHOT, newest=EARLIER),
            None,
            None,
            id="an update that did not ask for that change",
        ),
        pytest.param(RANGE, SNAPSHOT, EARLIER, None, id="a range that ends before that change"),
        pytest.param(
            replace(PLAN, watermark=BY_FLOATING),
            SNAPSHOT,
            EARLIER,
            None,
            id="the newest change is by a date that people keep",
        ),
    ],
)
def test_a_silent_replica_is_behind_if_it_lacks_the_newest_change_that_was_asked_for(
    plan: DatasetPlan, snapshot: Snapshot, latest: datetime | None, as_of: datetime | None
) -> None:
    assert silent_as_of(plan, snapshot, latest) == as_of
