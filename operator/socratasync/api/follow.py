"""``spec.follow``: how the next year's dataset is recognised, and what is done with it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StrictStr

from socratasync.api.names import shaped
from socratasync.api.rules import Block

YEAR: Final = "{year}"
"""What stands for the year in a name."""

_PLAIN, _NEITHER = "[^{}]*", r"[^{}\s]"
_NAME = f"^({_PLAIN}{_NEITHER}{_PLAIN}[{{]year[}}]{_PLAIN}|[{{]year[}}]{_PLAIN}{_NEITHER}{_PLAIN})$"

NamePattern = Annotated[
    StrictStr,
    Field(min_length=1, max_length=200),
    shaped(
        _NAME,
        "must be a name at the portal with {year} once, where its year stands, and no other braces, such as "
        "MyLA311 Cases {year}",
    ),
]


class FollowSpec(Block):
    """How datasets that follow those of spec.datasets are recognised, and what is done with them."""

    name: NamePattern
    """Their name at the portal with {year} in the place of the year, such as "MyLA311 Cases {year}". A dataset follows
    if it has this name with a newer year than spec.datasets, the same owner, is official, and has rows."""
    adopt: Literal["Propose", "Automatic"] = "Propose"
    """Propose: tell of it in status.successors and by the condition SuccessorsLoaded, and load nothing. Automatic: load
    it with the same run, if it is the only one and has the columns of the newest dataset, or those that this one's
    columns map; else propose it, with the reason. The spec is never written."""
