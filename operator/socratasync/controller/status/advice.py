"""What a person is told to type. In one place, because it must work as it stands. Pure."""

from __future__ import annotations

from socratasync.api.annotations import REQUESTED
from socratasync.controller.observed.resource import Key


def how_to_run_again(key: Key) -> str:
    """The command that asks for a run: for what is mended where the operator cannot see it, such as a secret's
    content, a grant or a table. A change of the spec needs none."""
    return (
        f"kubectl annotate socratasync {key.name} -n {key.namespace} "
        f'{REQUESTED}="$(date +%s)" --overwrite'
    )
