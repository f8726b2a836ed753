"""``install.yaml``, the one file of a release, is taken by an API server as it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from tests.cluster.controlplane import ControlPlane
from tools.release.manifests import install_yaml

SYSTEM = "socratasync-system"


@pytest.fixture
def namespace_of_the_system(control_plane: ControlPlane) -> Iterator[str]:
    """The namespace that the file makes: a server that only tries things would miss it for all else."""
    control_plane.api.create({"kind": "Namespace", "metadata": {"name": SYSTEM}})
    control_plane.api.wait_for("ServiceAccount", "default", lambda _: True, namespace=SYSTEM)
    yield SYSTEM
    control_plane.api.delete("Namespace", SYSTEM)


def test_the_file_of_a_release_is_taken_without_a_warning(
    control_plane: ControlPlane, namespace_of_the_system: str
) -> None:
    text = install_yaml()
    kinds = [each["kind"].lower() for each in yaml.safe_load_all(text)]
    how = (
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
    )

    said = control_plane.kubectl("apply", *how, "-f", "-", stdin=text)

    taken = [line.partition("/")[0].partition(".")[0] for line in said.splitlines()]
    assert taken == kinds
    assert all(line.endswith("(server dry run)") for line in said.splitlines())
    assert namespace_of_the_system in text
