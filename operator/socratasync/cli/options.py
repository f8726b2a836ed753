"""Options that several commands share, described once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class Mode(StrEnum):
    """What a run reads."""

    UPDATE = "update"
    FULL = "full"


def _readable(file: Path) -> Path:
    """A name that does not exist is a slip of the command line, not a bad manifest."""
    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(f"there is no file {file}")
    return file


File = Annotated[
    Path,
    typer.Option(
        "-f",
        "--file",
        metavar="FILE",
        help="The manifest of a SocrataSync; - reads standard input.",
        callback=_readable,
        show_default=False,
    ),
]
Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="DSN",
        help="The target database, such as postgresql://user@host/database. Better in SOCRATASYNC_DSN "
        "if it holds a password. Without either: a PostgreSQL of your own, in a data folder.",
        show_default=False,
    ),
]
OutputFormat = Annotated[
    Output, typer.Option("-o", "--output", help="Print the result as text or as JSON.")
]
ModeChoice = Annotated[
    Mode | None,
    typer.Option(
        "--mode",
        help="Read new and changed rows, or all rows. Without it: as the manifest says.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Read what changed at or after this date or time (UTC unless it names a zone), for all "
        "datasets. Without it: since each dataset's last load.",
        show_default=False,
    ),
]
Years = Annotated[
    list[str] | None,
    typer.Option(
        "--year",
        metavar="YEAR",
        help="Only the datasets of this year. May be repeated.",
        show_default=False,
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="ID",
        help="Only this dataset. May be repeated; with --year, both must hold.",
        show_default=False,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Only rows that changed before this date or time. Such a range never moves a watermark, and deletes "
        "nothing.",
        show_default=False,
    ),
]
Reset = Annotated[
    bool,
    typer.Option(
        "--reset",
        help="Read all rows and replace what the table holds of these datasets. Only all datasets together empty the "
        "table.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="More log lines, and tracebacks of failures.")
]
