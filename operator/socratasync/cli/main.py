"""What the console script ``socratasync`` starts; what Jobs run without a parser of command lines."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    if sys.argv[1:] == ["worker"]:
        sys.exit(_in_a_job(_worker))
    if sys.argv[1:] == ["notify"]:
        sys.exit(_in_a_job(_notify))
    for number in (signal.SIGINT, signal.SIGTERM):
        # Until the command has handlers of its own: no traceback.
        signal.signal(number, _end if os.getpid() == 1 else signal.SIG_DFL)
    from socratasync.cli.app import start  # imported here: Jobs need none of it

    start()


Program = Callable[[Mapping[str, str], Sequence[int]], int]


def _end(number: int, _frame: FrameType | None) -> None:
    """What a signal does by itself, but not to a container's process 1: the kernel drops those without a handler."""
    os._exit(128 + number)


def _in_a_job(load: Callable[[], Program]) -> int:
    """Run the program, and lose no SIGTERM that comes while its modules are still being imported."""
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    return load()(os.environ, early)


def _worker() -> Program:
    from socratasync import worker  # takes half a second

    return worker.main


def _notify() -> Program:
    from socratasync.notify import job

    return job.main
