"""``socratasync init``: a manifest for the dataset of an address. Asks the portal, and writes one file at most."""

from __future__ import annotations

import os
import shlex
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from socratasync.api.manifest import read_manifest
from socratasync.cli import inputs, options, terminal
from socratasync.cli.portal import portal
from socratasync.contract.environment import redactor
from socratasync.errors import InvalidSpec
from socratasync.process import logs
from socratasync.process.signals import interruptible, leave
from socratasync.suggest.addresses import read_place
from socratasync.suggest.manifest import suggested_file, write_manifest
from socratasync.suggest.survey import survey


def command(
    place: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDRESS-OR-ID...",
            help="The address of a dataset's page, or domain and id; several for one table.",
            show_default=False,
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write it there instead of to standard output.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over the file if there is one.")
    ] = False,
    verbose: options.Verbose = False,
) -> None:
    """Write a manifest for a dataset: table, key, years, freshness, with reasons as comments.

    The address is what the browser shows, such as https://data.lacity.org/d/4a4x-mna2. Datasets of the same
    series, one for each year, are found by their names. The portal is asked six questions at most; private
    datasets need SOCRATASYNC_USERNAME and SOCRATASYNC_PASSWORD.
    """
    environ = inputs.environment()
    logs.configure("text", redactor(environ), level=20 if verbose else 30)
    with interruptible() as interruption:
        asked = read_place(place)
        if file and file.exists() and not force:
            raise _is_there(file)
        with closing(portal(asked.domain, environ, interruption)) as source:
            found = survey(source, asked.ids)
        text = write_manifest(found, datetime.now(UTC), str(file) if file else None)
        read_manifest(text)  # whatever a portal says, what is written is a manifest
        _put(text, file, force=force)
    if interruption.exit_code is not None:
        leave(interruption.exit_code)
    _say_next(file, suggested_file(found))


def _put(text: str, file: Path | None, *, force: bool) -> None:
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        _write(text, file, force=force)
    except FileExistsError as exc:
        raise _is_there(file) from exc
    except OSError as exc:
        raise InvalidSpec(f"{file} cannot be written: {exc.strerror or exc}") from exc


def _write(text: str, file: Path, *, force: bool) -> None:
    """The whole file or none: written beside it, then given its name."""
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    beside = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            opened.write(text)
        beside.chmod(0o644)
        if force:
            beside.replace(file)
        else:
            file.hardlink_to(
                beside
            )  # unlike a rename, it refuses if somebody made the file meanwhile
    finally:
        beside.unlink(missing_ok=True)


def _is_there(file: Path) -> InvalidSpec:
    return InvalidSpec(
        f"{file} is there already; choose another name, or write over it with --force"
    )


def _say_next(file: Path | None, suggested: str) -> None:
    console = terminal.messages()
    name = shlex.quote(str(file) if file else suggested)
    before = "" if file else f"save it as {name}, then "
    console.print(Text(f"next:  {before}socratasync plan -f {name}"), soft_wrap=True)
