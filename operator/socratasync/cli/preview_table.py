"""A preview of a run, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest
from socratasync.api.spec import SyncSpec
from socratasync.cli import preview_indexes
from socratasync.cli.preview_notes import notes
from socratasync.cli.terminal import megabytes
from socratasync.contract.report import listed
from socratasync.errors import SyncError
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.following import Followed
from socratasync.pipeline.plan.partitions import how_made
from socratasync.pipeline.preview import DatasetPreview, Found, Preview
from socratasync.process.redact import Redactor

_READS = {"full": "all rows", "update": "changes", "none": "nothing"}


def show(
    console: Console, manifest: Manifest, planned: Preview, warnings: list[str], redact: Redactor
) -> None:
    """Print the target, a row for each dataset, how the table is made, its columns, what was found of keys and
    values, what follows the load, and warnings."""
    console.print(
        Text.assemble(
            (manifest.name, "bold"),
            f" → {planned.found.state.target.name}: ",
            _target(planned.found),
        )
    )
    if planned.datasets:
        console.print(_table(planned))
    for statement in planned.statements:
        console.print(Text(f"{redact(statement)};"), soft_wrap=True)
    if sentence := how_made(planned.partitioned):
        console.print(Text(sentence))
    previews = [o for o in planned.datasets.values() if isinstance(o, DatasetPreview)]
    _show_columns(console, previews)
    for note, datasets in _by_note(planned.found, previews).items():
        console.print(Text(redact(f"{listed(datasets, 3)}: {note}")))
    for outcome in previews:
        warnings = [*warnings, *outcome.plan.warnings]
    if planned.followed:
        warnings = [*warnings, *planned.followed.warnings]
        for sentence in _follows(planned.followed):
            console.print(Text(redact(sentence)))
    for sentence in preview_indexes.sentences(planned):
        console.print(Text(redact(sentence)))
    for step in afterwards(manifest.spec, planned):
        console.print(Text(f"if rows change: {step}"))
    if planned.found.sql_is_new:
        where = manifest.spec.refresh.written_in
        console.print(Text(f"even if no rows change: {where}, which is another text than ran last"))
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


def _show_columns(console: Console, previews: list[DatasetPreview]) -> None:
    """A table for each kind of columns that datasets have."""
    kinds: dict[tuple[Column, ...], list[DatasetPreview]] = {}
    for preview in previews:
        kinds.setdefault(preview.columns, []).append(preview)
    for alike in kinds.values():
        datasets = [preview.plan.dataset for preview in alike]
        console.print(_columns(alike[0], f"Column of {listed(datasets, 1)}"))


def _columns(preview: DatasetPreview, title: str) -> Table:
    """The columns, each with what it is at the source; names only where they differ."""
    labels = {column.field: column.label for column in preview.plan.source}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in (title, "Type", "From field", "Type there", "Label"):
        table.add_column(heading, overflow="fold")
    for column in preview.columns:
        field = column.field if column.field != column.name else ""
        label = labels.get(column.whole, "")
        label = label if label not in (column.name, column.field) else ""
        there = f"{column.source_type}, {column.zone}" if column.zone else column.source_type
        cells = (column.name, column.type, field, there, label)
        table.add_row(*map(Text, cells))
    return table


def _by_note(found: Found, previews: list[DatasetPreview]) -> dict[str, list[str]]:
    """What is said of datasets → those of which it is said."""
    said: dict[str, list[str]] = {}
    for preview in previews:
        for note in notes(preview, has_database=found.connections is not None):
            said.setdefault(note, []).append(preview.plan.dataset)
    return said


def _follows(followed: Followed) -> list[str]:
    """What the portal has besides the manifest's datasets, and what the run makes of it."""
    return [
        f"{each.id} ({each.year}), {each.name}, follows: the run adopts it"
        if each.id in followed.adopting
        else each.sentence
        for each in followed.successors or ()
    ]


def statements(number: int) -> str:
    """How many statements the manifest's SQL is."""
    return "1 statement" if number == 1 else f"{number:,} statements in one transaction"


def afterwards(spec: SyncSpec, planned: Preview) -> list[str]:
    """What the run does after a load that changes something."""
    vacuum = {"Analyze": "VACUUM (ANALYZE)", "Full": "VACUUM (FULL, ANALYZE), readers locked out"}
    steps = [vacuum[spec.refresh.vacuum]] if spec.refresh.vacuum in vacuum else []
    for view in planned.found.views:
        how = "readers go on" if view.concurrently else "readers locked out"
        steps.append(f"refresh of materialized view {view.name}, {how}")
    if script := spec.refresh.script:
        steps.append(f"{spec.refresh.written_in}, {statements(len(script))}")
    steps += [f"{hook.method} {hook.url.partition('?')[0]}" for hook in spec.hooks]
    return steps
