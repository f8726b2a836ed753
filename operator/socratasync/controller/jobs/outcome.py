"""What became of a run, from its Job and the Job's pods. Pure.

The pod's termination message is the worker's report. Where there is none, the pod's own fate says
why (out of memory, evicted, lost with its node), and where there is no pod, nothing is made up:
``ResultLost`` carries no counts, for zeros would be a lie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from socratasync.api.dataset_status import RowCounts
from socratasync.api.status_words import Result
from socratasync.contract.report import shorten
from socratasync.contract.report_text import Report
from socratasync.controller.jobs.pod_end import PodEnd, read_pod_end, why_it_failed
from socratasync.controller.observed.job import JobState, ObservedJob
from socratasync.controller.observed.reasons import POD_NOT_STARTING, REPLACED, REPLACING
from socratasync.controller.observed.worker import Away
from socratasync.process.redact import mask_passwords

MESSAGE_CHARACTERS = 600
_REFUSAL_CHARACTERS = 300

_TOO_LONG = "DeadlineExceeded"

_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
"""What a condition's reason must look like; whatever a pod says must not make a status unwritable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one run. ``report`` is the worker's, None if there is none to be had."""

    result: Result
    reason: str
    message: str
    ended: datetime
    report: Report | None = None
    exit_code: int | None = None


def read_outcome(
    job: ObservedJob,
    pods: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    cancelled: bool = False,
    away: Away | None = None,
) -> Outcome:
    """The outcome of a Job that is over. ``away``: why its worker was not at work when it was last looked at."""
    ends = sorted((read_pod_end(pod) for pod in pods), key=lambda end: end.finished)
    ended = job.finished or now
    if cancelled:
        return gone(job.name, ended, cancelled=True)
    if job.state is JobState.SUCCEEDED:
        return _success(job, ends, ended)
    worked = any(end.exit_code is not None for end in ends)
    return (None if worked else _without_work(ended, away)) or _failure(job, ends, ended)


_DELETED = "its Job or pod was deleted before it could be read"


def gone(
    job: str, ended: datetime, *, cancelled: bool, why: str = _DELETED, away: Away | None = None
) -> Outcome:
    """The outcome of a run whose Job, or whose report, is not there to be read."""
    if cancelled:
        return Outcome(
            result=Result.CANCELLED,
            reason="Cancelled",
            message=f"run {job} was stopped on request; datasets that were merged are in",
            ended=ended,
        )
    return _without_work(ended, away) or Outcome(
        result=Result.LOST,
        reason="ResultLost",
        message=(
            f"the result of run {job} is lost: {why}. "
            "No data is lost by that: the next run goes on from the watermarks in the target"
        ),
        ended=ended,
    )


def _without_work(ended: datetime, away: Away | None) -> Outcome | None:
    """The outcome of a run that was stopped, or whose Job ended, while its worker was not at work."""
    if away is None or away.reason not in (POD_NOT_STARTING, REPLACING):
        return None
    replaced = away.reason == REPLACING
    return Outcome(
        result=Result.CANCELLED if replaced else Result.FAILED,
        reason=REPLACED if replaced else POD_NOT_STARTING,
        message=shorten(away.message, MESSAGE_CHARACTERS),
        ended=ended,
    )


def without_report(outcome: Outcome, job: str, refused: str) -> Outcome:
    """The outcome when the API server refuses a status with the run's report in it, and says ``refused``.
    What failed stays failed; of what went well nobody can tell the counts."""
    if outcome.result is Result.FAILED:
        return replace(outcome, report=None)
    why = f"the API server refuses the status with its report: {shorten(refused, _REFUSAL_CHARACTERS)}"
    return gone(job, outcome.ended, cancelled=False, why=why)


def _success(job: ObservedJob, ends: Sequence[PodEnd], ended: datetime) -> Outcome:
    report = next((end.report for end in reversed(ends) if end.exit_code == 0 and end.report), None)
    if report is None:
        said = any(end.text for end in ends if end.exit_code == 0)
        why = (
            "the worker's last words are no report that a status could carry" if said else _DELETED
        )
        return gone(job.name, ended, cancelled=False, why=why)
    rows = report.rows or RowCounts()
    inserted, updated, deleted = rows.inserted or 0, rows.updated or 0, rows.deleted or 0
    if inserted + updated + deleted == 0:
        return Outcome(
            result=Result.NO_CHANGE,
            reason="NoChange",
            message="in step: the source had nothing new",
            ended=ended,
            report=report,
            exit_code=0,
        )
    return Outcome(
        result=Result.SUCCEEDED,
        reason="Succeeded",
        message=f"{inserted:,} rows inserted, {updated:,} updated, {deleted:,} deleted",
        ended=ended,
        report=report,
        exit_code=0,
    )


def _failure(job: ObservedJob, ends: Sequence[PodEnd], ended: datetime) -> Outcome:
    last = next((end for end in reversed(ends) if end.exit_code is not None or end.reason), None)
    report = next((end.report for end in reversed(ends) if end.report), None)
    reason, message = _why(job, last, report)
    return Outcome(
        result=Result.FAILED,
        reason=reason if _REASON.fullmatch(reason) else "Failed",
        message=shorten(mask_passwords(message), MESSAGE_CHARACTERS),
        ended=ended,
        report=report,
        # A run that its Job's deadline stopped has no exit code of its own.
        exit_code=None if last is None or job.reason == _TOO_LONG else last.exit_code,
    )


def _why(job: ObservedJob, last: PodEnd | None, report: Report | None) -> tuple[str, str]:
    if job.reason == _TOO_LONG:
        return (
            _TOO_LONG,
            f"the run took longer than spec.job.activeDeadlineSeconds and was stopped{_saying(report)}",
        )
    gave_up = (
        f" (gave up after {job.failed_pods} attempts, spec.job.backoffLimit)"
        if job.reason == "BackoffLimitExceeded" and job.failed_pods > 1
        else ""
    )
    if last is None:
        return (
            job.reason or "Failed",
            (job.message or "the Job failed") + "; none of its pods is left to say why",
        )
    reason, message = why_it_failed(last)
    return reason, f"{message}{gave_up}".strip()


def _saying(report: Report | None) -> str:
    said = report.error.message if report and report.error else ""
    return f"; the last attempt said: {said}" if said else ""
