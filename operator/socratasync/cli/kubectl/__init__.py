"""``kubectl socratasync``: a kubectl plugin to see and steer SocrataSyncs.

kubectl finds it by the name of its console script, ``kubectl-socratasync``, on the PATH.
"""

from __future__ import annotations


def main() -> None:
    """Run the plugin's command that the process's arguments name, and exit with its code."""
    from socratasync.cli.kubectl.app import start  # a light package is imported fast

    start()
