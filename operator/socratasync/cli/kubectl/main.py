"""What the console script ``kubectl-socratasync`` starts; by that name kubectl finds its plugin."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the plugin's command that the process's arguments name, and exit with its code."""
    try:
        from socratasync.cli.kubectl.app import (
            start,
        )  # slow to import, and needs the extra `operator`
    except ModuleNotFoundError as exc:
        sys.stderr.write(
            f"error: the plugin needs {exc.name}; in a checkout: pip install '.[operator]'\n"
        )
        sys.exit(78)

    start()
