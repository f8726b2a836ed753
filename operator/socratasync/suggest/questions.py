"""How many questions a portal is asked for one manifest, and which of them it need not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from socratasync.errors import DataRefused, InvalidQuery, SourceTooSlow, SyncError

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST = 6
"""People wait, and portals throttle whom they do not know."""


@dataclass(slots=True)
class Questions:
    """How many may still be asked, and what those that are not leave unknown."""

    left: int = MOST
    unknown: list[str] = field(default_factory=list)

    def asked(self, number: int = 1) -> None:
        """So many were asked that cannot be done without."""
        self.left -= number

    def optional(
        self,
        what: str,
        ask: Callable[[], T],
        *,
        keeping: int = 0,
        forgiven: tuple[type[SyncError], ...] = (InvalidQuery, DataRefused, SourceTooSlow),
    ) -> T | None:
        """The answer, unless there is no question left beyond those to be kept, or it ends with a forgiven error."""
        if self.left <= keeping:
            self.unknown.append(f"{what}: not asked, to spare the portal")
            return None
        self.left -= 1
        try:
            return ask()
        except forgiven as exc:
            log.info("%s: %s", what, exc.message)
            self.unknown.append(f"{what}: the portal does not answer that")
            return None
