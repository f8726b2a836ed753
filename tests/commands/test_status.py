"""``socratasync status``: watermarks and past runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.commands.conftest import PARKS, Command, Manifest

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target.table_lock import run_lock_number


def test_what_was_never_run_is_told_so(socratasync: Command, manifest: Manifest, dsn: str) -> None:
    ran = socratasync("status", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert "Nothing was ever loaded" in ran.stdout


def test_without_a_database_none_is_made(socratasync: Command, manifest: Manifest) -> None:
    ran = socratasync("status", "-f", manifest())

    assert "Nothing was ever loaded" in ran.stdout
    assert list(Path(socratasync.data).iterdir()) == []


def test_good_and_bad_runs_are_told_newest_first(
    socratasync: Command, manifest: Manifest, portal: Portal, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    portal.faults.add(Fault.status(503), times=99)
    socratasync("run", "-f", manifest(), "--mode", "full", SOCRATASYNC_DSN=dsn)
    portal.faults.clear()

    shown = socratasync("status", "-f", manifest(), SOCRATASYNC_DSN=dsn).stdout
    told = json.loads(
        socratasync("status", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn).stdout
    )

    assert [(run["mode"], run["ok"]) for run in told["runs"]] == [("full", False), ("update", True)]
    (dataset,) = told["datasets"]
    assert (dataset["id"], dataset["loaded"], dataset["sourceRows"]) == (PARKS, True, 5)
    assert dataset["lastSyncedSince"] < dataset["newestChange"]
    assert "no run is under way" in shown
    assert "SourceUnavailable: " in shown


def test_only_as_many_runs_are_told_as_were_asked_for(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    for _ in range(2):
        socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    ran = socratasync("status", "-f", manifest(), "--last", "1", "-o", "json", SOCRATASYNC_DSN=dsn)

    assert len(json.loads(ran.stdout)["runs"]) == 1


def test_a_run_under_way_is_seen_by_its_lock(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    with psycopg.connect(dsn) as running:
        running.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.parks")])
        ran = socratasync("status", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn)
        assert json.loads(ran.stdout)["running"]


@pytest.mark.parametrize("output", [[], ["-o", "json"]], ids=["as text", "as JSON"])
def test_a_database_that_is_away_exits_75(
    socratasync: Command, manifest: Manifest, output: list[str]
) -> None:
    given = "postgresql://me:Pass-word@127.0.0.1:1/db"
    ran = socratasync("status", "-f", manifest(), *output, SOCRATASYNC_DSN=given)

    assert ran.returncode == 75
    assert "TargetUnavailable" in ran.stderr + ran.stdout
    assert "Pass-word" not in ran.stderr + ran.stdout


def test_a_dataset_that_was_never_loaded_is_among_them(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    file = manifest(datasets=[{"id": PARKS}, {"id": "soon-0001"}])
    ran = socratasync("status", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn)

    found: dict[str, Any] = {d["id"]: d["loaded"] for d in json.loads(ran.stdout)["datasets"]}
    assert found == {PARKS: True, "soon-0001": False}


def test_a_bookkeeping_that_is_too_new_is_refused_with_a_sentence(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO socratasync.versions VALUES (99, 99, '9.8.7')")

    for command in ("status", "plan", "run"):
        ran = socratasync(command, "-f", manifest(), SOCRATASYNC_DSN=dsn)

        assert ran.returncode == 78
        assert "Use 9.8.7 or later" in " ".join((ran.stdout + ran.stderr).split())


@pytest.fixture
def frozen(socratasync: Command, manifest: Manifest, parks: Dataset, dsn: str) -> None:
    """The source has lost a column since the first run, and a second one has noticed."""
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    parks.drop_column("acres")
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)


@pytest.mark.usefixtures("frozen")
def test_a_column_that_froze_is_named_by_plan_run_and_status_until_it_is_accepted(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    commands = ("plan", "run", "status")

    for command in commands:
        shown = socratasync(command, "-f", manifest(), SOCRATASYNC_DSN=dsn).stdout
        told = socratasync(command, "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn).stdout
        assert f"dataset {PARKS} no longer fills acres: " in " ".join(shown.split())
        assert json.loads(told)["datasets"][0]["frozenColumns"] == ["acres"]

    accepted = manifest(datasets=[{"id": PARKS, "frozenColumns": ["acres"]}])
    for command in commands:
        assert "no longer" not in socratasync(command, "-f", accepted, SOCRATASYNC_DSN=dsn).stdout


@pytest.mark.usefixtures("frozen")
def test_a_frozen_column_that_was_dropped_since_the_last_run_is_not_told(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE parks DROP COLUMN acres")

    told = socratasync("status", "-f", manifest(), "-o", "json", SOCRATASYNC_DSN=dsn).stdout

    assert json.loads(told)["datasets"][0]["frozenColumns"] == []
