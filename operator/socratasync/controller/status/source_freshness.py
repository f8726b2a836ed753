"""Whether the source still changes, and when nobody can say so any more by time alone. Pure.

A city that stops publishing gives good runs that find nothing new, of which Fresh says nothing. The newest change
of all datasets in use counts, for those of past years are expected to stand still.

False needs a run that asked after the limit was over. Time alone makes it Unknown: while runs fail, or none is due,
the source may well have changed, and people are not to be sent to the portal for what is the sync's own trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.contract.report import listed
from socratasync.controller.observed.in_use import datasets_in_use
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import SOURCE_FRESH, Finding, finding
from socratasync.controller.status.freshness import Freshness
from socratasync.controller.status.successors import sentence, waiting
from socratasync.times import write_duration, write_instant

SOURCE_FROZEN: Final = "SourceFrozen"
_NAMED, _ONWARD = 5, 2
_NEVER = datetime.min.replace(tzinfo=UTC)


def read_source_freshness(
    resource: Resource, status: SyncStatus, now: datetime
) -> Freshness | None:
    """None without a sourceMaxAge. Once False it stays so until a run has learned of a change, or the limit is
    raised: that the spec names a successor is no news of it yet."""
    spec = resource.spec
    limit = spec.freshness.source_max_age if spec and spec.freshness else None
    if spec is None or limit is None:
        return None
    datasets = _in_use(spec, status)
    newest = datasets[0].source_updated_at
    if newest is not None and now - newest < limit:
        # A portal's clock may be ahead, even by thousands of years.
        return Freshness(condition=_true(datasets, limit), turns=min(newest, now) + limit)
    unknown = [each for each in datasets if newest is None or not _was_asked(each, newest + limit)]
    if not unknown:
        return Freshness(condition=_false(spec, status, datasets, limit), turns=None)
    before = find(status, SOURCE_FRESH)
    stays = before is not None and before.status == "False"
    return Freshness(condition=_unknown(datasets, unknown, limit, stays=stays), turns=None)


def _in_use(spec: SyncSpec, status: SyncStatus) -> list[DatasetStatus]:
    """What is known of each dataset in use, that with the newest change first."""
    known = {each.id: each for each in status.datasets or ()}
    datasets = [
        known.get(each.id) or DatasetStatus(id=each.id) for each in datasets_in_use(spec, status)
    ]
    return sorted(datasets, key=lambda each: each.source_updated_at or _NEVER, reverse=True)


def _was_asked(dataset: DatasetStatus, at: datetime) -> bool:
    """Whether a run that started then, or later, has learned when the dataset last changed."""
    asked = dataset.source_asked_at
    return dataset.source_updated_at is not None and asked is not None and asked >= at


def _true(datasets: Sequence[DatasetStatus], limit: timedelta) -> Finding:
    message = (
        f"the newest change is not longer ago than {write_duration(limit)}: {_change(datasets[0])}"
    )
    return finding(SOURCE_FRESH, "True", "SourceFresh", message)


def _false(
    spec: SyncSpec, status: SyncStatus, datasets: Sequence[DatasetStatus], limit: timedelta
) -> Finding:
    asked = min(each.source_asked_at for each in datasets if each.source_asked_at)
    message = (
        f"no dataset had changed for {write_duration(limit)} (spec.freshness.sourceMaxAge) when the run of "
        f"{write_instant(asked, 'seconds')} asked. Last changes: {_changes(datasets)}. {_onward(status)}"
        f"See https://{spec.domain}/d/{datasets[0].id}: if the city publishes elsewhere now, add that dataset "
        "to spec.datasets; if it is to stand still so long, raise spec.freshness.sourceMaxAge or take it out"
    )
    return finding(SOURCE_FRESH, "False", SOURCE_FROZEN, message)


def _onward(status: SyncStatus) -> str:
    """Where the portal goes on, as far as runs have found out."""
    found = [sentence(each) for each in waiting(status)]
    return f"The portal goes on with {listed(found, _ONWARD)}. " if found else ""


def _unknown(
    datasets: Sequence[DatasetStatus],
    unknown: Sequence[DatasetStatus],
    limit: timedelta,
    *,
    stays: bool,
) -> Finding:
    ids = listed([each.id for each in unknown], _NAMED)
    message = (
        f"no run has learned yet whether {ids} changed in the last {write_duration(limit)}: none has asked since, or "
        f"the portal does not say. Last changes known: {_changes(datasets)}"
    )
    if stays:
        return finding(SOURCE_FRESH, "False", SOURCE_FROZEN, f"as before: {message}")
    return finding(SOURCE_FRESH, "Unknown", "NotKnown", message)


def _changes(datasets: Sequence[DatasetStatus]) -> str:
    known = [_change(each) for each in datasets if each.source_updated_at]
    return listed(known, _NAMED) or "none"


def _change(dataset: DatasetStatus) -> str:
    year = f" ({dataset.year})" if dataset.year else ""
    return f"{dataset.id}{year} at {write_instant(dataset.source_updated_at, 'seconds')}"
