"""How the Job of a notification ended, from it and its pods. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from socratasync.contract.report import shorten
from socratasync.controller.jobs.notification import CONTAINER
from socratasync.controller.jobs.pod_end import last_words
from socratasync.controller.jobs.pods import Pod, container_status, made_at
from socratasync.controller.observed.job import ObservedJob
from socratasync.process.redact import mask_passwords

_SAID_CHARACTERS = 600


def why_nobody_was_told(job: ObservedJob, namespace: str, pods: Sequence[Pod]) -> str:
    """A sentence on a notification's Job that failed, with what its last pod said or lacked."""
    said = next(filter(None, map(_said, sorted(pods, key=made_at, reverse=True))), None)
    if said:
        words = shorten(mask_passwords(said), _SAID_CHARACTERS)
        return f"a notification was not sent: {words} (Job {job.name})"
    return (
        f"a notification was not sent ({job.reason or 'its Job failed'}), and its pod left no word: its channel's "
        f"secret may be missing, or lack the key. kubectl describe job {job.name} -n {namespace} says more"
    )


def _said(pod: Pod) -> str:
    ended = (container_status(pod, CONTAINER).get("state") or {}).get("terminated") or {}
    return last_words(str(ended.get("message") or ""))
