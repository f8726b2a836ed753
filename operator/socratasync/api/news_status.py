"""``status.news`` of a SocrataSync: what people were told of, and what they are still to be told.

It is written with the turn that it tells of, in one write. So an operator that is killed before anybody was told
finds it owed, and one that is killed afterwards finds the notification's Job there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StrictBool

from socratasync.api.notify import CHANNELS, Occasion
from socratasync.api.status_parts import Instant, Name, Part, Sentence, Word

TROUBLES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(Part):
    """Something that is wrong, or was."""

    occasion: Occasion
    """Which of the occasions it is."""
    reason: Word
    """The reason of the condition or the run, as one stable word."""
    message: Sentence
    """What is wrong, and what to do."""
    since: Instant
    """When it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrouble(Trouble):
    """A trouble that was told and lasts."""

    run: Word | None = None
    """UID of the last run that had ended when it began; only a later one ends a failure."""


Troubles = Annotated[tuple[Trouble, ...], Field(max_length=TROUBLES_AT_ONCE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedNews(Part):
    """News for which not every channel has its Job."""

    id: Word
    """The same however often it is sent."""
    at: Instant
    """When it was noticed."""
    begun: Troubles = ()
    """What is wrong since then."""
    over: Troubles = ()
    """What was wrong until then."""
    succeeded: StrictBool = False
    """Whether a run changed data."""
    run: Word | None = None
    """UID of the run that it comes of; absent where it comes of none."""
    sent: Annotated[tuple[Name, ...], Field(max_length=CHANNELS)] | None = None
    """The Jobs that were created for it, where another one was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsStatus(Part):
    """What people were told, and are to be told. Kept only where the spec names channels."""

    open: Annotated[
        tuple[OpenTrouble, ...],
        Field(max_length=TROUBLES_AT_ONCE),
    ] = ()
    """What was told to be wrong, and is not over."""
    owed: OwedNews | None = None
    """What is to be told now. While it is owed, nothing newer is noted: what has come and gone until then is told to
    nobody."""
