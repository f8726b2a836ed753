"""Ways in which a run cannot start or goes wrong, as a table: what is wrong, what is shown, what mends it.

One row is one SocrataSync in a namespace of its own. The API server, quota, admission and the Job
controller are real; what a node would say of a pod is played by ``kubelet.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.api import Api, Object
from tests.cluster.syncs import Sync, failure

Play = Callable[[Sync, str], None]
"""What the node says of the next pod of a Job: (sync, the Job's name)."""

STUCK = "PodNotStarting"


def says_nothing(_sync: Sync, _job: str) -> None:
    """No node says anything: no pod, or none that was bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """``spec`` goes over the ordinary manifest, ``there`` is in the namespace before, ``play`` is the node.

    Shown within a minute: ``phase``, ``reason`` and ``says`` in ``kubectl get -o wide``, ``event``.
    ``mend`` does what the message advises; ``trigger`` is that of the run that follows, empty where the
    same run goes on.
    """

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    there: Sequence[Object] = ()
    play: Play = says_nothing
    phase: str
    reason: str
    says: str
    event: str
    mend: Callable[[Sync], None]
    trigger: str
    has_job: bool = True

    @property
    def is_stuck(self) -> bool:
        """Whether a run is wanted and cannot start; a retry of one that never started counts until it is at work."""
        return self.reason in ("JobRefused", STUCK)


# What a node says


def waits(reason: str, message: str) -> Play:
    def play(sync: Sync, job: str) -> None:
        pod = sync.kubelet.next_pod(job, namespace=sync.namespace)
        sync.kubelet.bind(pod, namespace=sync.namespace)
        sync.kubelet.waits(pod, namespace=sync.namespace, reason=reason, message=message)

    return play


def _no_node(message: str) -> Play:
    def play(sync: Sync, job: str) -> None:
        pod = sync.kubelet.next_pod(job, namespace=sync.namespace)
        sync.kubelet.unschedulable(pod, namespace=sync.namespace, message=message)

    return play


def fails(code: int, reason: str, message: str) -> Play:
    def play(sync: Sync, job: str) -> None:
        pod = sync.kubelet.run(job, namespace=sync.namespace)
        said = failure(job, reason, message) if reason else ""
        sync.kubelet.failed(pod, namespace=sync.namespace, code=code, message=said)

    return play


def out_of_memory(sync: Sync, job: str) -> None:
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.kubelet.killed_for_memory(pod, namespace=sync.namespace)


def _evicted(sync: Sync, job: str) -> None:
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.kubelet.evicted(pod, namespace=sync.namespace)


def runs_on(sync: Sync, job: str) -> None:
    sync.kubelet.run(job, namespace=sync.namespace)


def job_goes(sync: Sync, job: str) -> None:
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.api.delete("Job", job, namespace=sync.namespace)
    sync.kubelet.stops_deleted(pod, namespace=sync.namespace)


# What a person does


def edits(**spec: Any) -> Callable[[Sync], None]:
    return lambda sync: sync.edit(**spec)


def asks(sync: Sync) -> None:
    sync.annotate(requestedAt="mended")


def removes(
    kind: str, name: str, *, then: Callable[[Sync], None] | None = None
) -> Callable[[Sync], None]:
    def mend(sync: Sync) -> None:
        sync.api.delete(kind, name, namespace=sync.namespace)
        if then:
            then(sync)

    return mend


def nothing_is_done(_sync: Sync) -> None:
    """What passes by itself."""


def job_spec(**fields: Any) -> dict[str, Any]:
    return {"job": {"backoffLimit": 0, **fields}}


def _target(**fields: Any) -> dict[str, Any]:
    dsn = {"name": "db"}
    return {"target": {"dsnSecretRef": dsn, "table": "requests", "key": ["srnumber"], **fields}}


def quota(**hard: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full"},
        "spec": {"hard": hard},
    }


def enforce(api: Api, namespace: str, there: Object) -> None:
    """What the quota controller does: admission goes by what a quota's status says."""
    if there["kind"] == "ResourceQuota":
        hard = there["spec"]["hard"]
        body = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        api.patch("ResourceQuota", "full", body, namespace=namespace, part="status")


def _cannot_run(sync: Sync, job: str) -> None:
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.kubelet.cannot_run(pod, namespace=sync.namespace)


LIMITS: Object = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]},
}

NO_SECRET = 'secret "db" not found'

