"""``socratasync demo``: what it shows, and that it leaves nothing behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.cluster.processes import wait_until
from tests.commands.conftest import Command


def test_the_demo_loads_changes_plans_updates_and_leaves_nothing(socratasync: Command) -> None:
    ran = socratasync("demo", "--rows", "3000")

    shown = " ".join(ran.stdout.split())
    assert ran.returncode == 0, ran.stderr
    for told in (
        "A city publishes 6,000 service requests",
        "all 6,000 6,000 0 0 0 6,000",  # the first run: all new
        "requ-2019 2019 nothing 0",  # the plan of the update
        "requ-2019 2019 NoChange",
        "refresh of materialized view service_requests, readers go on",
        "column councilaide is new",
        "table requests, 37 columns",
    ):
        assert told in shown
    assert list(Path(socratasync.data).iterdir()) == []


def test_the_demos_update_touches_just_what_changed(socratasync: Command) -> None:
    ran = socratasync("demo", "--rows", "8000")

    updated = [line.split() for line in ran.stdout.splitlines() if line.startswith("requ-2020")]
    (update,) = [words for words in updated if words[2] == "Synced" and words[4] == "1,200"]
    read, new, changed = (int(words.replace(",", "")) for words in update[3:6])
    assert (new, changed) == (1200, 800)
    assert read < 2500  # of 9,201


def test_a_demo_that_is_kept_says_how_to_look_around(socratasync: Command) -> None:
    ran = socratasync("demo", "--rows", "3000", "--keep")

    (folder,) = Path(socratasync.data).glob("socratasync-demo-*")
    assert f"SOCRATASYNC_DATA={folder} socratasync psql" in ran.stdout
    looked = socratasync(
        "psql", "-At", "-c", "SELECT count(*) > 6000 FROM requests", SOCRATASYNC_DATA=str(folder)
    )
    assert looked.stdout == "t\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_demo_that_is_stopped_leaves_nothing_either(socratasync: Command, number: int) -> None:
    process = socratasync.start("demo", "--rows", "60000")
    assert process.stdout is not None
    next(line for line in process.stdout if "requ-2019: download" in line)

    process.send_signal(number)
    process.communicate(timeout=10)

    assert process.returncode == 128 + number
    wait_until(
        lambda: not list(Path(socratasync.data).iterdir()), timeout_s=3, what="nothing left behind"
    )
