"""What ``init`` proposes for datasets of a simulated portal, and what comes of it in a database.

Shared by the tests of some datasets and those of many.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from tests.generated_datasets import Made

from socrata_simulator.portal.portal import Portal
from socratasync.api.manifest import Manifest, read_manifest
from socratasync.contract.environment import Secrets
from socratasync.contract.report import RunReport
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.suggest.manifest import write_manifest
from socratasync.suggest.questions import MOST
from socratasync.suggest.survey import survey

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Proposals:
    """What is proposed for datasets of the portal, and what comes of it in a database."""

    def __init__(self, portal: Portal, domain: str, dsn: str) -> None:
        self.portal = portal
        self.domain = domain
        self.dsn = dsn

    def text(self, *ids: str) -> str:
        """The manifest for these datasets. No more than so many requests are asked for it."""
        before = len(self.portal.requests)
        policy = RetryPolicy(attempts=2, first_wait=0.01)
        with closing(Source(self.domain, policy=policy)) as source:
            text = write_manifest(survey(source, ids), NOW)
        assert len(self.portal.requests) - before <= MOST
        return text

    def manifest(self, *ids: str) -> Manifest:
        """The manifest, read back."""
        return read_manifest(self.text(*ids))

    def load(self, manifest: Manifest) -> RunReport:
        """Run it as it stands."""
        spec = manifest.spec
        report = run(
            RunRequest(
                name=manifest.name,
                run=f"{manifest.name}-1",
                spec=spec,
                mode=spec.mode,
                dsn=self.dsn,
                secrets=Secrets(),
            ),
            RunOptions(policy=RetryPolicy(attempts=2, first_wait=0.01)),
        )
        assert report.ok, [report.error, *(d.error for d in report.datasets)]
        return report

    def loaded(self, *ids: str) -> Manifest:
        """The manifest, after a run that must bring every row of all its datasets into the table."""
        manifest = self.manifest(*ids)
        report = self.load(manifest)
        there = sum(len(self.portal[d.id]) for d in manifest.spec.datasets)
        told = [w for w in report.warnings if not w.startswith("there is no PostGIS")]
        assert told == []
        assert self.count(manifest) == there
        return manifest

    def count(self, manifest: Manifest) -> int:
        """How many rows the table has."""
        target = manifest.spec.target
        statement = sql.SQL("SELECT count(*) FROM {}").format(
            sql.Identifier(target.schema_, target.table)
        )
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(statement).fetchone()
        assert found
        return int(found[0])


def check(made: Made, manifest: Manifest) -> None:
    """The key is one, and the one that was declared if that is one."""
    key = list(manifest.spec.target.key)
    if key == ["socrata_id"]:
        assert manifest.spec.target.prune
        assert manifest.spec.mode == "full"
        assert made.declared not in made.unique or len(made.dataset) == 0
        return
    (chosen,) = (field for field, name in made.names.items() if key == [name])
    assert chosen in made.unique
    if made.declared in made.unique:
        assert chosen == made.declared
