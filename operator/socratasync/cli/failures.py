"""Failures as a person at a terminal reads them: what went wrong, and what to do next."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from socratasync.errors import (
    DataRefused,
    Misconfigured,
    NotAllowed,
    SyncError,
    TryAgain,
    Unexpected,
)

_NEXT = {
    DataRefused.exit_code: "The rows were not merged. See what happened to the dataset at its portal, then run again.",
    Unexpected.exit_code: "Run it again with -v, and report what it prints.",
    TryAgain.exit_code: "Nothing need be changed: run it again later. What was loaded is not loaded twice.",
    NotAllowed.exit_code: "Correct the credential or grant the right, then run again.",
    Misconfigured.exit_code: "Correct it, then run again.",
}


def show(
    console: Console, error: SyncError, redact: Callable[[str], str], *, about: str = ""
) -> None:
    """Print the error: what it is about, reason, message."""
    subject = f"{about}: " if about else ""
    lines = redact(error.message).splitlines() or [""]
    console.print(
        Text.assemble(("error: ", "bold red"), subject, (f"{error.reason}: ", "bold"), lines[0])
    )
    for line in lines[1:]:
        console.print(Text(f"       {line}"))


def show_next_step(console: Console, exit_code: int) -> None:
    """Print what to do after a run that ended with this code, if there is something."""
    if sentence := _NEXT.get(exit_code):
        console.print(Text(f"next:  {sentence}"))


def show_unexpected(
    console: Console, exc: Exception, redact: Callable[[str], str], *, verbose: bool
) -> None:
    """Print a fault of our own; its traceback only for who asked for it."""
    if verbose:
        console.print(Text(redact("".join(traceback.format_exception(exc)))), soft_wrap=True)
    show(console, Unexpected.because_of(exc), redact)
    show_next_step(console, Unexpected.exit_code)
