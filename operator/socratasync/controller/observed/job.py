"""A Job as decisions need it: whose it is, what it was started for, how it stands. Pure.

All that the operator must know of a run is on its Job. So a Job that the status does not name, because
the operator was killed before it wrote, is taken up again and not run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from socratasync.api.annotations import FULL, REQUESTED
from socratasync.api.manifest import KIND
from socratasync.api.names import portal_of
from socratasync.api.spec import Mode
from socratasync.api.status_words import Trigger
from socratasync.controller.observed.labels import (
    DOMAIN,
    FINGERPRINT,
    GENERATION,
    MODE,
    NOTIFICATION,
    ONLY,
    RETRY,
    SCHEDULED_AT,
    SPEC_HASH,
    TRIGGER,
)
from socratasync.times import instant_or_none


class JobState(StrEnum):
    """Where a Job stands. Its pods may still be stopping when it is no longer active."""

    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedJob:
    """One Job of one resource. ``domain`` is the portal that it reads, ``only`` what a one-off run is
    limited to."""

    name: str
    uid: str
    created: datetime
    state: JobState
    trigger: Trigger
    mode: Mode
    generation: int | None = None
    fingerprint: str | None = None
    spec_hash: str | None = None
    retry: int | None = None
    slot: datetime | None = None
    requested: str | None = None
    full: str | None = None
    only: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = ""
    message: str = ""
    running_pods: int = 0
    failed_pods: int = 0
    tries: int = 1
    suspended: bool = False
    deleting: bool = False
    domain: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it may still write into the target."""
        return self.state is JobState.ACTIVE

    @property
    def age(self) -> tuple[datetime, str]:
        """Sorts Jobs, oldest first. Creation times have whole seconds: of two Jobs of one second the
        name decides, so that every look takes the same one first."""
        return self.created, self.name


def owned_by(uid: str, jobs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The Jobs whose owner reference names this very object: a name or a label alone proves nothing."""
    return [job for job in jobs if owner_uid(job) == uid]


def owner_uid(job: Mapping[str, Any]) -> str | None:
    """The uid of the controlling owner."""
    owners = job["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def owner_key(job: Mapping[str, Any]) -> tuple[str, str] | None:
    """Namespace and name of the SocrataSync that owns the Job; None for a Job of something else."""
    owners = job["metadata"].get("ownerReferences") or []
    name = next((o["name"] for o in owners if o.get("controller") and o["kind"] == KIND), None)
    return (job["metadata"]["namespace"], name) if name else None


def is_notification(job: Mapping[str, Any]) -> bool:
    """Whether it is no run, but tells people of one."""
    return NOTIFICATION in (job["metadata"].get("labels") or {})


def active_job(jobs: Iterable[ObservedJob]) -> ObservedJob | None:
    """The one that is not over; there is one at most."""
    return next((job for job in jobs if job.is_active), None)


def read_job(job: Mapping[str, Any]) -> ObservedJob:
    """A Job from the API, as a mapping."""
    metadata, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    state, condition = _state(status)
    return ObservedJob(
        name=metadata["name"],
        uid=metadata["uid"],
        created=instant_or_none(metadata.get("creationTimestamp"))
        or datetime.fromtimestamp(0, UTC),
        state=state,
        trigger=_trigger(labels.get(TRIGGER)),
        mode="full" if labels.get(MODE) == "full" else "update",
        generation=_count(notes.get(GENERATION)),
        fingerprint=notes.get(FINGERPRINT),
        spec_hash=notes.get(SPEC_HASH),
        retry=_count(notes.get(RETRY)),
        slot=instant_or_none(notes.get(SCHEDULED_AT)),
        requested=notes.get(REQUESTED),
        full=notes.get(FULL),
        only=notes.get(ONLY),
        started=instant_or_none(status.get("startTime")),
        finished=instant_or_none(status.get("completionTime"))
        or instant_or_none(condition.get("lastTransitionTime")),
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        running_pods=status.get("ready") or 0,
        failed_pods=status.get("failed") or 0,
        tries=(spec.get("backoffLimit") or 0) + 1,
        suspended=spec.get("suspend") is True,
        deleting="deletionTimestamp" in metadata,
        domain=portal_of(notes.get(DOMAIN, "")),
    )


def _count(note: str | None) -> int | None:
    return int(note) if note and note.isdecimal() else None


def _trigger(label: str | None) -> Trigger:
    """A label that somebody edited must not stop the operator, nor make a status unwritable."""
    try:
        return Trigger(label or Trigger.MANUAL)
    except ValueError:
        return Trigger.MANUAL


def _state(status: Mapping[str, Any]) -> tuple[JobState, Mapping[str, Any]]:
    for condition in status.get("conditions") or []:
        if condition.get("status") != "True":
            continue
        # FailureTarget and SuccessCriteriaMet come while pods are still stopping: not the end yet.
        if condition["type"] == "Complete":
            return JobState.SUCCEEDED, condition
        if condition["type"] == "Failed":
            return JobState.FAILED, condition
    return JobState.ACTIVE, {}
