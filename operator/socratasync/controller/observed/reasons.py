"""Reasons that deciding and telling share: why no run is active, or why its worker is not at work."""

from __future__ import annotations

from typing import Final

WAITING_FOR_CAPACITY: Final = "WaitingForCapacity"
"""A run is due, and others hold the places."""

WAITING_FOR_RETRY: Final = "WaitingForRetry"
"""The last run failed for a cause that passes; the operator starts another before the next slot."""

JOB_REFUSED: Final = "JobRefused"
"""The API server would not take the Job: a quota, a policy, or a bad pod template."""

POD_NOT_STARTING: Final = "PodNotStarting"
"""A run is active and its pod is not: a missing secret, an image that cannot be pulled, no node."""

WAITING_TO_RETRY: Final = "WaitingToRetry"
"""A run is active, a pod of it failed, and Kubernetes makes the next one after a pause."""

REPLACING: Final = "Replacing"
"""A run whose worker is not at work is about to be stopped: the spec changed, or a run was asked for."""

REPLACED: Final = "Replaced"
"""A run was stopped for that."""
