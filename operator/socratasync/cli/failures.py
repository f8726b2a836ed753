"""Prints failures for a person at a terminal: what went wrong, and what to do next."""

from __future__ import annotations

import traceback

from rich.console import Console
from rich.text import Text

from socratasync.errors import SyncError, Unexpected
from socratasync.process.redact import Redactor

_NEXT = {
    65: "The rows were not merged. See what happened to the dataset at its portal, then run again.",
    70: "Run it again with -v, and report what it prints.",
    75: "Nothing need be changed: run it again later. What was loaded is not loaded twice.",
    77: "Correct the credential or grant the right, then run again.",
    78: "Correct it, then run again.",
}


def show(console: Console, error: SyncError, redact: Redactor, *, about: str = "") -> None:
    """Print what the error is ``about``, its reason and its message."""
    subject = f"{about}: " if about else ""
    lines = redact(error.message).splitlines() or [""]
    console.print(
        Text.assemble(("error: ", "bold red"), subject, (f"{error.reason}: ", "bold"), lines[0])
    )
    for line in lines[1:]:
        console.print(Text(f"       {line}"))


def show_next_step(console: Console, exit_code: int) -> None:
    """Print what to do after this exit code; nothing for a code that needs no advice."""
    if sentence := _NEXT.get(exit_code):
        console.print(Text(f"next:  {sentence}"))


def show_unexpected(console: Console, exc: Exception, redact: Redactor, *, verbose: bool) -> None:
    """Print an internal error; its traceback too, if ``verbose``."""
    if verbose:
        console.print(Text(redact("".join(traceback.format_exception(exc)))), soft_wrap=True)
    show(console, Unexpected.because_of(exc), redact)
    show_next_step(console, Unexpected.exit_code)
