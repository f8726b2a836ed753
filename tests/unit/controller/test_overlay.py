"""What a pod has of the operator's defaults and of its sync's wishes: the sync's come first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.job import Resources
from socratasync.api.pod import PodTemplate
from socratasync.api.status_words import Trigger
from socratasync.controller.action import RunToStart
from socratasync.controller.jobs.build import build_job
from socratasync.controller.jobs.defaults import NOTHING_SAID, JobDefaults, read_defaults
from socratasync.controller.jobs.overlay import overlaid, resources_of
from socratasync.controller.observed.resource import Resource, fingerprint
from socratasync.errors import InvalidSpec

Object = dict[str, Any]

TMP = {"name": "socratasync-tmp", "mountPath": "/tmp"}
BARE: Object = {
    "metadata": {"labels": {"app.kubernetes.io/name": "socratasync"}, "annotations": {}},
    "spec": {
        "restartPolicy": "Never",
        "volumes": [{"name": "socratasync-tmp", "emptyDir": {}}],
        "containers": [
            {
                "name": "sync",
                "env": [{"name": "SOCRATASYNC_RUN", "value": "r"}],
                "volumeMounts": [TMP],
            }
        ],
    },
}


def laid(default: Object, own: Object) -> Object:
    """The pod's template: metadata, spec, and ``container``, the only one."""
    template = overlaid(BARE, JobDefaults.model_validate(default), PodTemplate.model_validate(own))
    return {**template, "container": template["spec"]["containers"][0]}


def env_of(template: Object) -> dict[str, str]:
    return {each["name"]: each["value"] for each in template["container"]["env"]}


def env(**values: str) -> Object:
    return {"env": [{"name": name, "value": value} for name, value in values.items()]}


def test_nothing_said_adds_nothing() -> None:
    assert overlaid(BARE, NOTHING_SAID, PodTemplate()) == BARE


@pytest.mark.parametrize(
    ("field", "default", "own", "pod"),
    [
        (
            "nodeSelector",
            {"disk": "hdd", "zone": "a"},
            {"disk": "ssd"},
            {"disk": "ssd", "zone": "a"},
        ),
        (
            "tolerations",
            [{"key": "batch"}, {"key": "spot"}],
            [{"key": "spot"}, {"key": "gpu"}],
            [{"key": "batch"}, {"key": "spot"}, {"key": "gpu"}],
        ),
        (
            "imagePullSecrets",
            [{"name": "registry"}],
            [{"name": "mine"}, {"name": "registry"}],
            [{"name": "registry"}, {"name": "mine"}],
        ),
        ("affinity", {"nodeAffinity": {"a": 1}}, {"podAffinity": {}}, {"podAffinity": {}}),
        ("topologySpreadConstraints", [{"maxSkew": 1}], [{"maxSkew": 2}], [{"maxSkew": 2}]),
        ("priorityClassName", "low", "high", "high"),
        ("serviceAccountName", "nobody", "identity", "identity"),
    ],
)
def test_of_each_field_of_the_pod_the_sync_has_the_last_word(
    field: str, default: Any, own: Any, pod: Any
) -> None:
    assert laid({"podTemplate": {field: default}}, {field: own})["spec"][field] == pod
    assert laid({"podTemplate": {field: default}}, {})["spec"][field] == default
    assert laid({}, {field: own})["spec"][field] == own
    assert field not in laid({}, {})["spec"]


def test_labels_and_annotations_are_joined_and_the_operators_own_stay() -> None:
    default = {"labels": {"team": "data", "cost": "1"}, "annotations": {"a": "1"}}
    own = {"labels": {"team": "maps"}, "annotations": {"b": "2"}}
    metadata = laid({"podTemplate": default}, own)["metadata"]

    assert metadata["labels"] == {
        "team": "maps",
        "cost": "1",
        "app.kubernetes.io/name": "socratasync",
    }
    assert metadata["annotations"] == {"a": "1", "b": "2"}


def test_a_variable_of_the_sync_takes_the_place_of_the_defaults_in_either_case_of_a_proxys() -> (
    None
):
    default = env(HTTPS_PROXY="http://proxy:3128", NO_PROXY=".svc", TZ="UTC")
    template = laid({"podTemplate": default}, env(https_proxy="http://mine:3128", TZ="GMT"))

    assert env_of(template) == {
        "NO_PROXY": ".svc",
        "https_proxy": "http://mine:3128",
        "TZ": "GMT",
        "SOCRATASYNC_RUN": "r",
    }
    assert template["container"]["env"][-1]["name"] == "SOCRATASYNC_RUN"  # may refer to the others


def test_a_volume_of_the_sync_takes_the_place_of_one_of_its_name_or_path() -> None:
    default = {
        "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b/"}],
    }
    own = {
        "volumes": [{"name": "a", "secret": {"secretName": "s"}}],
        "volumeMounts": [{"name": "a", "mountPath": "/b"}],
    }
    template = laid({"podTemplate": default}, own)

    assert template["spec"]["volumes"][1:] == [
        {"name": "b", "emptyDir": {}},
        {"name": "a", "secret": {"secretName": "s"}},
    ]
    assert template["container"]["volumeMounts"] == [
        TMP,
        {"name": "a", "mountPath": "/a"},
        {"name": "a", "mountPath": "/b"},
    ]


