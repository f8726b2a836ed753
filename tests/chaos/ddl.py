"""What others do to the target while it is loaded."""

from __future__ import annotations

import psycopg
from hypothesis import strategies as st
from tests.chaos.world import World
from tests.postgres.conftest import Sync

DDL = {
    "empty it": "TRUNCATE parks",
    "drop it": "DROP TABLE parks",
    "rename it": "DROP TABLE IF EXISTS others; ALTER TABLE parks RENAME TO others",
    "make it anew": "DROP TABLE parks; CREATE TABLE parks ({key} text PRIMARY KEY, acres numeric)",
    "drop acres": "ALTER TABLE parks DROP COLUMN acres",
    "drop note": "ALTER TABLE parks DROP COLUMN note",
    "add a column": "ALTER TABLE parks ADD COLUMN extra text",
    "add an index": "CREATE INDEX ON parks (acres)",
    "add a trigger": "CREATE OR REPLACE FUNCTION look_on() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RETURN NEW; END'; CREATE OR REPLACE TRIGGER look_on BEFORE INSERT OR UPDATE ON parks "
    "FOR EACH ROW EXECUTE FUNCTION look_on()",
}
HARMLESS = ("add a column", "add an index", "add a trigger")
"""Leave rows and values alone, though a run may give way to the first."""

MEDDLING = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["rows", "rows", "count", "metadata"]),
    st.integers(0, 2),
    st.tuples(
        st.just("ddl"),
        st.sampled_from(["at once", "before", "before", "midway", "afterwards"]),
        st.sampled_from(sorted(DDL)),
    ),
)
"""Somebody's statement: between two runs (``at once``), or while the portal answers a request."""

_NOT_NOW = (
    psycopg.errors.LockNotAvailable,  # the run holds the table, and the portal's answer waits for us
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.DuplicateColumn,
)


def meddle(sync: Sync, world: World, what: str) -> None:
    """Do it, unless the table is not there or is in use."""
    statement = DDL[what].replace("{key}", sync.spec["target"]["key"][0])
    try:
        sync.query(f"SET lock_timeout = '50ms'; {statement}")
    except _NOT_NOW:
        return
    world.destroyed |= what not in HARMLESS
    world.lost_acres |= what == "drop acres"
