"""The conditions of a SocrataSync: what each means, and when its transition time moves. Pure.

Kubernetes' convention holds: ``lastTransitionTime`` moves only when ``status`` flips, so "not ready
since" can be read off it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from socratasync.api.status import Condition, Truth
from socratasync.contract.report import shorten

READY: Final = "Ready"
"""True: the spec is valid, a run has loaded what it says now, and the last such run was good. A routine run
in progress does not flip it, nor does one that was cancelled. Unknown: no run of what the spec says now has
ended yet, or its result is lost. Absent while that is so of a resource that is suspended: nothing is on its
way then, and tools that go by Ready would wait for ever."""

RECONCILING: Final = "Reconciling"
"""Present only when True: what the spec says now was never loaded by a good run, and a run is on its way, or
comes by itself. Never beside Stalled."""

SYNCHRONIZING: Final = "Synchronizing"
"""True: a run is active. False says what is waited for instead: WaitingForSchedule,
WaitingForCapacity, NoSchedule, Suspended."""

LAST_SYNC_SUCCEEDED: Final = "LastSyncSucceeded"
"""How the last run ended, with its reason. Unknown before the first and when a result is lost."""

FRESH: Final = "Fresh"
"""False: the last good run is longer ago than spec.freshness.maxLag. Moves with time, not only with
runs. Only present with a maxLag."""

SOURCE_FRESH: Final = "SourceFresh"
"""False: a run has found that no dataset in use changed for spec.freshness.sourceMaxAge. Unknown: nobody has
learned so much, or nobody since that time is over, by which alone it is no longer True. Only present with a
sourceMaxAge, and no part of Ready: a city that publishes nothing is no failure of the sync's."""

SUCCESSORS_LOADED: Final = "SuccessorsLoaded"
"""False: the portal has a dataset that spec.follow looks for, and it is not loaded. Unknown: no run has looked yet. Only
present with spec.follow, and no part of Ready: what the spec names is loaded."""

DATA_VERIFIED: Final = "DataVerified"
"""Whether the last run's rows were counted against the source's own count, and matched. Unknown:
nobody counted."""

SCHEMA_IN_SYNC: Final = "SchemaInSync"
"""False: the source's columns are not those that the target has, or columns of the target keep old values,
since their dataset fills them no more. Unknown: no run has looked."""

INTERFACE_SUPPORTED: Final = "InterfaceSupported"
"""False: the portal says that an interface which rows are read by ends, or is deprecated. Unknown: no run has told yet
which it is. No part of Ready, for runs go on."""

SUSPENDED: Final = "Suspended"
"""spec.suspend."""

STALLED: Final = "Stalled"
"""Present only when True: no run will succeed, or none will start, until a person does what the message
says."""

ORDER: Final = (
    READY,
    RECONCILING,
    SYNCHRONIZING,
    LAST_SYNC_SUCCEEDED,
    FRESH,
    SOURCE_FRESH,
    SUCCESSORS_LOADED,
    DATA_VERIFIED,
    SCHEMA_IN_SYNC,
    INTERFACE_SUPPORTED,
    SUSPENDED,
    STALLED,
)

_MESSAGE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a condition is to say; ``merge`` adds the times."""

    type: str
    status: Truth
    reason: str
    message: str


def finding(kind: str, status: Truth, reason: str, message: str) -> Finding:
    """The same in a line."""
    return Finding(type=kind, status=status, reason=reason, message=message)


def merge(
    old: Iterable[Condition], new: Iterable[Finding], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The status's list of conditions: exactly ``new``, in a fixed order, transition times kept where
    the status did not flip."""
    before = {condition.type: condition for condition in old}
    merged = (_merged(before.get(each.type), each, generation, now) for each in new)
    return tuple(sorted(merged, key=lambda condition: ORDER.index(condition.type)))


def _merged(old: Condition | None, new: Finding, generation: int, now: datetime) -> Condition:
    stays = old is not None and old.status == new.status
    return Condition(
        type=new.type,
        status=new.status,
        reason=new.reason,
        message=shorten(new.message, _MESSAGE_CHARACTERS),
        last_transition_time=old.last_transition_time if old is not None and stays else now,
        observed_generation=generation,
    )


def truth(value: bool) -> Truth:
    """As a condition says it."""
    return "True" if value else "False"
