"""How much disk the table and its indexes take, as a run's report tells it."""

from __future__ import annotations

import time

import psycopg
import pytest
from tests.postgres.conftest import Sync

from socrata_simulator.portal.dataset import Dataset
from socratasync.contract.report import TableSize

MEASURED = "SELECT pg_table_size('parks') AS bytes, pg_indexes_size('parks') AS indexes"


def test_a_run_tells_how_large_the_table_is_whether_or_not_it_changed(
    sync: Sync, parks: Dataset
) -> None:
    for _ in range(2):
        report = sync.well()

        (there,) = sync.query(MEASURED)
        assert report.table == TableSize(bytes=there["bytes"], index_bytes=there["indexes"])
        assert report.as_dict()["table"] == {
            "bytes": there["bytes"],
            "indexBytes": there["indexes"],
        }
        assert min(there.values()) > 0
        sync.query("CREATE INDEX IF NOT EXISTS more ON parks (acres)")


def test_a_partitioned_tables_size_is_that_of_its_partitions(sync: Sync, parks: Dataset) -> None:
    sync.query(
        "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp) PARTITION BY RANGE (name);"
        "CREATE TABLE a PARTITION OF parks FOR VALUES FROM ('a') TO ('p3') PARTITION BY RANGE (name);"
        "CREATE TABLE aa PARTITION OF a DEFAULT; CREATE TABLE b PARTITION OF parks DEFAULT"
    )

    report = sync.well()

    (there,) = sync.query(
        "SELECT pg_table_size('aa') + pg_table_size('b') AS bytes,"
        " pg_indexes_size('aa') + pg_indexes_size('b') AS indexes"
    )
    assert report.table == TableSize(bytes=there["bytes"], index_bytes=there["indexes"])


def test_a_table_that_somebody_locks_keeps_no_run_waiting(
    sync: Sync, parks: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.spec["target"]["comments"] = False
    sync.options = sync.with_(queue_s=0.2)
    with psycopg.connect(sync.dsn) as other:

        def lock(*_: object) -> None:
            other.execute("LOCK TABLE parks")

        monkeypatch.setattr("socratasync.pipeline.run.comment", lock)
        began = time.monotonic()
        report = sync.well()
        took = time.monotonic() - began

    assert report.table is None
    assert took < 15
    assert len(sync.acres()) == 5
