"""News of a sync, as one JSON object: what the operator gives to a notification's Job, and what webhooks and hooks
get as their body. Pure.

One piece of news may tell of several things at once: a run that failed for a column that is gone is one message.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from socratasync.api.news_status import Trouble, Troubles
from socratasync.api.notify import Occasion
from socratasync.api.spec import Mode
from socratasync.api.status_parts import Count, Instant, Name, Part, Sentence, Word
from socratasync.api.status_words import Result, Trigger
from socratasync.contract.report import shorten
from socratasync.contract.variables import without_dollars
from socratasync.errors import InvalidSpec

DATASETS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNews(Part):
    """The run that the news is of."""

    job: Name
    """Its name; that of its Job in a cluster."""
    result: Result
    """How it ended, or stands: Succeeded, NoChange, Failed, Cancelled or Lost."""
    trigger: Trigger | None = None
    """Why it was started; absent in a run by hand, and in what hooks get."""
    mode: Mode | None = None
    """What it loaded: update or full."""
    start: Instant | None = None
    """When it started."""
    end: Instant | None = None
    """When it ended; absent while it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetNews(Part):
    """A dataset that the run changed, or that something is wrong with. A count is absent where nobody counted."""

    id: Word
    """Its id."""
    year: Count | None = None
    """Its year in the manifest."""
    downloaded: Count | None = None
    """Rows read."""
    inserted: Count | None = None
    """Rows that are new in the table."""
    updated: Count | None = None
    """Rows that changed."""
    deleted: Count | None = None
    """Rows that went from the table."""
    target: Count | None = None
    """Rows that the table holds of it."""
    source_rows: Count | None = None
    """Rows that the source counts."""
    error: Sentence | None = None
    """Why it was not loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News(Part):
    """What is to be told. Nothing in it is secret."""

    v: Literal[1] = 1
    """Version of this form. Fields may be added within a version."""
    id: Word
    """The same however often it is sent."""
    at: Instant
    """When it was noticed."""
    name: Name
    """The sync's name."""
    namespace: Name | None = None
    """The sync's namespace; absent outside a cluster."""
    domain: Name | None = None
    """The portal; absent where the spec cannot be read."""
    begun: Troubles = ()
    """What is wrong since just now."""
    over: Troubles = ()
    """What was wrong, and is no longer."""
    succeeded: bool = False
    """Whether a run changed data."""
    run: RunNews | None = None
    """The run that it comes of; absent where it comes of none."""
    datasets: Annotated[tuple[DatasetNews, ...], Field(max_length=DATASETS)] = ()
    """Datasets that the run changed, or failed to load."""

    def for_channel(self, on: Collection[Occasion]) -> News | None:
        """What a channel that asked for these occasions is told of it; None if nothing. A recovery is told
        where the trouble was."""
        begun = tuple(each for each in self.begun if each.occasion in on)
        over = tuple(each for each in self.over if "Recovery" in on and each.occasion in on)
        succeeded = self.succeeded and "Success" in on
        if not (begun or over or succeeded):
            return None
        return replace(self, begun=begun, over=over, succeeded=succeeded)

    def as_dict(self) -> dict[str, Any]:
        """The object as JSON has it, without what is absent."""
        written: dict[str, Any] = _NEWS.dump_python(
            self, mode="json", by_alias=True, exclude_none=True
        )
        return written

    @classmethod
    def from_json(cls, text: str) -> News:
        """Read back what was written. Raises ``InvalidSpec`` for anything else."""
        try:
            return _NEWS.validate_json(text)
        except ValidationError as exc:
            found = exc.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in found["loc"]) or "it"
            raise InvalidSpec(
                f"the news cannot be read: {where}: {found['msg']}; operator and image must be of one release"
            ) from exc

    def to_json(self) -> str:
        """``as_dict`` as compact text that a container's variable can hold. Halves of characters, which no UTF-8
        holds, become ``?``."""
        text = json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"))
        return without_dollars(text.encode(errors="replace").decode())

    def fitted(self, most: int) -> News:
        """The news with its sentences cut until its JSON has at most ``most`` bytes, or cannot be shorter."""
        news = self
        for characters in _SENTENCES:
            if len(news.to_json().encode()) <= most:
                break
            news = self._cut(characters)
        return news

    def _cut(self, characters: int) -> News:
        def troubles(given: tuple[Trouble, ...]) -> tuple[Trouble, ...]:
            return tuple(replace(t, message=shorten(t.message, characters)) for t in given)

        def dataset(given: DatasetNews) -> DatasetNews:
            return replace(given, error=given.error and shorten(given.error, characters))

        return replace(
            self,
            begun=troubles(self.begun),
            over=troubles(self.over),
            datasets=tuple(dataset(each) for each in self.datasets),
        )


_SENTENCES: Final = (1024, 300, 100)
"""To how many characters sentences are cut where there is too much news."""

_NEWS = TypeAdapter(News)
