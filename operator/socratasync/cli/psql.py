"""``socratasync psql``: opens the embedded database in PostgreSQL's own client."""

from __future__ import annotations

import signal
import subprocess

import typer

from socratasync.cli import inputs
from socratasync.embedded import programs
from socratasync.embedded.folder import data_folder, has_database
from socratasync.embedded.server import database
from socratasync.errors import Misconfigured


class NoDatabase(Misconfigured):
    """There is no embedded database to open."""

    reported_as = "InvalidSpec"


def command(context: typer.Context) -> None:
    """Open the embedded database with psql, which is given all further arguments.

    Such as: socratasync psql -c 'SELECT count(*) FROM requests'
    """
    folder = data_folder(inputs.environment())
    if not has_database(folder):
        raise NoDatabase(
            f"there is no database in {folder} yet; socratasync run -f FILE without a DSN makes one, "
            "and SOCRATASYNC_DATA names another folder"
        )
    with database(folder) as dsn:
        # Ctrl-C is for psql, which stops its query; here it would end the client.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = subprocess.run(programs.psql_command(context.args, dsn), check=False).returncode  # noqa: S603  # our own program, no shell
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)
