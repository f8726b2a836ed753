"""The worker in its pod, whatever else was put into it, and why a pod does not start. Pure.

A service mesh injects containers of its own, before or behind the worker's. A missing secret or a wrong image
would otherwise look like a long run until its deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from socratasync.controller.jobs.build import CONTAINER
from socratasync.times import instant_or_none

Pod = Mapping[str, Any]

_PULLING = ("ErrImagePull", "ImagePullBackOff")
"""These two take turns; one sentence for both keeps the status still."""

_ORDINARY = ("ContainerCreating", "PodInitializing")


def worker_status(pod: Pod) -> Mapping[str, Any]:
    """The status of the worker's container; empty before there is one."""
    return container_status(pod, CONTAINER)


def container_status(pod: Pod, name: str) -> Mapping[str, Any]:
    """That of the container of that name."""
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return next((each for each in containers if each.get("name") == name), {})


def is_over(pod: Pod) -> bool:
    """Whether nothing of the pod runs any more, nor ever will."""
    return _phase(pod) in ("Succeeded", "Failed")


def is_starting(pod: Pod) -> bool:
    """Whether the worker has not begun yet. A container beside it may run already."""
    state = worker_status(pod).get("state") or {}
    if state.get("running") or state.get("terminated") or is_over(pod):
        return False
    return "waiting" in state or _phase(pod) in ("", "Pending")


def made_at(pod: Pod) -> datetime:
    """When the pod was made."""
    written = pod["metadata"].get("creationTimestamp")
    return instant_or_none(written) or datetime.fromtimestamp(0, UTC)


def what_holds_it_up(pod: Pod, container: str = CONTAINER) -> str | None:
    """A sentence on what keeps a pod's container from starting; None if it may just need a moment."""
    found = _container_trouble(pod, container) or _no_node(pod)
    return f"pod {pod['metadata']['name']} does not start: {found}" if found else None


def waits_for_a_node(pod: Pod) -> bool:
    """Whether a node is all that it lacks. One that is just being made may be for it."""
    return _container_trouble(pod, CONTAINER) is None and _no_node(pod) is not None


def _phase(pod: Pod) -> str:
    return (pod.get("status") or {}).get("phase") or ""


def _container_trouble(pod: Pod, container: str) -> str | None:
    status = pod.get("status") or {}
    # An init container comes first; a sidecar beside it may be as late as it likes.
    for each in [*(status.get("initContainerStatuses") or []), container_status(pod, container)]:
        state = (each.get("state") or {}).get("waiting") or {}
        if state.get("reason") in _PULLING:
            return f"image {each.get('image')} cannot be pulled"
        if state.get("reason") and state.get("reason") not in _ORDINARY:
            return f"{state.get('reason')}: {state.get('message') or 'no more is known'}"
    return None


def _no_node(pod: Pod) -> str | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason')}: {condition.get('message') or 'no more is known'}"
    return None
