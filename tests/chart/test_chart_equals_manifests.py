"""The chart by default is the plain manifests, and the other way round."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import ROOT, Object, kustomize, one, pod_spec, render

ONLY_HELM = {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}


def compared(found: list[Object]) -> dict[str, Object]:
    """Objects by kind and name, without what only Helm writes and without the namespace's own object."""
    return {
        f"{o['kind']}/{o['metadata'].get('namespace', '-')}/{o['metadata']['name']}": plain(o)
        for o in found
        if o["kind"] != "Namespace" and "helm.sh/hook" not in o["metadata"].get("annotations", {})
    }


def plain(value: Any) -> Any:
    """A copy without Helm's labels and annotations, and without mappings that are empty then."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: plain(item)
        for key, item in value.items()
        if key not in ONLY_HELM and item != {"helm.sh/resource-policy": "keep"}
    }


def test_the_chart_by_default_is_the_plain_manifests() -> None:
    assert compared(render()) == compared(kustomize("manifests"))


def test_the_chart_for_its_own_namespace_is_the_namespaced_manifests() -> None:
    values = {"watch": {"scope": "ReleaseNamespace"}, "crds": {"install": False}}
    chart = compared(render(values, namespace="data"))
    manifests = compared(kustomize("manifests/namespaced"))

    # Kustomize leaves to the kubelet what Helm knows: the namespace in the flag.
    args = pod_spec(list(manifests.values()))["containers"][0]["args"]
    assert args.pop() == "--namespace=$(POD_NAMESPACE)"
    args.append("--namespace=data")
    assert chart == manifests


@pytest.mark.parametrize(
    ("component", "values"),
    [
        ("leader-election", {"replicas": 2, "leaderElection": {"enabled": True}}),
        ("status-page", {"statusPage": {"enabled": True}}),
    ],
)
def test_the_chart_with_an_extra_is_the_manifests_with_its_component(
    tmp_path: Path, component: str, values: dict[str, Any]
) -> None:
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    shutil.copytree(ROOT / "crds", tmp_path / "crds")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(
        "namespace: socratasync-system\n"
        "resources: [../manifests]\n"
        f"components: [../manifests/{component}]\n"
    )

    assert compared(render(values)) == compared(kustomize(str(tmp_path / "mine")))


@pytest.mark.parametrize("folder", ["manifests", "manifests/namespaced"])
def test_the_rights_of_a_role_and_of_the_cluster_role_are_the_same(folder: str) -> None:
    roles = [o for o in kustomize(folder) if o["kind"] in ("Role", "ClusterRole")]
    operator = one(roles, roles[0]["kind"], "socratasync")

    assert operator["rules"] == one(render(), "ClusterRole", "socratasync")["rules"]
