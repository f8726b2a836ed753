"""A run's report as a table for people."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from socratasync.api.manifest import Manifest
from socratasync.cli import failures
from socratasync.cli.terminal import megabytes
from socratasync.contract.bad_values import BadValues
from socratasync.contract.report import ROW_COUNTS, DatasetReport, Rows, RunReport

_HEADS = dict(
    zip(ROW_COUNTS, ("Read", "New", "Changed", "Same", "Deleted", "In table"), strict=True)
)


def show(
    console: Console,
    report: RunReport,
    *,
    manifest: Manifest,
    place: str,
    seconds: float,
) -> None:
    """Print a headline, a row for each dataset, totals, what follows, warnings, and what the portal does with its
    interfaces."""
    target = f"{manifest.spec.target.schema_}.{manifest.spec.target.table}"
    only = f"only {report.only}, " if report.only else ""
    console.print(
        Text.assemble(
            _headline(report, manifest.name),
            f" → {target} ({report.mode}, {only}{megabytes(report.bytes)}, {seconds:,.1f} s)",
        )
    )
    if place:
        console.print(Text(place, style="dim"))
    if report.datasets:
        console.print(_table(report))
    for successor in report.successors or ():
        console.print(Text(report.told(successor.sentence)))
    changes = [each.api_changed for each in report.datasets if each.api_changed]
    notices = [each.sentence for each in report.notices]
    for warning in dict.fromkeys([*report.warnings, *changes, *notices]):
        console.print(Text.assemble(("warning: ", "bold yellow"), report.told(warning)))


def show_failure(console: Console, report: RunReport) -> None:
    """Print each error and what to do next; nothing for a run that went well."""
    if report.terminated:
        console.print("stopped: rolled back; what was downloaded is gone on with next time")
        return
    for dataset in report.datasets:
        if dataset.error and report.error is None:
            failures.show(console, dataset.error, report.told, about=dataset.id)
    if report.error:
        failures.show(console, report.error, report.told)
    if report.failure:
        failures.show_next_step(console, report.exit_code)


def _headline(report: RunReport, name: str) -> Text:
    if report.terminated:
        return Text(f"{name}: stopped", style="bold yellow")
    if not report.ok:
        return Text(f"{name}: failed", style="bold red")
    if report.datasets and all(d.result == "NoChange" for d in report.datasets):
        return Text(f"{name}: nothing changed at the source", style="bold green")
    return Text(f"{name}: synced", style="bold green")


def _table(report: RunReport) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="dim", show_footer=len(report.datasets) > 1
    )
    total = report.rows
    table.add_column("Dataset", footer="all")
    table.add_column("Year")
    table.add_column("Result", overflow="fold", min_width=len("NoChange"))
    for count, head in _HEADS.items():
        table.add_column(head, footer=_number(total, count), justify="right")
    told = any(dataset.bad_values.found for dataset in report.datasets)
    if told:
        table.add_column("Bad values", no_wrap=True)
    table.add_column("Since", no_wrap=True)
    for dataset in report.datasets:
        table.add_row(*_row(dataset, bad_values=told))
    return table


def _row(dataset: DatasetReport, *, bad_values: bool) -> list[str | Text]:
    style = "red" if dataset.error else ""
    return [
        dataset.id,
        str(dataset.year or ""),
        Text(dataset.error.reason if dataset.error else dataset.result, style=style),
        *(_number(dataset.rows, count) for count in ROW_COUNTS),
        *([_bad_values(dataset.bad_values)] if bad_values else []),
        when(dataset.last_synced_since),
    ]


def _number(rows: Rows, count: str) -> str:
    number = rows.as_dict()[count]
    return "" if number is None else f"{number:,}"


def _bad_values(bad: BadValues) -> str:
    parts = {"to NULL": bad.nulled, "rows out": bad.skipped}
    return ", ".join(f"{number:,} {what}" for what, number in parts.items() if number)


def when(at: datetime | None) -> str:
    """A time for people, in UTC to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
