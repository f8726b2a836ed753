"""Which finished Jobs are one too many. Pure.

Only Jobs whose results are in the status may go: a Job is its result's only witness.
"""

from __future__ import annotations

from collections.abc import Sequence

from socratasync.api.spec import SyncSpec
from socratasync.controller.observed.job import JobState, ObservedJob
from socratasync.controller.observed.memory import Ledger


def surplus_jobs(jobs: Sequence[ObservedJob], spec: SyncSpec, ledger: Ledger) -> list[ObservedJob]:
    """The recorded Jobs beyond the history limits, oldest first."""
    done = [job for job in jobs if not job.deleting and ledger.has_recorded(job)]
    return [
        *_beyond(done, JobState.SUCCEEDED, spec.successful_runs_history_limit),
        *_beyond(done, JobState.FAILED, spec.failed_runs_history_limit),
    ]


def _beyond(jobs: Sequence[ObservedJob], state: JobState, limit: int) -> list[ObservedJob]:
    ended = sorted((job for job in jobs if job.state is state), key=lambda job: job.created)
    return ended[: max(0, len(ended) - limit)]
