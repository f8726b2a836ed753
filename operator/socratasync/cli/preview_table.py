"""A preview of a run as a table for people, and as JSON for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest
from socratasync.api.spec import SyncSpec
from socratasync.cli.terminal import megabytes
from socratasync.contract.report import error_dict
from socratasync.errors import SyncError
from socratasync.pipeline.preview import DatasetPreview, Found, Preview
from socratasync.process.redact import Redactor
from socratasync.times import write_instant

_READS = {"full": "all rows", "update": "changes", "none": "nothing"}


def show(
    console: Console, manifest: Manifest, planned: Preview, warnings: list[str], redact: Redactor
) -> None:
    """Print the target, a row for each dataset, new columns, what follows the load, and warnings."""
    console.print(
        Text.assemble(
            (manifest.name, "bold"),
            f" → {planned.found.state.target.name}: ",
            _target(planned.found),
        )
    )
    if planned.datasets:
        console.print(_table(planned))
    for dataset, outcome in planned.datasets.items():
        if isinstance(outcome, DatasetPreview):
            _show_columns(console, dataset, outcome)
            warnings = [*warnings, *outcome.plan.warnings]
    for step in _afterwards(manifest.spec, planned):
        console.print(Text(f"if rows change: {step}"))
    for warning in dict.fromkeys(warnings):
        console.print(Text.assemble(("warning: ", "bold yellow"), redact(warning)))
    console.print(Text("Nothing was written.", style="dim"))


def _target(found: Found) -> str:
    if not found.state.target.exists:
        return "no such table yet; the run makes it"
    columns = f"{len(found.state.target.columns)} columns"
    return (
        f"empty, {columns}"
        if (found.state.before.rows == 0)
        else f"about {found.state.before.rows:,} rows, {columns}"
    )


def _table(planned: Preview) -> Table:
    previews = [o for o in planned.datasets.values() if isinstance(o, DatasetPreview)]
    table = Table(
        box=None, pad_edge=False, header_style="dim", show_footer=len(planned.datasets) > 1
    )
    table.add_column("Dataset", footer="all", no_wrap=True)
    table.add_column("Year")
    table.add_column("Reads")
    table.add_column("Rows", footer=f"{sum(p.rows for p in previews):,}", justify="right")
    size = megabytes(sum(p.estimated_bytes for p in previews))
    table.add_column("Bytes, est.", footer=f"≈ {size}", justify="right")
    table.add_column("Columns", justify="right")
    table.add_column("Merge")
    table.add_column("Why", overflow="fold")
    for dataset, outcome in planned.datasets.items():
        table.add_row(dataset, *_row(outcome))
    return table


def _row(outcome: DatasetPreview | SyncError) -> list[str | Text]:
    if isinstance(outcome, SyncError):
        return ["", Text("fails", style="red"), "", "", "", "", outcome.reason]
    why = (
        "the source is as it was at the last load"
        if outcome.load == "none"
        else outcome.plan.load.why
    )
    return [
        str(outcome.plan.year or ""),
        _READS[outcome.load],
        f"{outcome.rows:,}",
        f"≈ {megabytes(outcome.estimated_bytes)}",
        str(len(outcome.columns)),
        outcome.strategy.value if outcome.strategy else "",
        why,
    ]


def _show_columns(console: Console, dataset: str, outcome: DatasetPreview) -> None:
    for name, pg_type in outcome.plan.add:
        console.print(Text(f"{dataset}: adds column {name} ({pg_type}) to the table"))


def _afterwards(spec: SyncSpec, planned: Preview) -> list[str]:
    """What the run does after a load that changes something."""
    vacuum = {"Analyze": "VACUUM (ANALYZE)", "Full": "VACUUM (FULL, ANALYZE), readers locked out"}
    steps = [vacuum[spec.refresh.vacuum]] if spec.refresh.vacuum in vacuum else []
    for view in planned.found.views:
        how = "readers go on" if view.concurrently else "readers locked out"
        steps.append(f"refresh of materialized view {view.name}, {how}")
    steps += [f"{hook.method} {hook.url.partition('?')[0]}" for hook in spec.hooks]
    return steps


def as_dict(manifest: Manifest, planned: Preview, warnings: list[str]) -> dict[str, Any]:
    """The preview, version 1. Its bytes are an estimate."""
    found = planned.found
    return {
        "v": 1,
        "name": manifest.name,
        "mode": planned.mode,
        "target": {
            "table": found.state.target.name,
            "exists": found.state.target.exists,
            "estimatedRows": found.state.before.rows,
        },
        "datasets": [_dataset(d, outcome) for d, outcome in planned.datasets.items()],
        "then": _afterwards(manifest.spec, planned),
        "warnings": warnings,
        "error": error_dict(planned.error),
    }


def _dataset(dataset: str, outcome: DatasetPreview | SyncError) -> dict[str, Any]:
    if isinstance(outcome, SyncError):
        return {"id": dataset, "error": error_dict(outcome)}
    plan = outcome.plan
    return {
        "id": dataset,
        "year": plan.year,
        "load": outcome.load,
        "why": plan.load.why,
        "since": write_instant(plan.load.bound, "milliseconds"),
        "rows": outcome.rows,
        "sourceRows": plan.snapshot.rows,
        "estimatedBytes": outcome.estimated_bytes,
        "strategy": outcome.strategy.value if outcome.strategy else None,
        "columns": [{"name": c.name, "type": c.type, "field": c.field} for c in outcome.columns],
        "addColumns": [{"name": name, "type": pg_type} for name, pg_type in plan.add],
        "schemaInSync": plan.schema_in_sync,
        "frozenColumns": list(plan.frozen.named),
        "warnings": list(plan.warnings),
        "error": None,
    }
