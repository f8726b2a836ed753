"""Workers that are killed: at any request, at any moment after, and at each step of the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from psycopg import sql
from tests.chaos.changes import CHANGE
from tests.chaos.length import at_length
from tests.chaos.nights import FIRST, PAGES, asked_for, begin, end_quietly, manifest
from tests.chaos.setting import Setting
from tests.chaos.world import World
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

ROOT = Path(__file__).parents[2]


class Worker:
    """The worker's process, with the orders that a Job would give it."""

    def __init__(self, sync: Sync, folder: Path, *, run: str, **words: Any) -> None:
        ordered = sync.request(run=run, **words)
        kept = ("PATH", "REQUESTS_CA_BUNDLE", "LANG")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        environ |= {
            "PYTHONPATH": str(ROOT / "operator"),
            "NO_PROXY": "*",
            "SOCRATASYNC_NAME": "chaos",
            "SOCRATASYNC_NAMESPACE": "tests",
            "SOCRATASYNC_RUN": run,
            "SOCRATASYNC_MODE": ordered.mode,
            "SOCRATASYNC_SPEC": ordered.spec.model_dump_json(by_alias=True, exclude_none=True),
            "SOCRATASYNC_DSN": sync.dsn,
            "SOCRATASYNC_ATTEMPTS": "4",
            "SOCRATASYNC_FIRST_WAIT": "0.001",
            "SOCRATASYNC_TERMINATION_LOG": str(folder / "termination.log"),
        }
        if since := words.get("since"):
            environ["SOCRATASYNC_SINCE"] = since.isoformat()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "socratasync", "worker"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.is_killed = False

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        self.is_killed = True
        self._process.send_signal(signal.SIGKILL)

    def ended(self) -> dict[str, Any] | None:
        """Wait for the end; the report, if it lived to tell one."""
        out, _ = self._process.communicate(timeout=60)
        return json.loads(out.splitlines()[-1]) if out.strip() else None


def wait_for_the_lock(sync: Sync) -> None:
    """Until the killed process' session has ended: the server notices when it next writes to it."""
    deadline = time.monotonic() + 30
    others = (
        "SELECT FROM pg_stat_activity WHERE application_name = 'socratasync'"
        " AND datname = current_database()"
    )
    while sync.query(others):
        assert time.monotonic() < deadline
        time.sleep(0.01)


KILL = st.tuples(
    st.sampled_from(["rows", "rows", "count", "metadata"]),
    st.integers(0, 4),
    st.sampled_from(["before", "midway", "afterwards"]),
    st.integers(0, 60),
)
KILLED_NIGHT = st.tuples(
    st.lists(CHANGE, min_size=1, max_size=5),
    st.lists(CHANGE, max_size=2),
    KILL,
    st.sampled_from(["update", "full", "full prune", "reset"]),
    PAGES,
    st.booleans(),
)


def kill_at(world: World, kill: tuple[Any, ...], worker: Callable[[], Worker]) -> None:
    """Kill the worker at a request, or some milliseconds after its answer."""
    on, after, when, milliseconds = kill

    def strike() -> None:
        worker().kill()

    def strike_later() -> None:
        threading.Timer(milliseconds / 1000, strike).start()

    match when:
        case "before":
            fault = Fault.doing(strike)
        case "midway":
            fault = Fault.doing_midway(strike, 30)
        case _:
            fault = Fault.doing_afterwards(strike_later)
    world.portal.faults.add(fault, on=on, after=after)


@at_length(80, short=4)
@given(nights=st.lists(KILLED_NIGHT, min_size=1, max_size=2))
def test_a_worker_killed_anywhere_leaves_nothing_that_the_next_does_not_put_right(
    sync: Sync, portal: Portal, clock: Any, tmp_path: Path, nights: list[Any]
) -> None:
    setting = Setting(clock="years ahead")  # as the worker's own clock is, which no test can set
    judge = begin(sync, portal, clock, setting)
    for number, (changes, meanwhile, kill, mode, page_size, retried) in enumerate(nights):
        for change in changes:
            judge.world.happen(FIRST, change)
        manifest(sync, mode, page_size, setting)
        words = asked_for(mode, 0, judge.world)
        judge.begins()
        started: list[Worker] = []
        ready = threading.Event()

        def worker(started: list[Worker] = started, ready: threading.Event = ready) -> Worker:
            ready.wait(10)
            return started[0]

        kill_at(judge.world, kill, worker)
        started.append(Worker(sync, tmp_path, run=f"night-{number}", **words))
        ready.set()
        told = started[0].ended()
        note(f"night {number}, {mode}, told {told}")
        wait_for_the_lock(sync)
        portal.faults.clear()
        judge.ends_killed(f"night-{number}", told)
        for change in meanwhile:
            judge.world.happen(FIRST, change)
        judge.begins()
        name = f"night-{number}" if retried else f"again-{number}"
        report = sync.run(run=name, **words)
        note(f"again {number}: {report.as_dict()}")
        # What was merged before the kill is told again by the retry, so counts say nothing here.
        judge.ends_uncounted(report, mode=mode)
    end_quietly(judge, setting)


# -- killed at each step of the end -----------------------------------------------------------------------


@pytest.fixture
def scene(sync: Sync, portal: Portal) -> tuple[Sync, Dataset]:
    """Three parks loaded, and a change to one of them."""
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    parks = portal.add_dataset(
        FIRST,
        [("name", "text"), ("acres", "number")],
        [{"name": f"p{n}", "acres": n} for n in range(3)],
    )
    sync.spec["refresh"] = {"vacuum": "None", "materializedViews": ["totals"]}
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric)")
    sync.query(
        "CREATE MATERIALIZED VIEW totals AS SELECT sum(acres) AS acres,"
        " pg_advisory_xact_lock_shared(42)::text AS lock"
        " FROM parks"
    )
    sync.well()
    parks.update(parks.find(name="p1"), acres=100)
    return sync, parks


