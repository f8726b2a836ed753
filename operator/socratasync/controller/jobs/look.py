"""Whether the worker of an active run is at work, and if not, why and until when. Pure.

A Job tells little of it: neither that its pod waits for a secret, nor when the next try comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from socratasync.contract.report import shorten
from socratasync.controller.jobs.pod_end import LONG_AGO, PodEnd, read_pod_end, why_it_failed
from socratasync.controller.jobs.pods import (
    Pod,
    is_over,
    is_starting,
    made_at,
    waits_for_a_node,
    what_holds_it_up,
)
from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.reasons import POD_NOT_STARTING, WAITING_TO_RETRY
from socratasync.controller.observed.worker import Away, WorkerSeen
from socratasync.errors import NEEDS_A_PERSON
from socratasync.process.redact import mask_passwords
from socratasync.times import write_instant

SOON = timedelta(seconds=40)
"""A pod needs a moment; what lasts longer is worth a word, within a minute."""

FOR_A_NODE = timedelta(minutes=5)
"""What an autoscaler may take to make a node. Until then nobody is told but those who look."""

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
"""Of Kubernetes' Job controller, between the pods of a Job."""

_SAID_CHARACTERS = 400


def look_at(job: ObservedJob, namespace: str, pods: Sequence[Pod], now: datetime) -> WorkerSeen:
    """How the worker stands, by the pods of its Job as they are now."""
    live = sorted((pod for pod in pods if not is_over(pod)), key=made_at, reverse=True)
    at_work = next((pod for pod in live if not is_starting(pod)), None)
    if at_work is not None:
        return WorkerSeen(pod=at_work["metadata"]["name"])
    ends = sorted((read_pod_end(pod) for pod in pods if is_over(pod)), key=lambda end: end.finished)
    if live:
        untried = not ends and not job.failed_pods
        since = (job.started or job.created) if untried else made_at(live[0])
        held_up = next(filter(what_holds_it_up, live), None)
        if held_up is None:
            return _starting(since, _slow(live[0], namespace), now)
        return _held_up(held_up, since)
    if job.suspended:
        message = f"Job {job.name} is suspended, so it has no pod; a queue such as Kueue resumes it"
        return WorkerSeen(away=Away(reason=POD_NOT_STARTING, message=message))
    if ends or job.failed_pods:
        return _between_tries(job, namespace, ends, now)
    return _starting(job.started or job.created, _no_pod(job, namespace), now)


def _held_up(pod: Pod, since: datetime) -> WorkerSeen:
    """What holds the pod up is known, and shown at once."""
    away = Away(
        reason=POD_NOT_STARTING,
        message=what_holds_it_up(pod) or "",
        news_from=since + FOR_A_NODE if waits_for_a_node(pod) else None,
    )
    return WorkerSeen(away=away, starting_since=since)


def _starting(since: datetime, message: str, now: datetime) -> WorkerSeen:
    """A pod is expected that does not run, and nobody knows why; that is shown a little later."""
    return WorkerSeen(
        away=Away(reason=POD_NOT_STARTING, message=message),
        ordinary=now - since < SOON,
        starting_since=since,
    )


def _between_tries(
    job: ObservedJob, namespace: str, ends: Sequence[PodEnd], now: datetime
) -> WorkerSeen:
    """The last pod is over, and the Job is not: it makes another pod, or is about to end."""
    last = ends[-1] if ends else None
    failed = max(job.failed_pods, sum(not end.disrupted for end in ends))
    if last is None or last.finished == LONG_AGO:
        return WorkerSeen()
    if last.exit_code in (0, *NEEDS_A_PERSON) or failed >= job.tries:
        return WorkerSeen()
    due = last.finished + pause_after(max(failed, len(ends)))
    if last.disrupted or now - due >= SOON:
        return _starting(due, _no_pod(job, namespace), now)
    reason, said = why_it_failed(last)
    message = (
        f"try {failed} of {job.tries} failed ({reason}: "
        f"{shorten(mask_passwords(said), _SAID_CHARACTERS)}); "
        f"Kubernetes makes the next pod at about {write_instant(due, 'seconds')}"
    )
    return WorkerSeen(away=Away(reason=WAITING_TO_RETRY, message=message))


def pause_after(failures: int) -> timedelta:
    """How long Kubernetes waits after so many failed pods of a Job."""
    doubled: timedelta = _FIRST_PAUSE * 2 ** min(max(failures, 1) - 1, 20)
    return min(doubled, _LONGEST_PAUSE)


def _no_pod(job: ObservedJob, namespace: str) -> str:
    return (
        "no pod has been made: a quota, a LimitRange or an admission policy may refuse it; "
        f"kubectl describe job {job.name} -n {namespace} says why"
    )


def _slow(pod: Pod, namespace: str) -> str:
    name = pod["metadata"]["name"]
    return (
        f"pod {name} has not started yet: a volume's secret or claim may be missing, or its image large; "
        f"kubectl describe pod {name} -n {namespace} says why"
    )
