"""The steps of ``socratasync demo``, in their order; each runs what ``run`` and ``plan`` run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest, read_manifest
from socratasync.api.spec import Mode
from socratasync.cli import preview_table, report_table, terminal
from socratasync.contract.progress import Logged, Progress
from socratasync.errors import Terminated
from socratasync.pipeline.preview import find, preview
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.sql.statements import load
from socratasync.process import logs
from socratasync.process.redact import Redactor

if TYPE_CHECKING:  # importing it needs the extra that brings the simulator's library
    from socratasync.cli.demo_city import City

_SQL = load("demo")

_MANIFEST = """\
apiVersion: socratasync.dev/v1alpha1
kind: SocrataSync
metadata: {{name: la-311}}
spec:
  domain: {domain}
  datasets:
    - {{year: 2019, id: requ-2019}}
    - {{year: 2020, id: requ-2020}}
  source: {{pageSize: 10000}}
  target:
    dsnSecretRef: {{name: la-311-db}}
    table: requests
    key: [srnumber]
"""
_VIEW = "  refresh: {materializedViews: [service_requests]}\n"
_PRUNE = "    prune: true\n"


class StepFailed(Exception):
    """A step of the demo failed, and has printed why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the steps share: where they print, the database, the portal, and when to stop."""

    console: Console
    dsn: str
    stopping: threading.Event
    domain: str

    def manifest(self, *more: str) -> Manifest:
        """The manifest with more lines at its end."""
        return read_manifest(_MANIFEST.format(domain=self.domain) + "".join(more))

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on a terminal, log lines in a pipe."""
        lines = terminal.Lines(self.console)
        if terminal.has_bars(self.console):
            logs.configure("text", Redactor(), level=40, stream=lines)
            with terminal.bars(self.console) as bars:
                yield bars
        else:
            logs.configure("text", Redactor(), stream=lines)
            yield Logged(every_s=2.0)

    def run(self, name: str, manifest: Manifest, mode: Mode) -> None:
        """Run the manifest and print the report, as ``socratasync run`` does.

        Raises ``StepFailed``, or ``Terminated`` if a signal ended it.
        """
        request = RunRequest(
            name=manifest.name, run=name, spec=manifest.spec, mode=mode, dsn=self.dsn
        )
        started = time.monotonic()
        with self.progress() as progress:
            report = run(request, RunOptions(progress=progress, stopping=self.stopping))
        if report.terminated:
            raise Terminated
        report_table.show(
            self.console,
            report,
            manifest=manifest,
            place="",
            seconds=time.monotonic() - started,
            redact=Redactor(),
        )
        if not report.ok:
            report_table.show_failure(self.console, report, Redactor())
            raise StepFailed(report.exit_code)

    def plan(self, manifest: Manifest, mode: Mode) -> None:
        """Print what the run would do, as ``socratasync plan`` does."""
        source = Source(manifest.spec.domain, stopping=self.stopping)
        with contextlib.closing(source):
            planned = preview(
                manifest.spec,
                source,
                find(Connections(self.dsn), manifest.spec),
                mode=mode,
                since=None,
                now=datetime.now(UTC),
                stopping=self.stopping,
            )
        preview_table.show(self.console, manifest, planned, [], Redactor())


def heading(console: Console, text: str) -> None:
    """Print the title of a step."""
    console.print()
    console.rule(Text(f" {text} ", style="bold"), align="left", style="dim")


def first_load(demo: Demo) -> None:
    """Load two datasets into a new table."""
    heading(demo.console, "One manifest declares the sync; the first run loads everything")
    demo.console.print(Text(_MANIFEST.format(domain=demo.domain).rstrip(), style="cyan"))
    demo.run("demo-1", demo.manifest(), "update")


def update(demo: Demo, city: City) -> None:
    """Change some rows at the source; plan and run the update that takes them over."""
    heading(
        demo.console, "A night passes at the source: new requests, others closed, one filed twice"
    )
    city.a_night_passes()
    with psycopg.connect(demo.dsn) as connection:
        connection.execute(_SQL["make_view"])
    demo.console.print("the app adds a materialized view, and the manifest names it:")
    demo.console.print(Text(_VIEW.rstrip(), style="cyan"))
    manifest = demo.manifest(_VIEW)
    demo.console.print(Text("$ socratasync plan", style="bold"))
    demo.plan(manifest, "update")
    demo.console.print(Text("$ socratasync run", style="bold"))
    demo.run("demo-2", manifest, "update")


def full_run(demo: Demo, city: City) -> None:
    """Delete rows at the source and add a column; run in full, which finds both."""
    heading(
        demo.console,
        "A week passes: rows deleted at the source, a column added; a full run finds out",
    )
    city.a_week_passes()
    demo.console.print(
        Text("$ socratasync run --mode full   # with target.prune: true", style="bold")
    )
    demo.run("demo-3", demo.manifest(_PRUNE, _VIEW), "full")


def show_contents(demo: Demo) -> None:
    """Print what the table and the materialized view hold by now."""
    heading(demo.console, "What the database holds")
    with psycopg.connect(demo.dsn) as connection:
        per_year = connection.execute(_SQL["rows_per_year"]).fetchall()
        slowest = connection.execute(_SQL["slowest_requests"]).fetchall()
        (columns,) = connection.execute(_SQL["count_columns"]).fetchone() or (0,)
    demo.console.print(f"table requests, {columns} columns:")
    _print(
        demo.console,
        ("Year", "Dataset", "Rows", "Open", "Newest updateddate"),
        [(y, d, f"{n:,}", f"{o:,}", f"{at:%Y-%m-%d %H:%M}") for y, d, n, o, at in per_year],
    )
    demo.console.print("what takes longest, from the refreshed materialized view service_requests:")
    _print(
        demo.console,
        ("Request", "Requests", "Open", "Median days"),
        [(kind, f"{n:,}", f"{o:,}", days) for kind, n, o, days in slowest],
    )


def _print(console: Console, heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        words = head in ("Year", "Dataset", "Request", "Newest updateddate")
        table.add_column(head, justify="left" if words else "right")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
