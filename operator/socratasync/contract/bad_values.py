"""Values that their columns could not hold, and what was done with them, as a report tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

EXAMPLES = 5
"""So many are told of each dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValueExample:
    """One such value: the ``:id`` of its row, the target's column, and its text, shortened and masked; None
    for a null where the column's type takes none."""

    row: str
    column: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValues:
    """``nulled`` values became NULL, ``skipped`` rows were left out."""

    nulled: int = 0
    skipped: int = 0
    examples: tuple[BadValueExample, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there were any."""
        return self.nulled > 0 or self.skipped > 0

    def plus(self, other: BadValues) -> BadValues:
        """Those of two pages together."""
        return BadValues(
            nulled=self.nulled + other.nulled,
            skipped=self.skipped + other.skipped,
            examples=(*self.examples, *other.examples)[:EXAMPLES],
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON has them."""
        return {
            "nulled": self.nulled,
            "skipped": self.skipped,
            "examples": [asdict(example) for example in self.examples],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> BadValues:
        """Read back what ``as_dict`` wrote; None stands for none."""
        if data is None:
            return NO_BAD_VALUES
        examples = tuple(BadValueExample(**example) for example in data["examples"])
        return cls(nulled=data["nulled"], skipped=data["skipped"], examples=examples)

    def sentence(self, dataset: str) -> str:
        """What was done, for people."""
        nulled = f"{_were(self.nulled, 'value')} made NULL" if self.nulled else ""
        skipped = f"{_were(self.skipped, 'row')} left out" if self.skipped else ""
        done = " and ".join(part for part in (nulled, skipped) if part)
        told = "; ".join(
            f"row {each.row}, column {each.column}: {shown(each.value)}" for each in self.examples
        )
        return (
            f"dataset {dataset}: for values that their columns cannot hold, {done}, such as {told}"
        )


NO_BAD_VALUES = BadValues()


def shown(value: str | None) -> str:
    """An example's value within a sentence."""
    return "null" if value is None else f'"{value}"'


def _were(number: int, noun: str) -> str:
    return f"1 {noun} was" if number == 1 else f"{number:,} {noun}s were"
