"""Which of Socrata's interfaces a portal has at the moment, whom SODA3 serves, and what is announced.

SODA2 is ``/resource``, SODA3 is ``/api/v3/views``; what describes datasets belongs to neither.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from socrata_simulator import refusals
from socrata_simulator.refusals import Refused

SODA2, SODA3, NEITHER = "SODA2", "SODA3", ""
POLICIES = ("Open", "WantsToken")


@dataclass(slots=True)
class _End:
    """How SODA2 refuses, and how many requests it still answers."""

    refusal: Refused
    left: int


class Interfaces:
    """The switches, which a ``Portal`` has. Safe to use from any thread."""

    def __init__(self) -> None:
        self.notices: dict[str, Mapping[str, str]] = {}
        """Headers of every answer of an interface, such as ``{"SODA2": {"Deprecation": "@1798761600"}}``."""
        self.unidentified_status = 403
        """How SODA3 refuses who says nothing of themselves, where it wants a token: 403 or 401."""
        self.refuses_in_inner_form = False
        """Whether SODA3's refusals are ``{"type", "data", "english", "source"}``."""
        self._policy = "Open"
        self._switches = threading.Lock()
        self._soda2_end: _End | None = None
        self._soda3_is_there = True
        self._views_are_there = True

    @property
    def soda3(self) -> str:
        """Whom SODA3 serves: ``Open``: everybody; ``WantsToken``: those with an app token or an account."""
        return self._policy

    @soda3.setter
    def soda3(self, policy: str) -> None:
        if policy not in POLICIES:
            raise ValueError(f"soda3 is one of {', '.join(POLICIES)}, not {policy!r}")
        self._policy = policy

    def soda2_ends(self, status: int = 410, after: int = 0, *, html: bool = False) -> None:
        """After so many more requests to ``/resource`` each is refused with ``status``, until
        ``soda2_returns()``. ``html``: the web server refuses, not the portal."""
        with self._switches:
            self._soda2_end = _End(refusals.ended(status, html_page=html), after)

    def soda2_returns(self) -> None:
        """``/resource`` answers again."""
        with self._switches:
            self._soda2_end = None

    def soda3_is_there(self, there: bool = True) -> None:
        """Whether the portal has ``/api/v3/views``; where it has not, the web server answers 404."""
        self._soda3_is_there = there

    def views_are_there(self, there: bool = True) -> None:
        """Whether ``/api/views/<id>.json`` answers for any dataset; where it does not, that is a 404."""
        self._views_are_there = there

    def refusal_of(self, interface: str, kind: str, dataset: str) -> Refused | None:
        """How this request is refused because what it asks is switched off; None if it is not.

        Counts the request, so it is called once for each.
        """
        if interface == SODA2:
            return self._soda2_refusal()
        if interface == SODA3 and not self._soda3_is_there:
            return refusals.html(404, "Not Found")
        if kind == "metadata" and not self._views_are_there:
            return refusals.view_missing(dataset)
        return None

    def _soda2_refusal(self) -> Refused | None:
        with self._switches:
            end = self._soda2_end
            if end is None:
                return None
            if end.left > 0:
                end.left -= 1
                return None
            return end.refusal