Step = tuple[str, str]

STEPS: dict[str, list[Step]] = {
    "before the merge": [("LOCK TABLE parks IN SHARE MODE", "%")],
    "in the merge": [("LOCK TABLE socratasync.runs IN SHARE MODE", "%UPDATE socratasync.runs%")],
    "between the merge and the end of its stage": [
        ("LOCK TABLE {stage} IN ACCESS SHARE MODE", "%DROP TABLE%")
    ],
    "in the refresh": [("SELECT pg_advisory_xact_lock(42)", "%REFRESH%")],
    "between the refresh and the record of it": [
        ("SELECT pg_advisory_xact_lock(42)", "%REFRESH%"),
        ("LOCK TABLE socratasync.runs IN SHARE MODE", "%UPDATE socratasync.runs%"),
    ],
}
"""What somebody else does that the worker waits for, and in which statement."""


def _stated(sync: Sync, step: Step) -> Any:
    """The step's statement; ``{stage}`` is the only stage there is."""
    stage = sync.query(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relname ~ '^(stage|new)_' AND relkind = 'r'"
    )
    return step[0].replace("{stage}", stage[0]["name"] if stage else "")


def wait_until_it_waits(sync: Sync, statement: str, worker: Worker) -> None:
    """Until a session of the worker waits for a lock in a statement like that."""
    waiting = sql.SQL(
        "SELECT FROM pg_stat_activity WHERE application_name = 'socratasync' AND query LIKE {}"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    ).format(statement)
    deadline = time.monotonic() + 30
    while not sync.query(waiting):
        assert time.monotonic() < deadline, worker.ended()
        time.sleep(0.01)


@pytest.mark.parametrize("retried", [True, False], ids=["retried", "another run"])
@pytest.mark.parametrize("mode", ["update", "full", "reset"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_worker_killed_near_its_end(
    scene: tuple[Sync, Dataset],
    portal: Portal,
    tmp_path: Path,
    steps: list[Step],
    mode: str,
    retried: bool,
) -> None:
    """Somebody holds a lock that the worker waits for at that step; there it is killed."""
    sync, parks = scene
    sync.spec["target"]["reset"] = mode == "reset"
    words = {"mode": "update" if mode == "update" else "full"}
    with ExitStack() as stack:
        holders = [stack.enter_context(psycopg.connect(sync.dsn)) for _ in steps]
        portal.faults.add(
            Fault.doing(lambda: holders[0].execute(_stated(sync, steps[0]))), on="rows", after=1
        )
        worker = Worker(sync, tmp_path, run="killed", **words)
        for number, step in enumerate(steps):
            if number:
                holders[number].execute(_stated(sync, step))
                holders[number - 1].rollback()
            wait_until_it_waits(sync, step[1], worker)
        worker.kill()
        worker.ended()
        sync.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'socratasync' AND datname = current_database()"
        )
    wait_for_the_lock(sync)

    sync.well(run="killed" if retried else "next", **words)

    assert sync.acres() == {"p0": 0, "p1": 100, "p2": 2}
    assert sync.query("SELECT acres FROM totals")[0]["acres"] == 102
    assert sync.query("SELECT FROM socratasync.runs WHERE changed AND NOT refreshed") == []
    assert sync.query("SELECT FROM socratasync.checkpoints") == []
    assert sync.query("SELECT FROM pg_class WHERE relname LIKE 'stage%'") == []
    parks.update(parks.find(name="p2"), acres=200)
    sync.well()
    assert sync.acres() == {"p0": 0, "p1": 100, "p2": 200}


# -- killed while a new table gets its name ------------------------------------------------------------

NAMING: dict[str, list[Step]] = {
    "before it moves": [("LOCK TABLE {stage} IN ACCESS SHARE MODE", "%SET SCHEMA%")],
    "with its key": [("LOCK TABLE socratasync.runs IN SHARE MODE", "%UPDATE socratasync.runs%")],
}


@pytest.mark.parametrize("retried", [True, False], ids=["retried", "another run"])
@pytest.mark.parametrize("steps", NAMING.values(), ids=NAMING)
def test_a_worker_killed_while_its_table_gets_its_name(
    sync: Sync, portal: Portal, tmp_path: Path, steps: list[Step], retried: bool
) -> None:
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    rows = [{"name": f"p{n}", "acres": n} for n in range(3)]
    parks = portal.add_dataset(FIRST, [("name", "text"), ("acres", "number")], rows)
    with psycopg.connect(sync.dsn) as holder:
        hold = Fault.doing(lambda: holder.execute(_stated(sync, steps[0])))
        portal.faults.add(hold, on="rows", after=1)
        worker = Worker(sync, tmp_path, run="killed")
        wait_until_it_waits(sync, steps[0][1], worker)
        worker.kill()
        worker.ended()
        sync.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'socratasync' AND datname = current_database()"
        )
    wait_for_the_lock(sync)
    assert sync.query("SELECT to_regclass('parks') AS t") == [{"t": None}]
    read = len(portal.requests)

    sync.well(run="killed" if retried else "next")

    assert sync.acres() == {"p0": 0, "p1": 1, "p2": 2}
    pages = [words for kind, _, words in portal.requests[read:] if kind == "rows"]
    assert len(pages) == 1, "what was copied was read again"
    assert sync.query("SELECT FROM socratasync.checkpoints") == []
    assert sync.query("SELECT FROM pg_class WHERE relname ~ '^(stage|new)_'") == []
    parks.update(parks.find(name="p2"), acres=200)
    sync.well()
    assert sync.acres() == {"p0": 0, "p1": 1, "p2": 200}
