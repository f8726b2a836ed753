"""``socratasync demo``: the whole of it at once, on this machine and with nothing left behind.

Nothing here is staged for the show: the PostgreSQL is real, the HTTPS is real, and each step is
what ``run`` and ``plan`` do with a manifest.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest, read_manifest
from socratasync.api.spec import Mode
from socratasync.cli import preview_table, report_table, terminal
from socratasync.contract.progress import Logged, Progress
from socratasync.contract.report import RunReport
from socratasync.embedded import server as embedded
from socratasync.errors import Misconfigured, Terminated
from socratasync.pipeline.preview import look, preview
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.sql import load
from socratasync.process import logs
from socratasync.process.redact import Redactor
from socratasync.process.signals import interruptible, leave

if TYPE_CHECKING:
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


class NoSimulator(Misconfigured):
    """The simulated Socrata needs a library that is not installed."""

    reported_as = "InvalidSpec"


def command(
    rows: Annotated[
        int,
        typer.Option("--rows", min=3000, max=2_000_000, help="Rows of each of the two datasets."),
    ] = 60_000,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the database, and say how to look into it.")
    ] = False,
) -> None:
    """Show everything at once on this machine: load, change, plan, update, and what it did.

    Starts a PostgreSQL and a simulated Socrata of its own, in a temporary folder. Nothing is sent
    anywhere, and nothing is left behind.
    """
    with interruptible() as interruption:
        code = 0
        try:
            with _folder(keep) as folder:
                _show(terminal.output(), rows, folder, interruption.stopping, keep=keep)
        except _Failed as exc:
            code = exc.code
        except Terminated:
            code = interruption.exit_code or 143
    if interruption.exit_code is not None:
        leave(code)
    raise typer.Exit(code)


class _Failed(Exception):
    """A step of the demo failed; it has said so."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="socratasync-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _show(
    console: Console, rows: int, folder: Path, stopping: threading.Event, *, keep: bool
) -> None:
    started = time.monotonic()
    with _city(console, rows) as (city, domain), embedded.database(folder, throwaway=True) as dsn:
        stage = _Stage(console=console, dsn=dsn, stopping=stopping, domain=domain)
        _first_load(stage)
        _update(stage, city)
        _full(stage, city)
        _contents(stage)
    console.print()
    console.print(f"All of it took {time.monotonic() - started:.1f} s.", end=" ")
    if keep:
        console.print(
            f"Look around with: SOCRATASYNC_DATA={folder} socratasync psql", soft_wrap=True
        )
    else:
        console.print("Nothing is left behind; --keep keeps the database.")


@contextlib.contextmanager
def _city(console: Console, rows: int) -> Iterator[tuple[City, str]]:
    """The portal, served over HTTPS, and trusted by this process for as long as the block lasts."""
    try:
        from socrata_simulator.http.server import serve  # optional: extra local
        from socratasync.cli.demo_city import City  # needs the simulator
    except ImportError as exc:
        raise NoSimulator(
            f"the demo needs {exc.name}; install it with pip install 'socratasync[local]'"
        ) from exc
    _heading(console, f"A city publishes {2 * rows:,} service requests in two datasets")
    city = City(rows)
    with serve(city.portal) as server, _environ(REQUESTS_CA_BUNDLE=server.ca_file, NO_PROXY="*"):
        console.print(
            f"simulated Socrata: https://{server.domain} (HTTPS, as a real portal answers)"
        )
        yield city, server.domain


@contextlib.contextmanager
def _environ(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """Where the demo plays."""

    console: Console
    dsn: str
    stopping: threading.Event
    domain: str

    def manifest(self, *more: str) -> Manifest:
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

    def run(self, name: str, manifest: Manifest, mode: Mode) -> RunReport:
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
        )
        if not report.ok:
            report_table.show_failure(self.console, report)
            raise _Failed(report.exit_code)
        return report

    def plan(self, manifest: Manifest, mode: Mode) -> None:
        source = Source(manifest.spec.domain, stopping=self.stopping)
        with contextlib.closing(source):
            planned = preview(
                manifest.spec,
                source,
                look(Connections(self.dsn), manifest.spec),
                mode=mode,
                since=None,
                now=datetime.now(UTC),
                stopping=self.stopping,
            )
        preview_table.show(self.console, manifest, planned, [], Redactor())


def _heading(console: Console, text: str) -> None:
    console.print()
    console.rule(Text(f" {text} ", style="bold"), align="left", style="dim")


def _first_load(stage: _Stage) -> None:
    _heading(stage.console, "One manifest declares the sync; the first run loads everything")
    stage.console.print(Text(_MANIFEST.format(domain=stage.domain).rstrip(), style="cyan"))
    stage.run("demo-1", stage.manifest(), "update")


def _update(stage: _Stage, city: City) -> None:
    _heading(
        stage.console, "A night passes at the source: new requests, others closed, one filed twice"
    )
    city.a_night_passes()
    with psycopg.connect(stage.dsn) as connection:
        connection.execute(_SQL["make_view"])
    stage.console.print("the app adds a materialized view, and the manifest names it:")
    stage.console.print(Text(_VIEW.rstrip(), style="cyan"))
    manifest = stage.manifest(_VIEW)
    stage.console.print(Text("$ socratasync plan", style="bold"))
    stage.plan(manifest, "update")
    stage.console.print(Text("$ socratasync run", style="bold"))
    stage.run("demo-2", manifest, "update")


def _full(stage: _Stage, city: City) -> None:
    _heading(
        stage.console,
        "A week passes: rows deleted at the source, a column added; a full run finds out",
    )
    city.a_week_passes()
    stage.console.print(
        Text("$ socratasync run --mode full   # with target.prune: true", style="bold")
    )
    stage.run("demo-3", stage.manifest(_PRUNE, _VIEW), "full")


def _contents(stage: _Stage) -> None:
    _heading(stage.console, "What the database holds")
    with psycopg.connect(stage.dsn) as connection:
        per_year = connection.execute(_SQL["rows_per_year"]).fetchall()
        slowest = connection.execute(_SQL["slowest_requests"]).fetchall()
        (columns,) = connection.execute(_SQL["count_columns"]).fetchone() or (0,)
    stage.console.print(f"table requests, {columns} columns:")
    _print(
        stage.console,
        ("Year", "Dataset", "Rows", "Open", "Newest updateddate"),
        [(y, d, f"{n:,}", f"{o:,}", f"{at:%Y-%m-%d %H:%M}") for y, d, n, o, at in per_year],
    )
    stage.console.print(
        "what takes longest, from the refreshed materialized view service_requests:"
    )
    _print(
        stage.console,
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
