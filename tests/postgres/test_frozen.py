"""A column that a dataset fills no more is named in every run, until a person deals with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

OTHER = "othe-0001"


@pytest.fixture
def long_ago(clock: Clock) -> None:
    """The portal's rows are years old, so that an update does not happen to read all of them again."""
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def loaded(long_ago: None, sync: Sync, parks: Dataset, clock: Clock) -> Dataset:
    """Parks, of which p4 changed last, loaded."""
    change(parks, clock, "p4", acres=4)
    sync.foretold = True
    sync.well()
    return parks


@pytest.fixture
def other(loaded: Dataset, sync: Sync, portal: Portal, clock: Clock) -> Dataset:
    """A second dataset with the same columns in the same table: q0 and q1, which changed last."""
    rows = [{"name": "q0", "acres": 9}, {"name": "q1", "acres": 9}]
    other = portal.add_dataset(OTHER, PARK_COLUMNS, rows)
    change(other, clock, "q1", acres=10)
    sync.well()
    return other


def change(dataset: Dataset, clock: Clock, name: str, **cells: Any) -> None:
    """A day later a row gets other values."""
    assert clock.at is not None
    clock.at += timedelta(days=1)
    dataset.update(dataset.find(name=name), **cells)


def frozen(sync: Sync, dataset: str = PARKS) -> tuple[str, ...] | None:
    """The frozen columns that the next run names of the dataset; the run goes well."""
    report = sync.well()
    told = next(each for each in report.datasets if each.id == dataset)
    assert told.schema_in_sync is not bool(told.frozen_columns)
    assert bool(told.frozen_columns) == any("no longer fills" in w for w in report.warnings)
    return told.frozen_columns


def only(sync: Sync, **words: Any) -> None:
    """The manifest says that of the parks."""
    others = [{"id": id} for id in sync.portal.datasets if id != PARKS]
    sync.spec["datasets"] = [{"id": PARKS, **words}, *others]


# -- it stays named -------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["AddColumns", "Ignore"])
def test_a_dropped_column_is_named_in_every_run_after_it(
    sync: Sync, loaded: Dataset, clock: Clock, policy: str
) -> None:
    sync.spec["target"]["onSchemaChange"] = policy
    loaded.drop_column("acres")

    assert frozen(sync) == ("acres",)
    assert sync.well().datasets[0].result == "NoChange"
    change(loaded, clock, "p1", opened="2026-01-01")
    assert frozen(sync) == ("acres",)
    assert sync.well(mode="full").datasets[0].frozen_columns == ("acres",)
    assert frozen(sync) == ("acres",)
    assert sync.acres() == {f"p{n}": n for n in range(5)}


def test_a_dropped_column_is_named_from_the_first_run_even_if_no_row_changed(
    sync: Sync, loaded: Dataset
) -> None:
    loaded.drop_column("acres")

    (first,), (second,) = sync.well().datasets, sync.well().datasets

    assert {first.result, second.result} == {"NoChange"}
    assert first.frozen_columns == second.frozen_columns == ("acres",)
    (known,) = sync.query("SELECT columns -> 'frozen' AS frozen FROM socratasync.datasets")
    assert known["frozen"] == {"acres": "acres"}


def test_a_run_that_fails_later_still_names_it(
    sync: Sync, portal: Portal, loaded: Dataset, clock: Clock
) -> None:
    loaded.drop_column("acres")
    assert frozen(sync) == ("acres",)
    change(loaded, clock, "p1", opened="2026-01-01")
    portal.faults.add(Fault.status(503), times=99, on="rows")

    (failed,) = sync.run().datasets

    assert failed.error is not None
    assert (failed.schema_in_sync, failed.frozen_columns) == (False, ("acres",))


def test_a_column_whose_field_the_manifest_maps_elsewhere_is_frozen(
    sync: Sync, loaded: Dataset
) -> None:
    only(sync, columns={"size": "acres"})

    assert frozen(sync) == ("acres",)
    assert sync.table("parks", "name")["p2"]["size"] == 2


