"""``socratasync demo``: a load, changes at the source, an update; on this machine, all at once.

The PostgreSQL and the HTTPS are real, and the steps (``demo_steps``) run what the commands ``run``
and ``plan`` run. Only the portal is simulated.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from socratasync.cli import demo_steps, terminal
from socratasync.cli.demo_steps import Demo, StepFailed, heading
from socratasync.embedded.server import database
from socratasync.errors import Misconfigured, Terminated
from socratasync.process.signals import interruptible, leave

if TYPE_CHECKING:  # importing it needs the extra that brings the simulator's library
    from socratasync.cli.demo_city import City


class NoSimulator(Misconfigured):
    """The simulated Socrata needs a library that is not installed."""

    reported_as = "InvalidSpec"


def command(
    rows: Annotated[
        int,
        typer.Option("--rows", min=3000, max=2_000_000, help="Rows of each of the two datasets."),
    ] = 60_000,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the database, and say how to look into it.")
    ] = False,
) -> None:
    """Show everything at once on this machine: load, change, plan, update, and what it did.

    Starts a PostgreSQL and a simulated Socrata of its own, in a temporary folder. Nothing is sent
    anywhere, and nothing is left behind.
    """
    with interruptible() as interruption:
        code = 0
        try:
            with _folder(keep) as folder:
                _show(terminal.output(), rows, folder, interruption.stopping, keep=keep)
        except StepFailed as exc:
            code = exc.code
        except Terminated:
            code = interruption.exit_code or 143
    if interruption.exit_code is not None:
        leave(code)
    raise typer.Exit(code)


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="socratasync-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _show(
    console: Console, rows: int, folder: Path, stopping: threading.Event, *, keep: bool
) -> None:
    started = time.monotonic()
    with _city(console, rows) as (city, domain), database(folder, throwaway=True) as dsn:
        shown = Demo(console=console, dsn=dsn, stopping=stopping, domain=domain)
        demo_steps.first_load(shown)
        demo_steps.update(shown, city)
        demo_steps.full_run(shown, city)
        demo_steps.show_contents(shown)
    console.print()
    console.print(f"All of it took {time.monotonic() - started:.1f} s.", end=" ")
    if keep:
        console.print(
            f"Look around with: SOCRATASYNC_DATA={folder} socratasync psql", soft_wrap=True
        )
    else:
        console.print("Nothing is left behind; --keep keeps the database.")


@contextlib.contextmanager
def _city(console: Console, rows: int) -> Iterator[tuple[City, str]]:
    """Serve the portal over HTTPS, and have this process trust its certificate, during the block."""
    try:
        from socrata_simulator.http.server import serve  # its library comes with the extra local
        from socratasync.cli.demo_city import City
    except ImportError as exc:
        raise NoSimulator(
            f"the demo needs {exc.name}, which is not installed and never is in the container image; on "
            "a machine of your own, in a checkout: pip install '.[local]'"
        ) from exc
    heading(console, f"A city publishes {2 * rows:,} service requests in two datasets")
    city = City(rows)
    with serve(city.portal) as server, _environ(REQUESTS_CA_BUNDLE=server.ca_file, NO_PROXY="*"):
        console.print(
            f"simulated Socrata: https://{server.domain} (HTTPS, as a real portal answers)"
        )
        yield city, server.domain


@contextlib.contextmanager
def _environ(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
