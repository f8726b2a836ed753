"""What follows a merge: vacuum of the target, its views, hooks, archives."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.listener import Listener
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.news import News


@pytest.fixture
def viewed(sync: Sync, parks: Dataset) -> Dataset:
    """The loaded parks with a materialized view over them."""
    sync.well()
    sync.query("CREATE MATERIALIZED VIEW totals AS SELECT sum(acres) AS acres FROM parks")
    sync.spec["refresh"] = {"materializedViews": ["totals"]}
    parks.update(parks.find(name="p4"), acres=104)
    return parks


def total(sync: Sync, view: str = "totals") -> Any:
    return sync.query(f"SELECT acres FROM {view}")[0]["acres"]


def test_a_view_is_refreshed_and_its_lock_is_told(sync: Sync, viewed: Dataset) -> None:
    report = sync.well()

    assert total(sync) == 110
    assert any("totals was refreshed with readers locked out" in w for w in report.warnings)
    assert "refresh" in report.as_dict()["seconds"]


def test_a_view_with_a_unique_index_is_refreshed_while_readers_read(
    sync: Sync, viewed: Dataset
) -> None:
    sync.query("CREATE UNIQUE INDEX ON totals (acres)")
    (before,) = sync.query("SELECT relfilenode FROM pg_class WHERE relname = 'totals'")

    report = sync.well()

    assert total(sync) == 110
    assert report.warnings == []
    assert sync.query("SELECT relfilenode FROM pg_class WHERE relname = 'totals'") == [before]


@pytest.mark.parametrize(
    "index",
    [
        "CREATE UNIQUE INDEX ON totals (acres) WHERE acres > 0",
        "CREATE UNIQUE INDEX ON totals ((acres + 1))",
    ],
    ids=["partial", "expression"],
)
def test_an_index_that_does_not_do_means_a_plain_refresh(
    sync: Sync, viewed: Dataset, index: str
) -> None:
    sync.query(index)

    report = sync.well()

    assert total(sync) == 110
    assert len(report.warnings) == 1


def test_a_view_that_was_never_filled_is_filled(sync: Sync, viewed: Dataset) -> None:
    sync.query(
        "CREATE MATERIALIZED VIEW empty AS SELECT sum(acres) AS acres FROM parks WITH NO DATA;"
        "CREATE UNIQUE INDEX ON empty (acres)"
    )
    sync.spec["refresh"] = {"materializedViews": ["empty", "public.totals"]}

    sync.well()

    assert total(sync, "empty") == total(sync) == 110


def test_a_missing_view_stops_the_run_before_anything_is_loaded(
    sync: Sync, viewed: Dataset
) -> None:
    sync.spec["refresh"] = {"materializedViews": ["totals", "nowhere"]}
    pages = len(sync.pages())

    report = sync.run()

    assert report.exit_code == 78
    assert "there is no materialized view nowhere" in report.as_dict()["error"]["message"]
    assert len(sync.pages()) == pages


def test_views_of_a_table_that_is_made_just_now_cannot_be_there_yet(
    sync: Sync, parks: Dataset
) -> None:
    sync.spec["refresh"] = {"materializedViews": ["totals"]}

    report = sync.well()

    assert any("there is no materialized view totals" in w for w in report.warnings)
    assert len(sync.acres()) == 5


def test_a_view_that_fails_is_told_with_the_data_in_and_tried_again(
    sync: Sync, viewed: Dataset
) -> None:
    sync.query("CREATE MATERIALIZED VIEW broken AS SELECT 1 / (acres - 104) AS x FROM parks")
    sync.spec["refresh"] = {"materializedViews": ["broken", "totals"]}

    report = sync.run()

    assert report.exit_code != 0
    assert (
        "the data is in, but the refresh of broken failed" in report.as_dict()["error"]["message"]
    )
    assert sync.acres()["p4"] == 104
    assert total(sync) == 110  # the other one is fresh
    sync.query("DROP MATERIALIZED VIEW broken")
    sync.spec["refresh"] = {"materializedViews": ["totals"]}
    sync.query("REFRESH MATERIALIZED VIEW totals WITH NO DATA")
    sync.well()
    assert total(sync) == 110  # owed, although nothing changed at the source


def test_nothing_is_refreshed_when_nothing_changed(sync: Sync, viewed: Dataset) -> None:
    sync.well()
    sync.query("REFRESH MATERIALIZED VIEW totals WITH NO DATA")

    report = sync.well()

    assert "refresh" not in report.as_dict()["seconds"]


@pytest.mark.parametrize(
    ("vacuum", "analyzed", "rewritten"),
    [("Analyze", True, False), ("Full", True, True), ("None", False, False)],
)
def test_the_target_is_vacuumed_and_nothing_else(
    sync: Sync, parks: Dataset, vacuum: str, analyzed: bool, rewritten: bool
) -> None:
    sync.spec["refresh"] = {"vacuum": vacuum}
    sync.query("CREATE TABLE other (x int); INSERT INTO other SELECT generate_series(1, 100)")
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)")
    facts = "SELECT relname, relfilenode, reltuples > 0 AS analyzed FROM pg_class WHERE relname IN ('parks', 'other')"
    before = {r["relname"]: r for r in sync.query(facts)}

    sync.well()

    after = {r["relname"]: r for r in sync.query(facts)}
    assert after["parks"]["analyzed"] is analyzed
    assert (after["parks"]["relfilenode"] != before["parks"]["relfilenode"]) is rewritten
    assert after["other"] == before["other"]


# -- hooks -------------------------------------------------------------------------------------------


def test_hooks_are_called_with_the_news_after_a_change_only(
    sync: Sync, parks: Dataset, listener: Listener
) -> None:
    sync.spec["hooks"] = [
        {"url": f"{listener.url}/reset?key=secret"},
        {"url": f"{listener.url}/reload", "method": "GET"},
    ]

    report = sync.well(hook_headers={0: {"X-Token": "abc"}}, namespace="data")

    (first, second) = listener.calls
    assert (first[0], first[1], first[2]["X-Token"]) == ("POST", "/reset?key=secret", "abc")
    told = News.from_json(json.dumps(first[3]))
    assert (told.namespace, told.name, told.domain) == ("data", "test", sync.spec["domain"])
    assert told.succeeded
    assert told.run
    assert (told.run.job, told.run.result) == (report.run, "Succeeded")
    assert [(d.id, d.inserted, d.updated, d.deleted) for d in told.datasets] == [
        (parks.id, 5, 0, 0)
    ]
    assert (second[0], second[3]) == ("GET", None)
    sync.well()
    assert len(listener.calls) == 2


@pytest.mark.parametrize(("required", "exit_code"), [(True, 75), (False, 0)])
def test_a_hook_that_fails_matters_if_it_is_required(
    sync: Sync, parks: Dataset, listener: Listener, required: bool, exit_code: int
) -> None:
    listener.status = 500
    sync.spec["hooks"] = [{"url": f"{listener.url}/reset?key=secret", "required": required}]

    report = sync.run()

    assert report.exit_code == exit_code
    assert any("answered HTTP 500" in w for w in report.warnings)
    assert "secret" not in json.dumps(report.as_dict())
    assert len(sync.acres()) == 5
    listener.status = 200
    sync.well()
    assert len(listener.calls) == (2 if required else 1)  # what is owed is called again


def test_a_hook_that_nobody_answers_is_told_without_its_key(sync: Sync, parks: Dataset) -> None:
    sync.spec["hooks"] = [{"url": "https://127.0.0.1:1/reset?key=secret", "required": True}]

    report = sync.run()

    assert report.exit_code == 75
    assert report.as_dict()["error"]["reason"] == "HookFailed"
    assert "secret" not in json.dumps(report.as_dict())


# -- archives --------------------------------------------------------------------------------------


@pytest.fixture
def archived(sync: Sync, parks: Dataset, tmp_path: Path) -> Path:
    """Downloads are kept in a folder, of two runs."""
    sync.spec["archive"] = {"persistentVolumeClaim": "files", "keepRuns": 2}
    sync.spec["datasets"] = [{"id": parks.id, "year": 2020}]
    sync.spec["source"] = {"pageSize": 2}
    return tmp_path / "files"


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))


def test_a_download_is_kept_as_one_csv_with_one_header(sync: Sync, archived: Path) -> None:
    sync.well(archive_folder=archived)

    (file,) = archived.rglob("*.csv.gz")
    assert file == archived / "park-0001" / "2020" / "run-1.csv.gz"
    assert [row["name"] for row in read(file)] == ["p0", "p1", "p2", "p3", "p4"]
    assert list(archived.rglob("*.part")) == []


def test_only_the_newest_files_are_kept(sync: Sync, archived: Path) -> None:
    for _ in range(4):
        sync.well(mode="full", archive_folder=archived)

    names = sorted(file.name for file in archived.rglob("*.csv.gz"))
    assert names == ["run-3.csv.gz", "run-4.csv.gz"]


@pytest.mark.parametrize(
    "fault", [Fault.reset(after_bytes=30), Fault.truncated(70), Fault.short_page(1)]
)
def test_a_page_that_failed_is_not_in_the_archive(
    sync: Sync, portal: Portal, archived: Path, fault: Fault
) -> None:
    portal.faults.add(fault, times=1, after=1, on="rows")

    sync.well(archive_folder=archived)

    (file,) = archived.rglob("*.csv.gz")
    assert [row["name"] for row in read(file)] == ["p0", "p1", "p2", "p3", "p4"]


def test_an_archive_is_gone_on_with_like_its_stage(
    sync: Sync, portal: Portal, archived: Path
) -> None:
    portal.faults.add(Fault.status(503), times=4, after=1, on="rows")
    assert sync.run(archive_folder=archived, run="one").exit_code == 75

    sync.well(archive_folder=archived, run="one")

    (file,) = archived.rglob("*.csv.gz")
    assert [row["name"] for row in read(file)] == ["p0", "p1", "p2", "p3", "p4"]


def test_a_stage_whose_archive_is_lost_is_read_again(
    sync: Sync, portal: Portal, archived: Path
) -> None:
    portal.faults.add(Fault.status(503), times=4, after=1, on="rows")
    sync.run(archive_folder=archived)
    for part in archived.rglob("*.part"):
        part.unlink()

    sync.well(archive_folder=archived)

    (file,) = archived.rglob("*.csv.gz")
    assert len(read(file)) == 5


def test_a_folder_that_cannot_be_written_fails_the_dataset(sync: Sync, archived: Path) -> None:
    archived.write_text("not a folder")

    report = sync.run(archive_folder=archived)

    assert report.exit_code == 75
    assert "cannot be written" in report.as_dict()["error"]["message"]