def test_a_bookkeeping_that_knows_no_frozen_columns_learns_them(
    sync: Sync, loaded: Dataset
) -> None:
    sync.query("UPDATE socratasync.datasets SET columns = columns - 'frozen' - 'provenance'")
    loaded.drop_column("acres")

    assert frozen(sync) == ("acres",)
    assert frozen(sync) == ("acres",)


def test_only_the_dataset_that_lost_the_column_names_it(sync: Sync, other: Dataset) -> None:
    other.drop_column("acres")

    assert frozen(sync, OTHER) == ("acres",)
    assert sync.well().datasets[0].frozen_columns == ()


# -- the ways out ---------------------------------------------------------------------------------


def drop_from_table(sync: Sync, _loaded: Dataset) -> None:
    sync.query("ALTER TABLE parks DROP COLUMN acres")


def accept(sync: Sync, _loaded: Dataset) -> None:
    only(sync, frozenColumns=["acres"])


def leave_out_of_fields(sync: Sync, _loaded: Dataset) -> None:
    sync.spec["target"]["fields"] = {"name": "", "opened": ""}


def map_another_field(sync: Sync, loaded: Dataset) -> None:
    loaded.add_column("area", "number", value=7)
    only(sync, columns={"acres": "area"})


def bring_back(_sync: Sync, loaded: Dataset) -> None:
    loaded.add_column("acres", "number", value=7)


def empty(sync: Sync, _loaded: Dataset) -> None:
    sync.query("TRUNCATE parks")


@pytest.mark.parametrize(
    ("way", "acres"),
    [
        pytest.param(drop_from_table, None, id="dropped from the table"),
        pytest.param(accept, 1, id="accepted"),
        pytest.param(leave_out_of_fields, 1, id="not among the fields to load"),
        pytest.param(map_another_field, 7, id="filled from another field"),
        pytest.param(bring_back, 7, id="back at the source"),
        pytest.param(empty, None, id="the table emptied"),
    ],
)
def test_each_way_out_ends_it_for_good(
    sync: Sync, loaded: Dataset, way: Callable[[Sync, Dataset], None], acres: int | None
) -> None:
    loaded.drop_column("acres")
    assert frozen(sync) == ("acres",)

    way(sync, loaded)
    sync.well()

    assert (frozen(sync), frozen(sync)) == ((), ())
    assert {row.get("acres") for name, row in sync.table("parks", "name").items()} >= {acres}
    if acres != 1:
        assert len({row.get("acres") for row in sync.table("parks", "name").values()}) == 1


def test_what_is_accepted_no_more_is_named_again(sync: Sync, loaded: Dataset) -> None:
    loaded.drop_column("acres")
    only(sync, frozenColumns=["acres", "never_there"])
    assert frozen(sync) == ()

    only(sync)

    assert frozen(sync) == ("acres",)


def test_a_reset_leaves_no_old_values(sync: Sync, loaded: Dataset) -> None:
    sync.spec["target"]["reset"] = True
    loaded.drop_column("acres")
    assert frozen(sync) == ("acres",)

    (reset,) = sync.well(mode="full").datasets

    assert (reset.schema_in_sync, reset.frozen_columns) == (True, ())
    assert set(sync.acres().values()) == {None}
    assert frozen(sync) == ()


def test_a_reset_that_replaced_nothing_says_nothing_of_columns(
    sync: Sync, portal: Portal, other: Dataset
) -> None:
    sync.spec["target"]["reset"] = True
    other.drop_column("acres")
    assert frozen(sync, OTHER) == ("acres",)
    portal.faults.add(Fault.status(503), times=99, on="rows", dataset=PARKS)

    failed = sync.run(mode="full")

    assert [each.frozen_columns for each in failed.datasets] == [None, None]
    portal.faults.clear()
    assert frozen(sync, OTHER) == ("acres",)


