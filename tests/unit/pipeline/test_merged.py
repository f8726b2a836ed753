"""What is told of a merge is what was planned, staged and written, each under its own name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.pipeline.plans import EARLIER, KNOWN, NOON, PLAN

from socratasync.contract.bad_values import BadValues
from socratasync.contract.report import DatasetReport, Rows
from socratasync.pipeline.merge.clean import NOTHING, Cleaned
from socratasync.pipeline.merge.merged import merged, written
from socratasync.pipeline.merge.strategy import Strategy
from socratasync.pipeline.plan.frozen import Frozen
from socratasync.pipeline.plan.model import Load, Snapshot
from socratasync.pipeline.stage.verify import StagedDataset

BAD = BadValues(nulled=2, skipped=3)
CLEANED = Cleaned(left_out=7, duplicates=4, warnings=("7 rows were left out",))
STAGED = StagedDataset(plan=PLAN, staged_rows=100)


def test_rows_that_are_neither_new_nor_changed_nor_left_out_were_there() -> None:
    found = written(replace(STAGED, bad=BAD), CLEANED, inserted=20, updated=30)

    assert found.rows == Rows(downloaded=103, inserted=20, updated=30, unchanged=43)
    assert found.cleaned == CLEANED


def test_a_report_says_what_was_planned_staged_and_written() -> None:
    plan = replace(
        PLAN,
        year=2023,
        load=Load(full=False),
        snapshot=Snapshot(rows=200, newest=NOON, rows_updated_at=EARLIER),
        source_updated_at=NOON,
        schema_in_sync=False,
        frozen=Frozen(named=("status",)),
    )
    staged = replace(STAGED, plan=plan, bad=BAD)
    what = written(staged, CLEANED, inserted=20, updated=30)
    since = NOON - timedelta(hours=2)

    done = merged(staged, what, replace(KNOWN, synced_since=since), Strategy.MERGE, counted=True)

    assert done.report == DatasetReport(
        id="abcd-1234",
        year=2023,
        mode="update",
        rows=what.rows,
        duplicates=4,
        bad_values=BAD,
        source_rows=200,
        source_updated_at=NOON,
        last_synced_since=since,
        strategy="merge",
        verified=True,
        schema_in_sync=False,
        api="SODA2",
        frozen_columns=("status",),
    )
    assert done.warnings == ("7 rows were left out", BAD.sentence("abcd-1234"))


@pytest.mark.parametrize(
    ("trusted", "counted", "verified"),
    [(True, True, True), (False, True, False), (True, False, None), (False, False, None)],
)
def test_what_nobody_counts_is_neither_verified_nor_not(
    trusted: bool, counted: bool, verified: bool | None
) -> None:
    staged = replace(STAGED, trusted=trusted)
    what = written(staged, NOTHING, inserted=100, updated=0)

    done = merged(staged, what, KNOWN, Strategy.FILL, counted=counted)

    assert (done.report.verified, done.report.mode, done.warnings) == (verified, "full", ())
