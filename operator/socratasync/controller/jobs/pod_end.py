"""How the worker of one pod ended: its report if there is one, else its pod's fate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from socratasync.contract.report_text import Report, read
from socratasync.controller.jobs.pods import worker_status
from socratasync.controller.observed.retry import BY_THE_NODE
from socratasync.times import instant_or_none

LONG_AGO = datetime.fromtimestamp(0, UTC)
"""When a pod ended that does not say when."""


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
        finished=instant_or_none(terminated.get("finishedAt")) or _last_turn(status) or LONG_AGO,
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


def _last_turn(status: Mapping[str, Any]) -> datetime | None:
    """When a condition of the pod last changed: the end of one whose node tells nothing of its containers."""
    turns = (
        instant_or_none(each.get("lastTransitionTime")) for each in status.get("conditions") or []
    )
    return max(filter(None, turns), default=None)


def why_it_failed(end: PodEnd) -> tuple[str, str]:
    """Reason and sentence, in the worker's own words if it left any."""
    if end.report and end.report.error:
        return end.report.error.reason, end.report.error.message
    return _fate(end)


def _fate(end: PodEnd) -> tuple[str, str]:
    """Why a pod ended without a report."""
    if end.reason == "OOMKilled":
        return "OOMKilled", (
            "the worker was killed for using more memory than its limit; "
            "raise spec.job.resources.limits.memory"
        )
    if end.reason in BY_THE_NODE:
        return end.reason, f"the pod was stopped by its node: {end.message or end.reason}"
    if end.disrupted:
        return "Disrupted", f"the pod was removed: {end.message or 'a node went away'}"
    if end.reason in ("StartError", "ContainerCannotRun", "CreateContainerError"):
        return end.reason, f"the worker could not be started: {end.message}"
    words = last_words(end.text) or end.message
    said = f": {words}" if words else ", and left no word in its log"
    return "WorkerFailed", f"the worker ended with exit code {end.exit_code}{said}"


def last_words(text: str) -> str:
    """What the last line of a log says, whether it is JSON or plain; empty if there is none."""
    lines = text.strip().splitlines()
    return _log_message(lines[-1]) if lines else ""


def _log_message(line: str) -> str:
    try:
        entry = from_json(line)
    except ValueError:
        return line
    return str(entry.get("msg", line)) if isinstance(entry, dict) else line
