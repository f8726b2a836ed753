"""The command ``socratasync``. Each command has a module of its own; ``app`` puts them together."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    if sys.argv[1:] == ["worker"]:
        sys.exit(_worker())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of half an import
    from socratasync.cli.app import start  # see _worker

    start()


def _worker() -> int:
    """In a pod: no parser of command lines is needed, nor loaded.

    The kernel keeps signals without a handler from process 1 of a container, so one that comes
    before all is loaded must be caught, or it would be lost.
    """
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    from socratasync import worker  # takes half a second

    return worker.main(os.environ, early)
