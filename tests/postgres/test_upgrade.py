"""A database that a release left is gone on with by this checkout: from its watermark, and not from the start."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARKS, Sync
from tests.releases.source import SECOND_RUN, a_change, five_parks
from tests.releases.states import STATES, State

from socratasync.pipeline.target.migrations import MIGRATIONS


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.release)
def test_an_update_reads_what_changed_since_the_releases_last_run_and_nothing_else(
    state: State, sync: Sync, clock: Clock
) -> None:
    parks = five_parks(sync, clock)
    a_change(parks, clock)
    clock.at = SECOND_RUN + timedelta(hours=1)
    parks.update(parks.find(name="p1"), acres=11)
    with psycopg.connect(sync.dsn, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(state.bookkeeping.encode())
    rows = "SELECT name, xmin::text FROM parks"
    before = {row["name"]: row["xmin"] for row in sync.query(rows)}

    dataset = sync.one()

    assert (dataset.mode, dataset.rows.updated, dataset.rows.inserted) == ("update", 1, 0)
    asked = [page["$where"] for page in sync.pages(PARKS) if ":updated_at" in page["$where"]]
    assert ":updated_at >= '2026-01-01T12:45:00" in asked[0]
    after = {row["name"]: row["xmin"] for row in sync.query(rows)}
    assert {name for name in after if after[name] != before[name]} == {"p1"}
    (latest,) = sync.query("SELECT max(version) AS version FROM socratasync.versions")
    assert latest["version"] == len(MIGRATIONS)
    known = [row["run"] for row in sync.query("SELECT run FROM socratasync.runs ORDER BY 1")]
    assert known == ["first", "run-1", "second"]
