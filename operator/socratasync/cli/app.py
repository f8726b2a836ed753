"""Puts the commands together, and turns their exceptions into a sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from socratasync import __version__
from socratasync.cli import (
    crd,
    demo,
    failures,
    init,
    inputs,
    notify,
    operator,
    plan,
    psql,
    run,
    search,
    status,
    terminal,
    worker,
)
from socratasync.contract.environment import redactor
from socratasync.errors import SyncError
from socratasync.process.redact import Redactor
from socratasync.process.signals import interruptible, leave

app = typer.Typer(
    name="socratasync",
    help="Keeps PostgreSQL tables in step with Socrata open-data datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


_PASSED_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": ["--help"],
}
"""For a command that passes the options it does not know to the program that it starts."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"socratasync {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _wanted: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keeps PostgreSQL tables in step with Socrata open-data datasets."""


app.command("search")(search.command)
app.command("init")(init.command)
app.command("run")(run.command)
app.command("plan")(plan.command)
app.command("status")(status.command)
app.command("psql", context_settings=_PASSED_ON)(psql.command)
app.command("operator")(operator.command)
app.command("worker")(worker.command)
app.command("notify")(notify.command)
app.command("crd")(crd.command)
app.command("demo")(demo.command)


def start() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    with interruptible() as interruption:
        code = guarded(app)
    if interruption.exit_code is not None:
        leave(interruption.exit_code)
    sys.exit(code)


def guarded(command: typer.Typer) -> int:
    """Run the command; its exit code. A failure is printed, with a traceback only if asked by -v."""
    redact = _redactor(sys.argv[1:])
    try:
        command()
    except SyncError as exc:
        failures.show(terminal.messages(), exc, redact)
        failures.show_next_step(terminal.messages(), exc.exit_code)
        return exc.exit_code
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except Exception as exc:  # noqa: BLE001  # whatever it is, a person gets a sentence
        verbose = bool({"-v", "--verbose"} & set(sys.argv[1:]))
        failures.show_unexpected(terminal.messages(), exc, redact, verbose=verbose)
        return 70
    return 0


def _redactor(arguments: list[str]) -> Redactor:
    """Masks the secrets of the environment and of ``--dsn``."""
    redact = redactor(inputs.environment())
    for number, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--dsn":
            redact.add_dsn(value or "".join(arguments[number + 1 : number + 2]))
    return redact
