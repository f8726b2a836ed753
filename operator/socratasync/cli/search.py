"""``socratasync search``: which datasets a portal has. Asks its catalogue alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.text import Text

from socratasync.cli import inputs, options, terminal
from socratasync.cli.portal import portal
from socratasync.contract.environment import redactor
from socratasync.errors import SyncError
from socratasync.pipeline.source import discovery, soql
from socratasync.pipeline.source.catalogue import CatalogueEntry
from socratasync.pipeline.source.client import Source
from socratasync.process import logs
from socratasync.process.signals import interruptible, leave
from socratasync.suggest.addresses import read_domain
from socratasync.times import write_instant

WIDTH = 80


def command(
    domain: Annotated[
        str, typer.Argument(metavar="DOMAIN", help="The portal, such as data.lacity.org.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORDS]...", help="What to look for. Without: all datasets."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", min=1, max=discovery.MOST, help="How many datasets at most."),
    ] = 20,
    rows: Annotated[
        bool, typer.Option("--rows", help="Count their rows, too: one more request for each.")
    ] = False,
    output: options.OutputFormat = options.Output.TEXT,
    verbose: options.Verbose = False,
) -> None:
    """List a portal's datasets by its catalogue: id, last change, name, page; the best match first.

    The catalogue lists public datasets, and follows changes with a delay.
    """
    environ = inputs.environment()
    logs.configure("text", redactor(environ), level=20 if verbose else 30)
    with interruptible() as interruption:
        place = read_domain(domain)
        with closing(portal(place, environ, interruption)) as source:
            found = list(source.search(" ".join(words or ()), limit))
            counted = {e.id: _count(source, e.id) for e in found} if rows else {}
        if output is options.Output.JSON:
            typer.echo(
                json.dumps([_as_dict(e, counted.get(e.id)) for e in found], ensure_ascii=False)
            )
        else:
            _show(found, counted)
    if interruption.exit_code is not None:
        leave(interruption.exit_code)
    if not found:
        _say_nothing_found(place, words or ())


def _count(source: Source, dataset: str) -> int | None:
    """The number of its rows; None where the portal does not tell it of this one."""
    try:
        return source.count(dataset, soql.count(None))
    except SyncError as exc:
        terminal.messages().print(Text(f"{dataset}: its rows were not counted: {exc.message}"))
        return None


def _as_dict(entry: CatalogueEntry, rows: int | None) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "rows": rows,
        "dataUpdatedAt": write_instant(entry.data_updated_at),
        "page": _page(entry),
    }


def _page(entry: CatalogueEntry) -> str:
    return entry.page or f"https://{entry.domain}/d/{entry.id}"


def _show(found: Sequence[CatalogueEntry], counted: Mapping[str, int | None]) -> None:
    console = terminal.output(pipe_width=WIDTH)
    for line in _lines(found, counted, console.width):
        console.print(Text(line), soft_wrap=True)


def _lines(
    found: Sequence[CatalogueEntry], counted: Mapping[str, int | None], width: int
) -> Iterator[str]:
    """A line for each dataset, and its page's address below it, so that neither is cut."""
    if found:
        yield (
            f"{'ID':<9}  {'CHANGED':<10}  {'ROWS':>13}  NAME"
            if counted
            else f"{'ID':<9}  {'CHANGED':<10}  NAME"
        )
    for entry in found:
        rows = counted.get(entry.id)
        changed = str(entry.data_updated_at.date()) if entry.data_updated_at else "not told"
        shown = f"  {'?' if rows is None else f'{rows:,}':>13}" if counted else ""
        before = f"{entry.id}  {changed:<10}{shown}  "
        yield before + _cut(entry.name, width - len(before))
        yield f"           {_page(entry)}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 1)]}…"


def _say_nothing_found(domain: str, words: Sequence[str]) -> None:
    what = f"has no dataset with the words {' '.join(words)}" if words else "has no datasets"
    console = terminal.messages()
    console.print(Text(f"The catalogue of {domain} {what}. Private ones are not in it."))
