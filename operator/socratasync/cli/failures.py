"""Failures as a person at a terminal reads them: what went wrong, and what to do next."""

from __future__ import annotations

import traceback

from rich.console import Console
from rich.text import Text

from socratasync.errors import SyncError, Unexpected
from socratasync.redact import Redactor

_NEXT = {
    65: "The rows were not merged. See what happened to the dataset at its portal, then run again.",
    70: "Run it again with -v, and report what it prints.",
    75: "Nothing need be changed: run it again later. What was loaded is not loaded twice.",
    77: "Correct the credential or grant the right, then run again.",
    78: "Correct it, then run again.",
}


def next_step(exit_code: int) -> str:
    """What to do after a run that ended with this code; empty if nothing."""
    return _NEXT.get(exit_code, "")


def show(console: Console, error: SyncError, redact: Redactor, *, with_next: bool = True) -> None:
    """Print the error: reason, message, next step."""
    lines = redact(error.message).splitlines() or [""]
    console.print(Text.assemble(("error: ", "bold red"), (f"{error.reason}: ", "bold"), lines[0]))
    for line in lines[1:]:
        console.print(Text(f"       {line}"))
    if with_next and (sentence := next_step(error.exit_code)):
        console.print(Text(f"       {sentence}", style="dim"))


def show_unexpected(console: Console, exc: Exception, redact: Redactor, *, verbose: bool) -> None:
    """Print a fault of our own; its traceback only for who asked for it."""
    if verbose:
        console.print(Text(redact("".join(traceback.format_exception(exc)))), soft_wrap=True)
    show(console, Unexpected.because_of(exc), redact)
