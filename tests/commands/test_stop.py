"""SIGTERM, whatever a run is doing: rolled back, the lock let go, exit 143, within five seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cluster.processes import wait_until
from tests.commands.conftest import (
    Command,
    Manifest,
    backends,
    document,
    rows,
    wait_until_gone,
)
from tests.commands.test_worker import Job
from tests.skipped import NOT_ROOT

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target.table_lock import run_lock_number

WITHIN_S = 5
TARGET = "public.parks"


class Scene:
    """What a run is brought into before it is stopped."""

    def __init__(self, portal: Portal, parks: Dataset, dsn: str, spec: dict[str, Any]) -> None:
        self.portal = portal
        self.parks = parks
        self.dsn = dsn
        self.spec = spec
        self.environ: dict[str, str] = {}
        self.stack = ExitStack()
        self.asked = threading.Event()
        self._released = threading.Event()

    def hold(self) -> None:
        """Note that the portal was asked, and keep it from answering for as long as the scene lasts."""
        self.asked.set()
        self._released.wait(30)

    def release(self) -> None:
        self._released.set()

    @contextmanager
    def session(self, statement: str) -> Iterator[None]:
        """A session of somebody else that has done this, in a transaction that stays open."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement)
            yield

    def doing(self, what: str) -> Callable[[], bool]:
        """Whether a session of the run executes, or has last executed, a statement like that."""
        found = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            f"AND application_name = 'socratasync' AND query ILIKE '{what}'"
        )
        return lambda: rows(self.dsn, found)[0][0] > 0

    def waiting(self) -> bool:
        """Whether a session of the run waits for a lock."""
        found = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'socratasync' AND wait_event_type = 'Lock'"
        )
        return bool(rows(self.dsn, found)[0][0])


Arranged = Callable[[], Any]


def asking_about_the_dataset(scene: Scene) -> Arranged:
    scene.portal.faults.add(Fault.doing(scene.hold), on="metadata")
    return scene.asked.is_set


def copying_from_a_source_that_drips(scene: Scene) -> Arranged:
    scene.portal.faults.add(Fault.slow_drip(piece=40, seconds=0.5), on="rows")
    return scene.doing("COPY%")


def copying_from_a_source_that_says_nothing_more(scene: Scene) -> Arranged:
    scene.portal.faults.add(Fault.doing_midway(scene.hold, 60), on="rows")
    return scene.asked.is_set


def waiting_before_another_try(scene: Scene) -> Arranged:
    scene.portal.faults.add(Fault.doing(scene.asked.set), on="rows")
    scene.portal.faults.add(Fault.status(429, retry_after=300), on="rows", times=9)
    return scene.asked.is_set


def waiting_for_another_run(scene: Scene) -> Arranged:
    held = f"SELECT pg_advisory_lock({run_lock_number(TARGET)})"
    scene.stack.enter_context(scene.session(held))
    return scene.waiting


def merging_into_a_table_that_somebody_reads(scene: Scene) -> Arranged:
    with psycopg.connect(scene.dsn) as connection:
        connection.execute("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")
        connection.execute("INSERT INTO parks VALUES ('p0', 100)")

    def lock() -> None:
        scene.stack.enter_context(scene.session("LOCK TABLE parks IN SHARE MODE"))

    # Not before its rows come: a run looks at the table first.
    scene.portal.faults.add(Fault.doing(lock), on="rows")
    return scene.waiting


def refreshing_a_slow_view(scene: Scene) -> Arranged:
    with psycopg.connect(scene.dsn) as connection:
        connection.execute("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")
        connection.execute(
            "CREATE MATERIALIZED VIEW slow AS SELECT pg_sleep(60)::text AS slept WITH NO DATA"
        )
    scene.spec["refresh"] = {"materializedViews": ["slow"]}
    return scene.doing("REFRESH%")


def calling_a_hook_that_does_not_answer(scene: Scene) -> Arranged:
    listener = scene.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    called = threading.Event()

    def answer_nobody() -> None:
        connection, _ = listener.accept()
        scene.stack.callback(connection.close)
        called.set()

    threading.Thread(target=answer_nobody, daemon=True).start()
    port = listener.getsockname()[1]
    scene.spec["hooks"] = [{"url": f"http://127.0.0.1:{port}/hook", "timeoutSeconds": 60}]
    return called.is_set


STAGES = [
    asking_about_the_dataset,
    copying_from_a_source_that_drips,
    copying_from_a_source_that_says_nothing_more,
    waiting_before_another_try,
    waiting_for_another_run,
    merging_into_a_table_that_somebody_reads,
    refreshing_a_slow_view,
    calling_a_hook_that_does_not_answer,
]


@pytest.fixture
def scene(portal: Portal, parks: Dataset, dsn: str, spec: dict[str, Any]) -> Iterator[Scene]:
    found = Scene(portal, parks, dsn, spec)
    with found.stack:
        yield found
    portal.faults.clear()
    found.release()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__.replace("_", " "))
