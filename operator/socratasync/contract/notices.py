"""What a portal says about the end of one of its interfaces, as a report tells it. Pure.

Such words come in the headers of answers that are good otherwise. So the run goes on, and people are told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from socratasync.times import instant_or_none, write_instant

MOST_NOTICES: Final = 4
"""How many a report tells: more than two interfaces ever say at once."""
NOTICE_CHARACTERS: Final = 240
"""Of each text. It is the same in every report, so that nobody is told twice for its being cut elsewhere."""

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Notice:
    """``interface``: which one ends, SODA2 or SODA3. ``text``: the portal's own words. ``date``: the day that it names;
    None if it names none, or one that a status cannot carry, such as the last of the year 9999."""

    interface: str
    text: str
    date: datetime | None = None

    @property
    def sentence(self) -> str:
        """For people."""
        return f"the portal says of {self.interface}: {dated(self.text, self.date)}"

    def as_dict(self, told: Callable[[str], str] = str) -> dict[str, Any]:
        """As JSON has it; ``told`` makes of the text what may be told."""
        date = self.date if _is_within_a_status(self.date) else None
        return {
            "interface": self.interface,
            "text": told(self.text),
            "date": write_instant(date, "seconds"),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Notice:
        """Read back what ``as_dict`` wrote."""
        return cls(data["interface"], data["text"], instant_or_none(data["date"]))


def written(notices: Iterable[Notice], told: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """The notices as JSON has them, each once, the first ``MOST_NOTICES``."""
    return [each.as_dict(told) for each in list(dict.fromkeys(notices))[:MOST_NOTICES]]


def dated(text: str, date: datetime | None) -> str:
    """The portal's words with the day that it names, within a sentence."""
    return f"{text.rstrip('. ')} ({date:%Y-%m-%d})" if date else text.rstrip(". ")


def _is_within_a_status(at: datetime | None) -> bool:
    """A header's date may also name no zone."""
    return at is not None and at.tzinfo is not None and _EARLIEST <= at < _LATEST
