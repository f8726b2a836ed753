"""What the worker is told by its environment, and where its secrets come from. Pure.

Secrets are references that the kubelet resolves: the operator never sees a value, and the Job's
manifest holds none.
"""

from __future__ import annotations

from typing import Any

from socratasync.api.spec import SyncSpec
from socratasync.controller.action import RunToStart
from socratasync.controller.observed.resource import Resource
from socratasync.errors import InvalidSpec
from socratasync.times import write_instant

ARCHIVE_FOLDER = "/var/lib/socratasync/archive"
HOOK_FOLDER = "/etc/socratasync/hooks"

_LONGEST_VARIABLE = 120_000
"""Linux takes 131,072 bytes for one variable, name included."""


def worker_env(resource: Resource, spec: SyncSpec, run: RunToStart) -> list[dict[str, Any]]:
    """The container's variables. Raises ``InvalidSpec`` for a spec too long to be one."""
    since = write_instant(spec.since, "seconds") if spec.since and run.mode == "update" else None
    plain = {
        "SOCRATASYNC_NAME": resource.key.name,
        "SOCRATASYNC_NAMESPACE": resource.key.namespace,
        "SOCRATASYNC_RUN": run.job,
        "SOCRATASYNC_MODE": run.mode,
        "SOCRATASYNC_SINCE": since,
        "SOCRATASYNC_SPEC": _spec_text(spec),
        "SOCRATASYNC_ARCHIVE": ARCHIVE_FOLDER if spec.archive else None,
        **{
            f"SOCRATASYNC_HOOK_{number}_HEADERS": f"{HOOK_FOLDER}/{number}"
            for number, hook in enumerate(spec.hooks)
            if hook.headers_secret_ref
        },
    }
    told = [{"name": name, "value": value} for name, value in plain.items() if value is not None]
    return told + _secret_env(spec)


def _spec_text(spec: SyncSpec) -> str:
    text = spec.to_json(without_job=True)
    if len(text.encode()) > _LONGEST_VARIABLE:
        raise InvalidSpec(
            f"spec: is {len(text.encode()):,} bytes long and a worker can be told at most "
            f"{_LONGEST_VARIABLE:,}; split it into several SocrataSyncs"
        )
    return text


def _secret_env(spec: SyncSpec) -> list[dict[str, Any]]:
    dsn, source, notify = spec.target.dsn_secret_ref, spec.source, spec.notify
    env = [_from_secret("SOCRATASYNC_DSN", dsn.name, dsn.key)]
    if token := source.app_token_secret_ref:
        env.append(_from_secret("SOCRATASYNC_APP_TOKEN", token.name, token.key))
    if login := source.credentials_secret_ref:
        env.append(_from_secret("SOCRATASYNC_USERNAME", login.name, login.username_key))
        env.append(_from_secret("SOCRATASYNC_PASSWORD", login.name, login.password_key))
    if notify:
        webhook = notify.slack_webhook_secret_ref
        env.append(_from_secret("SOCRATASYNC_SLACK_WEBHOOK", webhook.name, webhook.key))
    return env


def _from_secret(variable: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def worker_volumes(spec: SyncSpec) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Volumes and their mounts: a place for temporary files, hooks' headers, the archive."""
    volumes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            {"name": "socratasync-tmp", "emptyDir": {}},
            {"name": "socratasync-tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        )
    ]
    for number, hook in enumerate(spec.hooks):
        if secret := hook.headers_secret_ref:
            name = f"socratasync-hook-{number}"
            mount = {"name": name, "mountPath": f"{HOOK_FOLDER}/{number}", "readOnly": True}
            volumes.append(({"name": name, "secret": {"secretName": secret.name}}, mount))
    if spec.archive:
        claim = {"claimName": spec.archive.persistent_volume_claim}
        volumes.append(
            (
                {"name": "socratasync-archive", "persistentVolumeClaim": claim},
                {"name": "socratasync-archive", "mountPath": ARCHIVE_FOLDER},
            )
        )
    return volumes
