"""``socratasync worker`` for the list of commands. ``cli.main`` runs a worker without this module."""

from __future__ import annotations

import typer

from socratasync import worker
from socratasync.cli import inputs


def command() -> None:
    """Run what a Job's environment orders; not for people.

    Settings come from SOCRATASYNC_* variables, log lines go to standard error as JSON, the report
    goes to the termination log and to standard output. By hand, use: socratasync run
    """
    raise typer.Exit(worker.main(inputs.environment()))
