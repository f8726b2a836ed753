"""The Job of a run: what it is told, what it may do, and what of its user's wishes it carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.conftest import UID, at

from socratasync.api.spec import SyncSpec
from socratasync.api.status_words import Trigger
from socratasync.controller.action import RunToStart
from socratasync.controller.jobs.build import build_job
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.observed.job import owned_by, owner_key, read_job
from socratasync.controller.observed.resource import Resource
from socratasync.errors import InvalidSpec

MakeResource = Callable[..., Resource]

RUN = RunToStart(
    job="la-311-29398020",
    trigger=Trigger.SCHEDULE,
    mode="update",
    fingerprint="0123456789abcdef",
    due=at("2026-11-23T07:00"),
    slot=at("2026-11-23T07:00"),
    requested="a token",
)


def built(resource: Resource, run: RunToStart = RUN, **defaults: Any) -> dict[str, Any]:
    given = JobDefaults.model_validate(defaults)
    return build_job(resource, run, "registry.example.org/socratasync:1", given)


def env_of(job: dict[str, Any]) -> dict[str, Any]:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}


def test_the_worker_is_told_its_run_and_a_spec_that_no_edit_reaches(resource: MakeResource) -> None:
    owner = resource(since="2026-01-01T00:00:00Z", job={"backoffLimit": 7})
    env = env_of(built(owner))

    assert env["SOCRATASYNC_NAME"] == "la-311"
    assert env["SOCRATASYNC_NAMESPACE"] == "data"
    assert env["SOCRATASYNC_RUN"] == "la-311-29398020"
    assert env["SOCRATASYNC_MODE"] == "update"
    assert env["SOCRATASYNC_SINCE"] == "2026-01-01T00:00:00Z"
    told = SyncSpec.from_json(env["SOCRATASYNC_SPEC"])
    assert owner.spec is not None
    assert told.target == owner.spec.target
    assert "job" not in json.loads(env["SOCRATASYNC_SPEC"])


def test_a_full_run_has_no_lower_bound(resource: MakeResource) -> None:
    full = RunToStart(
        job="j", trigger=Trigger.FULL, mode="full", fingerprint="f", due=at("2026-11-23")
    )

    assert "SOCRATASYNC_SINCE" not in env_of(built(resource(since="2026-01-01T00:00:00Z"), full))


def test_secrets_travel_by_reference_only(resource: MakeResource) -> None:
    env = env_of(
        built(
            resource(
                source={
                    "appTokenSecretRef": {"name": "socrata"},
                    "credentialsSecretRef": {"name": "login", "usernameKey": "u"},
                },
                notify=[{"slack": {"secretRef": {"name": "told-by-the-operator"}}}],
            )
        )
    )

    assert env["SOCRATASYNC_DSN"] == {"secretKeyRef": {"name": "db", "key": "dsn"}}
    assert env["SOCRATASYNC_APP_TOKEN"] == {"secretKeyRef": {"name": "socrata", "key": "token"}}
    assert env["SOCRATASYNC_USERNAME"] == {"secretKeyRef": {"name": "login", "key": "u"}}
    assert env["SOCRATASYNC_PASSWORD"] == {"secretKeyRef": {"name": "login", "key": "password"}}
    assert "told-by-the-operator" not in str(env)
    assert "SOCRATASYNC_REFRESH_SQL" not in env


def test_hooks_headers_and_the_archive_are_mounted(resource: MakeResource) -> None:
    job = built(
        resource(
            hooks=[
                {"url": "https://a.example.org/x"},
                {"url": "https://b.example.org/x", "headersSecretRef": {"name": "headers"}},
            ],
            archive={"persistentVolumeClaim": "kept"},
        )
    )
    pod = job["spec"]["template"]["spec"]
    mounts = {m["mountPath"]: m["name"] for m in pod["containers"][0]["volumeMounts"]}
    sources = {v["name"]: v for v in pod["volumes"]}
    env = env_of(job)

    hook = sources[mounts[env["SOCRATASYNC_HOOK_1_HEADERS"]]]
    assert hook["secret"] == {"secretName": "headers"}
    assert "SOCRATASYNC_HOOK_0_HEADERS" not in env
    kept = sources[mounts[env["SOCRATASYNC_ARCHIVE"]]]
    assert kept["persistentVolumeClaim"] == {"claimName": "kept"}
    assert sources[mounts["/tmp"]]["emptyDir"] == {}


def test_the_pod_is_restricted(resource: MakeResource) -> None:
    pod = built(resource())["spec"]["template"]["spec"]
    container = pod["containers"][0]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_ids_are_left_to_a_cluster_that_chooses_them(resource: MakeResource) -> None:
    pod = built(resource(), userIds="FromCluster")["spec"]["template"]["spec"]

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_the_operator_defaults_is_on_the_job_and_takes_no_place(
    resource: MakeResource,
) -> None:
    queue = {"kueue.x-k8s.io/queue-name": "nightly"}
    plain = built(resource())
    job = built(resource(), labels=queue, annotations={"note": "x"})

    assert job["metadata"]["labels"] == {**queue, **plain["metadata"]["labels"]}
    assert job["metadata"]["annotations"] == {"note": "x", **plain["metadata"]["annotations"]}
    assert job["spec"] == plain["spec"]


def test_the_job_s_limits_are_the_manifest_s(resource: MakeResource) -> None:
    spec = built(
        resource(
            job={"backoffLimit": 1, "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 90}
        )
    )["spec"]

    assert spec["backoffLimit"] == 1
    assert spec["activeDeadlineSeconds"] == 60
    assert spec["ttlSecondsAfterFinished"] == 90
    assert spec["podReplacementPolicy"] == "Failed"
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["FailJob", "Ignore"]


def test_the_overlay_adds_and_takes_no_place(resource: MakeResource) -> None:
    overlay = {
        "labels": {"team": "data"},
        "annotations": {"note": "x"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
        "imagePullSecrets": [{"name": "pull"}],
        "priorityClassName": "low",
        "serviceAccountName": "identity",
    }
    plain = built(resource())["spec"]["template"]
    laid = built(resource(job={"podTemplate": overlay}))["spec"]["template"]
    container, before = laid["spec"]["containers"][0], plain["spec"]["containers"][0]

    assert laid["metadata"]["labels"] == {"team": "data", **plain["metadata"]["labels"]}
    assert laid["metadata"]["annotations"] == {"note": "x"}
    for name in ("nodeSelector", "affinity", "imagePullSecrets", "priorityClassName"):
        assert laid["spec"][name] == overlay[name]
    assert laid["spec"]["tolerations"][0]["key"] == "batch"
    assert laid["spec"]["serviceAccountName"] == "identity"
    assert laid["spec"]["automountServiceAccountToken"] is False
    assert {e["name"] for e in container["env"]} == {
        "HTTPS_PROXY",
        *(e["name"] for e in before["env"]),
    }
    assert container["volumeMounts"][: len(before["volumeMounts"])] == before["volumeMounts"]
    assert laid["spec"]["volumes"][-1] == {"name": "ca", "configMap": {"name": "ca"}}


def test_the_job_says_all_that_a_status_must_know(resource: MakeResource) -> None:
    """The operator may die before it writes the status; the Job is its memory."""
    job = built(resource(generation=4))
    job["metadata"] |= {"uid": "u", "creationTimestamp": "2026-11-23T07:00:01Z"}
    seen = read_job(job)

    assert (seen.trigger, seen.mode, seen.slot) == ("Schedule", "update", RUN.slot)
    assert (seen.requested, seen.full) == ("a token", None)
    assert (seen.fingerprint, seen.generation) == (RUN.fingerprint, 4)
    assert owner_key(job) == ("data", "la-311")
    assert owned_by(UID, [job]) == [job]
    assert owned_by("another uid", [job]) == []


def test_a_spec_too_long_for_an_environment_is_refused_with_what_to_do(
    resource: MakeResource,
) -> None:
    datasets = [
        {"id": f"aaaa-{number:04}", "where": "x = '" + "y" * 3900 + "'"} for number in range(40)
    ]

    with pytest.raises(InvalidSpec, match="split it"):
        built(resource(datasets=datasets))


def test_a_connection_in_parts_travels_by_reference_and_its_certificates_are_mounted(
    resource: MakeResource,
) -> None:
    parts = {
        "host": {"value": "db-rw"},
        "user": {"value": "joe"},
        "password": {"secretKeyRef": {"name": "db-app", "key": "password"}},
        "dbname": {"value": "city"},
        "sslmode": "verify-full",
        "sslrootcert": {"secretKeyRef": {"name": "db-ca", "key": "ca.crt"}},
    }
    target = {"dsnFrom": parts, "table": "requests", "key": ["srnumber"]}
    job = built(resource(target=target))
    pod = job["spec"]["template"]["spec"]
    env = env_of(job)

    assert "SOCRATASYNC_DSN" not in env
    assert env["SOCRATASYNC_DSN_HOST"] == "db-rw"
    assert env["SOCRATASYNC_DSN_PASSWORD"] == {
        "secretKeyRef": {"name": "db-app", "key": "password"}
    }
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "socratasync-dsn"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "socratasync-dsn"]
    assert env["SOCRATASYNC_DSN_SSLROOTCERT"] == f"{mount['mountPath']}/sslrootcert"
    assert mount["readOnly"]
    assert volume["projected"] == {
        "defaultMode": 0o440,
        "sources": [
            {"secret": {"name": "db-ca", "items": [{"key": "ca.crt", "path": "sslrootcert"}]}}
        ],
    }