def test_a_worker_is_gone_within_five_seconds(
    scene: Scene, socratasync: Command, stage: Callable[[Scene], Arranged]
) -> None:
    there = stage(scene)
    job = Job(socratasync, scene.spec, scene.dsn)
    process = socratasync.start(
        "worker", SOCRATASYNC_SPEC=json.dumps(scene.spec), **job.environ, **scene.environ
    )
    stdout, stderr = _terminated(process, once=there)

    assert process.returncode == 143, stderr
    assert json.loads(job.termination_log.read_text())["error"]["reason"] == "Terminated"
    assert stdout.splitlines()[-1] == job.termination_log.read_text()
    scene.stack.close()
    wait_until_gone(scene.dsn)
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert rows(scene.dsn, held) == [(0,)]


def test_a_signal_that_comes_before_all_is_loaded_is_not_lost(
    scene: Scene, socratasync: Command
) -> None:
    """Process 1 of a container would never hear of a signal that it has no handler for."""
    job = Job(socratasync, scene.spec, scene.dsn)
    process = socratasync.start("worker", SOCRATASYNC_SPEC=json.dumps(scene.spec), **job.environ)
    caught = Path(f"/proc/{process.pid}/status")

    _terminated(process, once=lambda: _catches(caught, signal.SIGTERM))

    assert process.returncode == 143
    assert json.loads(job.termination_log.read_text())["error"]["reason"] == "Terminated"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_containers_process_1_ends_by_a_signal_while_its_modules_are_being_imported(
    socratasync: Command, tmp_path: Path, number: signal.Signals
) -> None:
    """As an operator that an upgrade replaces in its first second; it used to be killed after half a minute."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip(NOT_ROOT)
    (tmp_path / "typer.py").write_text("import sys; sys.stdin.read()")  # as long as this test likes
    path = f"{tmp_path}:{socratasync.environ['PYTHONPATH']}"
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen(
        [*alone, *socratasync.line("operator")],
        stdin=subprocess.PIPE,
        env=socratasync.environ | {"PYTHONPATH": path},
    ) as outside:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        inside = int(wait_until(lambda: children.read_text(), timeout_s=10, what="process 1"))
        caught = Path(f"/proc/{inside}/status")
        wait_until(lambda: _catches(caught, number), timeout_s=15, what=f"a handler of {number}")
        os.kill(inside, number)
        assert outside.wait(timeout=WITHIN_S) == 128 + number


def _catches(status: Path, number: int) -> bool:
    """Whether the process has a handler for the signal."""
    lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
    return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)


def _terminated(process: subprocess.Popen[str], once: Arranged) -> tuple[str, str]:
    """What the process printed, which is sent SIGTERM once all is as arranged."""
    wait_until(lambda: once() or process.poll() is not None, timeout_s=60, what="what is arranged")
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=WITHIN_S)


def test_nothing_half_written_stays_of_a_stopped_merge(
    scene: Scene, socratasync: Command, manifest: Manifest
) -> None:
    there = merging_into_a_table_that_somebody_reads(scene)
    process = socratasync.start("run", "-f", manifest(), SOCRATASYNC_DSN=scene.dsn)
    _terminated(process, once=there)
    scene.stack.close()
    wait_until_gone(scene.dsn)

    assert process.returncode == 143
    assert rows(scene.dsn, "SELECT name, acres FROM parks") == [("p0", 100)]
    assert rows(scene.dsn, "SELECT count(*) FROM socratasync.datasets") == [(0,)]


def test_a_run_after_a_stopped_one_finishes_the_work(
    scene: Scene, socratasync: Command, manifest: Manifest
) -> None:
    there = copying_from_a_source_that_drips(scene)
    process = socratasync.start("run", "-f", manifest(), SOCRATASYNC_DSN=scene.dsn)
    _terminated(process, once=there)
    scene.portal.faults.clear()

    ran = socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=scene.dsn)

    assert ran.returncode == 0, ran.stderr
    assert rows(scene.dsn, "SELECT count(*) FROM parks") == [(5,)]


def test_an_embedded_database_is_stopped_with_the_run(
    scene: Scene, socratasync: Command, manifest: Manifest
) -> None:
    there = waiting_before_another_try(scene)
    process = socratasync.start("run", "-f", manifest())
    _terminated(process, once=there)

    assert process.returncode == 143
    assert not (socratasync.data / "own" / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_command_that_asks_a_slow_source_is_stopped_at_once(
    scene: Scene, socratasync: Command, tmp_path: Path, number: int, command: str
) -> None:
    there = asking_about_the_dataset(scene)
    file = tmp_path / "sync.yaml"
    file.write_text(document(scene.spec))
    process = socratasync.start(command, "-f", file, SOCRATASYNC_DSN=scene.dsn)
    wait_until(there, timeout_s=30, what="a question")

    process.send_signal(number)
    _, stderr = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 128 + number
    assert "Traceback" not in stderr
    wait_until(lambda: backends(scene.dsn) == 0, timeout_s=3, what="no session")
