"""Where a source that stands still may go on: what the newest dataset's description names, and what is called as it is
but for the year. Asked only of a source that has stood still for longer than ``freshness.sourceMaxAge``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from socratasync.api.spec import SyncSpec
from socratasync.contract.successors import Successor
from socratasync.errors import SyncError
from socratasync.pipeline.plan.following import look
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.successors import pattern_of
from socratasync.pipeline.source.client import Source

_MOST = 10
_ID = re.compile(r"(?<![a-z0-9-])[a-z0-9]{4}-[a-z0-9]{4}(?![a-z0-9-])")
_NOT_FOLLOWED = "spec.follow is not set: name the dataset in spec.datasets, or set it"


def newest_if_still(spec: SyncSpec, plans: Iterable[object], now: datetime) -> DatasetPlan | None:
    """The plan of the dataset that changed last, if that is longer ago than the manifest wants; None if it is not, or
    nobody can say."""
    limit = spec.freshness.source_max_age if spec.freshness else None
    dated = [p for p in plans if isinstance(p, DatasetPlan) and p.source_updated_at is not None]
    last = max(dated, key=lambda plan: plan.source_updated_at or now, default=None)
    if limit is None or last is None or last.source_updated_at is None:
        return None
    return last if now - last.source_updated_at >= limit else None


def find_onward(spec: SyncSpec, source: Source, last: DatasetPlan) -> tuple[Successor, ...]:
    """What the description of the dataset names, and what has its name with a newer year if ``spec.follow`` does not
    look for that anyhow. Raises nothing for the portal: it finds nothing then."""
    try:
        named = _named(spec, source, last)
        pattern = None if spec.follow else pattern_of(last.name, last.year)
        if named or pattern is None:
            return named
        return tuple(
            Successor(id=s.id, name=s.name, year=s.year, reason=_NOT_FOLLOWED)
            for s in (each.successor for each in look(spec, source, pattern))
        )
    except SyncError:
        return ()


def _named(spec: SyncSpec, source: Source, last: DatasetPlan) -> tuple[Successor, ...]:
    """The datasets of the portal that the description names. What looks like an id need not be one."""
    known = {dataset.id for dataset in spec.datasets}
    ids = [found for found in dict.fromkeys(_ID.findall(last.description)) if found not in known]
    if not ids:
        return ()
    return tuple(
        Successor(id=e.id, name=e.name, reason=f"the description of {last.dataset} names it")
        for e in source.catalogue(ids[:_MOST])
    )
