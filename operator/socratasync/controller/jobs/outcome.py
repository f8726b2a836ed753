"""What became of a run, from its Job and the Job's pods. Pure.

The pod's termination message is the worker's report. Where there is none, the pod's own fate says
why (out of memory, evicted, lost with its node), and where there is no pod, nothing is made up:
``ResultLost`` carries no counts, for zeros would be a lie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from socratasync.api.dataset_status import RowCounts
from socratasync.api.status import Result
from socratasync.contract.report import shorten
from socratasync.contract.report_text import Report, read
from socratasync.controller.jobs.pods import worker_status
from socratasync.controller.observed.job import JobState, ObservedJob
from socratasync.process.redact import mask_passwords
from socratasync.times import instant_or_none

MESSAGE_CHARACTERS = 600
_REFUSAL_CHARACTERS = 300

_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
"""What a condition's reason must look like; whatever a pod says must not make a status unwritable."""

_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one run. ``report`` is the worker's, None if there is none to be had."""

    result: Result
    reason: str
    message: str
    ended: datetime
    report: Report | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEnd:
    """How the worker of one pod ended. ``text`` is what stands in the termination message if it is no
    report: the end of the log."""

    finished: datetime
    exit_code: int | None
    reason: str
    message: str
    report: Report | None
    text: str
    disrupted: bool


def read_outcome(
    job: ObservedJob, pods: Sequence[Mapping[str, Any]], now: datetime, *, cancelled: bool = False
) -> Outcome:
    """The outcome of a Job that is over."""
    ends = sorted((read_pod_end(pod) for pod in pods), key=lambda end: end.finished)
    ended = job.finished or now
    if cancelled:
        return gone(job.name, ended, cancelled=True)
    if job.state is JobState.SUCCEEDED:
        return _success(job, ends, ended)
    return _failure(job, ends, ended)


_DELETED = "its Job or pod was deleted before it could be read"


def gone(job: str, ended: datetime, *, cancelled: bool, why: str = _DELETED) -> Outcome:
    """The outcome of a run whose Job, or whose report, is not there to be read."""
    if cancelled:
        return Outcome(
            result=Result.CANCELLED,
            reason="Cancelled",
            message=f"run {job} was stopped on request; datasets that were merged are in",
            ended=ended,
        )
    return Outcome(
        result=Result.LOST,
        reason="ResultLost",
        message=(
            f"the result of run {job} is lost: {why}. "
            "No data is lost by that: the next run goes on from the watermarks in the target"
        ),
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
        exit_code=last.exit_code if last else None,
    )


def _why(job: ObservedJob, last: PodEnd | None, report: Report | None) -> tuple[str, str]:
    if job.reason == "DeadlineExceeded":
        return (
            "DeadlineExceeded",
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
    if last.report and last.report.error:
        return last.report.error.reason, f"{last.report.error.message}{gave_up}".strip()
    reason, message = _fate(last)
    return reason, f"{message}{gave_up}"


def _saying(report: Report | None) -> str:
    said = report.error.message if report and report.error else ""
    return f"; the last attempt said: {said}" if said else ""


def _fate(end: PodEnd) -> tuple[str, str]:
    """Why a pod ended without a report."""
    if end.reason == "OOMKilled":
        return "OOMKilled", (
            "the worker was killed for using more memory than its limit; "
            "raise spec.job.resources.limits.memory"
        )
    if end.reason in ("Evicted", "Preempted", "NodeLost", "NodeShutdown", "Shutdown"):
        return end.reason, f"the pod was stopped by its node: {end.message or end.reason}"
    if end.disrupted:
        return "Disrupted", f"the pod was removed: {end.message or 'a node went away'}"
    if end.reason in ("StartError", "ContainerCannotRun", "CreateContainerError"):
        return end.reason, f"the worker could not be started: {end.message}"
    last_line = end.text.strip().splitlines()[-1] if end.text.strip() else end.message
    said = f": {_log_message(last_line)}" if last_line else ", and left no word in its log"
    return "WorkerFailed", f"the worker ended with exit code {end.exit_code}{said}"


def _log_message(line: str) -> str:
    """What a log line says, whether it is JSON or plain."""
    try:
        entry = from_json(line)
    except ValueError:
        return line
    return str(entry.get("msg", line)) if isinstance(entry, dict) else line


def read_pod_end(pod: Mapping[str, Any]) -> PodEnd:
    """How a pod of ours ended; a pod that still runs has no exit code and no reason."""
    status = pod.get("status") or {}
    terminated = (worker_status(pod).get("state") or {}).get("terminated") or {}
    disruption = next(
        (
            condition
            for condition in status.get("conditions") or []
            if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
        ),
        None,
    )
    text = terminated.get("message") or ""
    container_reason = terminated.get("reason") or ""
    return PodEnd(
        finished=instant_or_none(terminated.get("finishedAt")) or _LONG_AGO,
        exit_code=terminated.get("exitCode"),
        # The pod's own reason (Evicted, NodeLost) tells more than a container's "Error".
        reason=container_reason
        if container_reason == "OOMKilled"
        else status.get("reason") or container_reason,
        message=status.get("message") or (disruption or {}).get("message") or "",
        report=read(text),
        text=text,
        disrupted=disruption is not None,
    )
