"""A dataset of the portal that follows those of the manifest, as a report tells it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from socratasync.api.successor_status import COLUMNS, SUCCESSORS

_NAME_CHARACTERS: Final = 120
_COLUMN_CHARACTERS: Final = 63
_REASON_CHARACTERS: Final = 400
DIFFERENCES: Final = ("columnsMissing", "columnsNew", "columnsChanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """``year`` is None where none is known. ``adopted``: it is loaded as if the manifest named it; ``reason``: why it is
    not, for people. The columns are compared with the newest dataset's: those that it lacks, those that it has
    besides, those of another type."""

    id: str
    name: str
    year: int | None = None
    adopted: bool = False
    columns_missing: tuple[str, ...] = ()
    columns_new: tuple[str, ...] = ()
    columns_changed: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """For people: which dataset it is, and what became of it."""
        year = f" ({self.year})" if self.year else ""
        made = "it is adopted" if self.adopted else f"not loaded: {self.reason}"
        return f"{self.id}{year}, {self.name}, follows: {made}"

    def as_dict(self, told: Callable[[str], str] = str) -> dict[str, Any]:
        """As JSON has it; ``told`` makes of a text what may be told."""
        return {
            "id": self.id,
            "year": self.year,
            "name": told(self.name)[:_NAME_CHARACTERS],
            "adopted": self.adopted,
            "columnsMissing": _columns(self.columns_missing, told),
            "columnsNew": _columns(self.columns_new, told),
            "columnsChanged": _columns(self.columns_changed, told),
            "reason": None if self.reason is None else told(self.reason)[:_REASON_CHARACTERS],
        }


def written_successors(
    successors: Iterable[Successor], told: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    """The successors as JSON has them, those that were adopted first, the first ``SUCCESSORS``."""
    ordered = sorted(successors, key=lambda each: not each.adopted)
    return [each.as_dict(told) for each in ordered[:SUCCESSORS]]


def _columns(names: tuple[str, ...], told: Callable[[str], str]) -> list[str]:
    return [told(name)[:_COLUMN_CHARACTERS] for name in names[:COLUMNS]]
