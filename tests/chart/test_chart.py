"""What the chart renders: the values as a table, and the objects that come of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.combinations import COMBINATIONS, EVERYTHING
from tests.chart.rendering import CHART, RenderFailed, kinds, lint, one, pod_spec, render
from tests.skipped import needs_ipv6

from socratasync.controller.jobs.defaults import JobDefaults, read_defaults
from socratasync.controller.metrics.server import metrics_app
from socratasync.controller.serving import serving_apart

CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_lint_finds_no_fault(values: Mapping[str, Any]) -> None:
    assert "0 chart(s) failed" in lint(values)


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_every_object_says_what_it_belongs_to(values: Mapping[str, Any]) -> None:
    for rendered in render(values):
        labels = rendered["metadata"].get("labels", {})
        if rendered["kind"] != "CustomResourceDefinition":
            assert labels["app.kubernetes.io/part-of"] == "socratasync"
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
            assert labels["helm.sh/chart"].startswith("socrata-sync-")


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_no_rendering_gives_the_operator_a_secret_or_lets_two_work_at_once(
    values: Mapping[str, Any],
) -> None:
    rendered = render(values)

    asked = {
        resource
        for role in rendered
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
        for resource in rule["resources"]
    }
    assert not asked & {"secrets", "*"}
    deployment = one(rendered, "Deployment")["spec"]
    elected = "--leader-elect=socratasync" in pod_spec(rendered)["containers"][0]["args"]
    assert elected or deployment["replicas"] <= 1
    assert deployment["strategy"]["type"] == ("RollingUpdate" if elected else "Recreate")


@pytest.mark.parametrize(
    ("values", "roles", "flags"),
    [
        pytest.param({}, {}, [], id="cluster scope: one ClusterRole, no flag"),
        pytest.param(
            {"watch": {"scope": "Namespaces", "namespaces": ["data", "maps"]}},
            {"data": "Role", "maps": "Role"},
            ["--namespace=data", "--namespace=maps"],
            id="namespaces: a Role in each, each named to the operator",
        ),
        pytest.param(
            {"watch": {"scope": "ReleaseNamespace"}},
            {"socratasync-system": "Role"},
            ["--namespace=socratasync-system"],
            id="release namespace: one Role there",
        ),
    ],
)
def test_rights_and_flags_follow_the_scope(
    values: Mapping[str, Any], roles: Mapping[str, str], flags: list[str]
) -> None:
    rendered = render(values)

    found = {o["metadata"]["namespace"]: o["kind"] for o in rendered if o["kind"] == "Role"}
    assert found == roles
    bound = {o["metadata"]["namespace"] for o in rendered if o["kind"] == "RoleBinding"}
    assert bound == set(roles)
    assert bool(kinds(rendered) & CLUSTER_WIDE) == (not roles)
    args = pod_spec(rendered)["containers"][0]["args"]
    assert [arg for arg in args if arg.startswith("--namespace")] == flags


def test_a_binding_names_the_account_where_the_operator_runs() -> None:
    values = {"watch": {"scope": "Namespaces", "namespaces": ["data"]}}

    binding = one(render(values, namespace="ops"), "RoleBinding")

    account = {"kind": "ServiceAccount", "name": "socratasync", "namespace": "ops"}
    assert binding["subjects"] == [account]
    assert binding["metadata"]["namespace"] == "data"


def test_two_installs_in_two_namespaces_share_no_cluster_wide_name() -> None:
    ours, theirs = render(), render(namespace="other")

    def cluster_wide(rendered: list[dict[str, Any]]) -> set[str]:
        return {o["metadata"]["name"] for o in rendered if o["kind"] in CLUSTER_WIDE}

    assert cluster_wide(ours)
    assert not cluster_wide(ours) & cluster_wide(theirs)


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("socratasync", "socratasync"),
        ("socrata-sync", "socrata-sync"),
        ("prod", "prod-socratasync"),
    ],
)
def test_a_name_says_socratasync_once(release: str, name: str) -> None:
    assert one(render(release=release), "Deployment")["metadata"]["name"] == name


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, False),
        ({"watch": {"scope": "ReleaseNamespace"}}, False),
        ({"watch": {"scope": "Namespaces", "namespaces": ["socratasync-system", "data"]}}, False),
        ({"watch": {"scope": "Namespaces", "namespaces": ["data"]}}, True),
    ],
    ids=["the cluster", "its own namespace", "some, its own among them", "only others"],
)
def test_the_operator_is_told_its_image_only_where_it_may_not_see_its_own_pod(
    values: Mapping[str, Any], told: bool
) -> None:
    env = {each["name"]: each for each in pod_spec(render(values))["containers"][0]["env"]}

    assert ("SOCRATASYNC_IMAGE" in env) == told
    for name, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace")):
        assert env[name]["valueFrom"] == {"fieldRef": {"fieldPath": path}}


def test_job_defaults_reach_the_operator_as_they_were_written(tmp_path: Path) -> None:
    rendered = render(EVERYTHING)
    pod = pod_spec(rendered)
    container = pod["containers"][0]
    (flag,) = [arg for arg in container["args"] if arg.startswith("--job-defaults=")]
    folder, _, name = flag.partition("=")[2].rpartition("/")
    (mount,) = [m for m in container["volumeMounts"] if m["mountPath"] == folder]
    (volume,) = [v for v in pod["volumes"] if v["name"] == mount["name"]]
    file = tmp_path / name
    file.write_text(one(rendered, "ConfigMap", volume["configMap"]["name"])["data"][name])

    assert read_defaults(file) == JobDefaults.model_validate(EVERYTHING["jobs"])


def test_other_job_defaults_are_another_pod_and_none_are_no_file() -> None:
    def template(**jobs: Any) -> Any:
        return one(render({"jobs": jobs}), "Deployment")["spec"]["template"]

    assert template() == template(userIds="Fixed", labels={})
    assert not [arg for arg in template()["spec"]["containers"][0]["args"] if "defaults" in arg]
    assert template(labels={"a": "1"}) != template(labels={"a": "2"})


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({"repository": "registry.local/ss", "tag": "1.2.3"}, "registry.local/ss:1.2.3"),
        (
            {"repository": "registry.local/ss", "tag": "1", "digest": "sha256:" + "a" * 64},
            "registry.local/ss@sha256:" + "a" * 64,
        ),
    ],
    ids=["a tag", "a digest beats the tag"],
)
def test_the_jobs_run_the_image_of_the_operator(image: Mapping[str, str], reference: str) -> None:
    values = {"image": image, "watch": {"scope": "Namespaces", "namespaces": ["data"]}}
    container = pod_spec(render(values))["containers"][0]

    assert container["image"] == reference
    assert {"name": "SOCRATASYNC_IMAGE", "value": reference} in container["env"]


def test_every_pod_setting_reaches_the_pod() -> None:
    rendered = render(EVERYTHING)
    pod = pod_spec(rendered)
    template = one(rendered, "Deployment")["spec"]["template"]["metadata"]
    container = pod["containers"][0]

    for setting in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"):
        assert pod[setting] == EVERYTHING[setting]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["serviceAccountName"] == "loader"
    assert EVERYTHING["extraEnv"][0] in container["env"]
    assert EVERYTHING["extraVolumeMounts"][0] in container["volumeMounts"]
    assert EVERYTHING["extraVolumes"][0] in pod["volumes"]
    assert template["annotations"]["example.com/log"] == "json"
    assert template["labels"]["cost-centre"] == "311"
    assert template["labels"]["team"] == "data"
    assert {"--max-active-runs=5", "--log-format=text"} <= set(container["args"])


def test_the_definition_stays_when_the_chart_goes() -> None:
    definition = one(render(), "CustomResourceDefinition")

    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert "CustomResourceDefinition" not in kinds(render({"crds": {"install": False}}))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"serviceMonitor": {"enabled": True}}, "ServiceMonitor"),
        ({"prometheusRule": {"enabled": True}}, "PrometheusRule"),
        ({"dashboard": {"enabled": True}}, "ConfigMap"),
        ({"jobs": {"labels": {"team": "data"}}}, "ConfigMap"),
        ({"podDisruptionBudget": {"enabled": True}}, "PodDisruptionBudget"),
    ],
)
def test_what_is_off_by_default_comes_when_asked_for(values: Mapping[str, Any], kind: str) -> None:
    assert kind not in kinds(render())
    assert kind in kinds(render(values))


def test_a_scrape_keeps_the_namespace_of_the_sync() -> None:
    monitor = one(render(EVERYTHING), "ServiceMonitor")

    assert monitor["spec"]["endpoints"][0]["honorLabels"] is True
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service = one(render(EVERYTHING), "Service", "socratasync-metrics")
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )


def test_alerts_can_be_left_out_changed_and_added_to() -> None:
    rules = one(render(EVERYTHING), "PrometheusRule")["spec"]["groups"][0]["rules"]
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}

    assert "SocrataSyncRowDrift" not in alerts
    changed = alerts["SocrataSyncSuspendedTooLong"]
    assert changed["for"] == "30d"
    assert changed["labels"] == {"severity": "info", "team": "data"}
    assert alerts["SocrataSyncFailed"]["labels"] == {"severity": "warning"}
    assert rules[-1]["record"] == "socratasync:syncs"


def test_each_alert_links_to_its_own_runbook() -> None:
    values = {"prometheusRule": {"enabled": True, "runbookBaseUrl": "https://wiki.example/ss/"}}
    rules = one(render(values), "PrometheusRule")["spec"]["groups"][0]["rules"]

    links = [rule["annotations"]["runbook_url"] for rule in rules]
    assert links == [f"https://wiki.example/ss/{rule['alert']}.md" for rule in rules]
    shipped = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
    assert len(links) == sum("alert" in rule for group in shipped for rule in group["rules"]) > 0
    assert "$labels" in rules[0]["annotations"]["summary"]  # for Prometheus, not for Helm


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param({"replicas": 2}, "leaderElection", id="two operators that would both work"),
        pytest.param({"watch": {"scope": "Everywhere"}}, "scope", id="an unknown scope"),
        pytest.param({"watch": {"scope": "Namespaces"}}, "namespaces", id="no namespaces named"),
        pytest.param({"imagePullPolicy": "Always"}, "imagePullPolicy", id="a value misspelt"),
        pytest.param({"operator": {"logLevel": "loud"}}, "logLevel", id="an unknown log level"),
        pytest.param({"serviceAccount": {"create": False}}, "name", id="no account named"),
        pytest.param({"jobs": {"caBundel": {}}}, "caBundel", id="a job default misspelt"),
        pytest.param(
            {"jobs": {"podTemplate": {"hostNetwork": True}}}, "hostNetwork", id="no field"
        ),
        pytest.param({"image": {"digest": "sha256:12"}}, "digest", id="half a digest"),
        pytest.param(
            {"prometheusRule": {"enabled": True, "disabled": ["SocrataSyncFialed"]}},
            "SocrataSyncFialed",
            id="an alert misspelt",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(RenderFailed, match=sentence):
        render(values)


def test_the_test_pod_fits_the_strictest_pod_security() -> None:
    pod = one(render(), "Pod")

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_the_test_pod_finds_the_metrics_at_an_address_of_either_family(host: str) -> None:
    code, variable, name = one(render(), "Pod")["spec"]["containers"][0]["args"]
    scrape = [b"socratasync_operator_build_info{} 1\n"]
    with serving_apart(metrics_app(lambda: iter(scrape)), 0) as port:
        ran = subprocess.run(
            [sys.executable, "-c", code.replace(":9090", f":{port}"), variable, name],
            env={variable: host, "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (ran.returncode, ran.stdout) == (0, "socratasync_operator_build_info{} 1\n"), ran.stderr


def test_the_status_page_is_off_unless_it_is_asked_for() -> None:
    rendered = render()
    container = pod_spec(rendered)["containers"][0]

    assert not [arg for arg in container["args"] if "status-page" in arg]
    assert [port["name"] for port in container["ports"]] == ["metrics", "health"]
    assert [o["metadata"]["name"] for o in rendered if o["kind"] == "Service"] == [
        "socratasync-metrics"
    ]


def test_the_status_page_is_reached_through_a_service_of_its_own_by_those_who_may() -> None:
    rendered = render(EVERYTHING)
    container = pod_spec(rendered)["containers"][0]
    name = one(rendered, "Deployment")["metadata"]["name"]
    service = one(rendered, "Service", f"{name}-status-page")
    policy = one(rendered, "NetworkPolicy", name)

    (port,) = [each for each in container["ports"] if each["name"] == "status-page"]
    assert f"--status-page-port={port['containerPort']}" in container["args"]
    assert [arg for arg in container["args"] if "leave-out" in arg] == [
        "--status-page-leave-out=maps",
        "--status-page-leave-out=parks",
    ]
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["status-page"]
    pod = one(rendered, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= pod.items()
    (rule,) = [
        each for each in policy["spec"]["ingress"] if each["ports"][0]["port"] == "status-page"
    ]
    assert rule["from"] == EVERYTHING["networkPolicy"]["statusPageFrom"]


def test_a_service_monitor_takes_no_service_but_that_of_the_metrics() -> None:
    rendered = render(EVERYTHING)
    wanted = one(rendered, "ServiceMonitor")["spec"]["selector"]["matchLabels"]

    found = [
        o["metadata"]["name"]
        for o in rendered
        if o["kind"] == "Service" and wanted.items() <= o["metadata"]["labels"].items()
    ]

    assert len(found) == 1
    assert found[0].endswith("-metrics")
