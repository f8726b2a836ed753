"""What the console script ``socratasync`` starts; what Jobs run without a parser of command lines."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    if sys.argv[1:] == ["worker"]:
        sys.exit(_in_a_job(_worker))
    if sys.argv[1:] == ["notify"]:
        sys.exit(_in_a_job(_notify))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during imports ends without a traceback
    from socratasync.cli.app import start  # imported here: Jobs need none of it

    start()


Program = Callable[[Mapping[str, str], Sequence[int]], int]


def _in_a_job(load: Callable[[], Program]) -> int:
    """Run the program, and lose no SIGTERM that comes while its modules are still being imported.

    A container's process 1 gets only the signals that it has a handler for; the kernel drops others.
    """
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    return load()(os.environ, early)


def _worker() -> Program:
    from socratasync import worker  # takes half a second

    return worker.main


def _notify() -> Program:
    from socratasync.notify import job

    return job.main
