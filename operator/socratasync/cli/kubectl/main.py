"""What the console script ``kubectl-socratasync`` starts; by that name kubectl finds its plugin."""

from __future__ import annotations


def main() -> None:
    """Run the plugin's command that the process's arguments name, and exit with its code."""
    from socratasync.cli.kubectl.app import start  # imported here, so that this module loads fast

    start()
