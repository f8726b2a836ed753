"""A stage is filled, counted and judged, whatever the portal says meanwhile; nothing is merged here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.postgres.conftest import PARKS, Sync, stage

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection
from socratasync.contract.progress import StepName
from socratasync.errors import RowCountMismatch, SourceUnavailable
from socratasync.pipeline.stage.verify import StagedDataset


class Watcher:
    """Notes how many rows are expected of each stage that is begun."""

    def __init__(self) -> None:
        self.expected: list[int | None] = []

    def begin(self, dataset: str, step: StepName, total: int | None) -> None:
        self.expected.append(total)

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        pass

    def finish(self, dataset: str) -> None:
        pass


@pytest.fixture(name="watcher")
def _watcher(sync: Sync, parks: Dataset) -> Watcher:
    """Two parks on a page."""
    watcher = Watcher()
    sync.spec["source"] = {"pageSize": 2}
    sync.options = sync.with_(progress=watcher)
    return watcher


def staged(sync: Sync, **words: Any) -> tuple[StagedDataset, list[str]]:
    """What is staged of the parks, and what is warned of."""
    with sync.planned(**words) as (context, plans):
        return stage(context, plans[PARKS]), context.journal.report.warnings


def counts(portal: Portal) -> int:
    """How often the portal was asked for a number of rows."""
    return sum("count(*)" in asked.get("$select", "") for _, _, asked in portal.requests)


def lose(sync: Sync, parks: Dataset, *names: str) -> None:
    """All is loaded; then these parks go."""
    sync.spec["source"] = {"pageSize": 2}
    sync.well()
    parks.delete([id for name in names for id in parks.find(name=name)])


EVER = Selection(since=datetime(2000, 1, 1, tzinfo=UTC))


def test_a_range_that_lacks_rows_must_be_asked_for_again(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    sync.well()
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")

    found, warnings = staged(sync, selection=EVER)

    assert (found.staged_rows, found.trusted) == (5, False)
    assert warnings[0].endswith("no later run reads them again: ask for the range once more")
    portal.faults.clear()
    portal[PARKS].update(portal[PARKS].find(name="p1"), acres=9)
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")
    assert "no later run" not in " ".join(staged(sync)[1])


def test_a_range_of_a_replica_that_is_behind_is_read_anew_by_the_next_try(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    sync.well()
    portal.faults.add(Fault.data_out_of_date(), on="rows")

    with sync.planned(selection=EVER) as (context, plans):
        with pytest.raises(
            SourceUnavailable, match="by a replica that is behind; nothing was merged"
        ):
            stage(context, plans[PARKS])
        pages = len(sync.pages())

        assert stage(context, plans[PARKS]).staged_rows == 5
        assert len(sync.pages()) - pages >= 3, "from its first page on"


def test_a_quiet_dataset_is_staged_and_counted(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    with sync.planned() as (context, plans):
        found = stage(context, plans[PARKS])

        assert found == StagedDataset(
            plan=plans[PARKS],
            staged_rows=5,
            received=found.received,
            trusted=True,
            delete_missing=False,
        )
        assert found.received > 0
        assert context.journal.report.warnings == []
    assert watcher.expected == [5]
    assert counts(portal) == 2  # before, for the plan, and after


def test_without_a_count_what_came_is_believed(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    sync.spec["verify"] = {"rowCount": "Off"}

    found, warnings = staged(sync)

    assert (found.staged_rows, found.trusted, found.delete_missing) == (5, True, False)
    assert (warnings, watcher.expected, counts(portal)) == ([], [None], 0)


def test_an_update_counts_the_rows_that_it_asks_for(
    sync: Sync, portal: Portal, parks: Dataset, watcher: Watcher
) -> None:
    sync.well()
    parks.update(parks.find(name="p1"), acres=9)
    sync.spec["datasets"] = [{"id": PARKS}]
    with sync.planned() as (context, plans):
        asked = len(portal.requests)
        portal.faults.add(Fault.wrong_count(9), times=1, after=1, on="count")
        found = stage(context, plans[PARKS])

    wanted = [
        asked["$where"].strip("()")  # which SODA3's statement has around it
        for _, _, asked in portal.requests[asked:]
        if "count(*)" in asked.get("$select", "")
    ]
    assert wanted == [plans[PARKS].condition] * 3
    assert found.trusted


def test_a_page_that_came_empty_is_read_once_more(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    portal.faults.add(Fault.short_page(0), times=1, after=1, on="rows")

    found, warnings = staged(sync)

    assert (found.staged_rows, found.trusted, warnings) == (5, True, [])
    assert watcher.expected == [5]


def test_rows_that_come_at_the_end_are_read_as_well(
    sync: Sync, portal: Portal, parks: Dataset, watcher: Watcher
) -> None:
    sync.spec["target"]["prune"] = True
    parks.metadata["rowsUpdatedAt"] = parks.truth.changed_at // 1000  # the portal tells of it later
    portal.faults.add(Fault.doing(lambda: parks.insert({"name": "new"})), on="count", after=2)

    found, warnings = staged(sync)

    assert (found.staged_rows, found.trusted, warnings) == (6, True, [])
    assert watcher.expected == [5]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([6], id="a row more was counted, and is not there"),
        pytest.param([9, 6], id="what was counted before explains what came"),
    ],
)
def test_what_came_is_compared_with_the_last_count_and_the_first(
    sync: Sync, portal: Portal, watcher: Watcher, wrong: list[int]
) -> None:
    """Counted before: 5, or 4 where rows came since."""
    prunes = len(wrong) == 1
    sync.spec["target"]["prune"] = prunes
    portal.faults.add(Fault.wrong_count(5 if prunes else 4), times=2, on="count")
    for number in wrong:
        portal.faults.add(Fault.wrong_count(number), times=1, on="count")

    found, warnings = staged(sync)

    assert (found.staged_rows, found.trusted, warnings) == (5, True, [])
    assert watcher.expected == [5 if prunes else 4]


@pytest.mark.parametrize(("row_count", "merged"), [("Warn", True), ("Fail", False)])
def test_a_difference_that_stays_is_read_anew_and_then_told(
    sync: Sync, portal: Portal, watcher: Watcher, row_count: str, merged: bool
) -> None:
    sync.spec["verify"] = {"rowCount": row_count}
    portal.faults.add(Fault.wrong_count(9), times=None, on="count")

    if merged:
        found, warnings = staged(sync)
        assert (found.staged_rows, found.trusted) == (5, False)
        assert warnings == [
            f"dataset {PARKS}: 5 rows came, but Socrata counts 9; they were merged, and the next run reads "
            "them again"
        ]
    else:
        with pytest.raises(RowCountMismatch, match="5 rows came, but Socrata counts 9; nothing"):
            staged(sync)
    assert watcher.expected == [9, 9]
    first_pages = [p for kind, _, p in portal.requests if kind == "rows" and "$where" not in p]
    assert len(first_pages) == 2


def test_a_count_that_was_wrong_once_is_asked_again(
    sync: Sync, portal: Portal, watcher: Watcher
) -> None:
    """The stage is filled anew, and compared with the last count before it."""
    sync.spec["verify"] = {"rowCount": "Fail"}
    portal.faults.add(Fault.wrong_count(9), times=3, on="count")  # of which one asks for the newest
    portal.faults.add(Fault.wrong_count(8), times=1, on="count")

    found, warnings = staged(sync)

    assert (found.staged_rows, found.trusted, warnings) == (5, True, [])
    assert watcher.expected == [9, 9]


def test_a_stage_that_is_gone_on_with_is_of_the_time_when_it_was_begun(
    sync: Sync, portal: Portal, parks: Dataset, watcher: Watcher
) -> None:
    portal.faults.add(Fault.status(503), times=None, after=1, on="rows")
    with sync.planned(run="one") as (context, plans):
        begun = plans[PARKS].snapshot
        with pytest.raises(SourceUnavailable):
            stage(context, plans[PARKS])
    portal.faults.clear()
    parks.insert({"name": "new"})

    found, _ = staged(sync, run="one")

    assert (found.staged_rows, found.plan.snapshot) == (6, begun)


# -- what may be deleted --------------------------------------------------------------------------


def test_rows_that_are_gone_are_to_be_deleted(sync: Sync, parks: Dataset, watcher: Watcher) -> None:
    sync.spec["target"]["prune"] = True
    lose(sync, parks, "p3")

    found, warnings = staged(sync, mode="full")

    assert (found.staged_rows, found.delete_missing, warnings) == (4, True, [])
    assert watcher.expected[-2:] == [None, 4], "it was staged once"


def test_an_update_that_does_not_ask_for_all_rows_deletes_none(
    sync: Sync, parks: Dataset, watcher: Watcher
) -> None:
    sync.spec["target"]["prune"] = True
    lose(sync, parks, "p3")

    with sync.planned(mode="full") as (context, plans):
        some = replace(
            plans[PARKS], load=replace(plans[PARKS].load, full=False, bound=context.options.clock())
        )
        assert not stage(context, some).delete_missing


def test_a_dataset_that_changes_while_it_is_read_is_read_anew(
    sync: Sync, portal: Portal, parks: Dataset, watcher: Watcher
) -> None:
    sync.spec["target"]["prune"] = True
    lose(sync, parks, "p3")
    watcher.expected.clear()
    change = Fault.doing(lambda: parks.update(parks.find(name="p1"), acres=7))
    later = parks.truth.changed_at // 1000 + 60
    parks.metadata["rowsUpdatedAt"] = later

    with sync.planned(mode="full") as (context, plans):
        parks.metadata["rowsUpdatedAt"] = later + 60
        portal.faults.add(change, on="rows")
        found = stage(context, plans[PARKS])

        assert (found.trusted, found.delete_missing) == (True, True)
        assert context.journal.report.warnings == []
    assert watcher.expected == [4, 4]


def test_a_doubt_keeps_what_prune_would_delete(
    sync: Sync, parks: Dataset, watcher: Watcher
) -> None:
    sync.spec["target"]["prune"] = True
    lose(sync, parks, "p3")
    parks.lag()
    parks.insert({"name": "new"})

    found, warnings = staged(sync, mode="full")

    assert not found.delete_missing
    assert found.plan.replica_as_of is not None
    assert any(warning.startswith(f"nothing was deleted: dataset {PARKS}") for warning in warnings)


def test_a_doubt_keeps_what_a_reset_would_replace_and_has_all_read_anew(
    sync: Sync, parks: Dataset, watcher: Watcher
) -> None:
    sync.spec["target"]["reset"] = True
    lose(sync, parks, "p3")
    parks.lag()
    parks.insert({"name": "new"})

    with sync.planned(mode="full") as (context, plans):
        with pytest.raises(SourceUnavailable, match=f"nothing was replaced: dataset {PARKS}"):
            stage(context, plans[PARKS])
        assert sync.query(
            "SELECT to_regclass(%s) AS t", f"socratasync.{plans[PARKS].shape.stage}"
        ) == [{"t": None}]
    assert len(sync.acres()) == 5


def test_a_reset_deletes_by_itself(sync: Sync, parks: Dataset, watcher: Watcher) -> None:
    sync.spec["target"]["reset"] = True
    lose(sync, parks, "p3")

    found, warnings = staged(sync, mode="full")

    assert (found.staged_rows, found.delete_missing, warnings) == (4, False, [])


@pytest.mark.parametrize("beside", [0, 1500])
def test_a_loss_is_measured_by_what_the_table_has_of_the_dataset(
    sync: Sync, parks: Dataset, watcher: Watcher, beside: int
) -> None:
    sync.spec["target"]["prune"] = True
    lose(sync, parks, "p3")
    whose = "else-0001" if beside else PARKS
    sync.query(
        "INSERT INTO parks (name, socrata_dataset) SELECT 'x' || n, %s FROM generate_series(1, 1500) n",
        whose,
    )

    found, warnings = staged(sync, mode="full")

    assert found.delete_missing is bool(beside)
    assert bool(warnings) is not bool(beside)


# -- rows that were left out ------------------------------------------------------------------------


@pytest.mark.parametrize(("tolerance", "passes"), [(0, False), (1, True)])
def test_rows_left_out_for_bad_values_are_missing_rows(
    sync: Sync, parks: Dataset, watcher: Watcher, tolerance: int, passes: bool
) -> None:
    sync.spec["target"].update(onBadValue="Skip", fields={"name": "varchar(3)", "acres": ""})
    sync.spec["verify"] = {"rowCount": "Fail", "tolerance": tolerance}
    parks.insert({"name": "too long", "acres": 1})

    if not passes:
        with pytest.raises(RowCountMismatch, match=r"Nothing was merged: allow for such rows"):
            staged(sync)
        return
    found, _ = staged(sync)
    assert (found.staged_rows, found.skipped, found.trusted) == (5, 1, True)
