"""Names and labels of Jobs: the same run always has the same. Pure.

Creating a Job twice is then a 409 instead of a second run.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from socratasync.api.manifest import GROUP

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
SYNC: Final = f"{GROUP}/sync"
MODE: Final = f"{GROUP}/mode"
TRIGGER: Final = f"{GROUP}/trigger"
NOTIFICATION: Final = f"{GROUP}/notification"
"""Which sync a Job tells of; such a Job has no label ``SYNC``."""

JOB_SELECTOR: Final = f"{MANAGED_BY}=socratasync"
"""All Jobs of ours."""

RUN_SELECTOR: Final = f"{JOB_SELECTOR},{SYNC}"
"""Those of runs."""

SCHEDULED_AT: Final = f"{GROUP}/scheduled-at"
FINGERPRINT: Final = f"{GROUP}/fingerprint"
GENERATION: Final = f"{GROUP}/generation"
DOMAIN: Final = f"{GROUP}/domain"
SPEC_HASH: Final = f"{GROUP}/spec-hash"
RETRY: Final = f"{GROUP}/retry"
ONLY: Final = f"{GROUP}/only"

_NAME_LENGTH = 40
_LABEL_LENGTH = 63


def shorten_name(name: str, length: int) -> str:
    """``name``, or its beginning and a hash of all of it: still one name for one object."""
    if len(name) <= length:
        return name
    return f"{name[: length - 9].rstrip('-.')}-{_digest(name)}"


def sync_label(name: str) -> str:
    """The value of the label ``socratasync.dev/sync`` for a resource of this name."""
    return shorten_name(name, _LABEL_LENGTH)


def slot_job_name(name: str, slot: datetime) -> str:
    """The Job of a scheduled slot: ends in the slot's minutes since 1970, as a CronJob's do."""
    return f"{_job_stem(name)}-{int(slot.timestamp()) // 60}"


def asked_job_name(name: str, *occasion: str) -> str:
    """The Job of a run that no slot names; ``occasion`` is whatever tells it from all others."""
    digest = hashlib.sha256("\0".join(occasion).encode()).hexdigest()[:10]
    return f"{_job_stem(name)}-{digest}"


def _job_stem(name: str) -> str:
    # Pods are named after their Job, and a pod's host name has no dots.
    if "." in name:
        return shorten_name(f"{name.replace('.', '-')}-{_digest(name)}", _NAME_LENGTH)
    return shorten_name(name, _NAME_LENGTH)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def sync_selector(name: str) -> str:
    """The label selector of all Jobs of one resource."""
    return f"{JOB_SELECTOR},{SYNC}={sync_label(name)}"
