"""What the console script ``socratasync`` starts; the worker without a parser of command lines."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    if sys.argv[1:] == ["worker"]:
        sys.exit(_worker())
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during imports ends without a traceback
    from socratasync.cli.app import start  # imported here: the worker needs none of it

    start()


def _worker() -> int:
    """Run the worker, and lose no SIGTERM that comes while its modules are still being imported.

    A container's process 1 gets only the signals that it has a handler for; the kernel drops others.
    """
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    from socratasync import worker  # takes half a second

    return worker.main(os.environ, early)
