"""Runs of manifests against the simulated portal and a database of the test's own."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from tests.interfaces import Interface, with_api
from tests.skipped import NO_REAL_DATA

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.api.one_off import limited
from socratasync.api.spec import SyncSpec
from socratasync.contract.environment import Secrets
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.errors import SyncError
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.merge.new_table import begin_table
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.preview import DatasetPreview, Preview, find, preview
from socratasync.pipeline.request import RunContext, RunOptions, RunRequest, SecondCopy
from socratasync.pipeline.run import opened, plan_all, run, source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.stage.fill import Stage
from socratasync.pipeline.stage.landing import landing
from socratasync.pipeline.stage.verify import StagedDataset, fill_and_verify
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.migrations import bring_up_to_date

Row = dict[str, Any]

IMPATIENT = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.01, longest_retry_after=5)


class Sync:
    """One manifest: change it as a mapping, run it, look at what the database holds."""

    def __init__(self, portal: Portal, domain: str, dsn: str, interface: Interface) -> None:
        self.portal = portal
        self.interface = interface
        """By which rows are read, where ``spec`` does not say it."""
        self.dsn = dsn  # as whom the run connects
        self.owner_dsn = dsn
        self.spec: dict[str, Any] = {
            "domain": domain,
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
        }
        self.options = RunOptions(policy=IMPATIENT, lock_wait_s=0.3)
        self.foretold = False
        """Whether ``plan`` is asked before each run, and held to what it said."""
        self.shares_keys = False
        """Whether datasets have keys in common, which no plan can know."""
        self._planning: set[int] = set()
        """Which requests the portal got for being asked for plans."""
        self._numbers = itertools.count(1)

    def request(self, *, mode: str = "update", run: str = "", **words: Any) -> RunRequest:
        """The request for the manifest as it is now. Datasets: those of the portal, unless it says."""
        source = with_api(self.spec.get("source", {}), self.interface)
        spec = {**self.spec, "mode": mode, "source": source}
        spec.setdefault("datasets", [{"id": id} for id in self.portal.datasets])
        read = SyncSpec.from_json(spec)
        name = run or f"run-{next(self._numbers)}"
        given = {f.name: words.pop(f.name) for f in dataclasses.fields(Secrets) if f.name in words}
        words = {"dsn": self.dsn, **words, "secrets": Secrets(**given)}
        if selection := words.get("selection"):
            read = limited(read, selection, read.mode)
        return RunRequest(name="test", run=name, spec=read, mode=read.mode, **words)

    def run(self, options: RunOptions | None = None, **words: Any) -> RunReport:
        """Run it, whatever becomes of it."""
        request, options = self.request(**words), options or self.options
        if not (self.foretold and self.portal.faults.is_empty):
            return run(request, options)
        asked = len(self.portal.requests)
        planned = self.plan(request, options)
        self._planning.update(range(asked, len(self.portal.requests)))
        report = run(request, options)
        self._compare(planned, report)
        return report

    def plan(self, request: RunRequest, options: RunOptions) -> Preview:
        """What ``socratasync plan`` says of the request."""
        found = find(Connections(self.dsn), request.spec)
        with closing(source(request, options)) as asked:
            return preview(
                request.spec,
                asked,
                found,
                mode=request.mode,
                since=request.lower_bound,
                now=options.clock(),
                stopping=options.stopping,
                told=request.redactor(),
            )

    @contextmanager
    def planned(
        self, options: RunOptions | None = None, **words: Any
    ) -> Iterator[tuple[RunContext, dict[str, DatasetPlan]]]:
        """A run as it stands once all its datasets are planned, for those who take single steps of it."""
        request = self.request(**words)
        report = RunReport(run=request.run, mode=request.mode, redact=request.redactor())
        with opened(request, options or self.options, Journal(report)) as context:
            found = plan_all(context).plans
            plans = {id: plan for id, plan in found.items() if isinstance(plan, DatasetPlan)}
            assert plans == found
            bring_up_to_date(context.connection)
            context.ledger.begin(request.mode)
            yield context, plans

    def _compare(self, planned: Preview, report: RunReport) -> None:
        """The run did what was planned: the same strategy, rows and columns, or the same refusal."""
        if planned.error:
            assert report.failure is not None
            assert report.failure.reason == planned.error.reason
            return
        for done in report.datasets:
            plan = planned.datasets[done.id]
            if isinstance(plan, SyncError):
                assert done.error is not None
                assert done.error.reason == plan.reason
            elif plan.refused:
                assert done.error is not None
                assert done.error.message == plan.refused.message
            elif done.error is None and done.result != "Failed":
                self._compare_dataset(plan, done)

    def _compare_dataset(self, plan: DatasetPreview, done: DatasetReport) -> None:
        tried = plan.strategy and plan.strategy.value
        assert tried == done.strategy or (self.shares_keys and tried in ("create", "fill"))
        assert plan.rows == done.rows.downloaded
        if plan.tried and plan.tried.rows == plan.rows:
            foretold, found = plan.tried.bad, done.bad_values
            assert (foretold.nulled, foretold.skipped) == (found.nulled, found.skipped)
            assert foretold.examples[:1] == found.examples[:1]
        if tried:
            target = self.request().target
            query = "SELECT columns FROM socratasync.datasets WHERE target = %s AND dataset = %s"
            (known,) = self.query(query, target, done.id)
            assert {c.name: c.field for c in plan.columns} == known["columns"]["loaded"]

    def well(self, **words: Any) -> RunReport:
        """Run it, and insist that all goes well."""
        report = self.run(**words)
        assert report.exit_code == 0, report.as_dict()
        return report

    def one(self, **words: Any) -> DatasetReport:
        """Run it well, and give the report of its only dataset."""
        (dataset,) = self.well(**words).datasets
        return dataset

    def with_(self, **changes: Any) -> RunOptions:
        """The options, but for some of them."""
        return dataclasses.replace(self.options, **changes)

    # -- the database ----------------------------------------------------------------------------

    def query(self, statement: str | sql.SQL | sql.Composed, *values: Any) -> list[Row]:
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
        """The parameters of all pages of rows that runs asked for so far. Rows that were asked for by their ids
        are no page."""
        return [
            parameters
            for number, (kind, id, parameters) in enumerate(self.portal.requests)
            if kind == "rows" and dataset in (None, id) and number not in self._planning
            if ":id in" not in parameters.get("$where", "")
        ]


_CATALOG = """
SELECT n.nspname, c.relname, c.relkind, c.relfilenode, c.relacl::text, pg_get_userbyid(c.relowner),
       a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attnum,
       pg_relation_size(c.oid), (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2, a.attnum
"""


def stage(context: RunContext, plan: DatasetPlan) -> StagedDataset:
    """The dataset, staged and verified, as a run does it."""
    begin_table(context, [plan])
    with context.connections.connect() as connection:
        place = landing(context, plan, connection)
        return fill_and_verify(context, plan, Stage(context, plan, connection, place))


@pytest.fixture
def sync(portal: Portal, socrata: Server, dsn: str, socrata_interface: Interface) -> Sync:
    """A manifest for the table ``requests`` with the key ``srnumber``."""
    return Sync(portal, socrata.domain, dsn, socrata_interface)


@pytest.fixture
def foretold(sync: Sync) -> None:
    """Every run without a fault must do what ``plan`` says beforehand."""
    sync.foretold = True


@pytest.fixture(scope="session")
def real_data(real_folder: Path | None) -> Path:
    """The folder of real portals' files; where there is none, the test is skipped."""
    if real_folder is None:
        pytest.skip(NO_REAL_DATA)
    return real_folder


ROW_BY_ROW = SecondCopy(piece_bytes=1, after_pieces=1, always=True)
"""As where PostgreSQL is the slower side: every other row of a page comes in by the second connection."""


@pytest.fixture
def slow_server(sync: Sync) -> None:
    """PostgreSQL passes for the slower side from the first page on, however small."""
    sync.options = sync.with_(second_copy=ROW_BY_ROW)


@pytest.fixture(params=["a fast server", "a slow server"])
def pace(request: pytest.FixtureRequest) -> str:
    """Where PostgreSQL is slow, a page comes in by two connections."""
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
