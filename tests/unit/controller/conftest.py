"""Resources and Jobs for the pure parts: as the API would give them, with the defaults filled in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.controller.observed.job import ObservedJob, read_job
from socratasync.controller.observed.resource import Resource, fingerprint, read_resource
from socratasync.controller.status.patch import as_json

SPEC: dict[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "rq3b-xjk8", "year": 2020}, {"id": "pvft-t768", "year": 2019}],
    "schedule": "0 7 * * *",
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
}
LOADED = fingerprint(SyncSpec.from_json(SPEC))
"""What a run of that spec was asked to load."""
UID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(name="resource")
def _resource() -> Callable[..., Resource]:
    """``resource(suspend=True, status=SyncStatus(...), asked={...})``: anything else is a spec field."""

    def make(
        *,
        status: SyncStatus | dict[str, Any] | None = None,
        asked: dict[str, str] | None = None,
        created: str = "2026-11-01T00:00:00Z",
        generation: int = 1,
        name: str = "la-311",
        **spec: Any,
    ) -> Resource:
        fields = {k: v for k, v in {**copy.deepcopy(SPEC), **spec}.items() if v is not None}
        return read_resource(
            {
                "metadata": {
                    "namespace": "data",
                    "name": name,
                    "uid": UID,
                    "generation": generation,
                    "resourceVersion": "7",
                    "creationTimestamp": created,
                    "annotations": {f"socratasync.dev/{k}": v for k, v in (asked or {}).items()},
                },
                "spec": fields,
                "status": as_json(status) if isinstance(status, SyncStatus) else status or {},
            }
        )

    return make


@pytest.fixture(name="job")
def _job() -> Callable[..., ObservedJob]:
    """``job("la-311-1", "Complete", created=...)``: a Job of that resource."""

    def make(
        name: str = "la-311-1",
        condition: str = "",
        *,
        reason: str = "",
        created: str = "2026-11-23T07:00:00Z",
        ended: str = "2026-11-23T07:04:12Z",
        trigger: str = "Schedule",
        mode: str = "update",
        slot: str | None = None,
        deleting: bool = False,
        failed: int = 0,
        backoff: int = 0,
        suspend: bool = False,
        notes: dict[str, str] | None = None,
    ) -> ObservedJob:
        told = {"fingerprint": LOADED, **(notes or {})}
        annotations = {f"socratasync.dev/{k}": v for k, v in told.items()}
        if slot:
            annotations["socratasync.dev/scheduled-at"] = slot
        status: dict[str, Any] = {"startTime": created, "failed": failed}
        if condition:
            status["conditions"] = [
                {
                    "type": condition,
                    "status": "True",
                    "reason": reason,
                    "lastTransitionTime": ended,
                }
            ]
        if condition == "Complete":
            status["completionTime"] = ended
        return read_job(
            {
                "metadata": {
                    "name": name,
                    "uid": f"uid-of-{name}",
                    "creationTimestamp": created,
                    "labels": {"socratasync.dev/trigger": trigger, "socratasync.dev/mode": mode},
                    "annotations": annotations,
                    **({"deletionTimestamp": ended} if deleting else {}),
                },
                "spec": {"backoffLimit": backoff, "suspend": suspend},
                "status": status,
            }
        )

    return make
