"""Which of Socrata's interfaces each dataset is read by, and when it goes over to the other.

A dataset stays with the one that it was read by last, SODA2 at first, for as long as that answers: it would go to
and fro else while a portal is being changed over, and ``:id``s need not be the same. Trouble that passes moves nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal

from socratasync.api.source import Interface as Name
from socratasync.api.source import InterfaceChoice
from socratasync.errors import (
    InvalidAppToken,
    InvalidSpec,
    NotAllowed,
    SyncError,
    TryAgain,
)
from socratasync.pipeline.source.interface import Interface
from socratasync.pipeline.source.refusals import Refused
from socratasync.pipeline.source.soda2 import SODA2
from socratasync.pipeline.source.soda3 import SODA3

INTERFACES: Mapping[str, Interface] = {each.name: each for each in (SODA2, SODA3)}
_OTHER: Mapping[str, Interface] = {"SODA2": SODA3, "SODA3": SODA2}

Sign = Literal["gone", "perhaps gone"]

_SIGNS: Mapping[int, Sign] = {
    410: "gone",
    501: "gone",
    401: "perhaps gone",
    403: "perhaps gone",
    404: "perhaps gone",
}
"""What a status tells of an interface. The second kind may as well be about the dataset, or about who asks: then the
other interface refuses, too."""


def sign_of(refused: Refused) -> Sign | None:
    """Whether the interface may be gone. A wrong token is refused by both."""
    if isinstance(refused.error, InvalidAppToken):
        return None
    return _SIGNS.get(refused.refusal.status)


def refused_by_both(name: Name, refused: Refused, other: Refused | SyncError) -> SyncError:
    """What it means that ``name`` refused as if it were gone, and that the other interface did not count the rows."""
    error = other.error if isinstance(other, Refused) else other
    if _is_about_the_dataset(refused) or _are_a_firewall(refused, other):
        return refused.error
    if isinstance(error, NotAllowed):
        status, by = refused.refusal.status, _OTHER[name].name
        return type(error)(f"{name} answers HTTP {status}, and by {by} {error.message}")
    if isinstance(error, TryAgain) and not (isinstance(other, Refused) and other.refusal.is_final):
        return error
    return refused.error


def _is_about_the_dataset(refused: Refused) -> bool:
    """Whether Socrata itself says that the dataset is private, or that it wants a token."""
    if sign_of(refused) == "gone":
        return False
    return isinstance(refused.error, NotAllowed) and not refused.refusal.is_of_another


def _are_a_firewall(refused: Refused, other: Refused | SyncError) -> bool:
    """Whether somebody between us and Socrata keeps us from both."""
    return isinstance(other, Refused) and all(
        each.refusal.is_of_another and each.refusal.status in (401, 403)
        for each in (refused, other)
    )


def not_there(name: Name, refused: Refused) -> SyncError:
    """The error where the manifest wants this interface alone and it refused."""
    if sign_of(refused) != "gone":
        return refused.error
    return InvalidSpec(
        f"{name} is gone from the portal (HTTP {refused.refusal.status} for {refused.refusal.what}), and "
        f"spec.source.api is {name}. Write Auto, which goes over to {_OTHER[name].name} where that answers"
    )


class Choice:
    """The interfaces in use in one run. Safe to share between threads."""

    def __init__(self, wanted: InterfaceChoice) -> None:
        self.is_free = wanted == "Auto"
        self._first = INTERFACES["SODA2" if wanted == "Auto" else wanted]
        self._lock = threading.Lock()
        self._in_use: dict[str, Interface] = {}
        self._why: dict[str, str] = {}

    def go_on(self, last: Mapping[str, Name]) -> None:
        """Dataset → the interface that it was read by last. Where the manifest names one, that is meant."""
        if self.is_free:
            with self._lock:
                self._in_use = {dataset: INTERFACES[name] for dataset, name in last.items()}

    def of(self, dataset: str) -> Interface:
        """The one that the dataset is read by now."""
        with self._lock:
            return self._in_use.get(dataset, self._first)

    def other_than(self, interface: Interface) -> Interface:
        """The one that may answer in its place."""
        return _OTHER[interface.name]

    def go_over(self, dataset: str, to: Interface, why: str) -> None:
        """From now on the dataset is read by this one. ``why``: a sentence for people."""
        with self._lock:
            self._in_use[dataset] = to
            self._why[dataset] = why

    def why(self, dataset: str) -> str | None:
        """Why the dataset went over in this run; None if it did not."""
        with self._lock:
            return self._why.get(dataset)
