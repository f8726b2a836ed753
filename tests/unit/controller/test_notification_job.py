"""The Job that tells a channel: what it is told, what it may do, and what it takes over of a run's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.conftest import UID, at

from socratasync.api.news_status import Trouble
from socratasync.contract.news import News
from socratasync.contract.notification import read_notification
from socratasync.controller.jobs.defaults import JobDefaults
from socratasync.controller.jobs.notification import build_notification, notification_name
from socratasync.controller.jobs.notification_end import why_nobody_was_told
from socratasync.controller.observed.job import is_notification, owned_by, owner_key, read_job
from socratasync.controller.observed.labels import sync_selector
from socratasync.controller.observed.resource import Resource

MakeResource = Callable[..., Resource]
Object = dict[str, Any]

NOW = at("2026-11-23T07:00:00")
NEWS = News(
    id="n1",
    at=NOW,
    name="la-311",
    begun=(Trouble(occasion="Failure", reason="Why", message="why", since=NOW),),
)
DESK = {"slack": {"secretRef": {"name": "slack", "key": "desk"}}}
MESH: Object = {"name": "mesh", "configMap": {"name": "mesh"}}


def built(resource: Resource, **defaults: Any) -> Object:
    (channel,) = resource.audience.channels
    given = JobDefaults.model_validate(defaults)
    return build_notification(resource, NEWS, channel, "image:1", given, "https://r.example")


def pod_of(job: Object) -> Object:
    found: Object = job["spec"]["template"]["spec"]
    return found


def env_of(job: Object) -> Object:
    (container,) = pod_of(job)["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_it_is_told_the_news_and_where_the_address_is(resource: MakeResource) -> None:
    job = built(resource(notify=[DESK]))
    env = env_of(job)
    (container,) = pod_of(job)["containers"]

    assert env.pop("SOCRATASYNC_ADDRESS") == {"secretKeyRef": {"name": "slack", "key": "desk"}}
    told = read_notification({**env, "SOCRATASYNC_ADDRESS": "https://slack.example"})
    assert (told.news, told.channel, told.runbooks) == (NEWS, "slack", "https://r.example")
    assert (container["image"], container["command"], container["args"]) == (
        "image:1",
        ["socratasync"],
        ["notify"],
    )


def test_it_is_no_run_and_goes_with_its_sync(resource: MakeResource) -> None:
    job = built(resource(notify=[DESK]))

    assert is_notification(job)
    assert owned_by(UID, [{**job, "metadata": {**job["metadata"], "uid": "x"}}])
    assert owner_key(job) == ("data", "la-311")
    wanted = dict(pair.split("=") for pair in sync_selector("la-311").split(","))
    assert not wanted.items() <= job["metadata"]["labels"].items(), "no list of runs has it"
    assert job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "socratasync"


def test_it_is_confined_bounded_and_gone_after_a_day(resource: MakeResource) -> None:
    job = built(resource(notify=[DESK]))
    spec, pod = job["spec"], pod_of(job)
    (container,) = pod["containers"]

    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (3600, 86400)
    assert spec["backoffLimit"] == 10
    fails, ignores = spec["podFailurePolicy"]["rules"]
    assert fails["onExitCodes"]["containerName"] == container["name"]
    assert 78 in fails["onExitCodes"]["values"]
    assert ignores["action"] == "Ignore"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"] == {"memory": "128Mi"}


def test_it_takes_over_what_lets_a_pod_start_and_reach_the_outside(resource: MakeResource) -> None:
    own = {
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "env": [
            {"name": "https_proxy", "value": "http://proxy.example:3128"},
            {"name": "REQUESTS_CA_BUNDLE", "value": "/etc/trust/ca.crt"},
            {"name": "PGSSLROOTCERT", "value": "/etc/pg/root.crt"},
        ],
        "volumes": [
            {"name": "trust", "secret": {"secretName": "trust"}},
            {"name": "pg", "secret": {"secretName": "pg"}},
        ],
        "volumeMounts": [
            {"name": "trust", "mountPath": "/etc/trust/"},
            {"name": "pg", "mountPath": "/etc/pg"},
        ],
    }
    job = built(resource(notify=[DESK], job={"podTemplate": own}))
    pod, env = pod_of(job), env_of(job)

    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert [each["key"] for each in pod["tolerations"]] == ["batch"]
    assert env["https_proxy"] == "http://proxy.example:3128"
    assert env["REQUESTS_CA_BUNDLE"] == "/etc/trust/ca.crt"
    assert [each["name"] for each in pod["volumes"]] == ["socratasync-tmp", "trust"]
    assert "PGSSLROOTCERT" not in env


def test_it_takes_over_a_bundle_that_is_mounted_as_one_file(resource: MakeResource) -> None:
    own = {
        "env": [{"name": "SSL_CERT_FILE", "value": "/etc/ca.pem"}],
        "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca.pem", "subPath": "ca.pem"}],
    }

    pod = pod_of(built(resource(notify=[DESK], job={"podTemplate": own})))

    assert [each["name"] for each in pod["volumes"]] == ["socratasync-tmp", "ca"]


def test_it_has_no_secret_of_its_sync_but_the_address(resource: MakeResource) -> None:
    secret = {"name": "kept", "secret": {"secretName": "kept"}}
    job = built(
        resource(
            notify=[DESK],
            source={"appTokenSecretRef": {"name": "socrata"}},
            hooks=[{"url": "https://h.example", "headersSecretRef": {"name": "headers"}}],
            archive={"persistentVolumeClaim": "kept"},
            job={"podTemplate": {"volumes": [secret]}},
        )
    )

    references = [value for value in env_of(job).values() if isinstance(value, dict)]
    assert references == [{"secretKeyRef": {"name": "slack", "key": "desk"}}]
    assert [each["name"] for each in pod_of(job)["volumes"]] == ["socratasync-tmp"]


def test_no_queue_of_runs_holds_it_back(resource: MakeResource) -> None:
    queue = {"kueue.x-k8s.io/queue-name": "nightly", "team": "data"}
    job = built(
        resource(notify=[DESK], job={"podTemplate": {"labels": queue}}),
        labels=queue,
        annotations=queue,
        podTemplate={"labels": queue, "annotations": queue},
        caBundle={"configMapKeyRef": {"name": "trust", "key": "ca.crt"}},
    )
    pod = job["spec"]["template"]["metadata"]

    for noted in (job["metadata"]["labels"], job["metadata"]["annotations"], *pod.values()):
        assert noted["team"] == "data"
        assert "kueue.x-k8s.io/queue-name" not in noted
    assert env_of(job)["SSL_CERT_FILE"] == "/etc/socratasync/ca/bundle.crt"


def test_each_channel_has_a_job_of_its_own_for_each_news(resource: MakeResource) -> None:
    channels = [
        DESK,
        {"slack": {"secretRef": {"name": "slack", "key": "night"}}},
        {"slack": {"secretRef": {"name": "other", "key": "desk"}}},
        {"teams": {"secretRef": {"name": "slack", "key": "desk"}}},
        {**DESK, "on": ["Success"]},
    ]
    one, other = resource(notify=channels), resource(notify=channels, name="la-911")

    names = [
        notification_name(each, news, channel)
        for each in (one, other)
        for news in ("n1", "n2")
        for channel in each.audience.channels
    ]

    assert len(set(names)) == len(names) == 20
    assert names[0] == notification_name(resource(notify=[DESK]), "n1", one.audience.channels[0])


@pytest.mark.parametrize(
    ("spec", "channels"),
    [
        ({"timeZone": "Mars/Olympus", "notify": [DESK]}, 1),
        ({"timeZone": "Mars/Olympus", "notify": [DESK, {"slack": {}}, "desk", {"fax": {}}]}, 1),
        ({"timeZone": "Mars/Olympus", "notify": "desk"}, 0),
        ({"timeZone": "Mars/Olympus", "notify": None}, 0),
        ({"notify": [{**DESK, "on": ["Never"]}]}, 0),
    ],
)
def test_of_a_spec_that_cannot_be_run_it_is_still_read_who_is_told(
    spec: Object, channels: int, resource: MakeResource
) -> None:
    broken = resource(**spec)

    assert broken.spec is None
    assert len(broken.audience.channels) == channels


def test_and_what_their_pods_need(resource: MakeResource) -> None:
    def template_of(job: object) -> Object:
        broken = resource(timeZone="Mars/Olympus", notify=[DESK], job=job)
        return pod_of(built(broken))

    pull = {"imagePullSecrets": [{"name": "registry"}]}
    assert template_of({"podTemplate": pull})["imagePullSecrets"] == [{"name": "registry"}]
    assert "imagePullSecrets" not in template_of({"podTemplate": {"hostNetwork": True, **pull}})
    assert "imagePullSecrets" not in template_of("none")


# How it ended


def ended(*pods: Object, reason: str = "BackoffLimitExceeded") -> str:
    condition = {"type": "Failed", "status": "True", "reason": reason}
    job = read_job({"metadata": {"name": "n-1", "uid": "u"}, "status": {"conditions": [condition]}})
    return why_nobody_was_told(job, "data", pods)


def pod(message: str, made: str, container: str = "notify") -> Object:
    state = {"terminated": {"exitCode": 78, "message": message}}
    return {
        "metadata": {"name": f"n-1-{made}", "creationTimestamp": f"2026-11-23T07:0{made}:00Z"},
        "status": {"containerStatuses": [{"name": container, "state": state}]},
    }


def test_a_failed_one_says_what_its_last_pod_said() -> None:
    assert ended(pod("earlier", "1"), pod("a line\nthe last words", "2")) == (
        "a notification was not sent: the last words (Job n-1)"
    )
    assert ended(pod('{"level": "error", "msg": "in JSON"}', "1"), pod("", "2")) == (
        "a notification was not sent: in JSON (Job n-1)"
    )
    assert len(ended(pod("w" * 5000, "1"))) < 700


@pytest.mark.parametrize("pods", [(), (pod("said by a mesh", "1", container="mesh"),)])
def test_one_that_said_nothing_says_where_to_look(pods: tuple[Object, ...]) -> None:
    said = ended(*pods, reason="DeadlineExceeded")

    assert "DeadlineExceeded" in said
    assert "kubectl describe job n-1 -n data" in said