def test_after_a_rename_is_mapped_the_column_added_meanwhile_is_the_frozen_one(
    sync: Sync, loaded: Dataset, clock: Clock
) -> None:
    loaded.rename_column("acres", "area")
    assert frozen_after_rename(sync) == ("acres",)
    change(loaded, clock, "p1", area=100)
    assert frozen(sync) == ("acres",)

    only(sync, columns={"acres": "area"})

    assert frozen(sync) == ("area",)
    assert sync.acres() == {"p0": 0, "p1": 100, "p2": 2, "p3": 3, "p4": 4}
    sync.query("ALTER TABLE parks DROP COLUMN area")
    assert frozen(sync) == ()


def frozen_after_rename(sync: Sync) -> tuple[str, ...] | None:
    """As ``frozen``, for the run that also finds a new column."""
    (dataset,) = sync.well().datasets
    assert dataset.schema_in_sync is False
    return dataset.frozen_columns


def test_fail_lets_a_lost_column_pass_once_it_is_accepted(sync: Sync, loaded: Dataset) -> None:
    sync.spec["target"]["onSchemaChange"] = "Fail"
    loaded.drop_column("acres")
    assert sync.run().exit_code == 65

    only(sync, frozenColumns=["acres"])

    assert frozen(sync) == ()


# -- what was removed from the table, and came back with one dataset ------------------------------


def fail(sync: Sync, dataset: str) -> None:
    """A run in which the dataset's rows cannot be read."""
    sync.portal.faults.add(Fault.status(503), times=99, on="rows", dataset=dataset)
    assert sync.run().exit_code == 75
    sync.portal.faults.clear()


def leave_out(sync: Sync, dataset: str) -> None:
    """A run of a manifest that does not have the dataset."""
    sync.spec["datasets"] = [{"id": id} for id in sync.portal.datasets if id != dataset]
    sync.well()
    del sync.spec["datasets"]


@pytest.mark.parametrize("absent", [fail, leave_out])
@pytest.mark.parametrize("column", ["acres", "socrata_dataset", "socrata_id", "socrata_updated_at"])
def test_a_column_that_another_dataset_brings_back_is_filled_for_all(
    sync: Sync, other: Dataset, absent: Callable[[Sync, str], None], column: str
) -> None:
    before = whole(sync)
    sync.query(sql.SQL("ALTER TABLE parks DROP COLUMN {}").format(sql.Identifier(column)))

    absent(sync, OTHER)
    sync.well()

    assert whole(sync) == before


@pytest.mark.parametrize("absent", [fail, leave_out])
def test_rows_that_were_deleted_come_back_for_all(
    sync: Sync, other: Dataset, absent: Callable[[Sync, str], None]
) -> None:
    before = whole(sync)
    sync.query("TRUNCATE parks")

    absent(sync, OTHER)
    sync.well()

    assert whole(sync) == before


def whole(sync: Sync) -> list[Any]:
    """The table, with the columns of provenance."""
    return sync.query(
        "SELECT name, acres, socrata_dataset, socrata_id, socrata_updated_at FROM parks ORDER BY name"
    )


def test_a_frozen_column_that_another_dataset_brings_back_is_empty_and_not_named(
    sync: Sync, other: Dataset
) -> None:
    other.drop_column("acres")
    assert frozen(sync, OTHER) == ("acres",)
    sync.query("ALTER TABLE parks DROP COLUMN acres")

    assert (frozen(sync, OTHER), frozen(sync, OTHER)) == ((), ())

    acres = sync.acres()
    assert (acres["p2"], acres["q0"]) == (2, None)


def test_provenance_that_was_switched_off_is_filled_for_all_rows_once_it_is_on_again(
    sync: Sync, loaded: Dataset
) -> None:
    sync.spec["target"]["provenance"] = False
    loaded.insert({"name": "new"})
    sync.well()
    sync.spec["target"]["provenance"] = True

    sync.well()

    assert {row["socrata_dataset"] for row in whole(sync)} == {PARKS}
    assert all(row["socrata_id"] and row["socrata_updated_at"] for row in whole(sync))
