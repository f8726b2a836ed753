"""``socratasync notify`` for the list of commands. ``cli.main`` runs it without this module."""

from __future__ import annotations

import typer

from socratasync.cli import inputs
from socratasync.notify import job


def command() -> None:
    """Tell one channel what a notification's Job orders; not for people.

    The news, the channel and its address come from SOCRATASYNC_* variables. A run by hand tells by
    itself: socratasync run

    Exit codes: 0 told, 75 try again later, 78 the address must be changed.
    """
    raise typer.Exit(job.main(inputs.environment()))
