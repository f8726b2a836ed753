"""The last runs as bars: where each is drawn, and the same in words for those who do not see it. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from socratasync.api.status import HISTORY
from socratasync.controller.page.entry import Run
from socratasync.controller.page.words import span, when

WIDTH: Final = HISTORY * 12
HEIGHT: Final = 36
_BAR: Final = 8
_LOWEST: Final = 5

Kind = Literal["good", "same", "bad", "other"]

_KINDS: Final[dict[str | None, tuple[Kind, str]]] = {
    "Succeeded": ("good", "succeeded"),
    "NoChange": ("same", "found nothing new"),
    "Failed": ("bad", "failed"),
    "Cancelled": ("other", "was cancelled"),
}
_LOST: Final[tuple[Kind, str]] = ("other", "ended, nobody knows how")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A run: where it stands, how high it is, and what it was."""

    x: int
    y: int
    height: int
    width: int
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The bars, the oldest run's first, and all of them in a sentence."""

    bars: tuple[Bar, ...]
    text: str
    width: int = WIDTH
    height: int = HEIGHT


def chart(newest_first: Sequence[Run]) -> Chart:
    """The runs, the newest at the right. A bar's height is the root of its run's time, so that a first load
    leaves the others something to be seen by."""
    runs = list(reversed(newest_first[:HISTORY]))
    longest = max((run.seconds or 0.0 for run in runs), default=0.0)
    first = HISTORY - len(runs)
    bars = (_bar(run, first + place, longest) for place, run in enumerate(runs))
    return Chart(bars=tuple(bars), text=_in_words(runs, longest))


def how_it_ended(run: Run) -> str:
    """In words: ``succeeded``."""
    return _KINDS.get(run.result, _LOST)[1]


def _bar(run: Run, place: int, longest: float) -> Bar:
    share = math.sqrt((run.seconds or 0.0) / longest) if longest else 0.0
    height = _LOWEST + round((HEIGHT - _LOWEST) * share)
    return Bar(
        x=place * 12 + 2,
        y=HEIGHT - height,
        height=height,
        width=_BAR,
        kind=_KINDS.get(run.result, _LOST)[0],
        text=_of(run),
    )


def _of(run: Run) -> str:
    began = when(run.start) if run.start else "A run"
    took = f", after {span(run.seconds)}" if run.seconds is not None else ""
    return f"{began}: {how_it_ended(run)}{took}"


def _in_words(runs: Sequence[Run], longest: float) -> str:
    if not runs:
        return "No run has ended yet."
    ends = Counter(how_it_ended(run) for run in runs)
    counted = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    last = how_it_ended(runs[-1])
    return (
        f"The last {len(runs)} runs: {counted}; the longest took {span(longest)}."
        if len(runs) > 1
        else f"One run: it {last}, after {span(longest)}."
    )
