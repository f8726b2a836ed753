"""What each occasion is called, and which runbook helps: one table for all channels. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from socratasync.api.news_status import Trouble
from socratasync.api.notify import Occasion

RUNBOOKS: Final = "https://github.com/socratasync/socratasync/blob/main/docs/runbooks"
"""Where the runbooks are, unless the environment names another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What is said while something is wrong and once it is over; ``runbook`` is a page of docs/runbooks."""

    wrong: str
    over: str
    runbook: str


WORDINGS: Final[Mapping[Occasion, Wording]] = {
    "Failure": Wording(
        wrong="sync does not work", over="sync works again", runbook="SocrataSyncFailed"
    ),
    "Stale": Wording(wrong="data is stale", over="data is fresh again", runbook="SocrataSyncStale"),
    "SourceFrozen": Wording(
        wrong="source stands still", over="source moves again", runbook="SocrataSyncSourceFrozen"
    ),
    "Successor": Wording(
        wrong="a dataset follows and is not loaded",
        over="what follows is loaded",
        runbook="SocrataSyncSourceFrozen",
    ),
    "SchemaChanged": Wording(
        wrong="columns are not as agreed",
        over="columns are as agreed again",
        runbook="SocrataSyncSchemaChanged",
    ),
    "RowCountMismatch": Wording(
        wrong="rows are not as many as at the source",
        over="rows are as many as at the source again",
        runbook="SocrataSyncRowDrift",
    ),
    "Invalid": Wording(
        wrong="spec cannot be carried out",
        over="spec can be carried out again",
        runbook="SocrataSyncStalled",
    ),
}

RUNBOOKS_OF_REASONS: Final[Mapping[str, str]] = {
    "JobRefused": "SocrataSyncRunStuck",
    "PodNotStarting": "SocrataSyncRunStuck",
    "DeadlineExceeded": "SocrataSyncRunningTooLong",
    "SchemaChanged": "SocrataSyncSchemaChanged",
}
"""Of failures for which another page than that of all failures helps sooner."""


def runbook(trouble: Trouble) -> str:
    """The name of the page that helps."""
    usual = WORDINGS[trouble.occasion].runbook
    if trouble.occasion != "Failure":
        return usual
    return RUNBOOKS_OF_REASONS.get(trouble.reason, usual)
