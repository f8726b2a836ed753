"""What the Jobs of runs and those of notifications have in common: their owner, when they give up, their pod's
confinement. Pure.
"""

from __future__ import annotations

from typing import Any, Final

from socratasync.api.manifest import API_VERSION, KIND
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.observed.resource import Resource
from socratasync.errors import NEEDS_A_PERSON

WORKER_USER: Final = 65532
"""``nonroot`` of distroless images, and of ours. A number, for Kubernetes cannot tell by a name."""

_IDS = {"runAsUser": WORKER_USER, "runAsGroup": WORKER_USER, "fsGroup": WORKER_USER}

_GRACE_SECONDS = 30
"""For a worker to roll back, let go of its lock and report."""

TMP: Final = (
    {"name": "socratasync-tmp", "emptyDir": {}},
    {"name": "socratasync-tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
)
"""A place for temporary files, and its mount."""


def owner_of(resource: Resource) -> dict[str, Any]:
    """Kubernetes' garbage collector removes the Job with its resource; no finalizer is needed.

    ``blockOwnerDeletion`` stays away: it would need the right to update finalizers.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": resource.key.name,
        "uid": resource.uid,
        "controller": True,
    }


def failure_rules(container: str) -> list[dict[str, Any]]:
    """The first rule that fits a failed pod decides; none: it counts against the backoff limit."""
    return [
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": container,
                "operator": "In",
                "values": sorted(NEEDS_A_PERSON),
            },
        },
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def confined(defaults: JobDefaults) -> dict[str, Any]:
    """The fields of a pod that run one container as nobody in particular."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            **(_IDS if defaults.user_ids == "Fixed" else {}),
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


CONTAINED: Final = {
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "terminationMessagePolicy": "FallbackToLogsOnError",
}
"""The same of its container."""
