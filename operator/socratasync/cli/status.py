"""``socratasync status``: watermarks and last runs, from the bookkeeping in the target database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest
from socratasync.api.source import DatasetSpec
from socratasync.api.spec import SyncSpec
from socratasync.cli import inputs, options, terminal
from socratasync.cli.report_table import when
from socratasync.contract.environment import redactor
from socratasync.pipeline.plan.frozen import Frozen, not_accepted, still_there
from socratasync.pipeline.target import adoptions, catalog
from socratasync.pipeline.target.bookkeeping import Known, Ledger, PastRun
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection, Connections
from socratasync.pipeline.target.migrations import bookkeeping_exists
from socratasync.pipeline.target.table_lock import is_loading
from socratasync.process import logs
from socratasync.process.redact import Redactor, mask_values
from socratasync.times import write_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a target stands. ``datasets``: those of the manifest, and those that were adopted. ``frozen``: dataset → columns that keep old values, since it fills them no more.
    ``running``: some run holds its lock at this moment."""

    target: str
    datasets: tuple[DatasetSpec, ...]
    known: dict[str, Known]
    runs: list[PastRun]
    frozen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    running: bool = False


def command(
    file: options.File,
    dsn: options.Dsn = None,
    last: Annotated[
        int, typer.Option("--last", min=1, max=2000, help="How many past runs to show.")
    ] = 5,
    output: options.OutputFormat = options.Output.TEXT,
    verbose: options.Verbose = False,  # heeded where failures are shown
) -> None:
    """Show how far each dataset is in, and how the last runs ended. Writes nothing."""
    environ = inputs.environment()
    redact = redactor(environ)
    redact.add_dsn(dsn)
    logs.configure("text", redact, level=30)
    manifest = inputs.manifest(file)
    spec = manifest.spec
    target = f"{spec.target.schema_}.{spec.target.table}"
    with inputs.existing_database(inputs.secrets(dsn, environ), environ) as database:
        if database is None:
            standing = Standing(target=target, datasets=spec.selected_datasets(), known={}, runs=[])
        else:
            with Connections(database.dsn).connect(read_only=True, loads=False) as connection:
                standing = _read(connection, spec, target, last)
    if output is options.Output.JSON:
        typer.echo(json.dumps(mask_values(_as_dict(manifest, standing), redact)))
    else:
        _show(terminal.output(), manifest, standing, redact)


def _read(connection: Connection, spec: SyncSpec, target: str, last: int) -> Standing:
    known: dict[str, Known] = {}
    runs: list[PastRun] = []
    if bookkeeping_exists(connection):
        ledger = Ledger(connection, target, "")
        known, runs = ledger.known(), ledger.past_runs(last)
        spec = spec.with_adopted(each.dataset for each in adoptions.read(connection, target))
    table = catalog.read_target(connection, spec.target.schema_, spec.target.table)
    return Standing(
        target=target,
        datasets=spec.selected_datasets(),
        known=known,
        runs=runs,
        frozen={
            dataset.id: _frozen(spec, dataset, known[dataset.id], table)
            for dataset in spec.selected_datasets()
            if dataset.id in known
        },
        running=is_loading(connection, target),
    )


def _frozen(spec: SyncSpec, dataset: DatasetSpec, known: Known, table: Target) -> tuple[str, ...]:
    """Those that the last run found and that nobody has dropped or accepted since."""
    frozen = still_there(known.columns, table).get("frozen", {})
    return not_accepted(frozen, dataset.frozen_columns, spec.target.fields)


def _show(console: Console, manifest: Manifest, standing: Standing, redact: Redactor) -> None:
    now = "a run is under way" if standing.running else "no run is under way"
    console.print(Text.assemble((manifest.name, "bold"), f" → {standing.target}: {now}"))
    if not standing.runs and not standing.known:
        console.print("Nothing was ever loaded. Load it with: socratasync run -f FILE")
        return
    console.print(_datasets(standing))
    for dataset, columns in standing.frozen.items():
        for sentence in Frozen(named=columns).sentences(dataset):
            console.print(Text.assemble(("warning: ", "bold yellow"), redact(sentence)))
    console.print()
    console.print(_runs(standing, redact))


def _datasets(standing: Standing) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("Dataset", "Year"):
        table.add_column(head, no_wrap=True)
    for head in ("Rows at source", "Left out"):
        table.add_column(head, justify="right")
    for head in ("Newest change", "Next update from"):
        table.add_column(head)
    for dataset in standing.datasets:
        known = standing.known.get(dataset.id)
        rows = f"{known.source_rows:,}" if known and known.source_rows is not None else ""
        left_out = f"{known.left_out:,}" if known else ""
        newest = when(known.watermark) if known else "never loaded"
        since = when(known.synced_since) if known else ""
        table.add_row(dataset.id, str(dataset.year or ""), rows, left_out, newest, since)
    return table


def _runs(standing: Standing, redact: Redactor) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("Started (UTC)", "Mode", "Only", "Result", "Seconds"):
        table.add_column(head, no_wrap=True, justify="right" if head == "Seconds" else "left")
    for head in ("New", "Changed", "Deleted"):
        table.add_column(head, justify="right")
    table.add_column("Message", overflow="fold")
    for number, run in enumerate(standing.runs):
        rows = (run.report or {}).get("rows") or {}
        table.add_row(
            when(run.started_at),
            run.mode,
            _only(run),
            _result(run, is_active=standing.running and number == 0),
            _seconds(run),
            *(f"{rows[c]:,}" if c in rows else "" for c in ("inserted", "updated", "deleted")),
            redact(_message(run)),
        )
    return table


def _result(run: PastRun, *, is_active: bool) -> Text:
    if run.ok is None:
        return Text("running") if is_active else Text("did not finish", style="yellow")
    return Text("ok", style="green") if run.ok else Text("failed", style="red")


def _seconds(run: PastRun) -> str:
    if run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():,.1f}"


def _only(run: PastRun) -> str:
    """What a one-off run was limited to."""
    return str((run.report or {}).get("only") or "")


def _message(run: PastRun) -> str:
    error = (run.report or {}).get("error") or {}
    return f"{error['reason']}: {error['message']}" if error else ""


def _as_dict(manifest: Manifest, standing: Standing) -> dict[str, Any]:
    return {
        "v": 1,
        "name": manifest.name,
        "target": standing.target,
        "running": standing.running,
        "datasets": [
            {
                **_dataset_dict(dataset.id, dataset.year, standing.known.get(dataset.id)),
                "frozenColumns": list(standing.frozen.get(dataset.id, ())),
            }
            for dataset in standing.datasets
        ],
        "runs": [
            {
                "run": run.run,
                "mode": run.mode,
                "startedAt": write_instant(run.started_at, "milliseconds"),
                "finishedAt": write_instant(run.finished_at, "milliseconds"),
                "ok": run.ok,
                "report": run.report,
            }
            for run in standing.runs
        ],
    }


def _dataset_dict(dataset: str, year: int | None, known: Known | None) -> dict[str, Any]:
    return {
        "id": dataset,
        "year": year,
        "loaded": known is not None,
        "lastSyncedSince": write_instant(known.synced_since, "milliseconds") if known else None,
        "newestChange": write_instant(known.watermark, "milliseconds") if known else None,
        "sourceRows": known.source_rows if known else None,
        "leftOut": known.left_out if known else None,
        "sourceUpdatedAt": write_instant(known.rows_updated_at, "milliseconds") if known else None,
    }
