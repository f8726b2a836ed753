"""The conditions of a SocrataSync: what each means, and when its transition time moves. Pure.

Kubernetes' convention holds: ``lastTransitionTime`` moves only when ``status`` flips, so "not ready
since" can be read off it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from socratasync.contract.report import shorten
from socratasync.times import write_instant

Truth = Literal["True", "False", "Unknown"]

READY: Final = "Ready"
"""True: the spec is valid and the last run was good. A routine run in progress does not flip it, nor
does one that was cancelled. Unknown: no run has ended yet, or the last one's result is lost."""

SYNCHRONIZING: Final = "Synchronizing"
"""True: a run is active. False says what is waited for instead: WaitingForSchedule,
WaitingForCapacity, NoSchedule, Suspended."""

LAST_SYNC_SUCCEEDED: Final = "LastSyncSucceeded"
"""How the last run ended, with its reason. Unknown before the first and when a result is lost."""

FRESH: Final = "Fresh"
"""False: the last good run is longer ago than spec.freshness.maxLag. Moves with time, not only with
runs. Only present with a maxLag."""

DATA_VERIFIED: Final = "DataVerified"
"""Whether the last run's rows were counted against the source's own count, and matched. Unknown:
nobody counted."""

SCHEMA_IN_SYNC: Final = "SchemaInSync"
"""False: the source's columns are not those that the target has. Unknown: no run has looked."""

SUSPENDED: Final = "Suspended"
"""spec.suspend."""

STALLED: Final = "Stalled"
"""Present only when True: nothing good happens until a person acts on the message."""

ORDER: Final = (
    READY,
    SYNCHRONIZING,
    LAST_SYNC_SUCCEEDED,
    FRESH,
    DATA_VERIFIED,
    SCHEMA_IN_SYNC,
    SUSPENDED,
    STALLED,
)

_MESSAGE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is to be said; the times come from ``merge``."""

    type: str
    status: Truth
    reason: str
    message: str


def merge(
    old: Iterable[Mapping[str, Any]], new: Iterable[Condition], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The status's list of conditions: exactly ``new``, in a fixed order, transition times kept where
    the status did not flip."""
    before = {condition["type"]: condition for condition in old}
    merged = [_merged(before.get(each.type), each, generation, now) for each in new]
    return sorted(merged, key=lambda condition: ORDER.index(condition["type"]))


def _merged(
    old: Mapping[str, Any] | None, new: Condition, generation: int, now: datetime
) -> dict[str, Any]:
    stays = old is not None and old.get("status") == new.status
    return {
        "type": new.type,
        "status": new.status,
        "observedGeneration": generation,
        "lastTransitionTime": old.get("lastTransitionTime")
        if old is not None and stays
        else write_instant(now, "seconds"),
        "reason": new.reason,
        "message": shorten(new.message, _MESSAGE_CHARACTERS),
    }


def truth(value: bool | None) -> Truth:
    """True, False, or Unknown for None."""
    return "Unknown" if value is None else "True" if value else "False"


def find(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """A condition of a status by its type."""
    return next((c for c in status.get("conditions") or [] if c.get("type") == kind), None)
