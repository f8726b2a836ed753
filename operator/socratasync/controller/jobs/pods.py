"""The worker in its pod, whatever else was put into it, and why a pod does not start. Pure.

A service mesh injects containers of its own, before or behind the worker's. A missing secret or a wrong image would otherwise look like a long run until its deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from socratasync.controller.jobs.build import CONTAINER
from socratasync.controller.observed.job import ObservedJob

_SOON = timedelta(seconds=30)
"""A pod needs a moment; what lasts longer is worth a word."""

_PULLING = ("ErrImagePull", "ImagePullBackOff")
"""These two take turns; one sentence for both keeps the status still."""

_ORDINARY = ("ContainerCreating", "PodInitializing")


def what_holds_it_up(
    job: ObservedJob, pods: Sequence[Mapping[str, Any]], now: datetime
) -> str | None:
    """A sentence on what keeps the worker from starting; None if nothing does."""
    waiting = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Pending"]
    if not pods:
        if job.failed_pods or now - job.created < _SOON:
            return None
        return f"no pod has been made yet; kubectl describe job {job.name} says why"
    for pod in waiting:
        if found := _container_trouble(pod) or _no_node(pod):
            return f"pod {pod['metadata']['name']} does not start: {found}"
    return None


def _container_trouble(pod: Mapping[str, Any]) -> str | None:
    status = pod["status"]
    # An init container comes first; a sidecar beside the worker may be as late as it likes.
    for container in [*(status.get("initContainerStatuses") or []), worker_status(pod)]:
        state = (container.get("state") or {}).get("waiting") or {}
        if state.get("reason") in _PULLING:
            return f"image {container.get('image')} cannot be pulled"
        if state and state.get("reason") not in _ORDINARY:
            return f"{state.get('reason')}: {state.get('message') or 'no more is known'}"
    return None


def _no_node(pod: Mapping[str, Any]) -> str | None:
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason')}: {condition.get('message') or 'no more is known'}"
    return None


def worker_status(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status of the worker's container; empty before there is one."""
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return next((each for each in containers if each.get("name") == CONTAINER), {})


def running_pod(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the newest pod that runs."""
    running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    newest = max(running, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    return str(newest["metadata"]["name"]) if newest else None
