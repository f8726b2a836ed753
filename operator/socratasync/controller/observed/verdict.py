"""What the runs that have ended say about the next one: whether the spec was tried, whether a full run is
still owed. Pure.
"""

from __future__ import annotations

from socratasync.api.spec import SyncSpec
from socratasync.api.status import RunSummary, SyncStatus
from socratasync.api.status_words import Result, Trigger
from socratasync.controller.observed.reasons import REPLACED
from socratasync.controller.observed.resource import spec_hash


def judging_run(status: SyncStatus) -> RunSummary | None:
    """The newest ended run that says something about the data: one that was cancelled does not, nor one that was not
    asked for all of it."""
    last = [status.last_run] if status.last_run else []
    runs = [*last, *whole_runs(status)]
    return next((run for run in runs if run.result not in (None, Result.CANCELLED)), None)


def whole_runs(status: SyncStatus) -> list[RunSummary]:
    """The history without one-off runs."""
    return [run for run in status.history or () if run.only is None]


def is_good(run: RunSummary) -> bool:
    """Whether the run ended without an error."""
    return run.result is not None and run.result.is_good


def wants_another_run(spec: SyncSpec, status: SyncStatus) -> bool:
    """Whether the spec is another than the one of the last run, which left something to repair.

    A run that was replaced left its work to another one. What a status of an earlier release ran is not
    known: nothing follows from it.
    """
    last = status.last_run
    if last is None:
        return False
    if last.reason == REPLACED:
        return True
    return _is_in_trouble(status) and last.spec_hash not in (None, spec_hash(spec))


def _is_in_trouble(status: SyncStatus) -> bool:
    """Whether messages ask somebody to do something: a run failed, the only run of what the spec says was
    cancelled, or one that was good found rows or columns to be not as they should."""
    judged, last = judging_run(status), status.last_run
    if judged is not None and not is_good(judged):
        return True
    cancelled = last is not None and last.result is Result.CANCELLED
    if cancelled and status.judged_spec_hash != status.loaded_spec_hash:
        return True
    return any(
        dataset.verified is False or dataset.schema_in_sync is False
        for dataset in status.datasets or ()
    )


def owes_full_run(status: SyncStatus) -> bool:
    """Whether a full run was asked for by annotation, and all runs since then failed or were replaced."""
    for run in whole_runs(status):
        if is_good(run) or run.mode != "full":
            return False
        if run.result is Result.CANCELLED and run.reason != REPLACED:
            return False
        if run.trigger is Trigger.FULL:
            return True
    return False
