"""The datasets that follow those of the spec: what of them is remembered, and whether one waits to be loaded. Pure.

A condition of its own tells of it. ``SourceFresh`` is only there with a sourceMaxAge, and is about a source that
stands still: the next year's dataset is there weeks before the old one stops. It is no part of ``Ready``, for what the
spec names is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.api.successor_status import SuccessorStatus
from socratasync.contract.report import listed
from socratasync.contract.report_text import Report, SuccessorTold
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import SUCCESSORS_LOADED, Finding, finding

SUCCESSOR_FOUND: Final = "SuccessorFound"
SUCCESSOR_ADOPTED: Final = "SuccessorAdopted"
_NAMED = 3


def next_successors(
    spec: SyncSpec | None,
    known: Sequence[SuccessorStatus] | None,
    report: Report | None,
    at: datetime | None,
) -> tuple[SuccessorStatus, ...] | None:
    """``status.successors`` after a run that ended ``at``; without a report, what is left of those known. A dataset
    that the spec names is none any more, and a run that could not look leaves them. None where nobody has looked, or
    there are none that a spec which follows nothing could have."""
    told = report.successors if report else None
    if told is None and known is None:
        return None
    before = {each.id: each for each in known or ()}
    now = known or () if told is None else [_record(e, before.get(e.id), at) for e in told]
    named = {dataset.id for dataset in spec.datasets} if spec else set()
    left = tuple(each for each in now if each.id not in named)
    return left if spec and spec.follow else left or None


def _record(
    told: SuccessorTold, known: SuccessorStatus | None, at: datetime | None
) -> SuccessorStatus:
    was_adopted = known.adopted_at if known and known.adopted else None
    return SuccessorStatus(
        id=told.id,
        year=told.year,
        name=told.name,
        adopted=told.adopted,
        found_at=known.found_at if known else at,
        adopted_at=was_adopted or at if told.adopted else None,
        columns_missing=told.columns_missing or None,
        columns_new=told.columns_new or None,
        columns_changed=told.columns_changed or None,
        reason=told.reason,
    )


def waiting(status: SyncStatus) -> list[SuccessorStatus]:
    """Those that are not loaded."""
    return [each for each in status.successors or () if not each.adopted]


def sentence(successor: SuccessorStatus) -> str:
    """Which dataset it is, and how its columns differ, for people."""
    year = f" ({successor.year})" if successor.year else ""
    differences = [
        f"{what} {listed(names, _NAMED)}"
        for what, names in (
            ("without", successor.columns_missing),
            ("with new", successor.columns_new),
            ("with another type of", successor.columns_changed),
        )
        if names
    ]
    return f"{successor.id}{year}, {', '.join([successor.name or 'unnamed', *differences])}"


def successors_loaded(resource: Resource, status: SyncStatus) -> Finding | None:
    """None where the spec follows nothing. Unknown until a run has looked."""
    spec = resource.spec
    if spec is None or spec.follow is None:
        return None
    if status.successors is None:
        message = "no run has looked yet for datasets that follow those of spec.datasets"
        return finding(SUCCESSORS_LOADED, "Unknown", "NotKnown", message)
    left = waiting(status)
    if not left:
        return finding(SUCCESSORS_LOADED, "True", "SuccessorsLoaded", _all_loaded(status))
    return finding(SUCCESSORS_LOADED, "False", SUCCESSOR_FOUND, _not_loaded(spec, left))


def _all_loaded(status: SyncStatus) -> str:
    adopted = [sentence(each) for each in status.successors or ()]
    if not adopted:
        return "the portal has no dataset that follows those of spec.datasets"
    return f"nothing follows what is loaded; adopted: {listed(adopted, _NAMED)}"


def _not_loaded(spec: SyncSpec, left: Sequence[SuccessorStatus]) -> str:
    told = "; ".join(f"{sentence(each)}{_why(each)}" for each in left[:_NAMED])
    more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return (
        f"the portal has what follows those of spec.datasets, and it is not loaded: {told}{more}. See "
        f"https://{spec.domain}/d/{left[0].id}, and name in spec.datasets what is to be loaded"
    )


def _why(successor: SuccessorStatus) -> str:
    return f" ({successor.reason})" if successor.reason else ""


def new_ones(
    old: SyncStatus, new: SyncStatus
) -> tuple[list[SuccessorStatus], list[SuccessorStatus]]:
    """Those that are found for the first time, and not loaded; and those that are adopted for the first time."""
    before = {each.id: each for each in old.successors or ()}
    found = [each for each in waiting(new) if each.id not in before]
    adopted = [
        each
        for each in new.successors or ()
        if each.adopted and not (each.id in before and before[each.id].adopted)
    ]
    return found, adopted
