"""Which run a sync is judged by, and whether a good run has loaded what its spec says now. Pure.

A spec that was edited is another promise: what an earlier run did says nothing of it. So the status
keeps the fingerprints of what the last judged run and the last good run were asked to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

from socratasync.api.status import ActiveRun, RunSummary, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.controller.observed.resource import Resource, is_loaded
from socratasync.controller.observed.verdict import judging_run, whole_runs

_OF_THE_SAME_SPEC = (Trigger.SCHEDULE, Trigger.CATCH_UP, Trigger.RETRY)
"""These start only while the spec is the one that the run before was asked to load."""


def judging_run_of_spec(resource: Resource, status: SyncStatus) -> RunSummary | None:
    """The judging run if it was asked to load what the spec says now; None before there is such a run.
    Of a spec that cannot be read nobody can tell: the judging run."""
    of_spec = resource.spec is None or _is_of_spec(resource, _judged_spec(status))
    return judging_run(status) if of_spec else None


def is_synced(resource: Resource, status: SyncStatus) -> bool:
    """Whether a good run has loaded what the spec says now."""
    return _is_of_spec(resource, _synced_spec(status))


def is_started(resource: Resource, status: SyncStatus) -> bool:
    """Whether the last started run was asked to load what the spec says now. If not, one is due."""
    return _is_of_spec(resource, status.loaded_spec_hash)


def before_a_start(status: SyncStatus) -> SyncStatus:
    """The status with what it knows of its runs' specs written down, since ``loaded_spec_hash``, by which
    a status of an older release is read, is about to become another run's."""
    return replace(
        status, judged_spec_hash=_judged_spec(status), synced_spec_hash=_synced_spec(status)
    )


def after_an_end(status: SyncStatus, result: Result) -> SyncStatus:
    """The status after the run of ``loaded_spec_hash`` has ended so."""
    if result is Result.CANCELLED:
        return status
    loaded = status.loaded_spec_hash
    synced = loaded if result.is_good else _synced_spec(status)
    return replace(status, judged_spec_hash=loaded, synced_spec_hash=synced)


def _is_of_spec(resource: Resource, remembered: str | None) -> bool:
    if resource.spec is None or remembered is None:
        return False
    return is_loaded(resource.spec, remembered)


def _judged_spec(status: SyncStatus) -> str | None:
    """The fingerprint that the judging run was asked to load; None if nobody can tell.

    Releases up to 0.1 wrote only what the last *started* run was asked to load. That is the judging
    run's as well, if none was started since but such as load the same.
    """
    if status.judged_spec_hash is not None:
        return status.judged_spec_hash
    judged = judging_run(status)
    newer = takewhile(lambda run: run is not judged, _runs(status))
    same = all(run.trigger in _OF_THE_SAME_SPEC for run in newer)
    return status.loaded_spec_hash if judged and same else None


def _synced_spec(status: SyncStatus) -> str | None:
    """The fingerprint that the last good run was asked to load. A status of releases up to 0.1, which does
    not have it, and knows of a good run, is believed: what its judging run loads had been loaded."""
    if status.synced_spec_hash or status.judged_spec_hash or not status.last_successful_time:
        return status.synced_spec_hash
    return _judged_spec(status)


def _runs(status: SyncStatus) -> Iterator[RunSummary | ActiveRun]:
    """Newest first, one-off runs aside; the last that ended twice, once with all that is known of it."""
    if status.active_run and status.active_run.only is None:
        yield status.active_run
    if status.last_run:
        yield status.last_run
    yield from whole_runs(status)
