"""Answers that are slow, endless, too many or none: a run gives up in time, and asks for no more than it needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

EXPECTED = {f"p{n}": n for n in range(5)}
HEADER = '"name","acres","opened",":updated_at",":id"\n'


def test_a_page_that_comes_late_or_drips_is_asked_for_in_smaller_pages(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 8000, "timeouts": {"firstByte": "1s", "page": "1s"}}
    portal.faults.add(Fault.delayed(60), on="rows")
    portal.faults.add(Fault.slow_drip(1, 0.3), on="rows", after=1)

    sync.well()

    limits = [int(p["$limit"]) for p in sync.pages()]
    assert limits[0] == 8000
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] <= 2000
    assert sync.acres() == EXPECTED


@pytest.mark.parametrize("verify", ["Warn", "Off"])
def test_the_same_page_for_ever_ends_the_run_at_once(
    sync: Sync, portal: Portal, parks: Dataset, verify: str
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    sync.spec["verify"] = {"rowCount": verify}
    portal.faults.add(Fault.same_page(), times=None, on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert report.failure is not None
    assert "gives the same page again" in report.failure.message
    assert len(sync.pages()) == 1 + 4  # the attempts of the policy
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]

    portal.faults.clear()
    sync.well()  # goes on after the page that was staged
    assert sync.acres() == EXPECTED


def test_a_page_with_more_rows_than_were_asked_for_is_none(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 2}
    portal.faults.add(Fault.short_page(5), times=None, on="rows")

    report = sync.run()

    assert report.exit_code == 75
    assert report.failure is not None
    assert "5 rows where 2 were asked for" in report.failure.message


def test_many_more_rows_than_are_counted_are_none_of_the_sources(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    parks.insert(*({"name": f"q{n}"} for n in range(10_200)))
    portal.faults.add(Fault.wrong_count(100), times=None, on="count")
    sync.spec["source"] = {"pageSize": 10_150}

    report = sync.run()

    assert report.exit_code == 75
    assert report.failure is not None
    assert "10,150 rows came, and no end, but Socrata counts 100" in report.failure.message
    assert len(sync.pages()) == 1
    stages = "SELECT relname FROM pg_class WHERE relname LIKE 'stage%' AND relkind = 'r'"
    assert sync.query(stages) == []


def test_rows_that_were_published_meanwhile_are_counted_before_they_are_refused(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["source"] = {"pageSize": 4}
    rows = [{"name": f"q{n}"} for n in range(10_200)]
    portal.faults.add(Fault.doing(lambda: parks.insert(*rows)), on="rows", after=1)
    portal.faults.add(Fault.short_page(10_200), on="rows", after=2)
    sync.spec["source"] = {"pageSize": 5_200}

    assert sync.one().rows.downloaded == 10_205


# -- nothing is counted -----------------------------------------------------------------------------


def counts(portal: Portal) -> list[dict[str, str]]:
    return [p for _, _, p in portal.requests if "count(" in p.get("$select", "").lower()]


def test_row_count_off_asks_for_no_count_whatever_happens(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    """Neither for a body whose end is uncertain, nor where a portal does not say when rows changed."""
    sync.spec["verify"] = {"rowCount": "Off"}
    parks.metadata = {"rowsUpdatedAt": None}
    portal.faults.add(Fault.truncated(len(HEADER)), after=1, on="rows")
    sync.well()
    sync.well()
    parks.insert({"name": "p5", "acres": 5})
    parks.unstamp(parks.find(name="p0"))

    sync.well()
    report = sync.well(mode="full")

    assert counts(portal) == []
    assert report.datasets[0].verified is None
    assert report.datasets[0].source_rows is None
    assert sync.acres() == {**EXPECTED, "p5": 5}


def test_without_a_count_nothing_new_is_found_as_with_one(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    settled = sync.with_(clock=lambda: datetime.now(UTC) + timedelta(days=1))
    sync.well(options=settled)
    sync.spec["verify"] = {"rowCount": "Off"}
    asked = len(counts(portal))

    assert sync.one(options=settled).result == "NoChange"
    assert len(counts(portal)) == asked
    sync.spec["verify"] = {"rowCount": "Warn"}
    assert sync.one(options=settled).verified is True


def test_rows_are_counted_all_the_same_where_others_are_deleted_by_it(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    sync.spec["verify"] = {"rowCount": "Off"}
    sync.spec["target"]["prune"] = True
    sync.well(mode="full")
    parks.delete(parks.find(name="p0"))

    assert sync.one(mode="full").rows.deleted == 1
    assert counts(portal)


# -- pages that are none ----------------------------------------------------------------------------

PAGES: list[tuple[str, str, int, str]] = [
    ("<p>\nall is well</p>\n", "SourceUnavailable", 75, "does not begin with the columns"),
    ('"Name","Acres"\n"p0","1"\n', "SourceUnavailable", 75, "does not begin with the columns"),
    ('"name","acres",":id"\n', "SchemaChanged", 65, "missing: opened, :updated_at"),
    (HEADER + '"p0","1"\n', "SourceUnavailable", 75, "cut short inside a row"),
    (HEADER + '"p0","1",,,"row id"\n', "SourceUnavailable", 75, "do not end with their :id"),
    (HEADER + f'"p0","1",,,"{"x" * 999}"\n', "SourceUnavailable", 75, "do not end with"),
]


def test_csv_that_is_not_what_was_asked_for_is_not_staged(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    for page, reason, exit_code, said in PAGES:
        portal.faults.clear()
        fault = Fault.answer(page, content_type="text/csv; charset=UTF-8")
        portal.faults.add(fault, times=None, on="rows")

        report = sync.run()

        assert report.exit_code == exit_code, page
        assert report.failure is not None
        assert report.failure.reason == reason
        assert said in report.failure.message
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]


def test_a_byte_order_mark_is_no_part_of_the_first_column(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    marked = "\ufeff" + HEADER + '"p9","9",,"2024-01-01T00:00:00.000Z","%s"\n'
    page = Fault.answer(marked % parks.ids()[-1], content_type="text/csv")
    portal.faults.add(page, on="rows")
    sync.spec["verify"] = {"rowCount": "Off"}

    sync.well()

    assert "p9" in sync.acres()


@pytest.mark.interface(
    "SODA2"
)  # SODA3's query is no part of an address, which has a longest length
def test_a_dataset_of_too_many_columns_to_name_is_read_by_a_star(
    sync: Sync, portal: Portal
) -> None:
    names = [f"a_column_with_quite_a_long_name_{n:04d}" for n in range(300)]
    row: dict[str, Any] = {name: str(n) for n, name in enumerate(names)}
    portal.add_dataset("wide-0001", [(name, "text") for name in names], [row])
    sync.spec["target"] |= {"table": "wide", "key": [names[7]]}

    sync.well()

    assert {p["$select"] for p in sync.pages()} == {"*,:updated_at,:id"}
    assert sync.table("wide", names[7]) == {"7": row}

    sync.spec["target"]["fields"] = dict.fromkeys(names[1:], "")
    report = sync.run(mode="full")
    assert report.exit_code == 78
    assert report.failure is not None
    assert "Load fewer columns by target.fields" in report.failure.message
