"""The command ``socratasync``. Each command has a module of its own; ``app`` puts them together."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    if sys.argv[1:] == ["worker"]:  # in a pod: no parser of command lines is needed, nor loaded
        from socratasync import worker  # nor the pipeline for the other commands

        sys.exit(worker.main(os.environ))
    from socratasync.cli.app import start

    start()
