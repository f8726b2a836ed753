"""The Job that tells one channel one piece of news. Pure.

It is no run: it holds no place, has none of the labels that runs are found by, and gets of its sync's secrets only
the address that it writes to. Of what is said of runs' pods it has what lets a pod start and reach the outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from socratasync.api.job import Resources
from socratasync.api.notify import NotifySpec
from socratasync.api.pod import EnvVar, PodTemplate
from socratasync.contract.news import News
from socratasync.contract.notification import write_news_environment
from socratasync.controller.jobs.confinement import (
    CONTAINED,
    TMP,
    confined,
    failure_rules,
    owner_of,
)
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.jobs.overlay import CA_VARIABLES, overlaid
from socratasync.controller.observed.labels import (
    MANAGED_BY,
    NOTIFICATION,
    asked_job_name,
    sync_label,
)
from socratasync.controller.observed.resource import Resource

CONTAINER: Final = "notify"

TRIED_FOR: Final = timedelta(hours=1)
"""From a notification's Job on, until it is given up."""

_TRIES = 10
"""With Kubernetes' pauses between them they fill the hour."""

_KEPT_FOR = timedelta(days=1)
_RESOURCES = Resources(
    requests={"cpu": "10m", "memory": "64Mi"}, limits={"memory": "128Mi"}
).as_manifest()
_QUEUES = "kueue.x-k8s.io/"
"""Labels and annotations by which Kueue holds Jobs back until there is room for a run."""


def notification_name(resource: Resource, news: str, channel: NotifySpec) -> str:
    """One name for one piece of news and one channel, however often its Job is made."""
    address = channel.address
    return asked_job_name(
        resource.key.name,
        resource.uid,
        news,
        channel.kind,
        address.name,
        address.key,
        *channel.on,
    )


def build_notification(
    resource: Resource,
    news: News,
    channel: NotifySpec,
    image: str,
    defaults: JobDefaults,
    runbooks: str | None,
) -> dict[str, Any]:
    """The Job as an object. ``news`` is what is left of it for the channel."""
    defaults = _without_queues(defaults)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": notification_name(resource, news.id, channel),
            "namespace": resource.key.namespace,
            "labels": {**defaults.labels, **_labels(resource)},
            "annotations": defaults.annotations,
            "ownerReferences": [owner_of(resource)],
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": _TRIES,
            "activeDeadlineSeconds": int(TRIED_FOR.total_seconds()),
            "ttlSecondsAfterFinished": int(_KEPT_FOR.total_seconds()),
            # A new pod only when the old one is gone: it may be about to have told.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules(CONTAINER)},
            "template": overlaid(
                _pod(resource, news, channel, image, defaults, runbooks),
                defaults,
                carried(resource.audience.pod_template),
            ),
        },
    }


def _labels(resource: Resource) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "socratasync",
        "app.kubernetes.io/component": "notification",
        MANAGED_BY: "socratasync",
        NOTIFICATION: sync_label(resource.key.name),
    }


def _pod(
    resource: Resource,
    news: News,
    channel: NotifySpec,
    image: str,
    defaults: JobDefaults,
    runbooks: str | None,
) -> dict[str, Any]:
    volume, mount = TMP
    return {
        "metadata": {"labels": _labels(resource), "annotations": {}},
        "spec": {
            **confined(defaults),
            "containers": [
                {
                    "name": CONTAINER,
                    "image": image,
                    "command": ["socratasync"],
                    "args": ["notify"],
                    "env": write_news_environment(news, channel, runbooks),
                    "resources": _RESOURCES,
                    **CONTAINED,
                    "volumeMounts": [mount],
                }
            ],
            "volumes": [volume],
        },
    }


def _without_queues(defaults: JobDefaults) -> JobDefaults:
    return defaults.model_copy(
        update={
            "labels": _unqueued(defaults.labels),
            "annotations": _unqueued(defaults.annotations),
            "pod_template": carried(defaults.pod_template),
        }
    )


def _unqueued(named: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in named.items() if not name.startswith(_QUEUES)}


def carried(template: PodTemplate) -> PodTemplate:
    """What a notification's pod takes over of a run's: where it may run, its image's secrets, its proxy, and the
    authorities that it trusts. No other variable, and no volume but the one that has those authorities."""
    env = tuple(variable for variable in template.env if _leads_outside(variable))
    files = [v.value for v in env if v.name in CA_VARIABLES and v.value]
    mounts = tuple(
        mount
        for mount in template.volume_mounts
        if any(file.startswith(f"{mount.mount_path.rstrip('/')}/") for file in files)
        or mount.mount_path in files
    )
    names = {mount.name for mount in mounts}
    return template.model_copy(
        update={
            "labels": _unqueued(template.labels),
            "annotations": _unqueued(template.annotations),
            "env": env,
            "volume_mounts": mounts,
            "volumes": tuple(volume for volume in template.volumes if volume.name in names),
        }
    )


def _leads_outside(variable: EnvVar) -> bool:
    return variable.name in CA_VARIABLES or variable.name.upper().endswith("_PROXY")
