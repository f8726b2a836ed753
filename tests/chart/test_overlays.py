"""The overlays that docs/install.md shows are built as they stand there, and do what is said of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tests.chart.rendering import ROOT, Object, kustomize, one, pod_spec, render
from tests.pages import File, steps

from socratasync.controller.jobs.defaults import read_defaults


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder beside a checkout, for an overlay."""
    for folder in ("manifests", "crds"):
        shutil.copytree(ROOT / folder, tmp_path / "socratasync" / folder)
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def shown(file: str, holding: str) -> str:
    """The one text of that name in the guide that holds those words."""
    files = [step for step in steps("docs/install.md") if isinstance(step, File)]
    (found,) = [f.text for f in files if f.path == f"../mine/{file}" and holding in f.text]
    return found


def built(folder: Path, kustomization: str) -> list[Object]:
    (folder / "kustomization.yaml").write_text(kustomization)
    return kustomize(str(folder))


def test_another_image_is_the_operators_alone_to_say(beside: Path) -> None:
    found = built(beside, shown("kustomization.yaml", "images:"))
    container = pod_spec(found)["containers"][0]

    assert container["image"] == "registry.example/open-data/socratasync:dev"
    # Nothing else names one: the operator reads it off its own pod.
    assert "ghcr.io/socratasync" not in yaml.safe_dump_all(found)
    assert {"POD_NAME", "POD_NAMESPACE"} == {each["name"] for each in container["env"]}


CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


@pytest.mark.parametrize("base", ["manifests", "manifests/namespaced"])
def test_another_namespace_is_everywhere_where_a_namespace_stands(beside: Path, base: str) -> None:
    shown_one = yaml.safe_load(shown("kustomization.yaml", "images:"))
    wanted = shown_one | {
        "resources": [f"../socratasync/{base}"],
        "components": ["../socratasync/manifests/leader-election"],
    }
    found = built(beside, yaml.safe_dump(wanted))

    places = {
        each["metadata"].get("namespace")
        or (each["kind"] == "Namespace" and each["metadata"]["name"])
        for each in found
        if each["kind"] not in CLUSTER_WIDE
    }
    subjects = [subject for each in found for subject in each.get("subjects", [])]
    assert len(subjects) == 2
    assert places | {subject["namespace"] for subject in subjects} == {"open-data"}


def test_the_defaults_that_are_shown_are_what_the_operator_reads(beside: Path) -> None:
    (beside / "job-defaults.yaml").write_text(shown("job-defaults.yaml", "caBundle"))
    found = built(beside, shown("kustomization.yaml", "configMapGenerator"))
    pod = pod_spec(found)
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "jobs"]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "jobs"]
    file = f"{mount['mountPath']}/defaults.yaml"
    written = one(found, "ConfigMap", volume["configMap"]["name"])["data"]["defaults.yaml"]

    assert f"--job-defaults={file}" in pod["containers"][0]["args"]
    (beside / "read.yaml").write_text(written)
    assert read_defaults(beside / "read.yaml").user_ids == "FromCluster"


def test_the_component_makes_two_operators_of_which_one_works(beside: Path) -> None:
    found = built(beside, shown("kustomization.yaml", "components"))

    assert one(found, "Deployment")["spec"]["replicas"] == 2
    assert "--leader-elect=socratasync" in pod_spec(found)["containers"][0]["args"]


def test_a_port_of_the_api_server_is_added_to_the_policy(beside: Path) -> None:
    found = built(beside, shown("kustomization.yaml", "16443"))

    assert 16443 in ports_out(one(found, "NetworkPolicy", "socratasync"))


def test_the_charts_ports_and_networks_of_the_api_server_are_its_values() -> None:
    networks = ["10.0.0.0/8", "fd00:10::/32"]
    values = {"networkPolicy": {"apiServerPorts": [16443], "apiServerCIDRs": networks}}
    policy = one(render(values), "NetworkPolicy")

    assert ports_out(policy) == [53, 53, 16443]
    assert [to["ipBlock"]["cidr"] for to in policy["spec"]["egress"][1]["to"]] == networks


def ports_out(policy: Object) -> list[int]:
    return [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
