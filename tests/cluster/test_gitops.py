"""What tools that keep a manifest in step see of a SocrataSync: no difference, and whose each field is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.controlplane import ControlPlane
from tests.cluster.syncs import KIND, manifest
from tests.cluster.test_kstatus import kstatus
from tests.cluster.test_kubectl_plugin import Plugin

EXAMPLES = sorted((Path(__file__).parents[2] / "manifests" / "examples").glob("*.yaml"))


def syncs_of(path: Path) -> list[dict[str, Any]]:
    """The SocrataSyncs of a file, to go into any namespace."""
    found = [each for each in yaml.safe_load_all(path.read_text()) if each["kind"] == KIND]
    for each in found:
        each["metadata"].pop("namespace", None)
    return found


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["by the client", "by the server"])
def test_a_manifest_that_was_applied_makes_no_difference(
    control_plane: ControlPlane, namespace: str, flags: tuple[str, ...]
) -> None:
    syncs = [each for path in EXAMPLES for each in syncs_of(path)]
    text = yaml.safe_dump_all(syncs)
    where = ("--namespace", namespace, "-f", "-")
    control_plane.kubectl("apply", *flags, *where, stdin=text)

    # It ends with 1, and so raises, where there is a difference.
    assert control_plane.kubectl("diff", *flags, *where, stdin=text) == ""


def test_a_sync_that_the_operator_has_not_seen_is_on_its_way(
    control_plane: ControlPlane, namespace: str
) -> None:
    made = control_plane.api.create(manifest(), namespace=namespace)

    assert made["status"] == {"observedGeneration": -1}
    assert kstatus([made]) == ["InProgress"]


@pytest.mark.parametrize(
    ("command", "field"),
    [("suspend", "f:suspend"), ("trigger", "f:socratasync.dev/requestedAt")],
)
def test_what_a_person_sets_by_the_plugin_is_the_plugin_s(
    control_plane: ControlPlane, namespace: str, command: str, field: str
) -> None:
    control_plane.api.create(manifest(), namespace=namespace)

    done = Plugin(control_plane.kubeconfig, namespace)(command, "la-311")

    assert done.returncode == 0, done.stderr
    owners = managers(control_plane.api.get(KIND, "la-311", namespace=namespace))
    assert field in str(owners["kubectl-socratasync"])


def managers(whole: dict[str, Any]) -> dict[str, Any]:
    """Field manager → its fields."""
    return {each["manager"]: each["fieldsV1"] for each in whole["metadata"]["managedFields"]}
