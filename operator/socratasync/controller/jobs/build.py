"""The Job of a run: (resource, run, image, defaults) → manifest, readable as the YAML it becomes. Pure."""

from __future__ import annotations

from typing import Any, Final

from socratasync.api.annotations import FULL, REQUESTED
from socratasync.api.spec import SyncSpec
from socratasync.contract.dsn_parts import DSN_FOLDER, certificate_sources
from socratasync.contract.environment import (
    ARCHIVE_FOLDER,
    Assignment,
    write_environment,
)
from socratasync.contract.hook_headers import hook_folder
from socratasync.controller.action import RunToStart
from socratasync.controller.jobs.confinement import (
    CONTAINED,
    TMP,
    confined,
    failure_rules,
    owner_of,
)
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.jobs.overlay import overlaid, resources_of
from socratasync.controller.observed.labels import (
    DOMAIN,
    FINGERPRINT,
    GENERATION,
    MANAGED_BY,
    MODE,
    ONLY,
    RETRY,
    SCHEDULED_AT,
    SPEC_HASH,
    SYNC,
    TRIGGER,
    sync_label,
)
from socratasync.controller.observed.resource import Resource
from socratasync.times import write_instant

CONTAINER: Final = "sync"


def build_job(
    resource: Resource, run: RunToStart, image: str, defaults: JobDefaults
) -> dict[str, Any]:
    """The Job as an object. The spec travels in it, so an edit cannot change a run under way.

    ``resource.spec`` must be readable. Raises ``InvalidSpec`` for a spec too long to travel.
    """
    spec = resource.spec
    assert spec is not None, "an unreadable spec starts nothing"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.job,
            "namespace": resource.key.namespace,
            "labels": {**defaults.labels, **_labels(resource, run)},
            "annotations": {**defaults.annotations, **_annotations(resource, run)},
            "ownerReferences": [owner_of(resource)],
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": spec.job.backoff_limit,
            "activeDeadlineSeconds": spec.job.active_deadline_seconds,
            "ttlSecondsAfterFinished": spec.job.ttl_seconds_after_finished,
            # A new pod only when the old one is gone: never two on one table.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules(CONTAINER)},
            "template": overlaid(
                _pod(resource, spec, run, image, defaults), defaults, spec.job.pod_template
            ),
        },
    }


def _labels(resource: Resource, run: RunToStart) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "socratasync",
        "app.kubernetes.io/component": "sync-job",
        MANAGED_BY: "socratasync",
        SYNC: sync_label(resource.key.name),
        MODE: run.mode,
        TRIGGER: run.trigger.value,
    }


def _annotations(resource: Resource, run: RunToStart) -> dict[str, str]:
    """All that the status must be told of a run, should the operator die before it tells it."""
    notes = {
        SCHEDULED_AT: write_instant(run.slot, "seconds"),
        REQUESTED: run.requested,
        FULL: run.full,
        ONLY: run.only,
        FINGERPRINT: run.fingerprint,
        SPEC_HASH: run.spec_hash,
        RETRY: str(run.retry) if run.retry else None,
        GENERATION: str(resource.generation),
        DOMAIN: resource.domain,
    }
    return {name: value for name, value in notes.items() if value is not None}


def _pod(
    resource: Resource, spec: SyncSpec, run: RunToStart, image: str, defaults: JobDefaults
) -> dict[str, Any]:
    volumes = _volumes(spec)
    return {
        "metadata": {"labels": _labels(resource, run), "annotations": {}},
        "spec": {
            **confined(defaults),
            "containers": [
                {
                    "name": CONTAINER,
                    "image": image,
                    "command": ["socratasync"],
                    "args": ["worker"],
                    "env": write_environment(_assignment(resource, spec, run)),
                    "resources": resources_of(spec.job.resources, defaults.resources),
                    **CONTAINED,
                    "volumeMounts": [mount for _, mount in volumes],
                }
            ],
            "volumes": [volume for volume, _ in volumes],
        },
    }


def _assignment(resource: Resource, spec: SyncSpec, run: RunToStart) -> Assignment:
    return Assignment(
        name=resource.key.name,
        namespace=resource.key.namespace,
        run=run.job,
        mode=run.mode,
        since=spec.since if run.mode == "update" else None,
        spec=spec,
        selection=run.selection,
        archive=ARCHIVE_FOLDER if spec.archive else None,
    )


def _volumes(spec: SyncSpec) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Volumes and their mounts: a place for temporary files, hooks' headers, the database's
    certificates, the archive."""
    volumes: list[tuple[dict[str, Any], dict[str, Any]]] = [TMP]
    for number, hook in enumerate(spec.hooks):
        if secret := hook.headers_secret_ref:
            name = f"socratasync-hook-{number}"
            mount = {"name": name, "mountPath": hook_folder(number), "readOnly": True}
            volumes.append(({"name": name, "secret": {"secretName": secret.name}}, mount))
    if spec.target.dsn_from and (sources := certificate_sources(spec.target.dsn_from)):
        # Group and owner may read, nobody else: libpq refuses a key that others may.
        projected = {"sources": sources, "defaultMode": 0o440}
        mount = {"name": "socratasync-dsn", "mountPath": DSN_FOLDER, "readOnly": True}
        volumes.append(({"name": "socratasync-dsn", "projected": projected}, mount))
    if spec.archive:
        claim = {"claimName": spec.archive.persistent_volume_claim}
        volumes.append(
            (
                {"name": "socratasync-archive", "persistentVolumeClaim": claim},
                {"name": "socratasync-archive", "mountPath": str(ARCHIVE_FOLDER)},
            )
        )
    return volumes
