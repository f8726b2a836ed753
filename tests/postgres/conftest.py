"""Runs of manifests against the simulated portal and a database of the test's own."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.api.spec import SyncSpec
from socratasync.contract.environment import Secrets
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.stage import pagecopy

Row = dict[str, Any]

IMPATIENT = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.01, longest_retry_after=5)


class Sync:
    """One manifest: change it as a mapping, run it, look at what the database holds."""

    def __init__(self, portal: Portal, domain: str, dsn: str) -> None:
        self.portal = portal
        self.dsn = dsn
        self.spec: dict[str, Any] = {
            "domain": domain,
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
        }
        self.how = RunOptions(policy=IMPATIENT, lock_wait_s=0.3)
        self._numbers = itertools.count(1)

    def order(self, *, mode: str = "update", run: str = "", **order: Any) -> RunRequest:
        """The order for the manifest as it is now. Datasets: those of the portal, unless it says."""
        spec = {**self.spec, "mode": mode}
        spec.setdefault("datasets", [{"id": id} for id in self.portal.datasets])
        read = SyncSpec.from_json(spec)
        name = run or f"run-{next(self._numbers)}"
        given = {f.name: order.pop(f.name) for f in dataclasses.fields(Secrets) if f.name in order}
        order = {"dsn": self.dsn, **order, "secrets": Secrets(**given)}
        return RunRequest(name="test", run=name, spec=read, mode=read.mode, **order)

    def run(self, **order: Any) -> RunReport:
        """Run it, whatever becomes of it."""
        circumstances = order.pop("how", self.how)
        return run(self.order(**order), circumstances)

    def well(self, **order: Any) -> RunReport:
        """Run it, and insist that all goes well."""
        report = self.run(**order)
        assert report.exit_code == 0, report.as_dict()
        return report

    def one(self, **order: Any) -> DatasetReport:
        """Run it well, and give the report of its only dataset."""
        (dataset,) = self.well(**order).datasets
        return dataset

    def with_(self, **how: Any) -> RunOptions:
        """RunOptions that differ."""
        return dataclasses.replace(self.how, **how)

    # -- the database ----------------------------------------------------------------------------

    def query(self, statement: str | sql.Composed, *values: Any) -> list[Row]:
        """All rows of a statement's answer."""
        options = "-c datestyle=ISO -c timezone=UTC"
        with psycopg.connect(
            self.dsn, autocommit=True, row_factory=dict_row, options=options
        ) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []

    def table(self, name: str = "requests", key: str = "srnumber") -> dict[Any, Row]:
        """The target's rows by key, without the columns of provenance."""
        rows = self.query(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
        hidden = ("socrata_dataset", "socrata_id", "socrata_updated_at")
        return {row[key]: {c: v for c, v in row.items() if c not in hidden} for row in rows}

    def forget(self) -> None:
        """As if nothing had ever been loaded into this database."""
        self.query(
            sql.SQL("DROP TABLE IF EXISTS {}; DROP SCHEMA IF EXISTS socratasync CASCADE").format(
                sql.Identifier(self.spec["target"]["table"])
            )
        )

    def catalog(self) -> list[Row]:
        """Everything that is in the database but the system's own, with rows counted: to see that
        nothing was touched."""
        return self.query(_CATALOG)

    def acres(self) -> dict[str, Any]:
        """The loaded parks' names and acres."""
        return {name: row["acres"] for name, row in self.table("parks", "name").items()}

    # -- what was asked ----------------------------------------------------------------------------

    def pages(self, dataset: str | None = None) -> list[Mapping[str, str]]:
        """The parameters of all pages of rows asked for so far."""
        return [
            parameters
            for kind, id, parameters in self.portal.requests
            if kind == "rows" and dataset in (None, id)
        ]


_CATALOG = """
SELECT n.nspname, c.relname, c.relkind, c.relfilenode, c.relacl::text, pg_get_userbyid(c.relowner),
       a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attnum,
       pg_relation_size(c.oid), (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2, a.attnum
"""


@pytest.fixture
def sync(portal: Portal, socrata: Server, dsn: str) -> Sync:
    """A manifest for the table ``requests`` with the key ``srnumber``."""
    return Sync(portal, socrata.domain, dsn)


@pytest.fixture(scope="session")
def real_data() -> Path | None:
    """The folder of real Socrata files, if this machine has them."""
    import os

    given = os.environ.get("SOCRATASYNC_REAL_DATA")
    folder = Path(given) if given else Path(__file__).parents[2].parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture
def slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL passes for the slower side from the first page on, however small, so that datasets are
    filled while they are downloaded."""
    monkeypatch.setattr(pagecopy, "LARGE_PAGE_BYTES", 0)
    monkeypatch.setattr(pagecopy, "HELD_UP", -1.0)


@pytest.fixture(params=["a fast server", "a slow server"])
def pace(request: pytest.FixtureRequest) -> str:
    """Where PostgreSQL is slow, rows go into the target while others are still downloaded."""
    if request.param == "a slow server":
        request.getfixturevalue("slow_server")
    return str(request.param)


PARKS = "park-0001"
PARK_COLUMNS = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]


@pytest.fixture
def parks(portal: Portal, sync: Sync) -> Dataset:
    """Five parks, p0 to p4, keyed by name, to be loaded into the table ``parks``."""
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    return portal.add_dataset(
        PARKS, PARK_COLUMNS, [{"name": f"p{n}", "acres": n} for n in range(5)]
    )