@pytest.mark.parametrize(
    ("reference", "source"),
    [
        ({"configMapKeyRef": {"name": "trust", "key": "ca.pem"}}, "configMap"),
        ({"secretKeyRef": {"name": "trust", "key": "ca.pem"}}, "secret"),
    ],
)
def test_the_defaults_authorities_are_mounted_and_named(reference: Object, source: str) -> None:
    template = laid({"caBundle": reference}, {})
    mount = template["container"]["volumeMounts"][-1]
    volume = template["spec"]["volumes"][-1]

    assert env_of(template)["SSL_CERT_FILE"] == f"{mount['mountPath']}/bundle.crt"
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    items = [{"key": "ca.pem", "path": "bundle.crt"}]
    assert volume["projected"] == {"sources": [{source: {"name": "trust", "items": items}}]}


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_that_a_sync_names_itself_is_the_only_one(name: str) -> None:
    trust = {"configMapKeyRef": {"name": "trust", "key": "ca.pem"}}
    template = laid(
        {"caBundle": trust, "podTemplate": env(SSL_CERT_FILE="/etc/a")}, env(**{name: "/b"})
    )

    assert env_of(template) == {name: "/b", "SOCRATASYNC_RUN": "r"}
    assert template["spec"]["volumes"] == BARE["spec"]["volumes"]


@pytest.mark.parametrize(
    ("own", "default", "requests", "limits"),
    [
        pytest.param(
            {},
            {},
            {"cpu": "100m", "memory": "128Mi"},
            {"memory": "512Mi"},
            id="nobody says anything",
        ),
        pytest.param(
            {},
            {"limits": {"memory": "1Gi"}},
            {"cpu": "100m", "memory": "128Mi"},
            {"memory": "1Gi"},
            id="a default's limits",
        ),
        pytest.param(
            {"limits": {"memory": "2Gi"}},
            {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}},
            {"memory": "1Gi"},
            {"memory": "2Gi"},
            id="the sync's limits, the default's requests",
        ),
        pytest.param(
            {"limits": {"memory": "64Mi"}},
            {},
            {"cpu": "100m", "memory": "64Mi"},
            {"memory": "64Mi"},
            id="a default request is lowered to the sync's limit",
        ),
        pytest.param(
            {"requests": {"memory": "1Gi"}},
            {},
            {"memory": "1Gi"},
            {"memory": "1Gi"},
            id="a default limit is raised to the sync's request",
        ),
        pytest.param({"limits": {}, "requests": {}}, {}, {}, {}, id="none at all, said so"),
    ],
)
def test_resources_are_the_syncs_and_a_default_that_contradicts_gives_way(
    own: Object, default: Object, requests: Object, limits: Object
) -> None:
    found = resources_of(Resources.model_validate(own), Resources.model_validate(default))

    assert found == {"requests": requests, "limits": limits}


def test_other_defaults_start_no_run(resource: Callable[..., Resource]) -> None:
    owner = resource()
    assert owner.spec is not None
    run = RunToStart(
        job="j",
        trigger=Trigger.SPEC_CHANGE,
        mode="update",
        fingerprint=fingerprint(owner.spec),
        due=at("2026-11-23"),
    )
    default = JobDefaults.model_validate({"resources": {"limits": {"memory": "9Gi"}}})

    told = [build_job(owner, run, "image", each) for each in (NOTHING_SAID, default)]
    envs = [job["spec"]["template"]["spec"]["containers"][0]["env"] for job in told]
    assert envs[0] == envs[1]
    assert told[0]["metadata"] == told[1]["metadata"]


def test_a_file_of_defaults_is_read(tmp_path: Path) -> None:
    file = tmp_path / "defaults.yaml"
    file.write_text(
        "userIds: FromCluster\npodTemplate: {imagePullSecrets: [{name: registry}], affinity: null}\n"
    )

    read = read_defaults(file)

    assert read.user_ids == "FromCluster"
    assert [secret.name for secret in read.pod_template.image_pull_secrets] == ["registry"]
    file.write_text("")
    assert read_defaults(file) == NOTHING_SAID


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "podTemplate: {imagePullSecret: x}",
            "podTemplate.imagePullSecret: is not a field; did you mean",
        ),
        (
            "imagePullSecrets: []",
            "imagePullSecrets: is not a field here; did you mean podTemplate",
        ),
        ("caBundle: {}", "caBundle.secretKeyRef: must be given, or configMapKeyRef, and not both"),
        ("userIds: 1000", "userIds: must be Fixed or FromCluster"),
        (
            "podTemplate: {env: [{name: PYTHONPATH, value: /x}]}",
            "podTemplate.env[0].name: must not be PATH",
        ),
        ("labels: {socratasync.dev/mode: x}", "labels: must not set labels of socratasync.dev/"),
        ("[a]", "must be one mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_bad_file_of_defaults_is_refused_by_the_fields_name(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "defaults.yaml"
    file.write_text(text)

    with pytest.raises(InvalidSpec) as refused:
        read_defaults(file)

    assert str(file) in refused.value.message
    assert sentence in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"nowhere.yaml: No such file"):
        read_defaults(tmp_path / "nowhere.yaml")