WAYS: tuple[Way, ...] = (
    Way(
        name="a secret that is not there",
        play=waits("CreateContainerConfigError", NO_SECRET),
        phase="Pending",
        reason=STUCK,
        says=NO_SECRET,
        event=STUCK,
        mend=edits(**_target(dsnSecretRef={"name": "other"})),
        trigger="SpecChange",
    ),
    Way(
        name="a secret that lacks the key",
        play=waits("CreateContainerConfigError", "couldn't find key dsn in Secret x/db"),
        phase="Pending",
        reason=STUCK,
        says="couldn't find key dsn",
        event=STUCK,
        mend=asks,
        trigger="Manual",
    ),
    Way(
        name="an image that cannot be pulled",
        play=waits("ImagePullBackOff", "Back-off pulling image"),
        phase="Pending",
        reason=STUCK,
        says="cannot be pulled",
        event=STUCK,
        mend=edits(job={"podTemplate": {"imagePullSecrets": [{"name": "pull"}]}}),
        trigger="SpecChange",
    ),
    Way(
        name="no node that fits",
        spec={"job": {"podTemplate": {"nodeSelector": {"disk": "fast"}}}},
        play=_no_node("0/3 nodes are available: 3 node(s) didn't match"),
        phase="Pending",
        reason=STUCK,
        says="0/3 nodes are available",
        event=STUCK,
        mend=edits(job={"podTemplate": None}),
        trigger="SpecChange",
    ),
    Way(
        name="a claim that is not there",
        spec={"archive": {"persistentVolumeClaim": "kept"}},
        play=_no_node('persistentvolumeclaim "kept" not found'),
        phase="Pending",
        reason=STUCK,
        says='"kept" not found',
        event=STUCK,
        mend=edits(archive=None),
        trigger="SpecChange",
    ),
    Way(
        name="a quota without room for a pod",
        there=(quota(pods="0"),),
        phase="Pending",
        reason=STUCK,
        says="no pod",
        event=STUCK,
        mend=removes("ResourceQuota", "full", then=asks),
        trigger="Manual",
    ),
    Way(
        name="a limit range below what the worker may use",
        there=(LIMITS,),
        phase="Pending",
        reason=STUCK,
        says="no pod",
        event=STUCK,
        mend=edits(
            job={"resources": {"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}}
        ),
        trigger="SpecChange",
    ),
    Way(
        name="a service account that is not there",
        spec={"job": {"podTemplate": {"serviceAccountName": "nobody"}}},
        phase="Pending",
        reason=STUCK,
        says="no pod",
        event=STUCK,
        mend=edits(job={"podTemplate": None}),
        trigger="SpecChange",
    ),
    Way(
        name="a quota without room for a Job",
        there=(quota(**{"count/jobs.batch": "0"}),),
        phase="Failed",
        reason="JobRefused",
        says="exceeded quota",
        event="JobRefused",
        has_job=False,
        mend=removes("ResourceQuota", "full"),
        trigger="Creation",
    ),
    Way(
        name="too little memory",
        spec=job_spec(),
        play=out_of_memory,
        phase="Failed",
        reason="OOMKilled",
        says="raise spec.job.resources.limits.memory",
        event="SyncFailed",
        mend=edits(job={"resources": {"limits": {"memory": "2Gi"}}}),
        trigger="SpecChange",
    ),
    Way(
        name="a table that cannot take the data",
        play=fails(78, "TargetMismatch", "the table has no key"),
        phase="Failed",
        reason="TargetMismatch",
        says="the table has no key",
        event="SyncFailed",
        mend=asks,
        trigger="Manual",
    ),
    Way(
        name="a token that is refused",
        play=fails(77, "InvalidAppToken", "the token is refused"),
        phase="Failed",
        reason="InvalidAppToken",
        says="the token is refused",
        event="SyncFailed",
        mend=edits(source={"appTokenSecretRef": {"name": "socrata"}}),
        trigger="SpecChange",
    ),
    Way(
        name="columns that changed",
        spec=_target(onSchemaChange="Fail"),
        play=fails(65, "SchemaChanged", "a column is new"),
        phase="Failed",
        reason="SchemaChanged",
        says="a column is new",
        event="SyncFailed",
        mend=edits(**_target(onSchemaChange="AddColumns")),
        trigger="SpecChange",
    ),
    Way(
        name="a source that is down, until the Job gives up",
        spec={**job_spec(), "retry": {"interval": "20s"}},
        play=fails(75, "SourceUnavailable", "no answer"),
        phase="Failed",
        reason="SourceUnavailable",
        says="no answer",
        event="SyncFailed",
        mend=nothing_is_done,
        trigger="Retry",
    ),
    Way(
        name="a source that is down, between two tries",
        play=fails(75, "SourceUnavailable", "no answer yet"),
        phase="Syncing",
        reason="WaitingToRetry",
        says="no answer yet",
        event="WaitingToRetry",
        mend=nothing_is_done,
        trigger="",
    ),
    Way(
        name="an eviction, and no next pod that starts",
        play=_evicted,
        phase="Pending",
        reason=STUCK,
        says="kubectl describe",
        event=STUCK,
        mend=nothing_is_done,
        trigger="",
    ),
    Way(
        name="a run that takes too long",
        spec=job_spec(activeDeadlineSeconds=10),
        play=runs_on,
        phase="Failed",
        reason="DeadlineExceeded",
        says="spec.job.activeDeadlineSeconds",
        event="SyncFailed",
        mend=edits(job={"activeDeadlineSeconds": 3600}),
        trigger="SpecChange",
    ),
    Way(
        name="a pod that never starts, until the deadline for that",
        spec=job_spec(startDeadlineSeconds=30),
        play=waits("CreateContainerConfigError", NO_SECRET),
        phase="Failed",
        reason=STUCK,
        says=NO_SECRET,
        event="SyncFailed",
        mend=edits(job={"startDeadlineSeconds": 600}),
        trigger="SpecChange",
    ),
    Way(
        name="a container that cannot be made",
        spec=job_spec(),
        play=_cannot_run,
        phase="Failed",
        reason="StartError",
        says="could not be started",
        event="SyncFailed",
        mend=asks,
        trigger="Manual",
    ),
    Way(
        name="a Job that somebody deletes",
        play=job_goes,
        phase="Failed",
        reason="ResultLost",
        says="the next run goes on from the watermarks",
        event="ResultLost",
        mend=asks,
        trigger="Manual",
    ),
    Way(
        name="a spec that cannot be run",
        spec={"schedule": "0 0 31 2 *"},
        phase="Invalid",
        reason="InvalidSchedule",
        says="31 2",
        event="InvalidSchedule",
        has_job=False,
        mend=edits(schedule="0 0 29 2 *"),
        trigger="Creation",
    ),
)
