"""Readers of the target go on while a run waits to have it for itself: it leaves the queue again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import psycopg
import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.contract.report import RunReport

PASSES = 3


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a run wants for itself: ``relation``, after ``ddl``, with ``spec``; ``shown`` tells that it had it."""

    ddl: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    relation: str = "parks"
    shown: str
    mode: str = "update"


WISHES = {
    "a column more": Wish(
        ddl="ALTER TABLE parks DROP COLUMN opened",
        shown="SELECT FROM pg_attribute WHERE attrelid = 'parks'::regclass AND attname = 'opened'",
    ),
    "an empty table": Wish(
        spec={"target": {"reset": True}},
        mode="full",
        ddl="INSERT INTO parks VALUES ('mine', 0)",
        shown="SELECT WHERE NOT EXISTS (SELECT FROM parks WHERE name = 'mine')",
    ),
    "a view made anew": Wish(
        ddl="CREATE MATERIALIZED VIEW totals AS SELECT sum(acres) AS acres FROM parks",
        spec={"refresh": {"materializedViews": ["totals"]}},
        relation="totals",
        shown="SELECT FROM totals WHERE acres = 110",
    ),
    "a table written anew": Wish(
        ddl="CREATE TABLE was AS SELECT relfilenode FROM pg_class WHERE relname = 'parks'",
        spec={"refresh": {"vacuum": "Full"}},
        shown="SELECT FROM was, pg_class c WHERE relname = 'parks' AND c.relfilenode <> was.relfilenode",
    ),
}


@pytest.fixture
def loaded(sync: Sync, parks: Dataset) -> Dataset:
    sync.well()
    parks.update(parks.find(name="p4"), acres=104)
    return parks


def wish_for(sync: Sync, wish: Wish) -> None:
    if wish.ddl:
        sync.query(wish.ddl)
    for name, words in wish.spec.items():
        sync.spec[name] = {**sync.spec.get(name, {}), **words}


@contextmanager
def held(sync: Sync, how: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who began a transaction and forgot about it."""
    with psycopg.connect(sync.dsn, application_name="a console") as other:
        other.execute(how)
        yield other


def read_on(sync: Sync, relation: str, holder: psycopg.Connection[Any], over: Event) -> int:
    """Read until the run is over. Returns how often a reader got what he wanted though he came while the run
    waited; after a few of these the holder lets go."""
    waits = (
        f"SELECT FROM pg_locks WHERE relation = '{relation}'::regclass AND NOT granted"
        " AND mode = 'AccessExclusiveLock'"
    )
    passes = 0
    with psycopg.connect(sync.dsn, autocommit=True) as reader:
        while not over.is_set():
            came_later = reader.execute(waits).fetchone() is not None
            reader.execute(f"SELECT count(*) FROM {relation}")
            passes += came_later and not over.is_set()
            if passes >= PASSES:
                holder.rollback()
    return passes


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_readers_pass_a_run_that_waits_and_it_gets_its_turn(
    sync: Sync, loaded: Dataset, wish: Wish
) -> None:
    wish_for(sync, wish)
    over = Event()

    with (
        held(sync, f"SELECT FROM {wish.relation}") as holder,
        ThreadPoolExecutor() as pool,
    ):
        reads = pool.submit(read_on, sync, wish.relation, holder, over)
        try:
            report = sync.run(mode=wish.mode, options=sync.with_(queue_s=0.05))
        finally:
            over.set()
        passes = reads.result()

    assert report.exit_code == 0, report.as_dict()
    assert len(sync.query(wish.shown)) == 1
    assert passes >= PASSES


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_who_is_in_the_way_for_too_long_is_named(sync: Sync, loaded: Dataset, wish: Wish) -> None:
    wish_for(sync, wish)

    with held(sync, f"SELECT FROM {wish.relation}") as holder:
        report = run_impatiently(sync, mode=wish.mode)
        pid = holder.info.backend_pid

    told = " ".join(report.warnings) if report.ok else report.as_dict()["error"]["message"]
    facts = re.search(r"session (\d+) \((.*?)\) holds it: SELECT pg_terminate_backend", told)
    assert facts, told
    assert facts[1] == str(pid)
    assert re.fullmatch(r".+, a console, idle in transaction, since 20\S+Z", facts[2])
    assert report.exit_code == (0 if wish.spec.get("refresh", {}).get("vacuum") else 75)


def run_impatiently(sync: Sync, **words: Any) -> RunReport:
    return sync.run(options=sync.with_(queue_s=0.05, target_wait_s=0.1), **words)


def test_an_index_that_others_build_meanwhile_costs_the_vacuum_and_no_more(
    sync: Sync, loaded: Dataset
) -> None:
    with held(sync, "LOCK TABLE parks IN SHARE UPDATE EXCLUSIVE MODE") as holder:
        report = run_impatiently(sync)
        pid = holder.info.backend_pid

    assert report.exit_code == 0
    (told,) = report.warnings
    assert "its table was not vacuumed" in told
    assert f"session {pid} " in told
    assert sync.acres()["p4"] == 104
    assert (
        "refresh" not in sync.well().as_dict()["seconds"]
    )  # it is not owed: rows that change bring it
