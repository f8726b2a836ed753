"""What of a manifest a one-off run loads: some years, some datasets, one range of time; whether it replaces them.

People ask for it by options, by the annotation ``full`` and, through the operator, in a worker's environment. All
three are the same words, such as ``year=2019,2020 reset=true``, written and read here. A request is more than its
words only by its token, which makes it a new one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from socratasync.api.moment import read_moment
from socratasync.api.names import DATASET_ID
from socratasync.errors import InvalidRequest, InvalidSpec
from socratasync.times import write_instant

LONGEST_REQUEST: Final = 253
"""Characters of a request, token included: a status keeps no more of it, and half a list would be another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Rows whose watermark column is at or after ``since`` and before ``until``; None: without that bound."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a run is limited to; all that is given must hold. Without ``years`` and ``datasets`` it is all datasets.
    ``since`` and ``until`` make a range. ``reset``: what is loaded replaces what the table holds of it.

    Raises ``InvalidRequest`` for what contradicts itself."""

    years: tuple[int, ...] = ()
    datasets: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise InvalidRequest(
                f"since ({write_instant(self.since)}) must be before until ({write_instant(self.until)})"
            )
        if self.range and self.reset:
            raise InvalidRequest(
                "reset replaces whole datasets, and since and until read a part of them; leave one out"
            )

    @property
    def range(self) -> Range | None:
        """The range of time; None where all rows of the datasets are meant."""
        if self.since is None and self.until is None:
            return None
        return Range(since=self.since, until=self.until)

    @property
    def text(self) -> str:
        """The words by which ``read_selection`` reads the same; empty for everything."""
        words = {
            "year": ",".join(map(str, self.years)),
            "dataset": ",".join(self.datasets),
            "since": write_instant(self.since),
            "until": write_instant(self.until),
            "reset": "true" if self.reset else None,
        }
        return " ".join(f"{name}={value}" for name, value in words.items() if value)


EVERYTHING: Final = Selection()


def select(
    *,
    years: Iterable[str] = (),
    datasets: Iterable[str] = (),
    since: str | None = None,
    until: str | None = None,
    reset: bool = False,
) -> Selection:
    """The selection that these texts name. Raises ``InvalidRequest``."""
    try:
        return Selection(
            years=_distinct(_year(text) for text in years),
            datasets=_distinct(_dataset(text) for text in datasets),
            since=read_moment(since, "since") if since is not None else None,
            until=read_moment(until, "until") if until is not None else None,
            reset=reset,
        )
    except InvalidSpec as exc:
        raise InvalidRequest(exc.message) from exc


def read_selection(text: str) -> Selection:
    """The selection that the words name; none name everything. Raises ``InvalidRequest`` for a word that is not one
    of these, or comes twice: what is not understood must not load everything."""
    given: dict[str, str] = {}
    for word in text.split():
        name, found, value = word.partition("=")
        if name not in _READ or not found or not value:
            raise InvalidRequest(f"{word!r} is not understood; write {_WORDS}")
        if name in given:
            raise InvalidRequest(f"{name} is given twice; write {name}=A,B for several")
        given[name] = value
    return select(**{_READ[name][0]: _READ[name][1](value) for name, value in given.items()})


def read_request(value: str) -> Selection:
    """What a request's value selects. Raises ``InvalidRequest``.

    A value without any ``=`` is a plain token and selects everything, whatever it is: that is what it meant
    before there were selections.
    """
    words = value.split()
    if not any("=" in word for word in words):
        return EVERYTHING
    if len(value) > LONGEST_REQUEST:
        raise InvalidRequest(
            f"the request has {len(value)} characters, and {LONGEST_REQUEST} is the most; name fewer datasets, "
            "or years instead"
        )
    return read_selection(" ".join(word for word in words if "=" in word))


def write_request(token: str, selection: Selection) -> str:
    """The value of a request that was never made before, if the token is new. Raises ``InvalidRequest`` for one that
    is too long."""
    value = f"{token} {selection.text}".strip()
    read_request(value)
    return value


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _year(text: str) -> int:
    if not re.fullmatch("[0-9]{4}", text):
        raise InvalidRequest(f"year must be four digits, such as 2020, not {text!r}")
    return int(text)


def _dataset(text: str) -> str:
    if not re.fullmatch(DATASET_ID, text):
        raise InvalidRequest(f"dataset must be an id, such as rq3b-xjk8, not {text!r}")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidRequest(f"reset must be true or false, not {text!r}")
    return text == "true"


def _list(text: str) -> Sequence[str]:
    return text.split(",")


_READ: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "year": ("years", _list),
    "dataset": ("datasets", _list),
    "since": ("since", str),
    "until": ("until", str),
    "reset": ("reset", _truth),
}
"""Word → the argument of ``select``, and what makes it of the text."""

_WORDS: Final = (
    "year=2020, dataset=rq3b-xjk8, since=2024-01-01, until=2024-02-01 or reset=true, with blanks between them "
    "and none within"
)
