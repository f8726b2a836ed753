"""The chart and the plain manifests as objects: what Helm and Kustomize make of them, here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.cluster import programs

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "socrata-sync"
KUBERNETES = "1.34.0"  # what Helm takes the cluster for, there being none

Object = dict[str, Any]


class RenderFailed(AssertionError):
    """Helm or Kustomize refused; the message is what it printed."""


def render(
    values: Mapping[str, Any] | None = None,
    *,
    release: str = "socratasync",
    namespace: str = "socratasync-system",
) -> list[Object]:
    """The objects of a release with these values. Raises ``RenderFailed``."""
    helm = programs.find("chart")["helm"]
    command: list[str | Path] = [helm, "template", release, CHART, "--namespace", namespace]
    command += ["--kube-version", KUBERNETES, "--values", "-"]
    return objects(_run(command, values))


def notes(kubeconfig: Path, values: Mapping[str, Any]) -> str:
    """What Helm tells after an install, of which it only goes through the motions."""
    helm = programs.find("chart")["helm"]
    command: list[str | Path] = [helm, "install", "socratasync", CHART, "--dry-run=server"]
    command += ["--namespace", "socratasync-system", "--kubeconfig", kubeconfig, "--values", "-"]
    return _run(command, values).partition("NOTES:")[2]


def lint(values: Mapping[str, Any] | None = None) -> str:
    """What ``helm lint --strict`` says. Raises ``RenderFailed`` when it finds fault."""
    helm = programs.find("chart")["helm"]
    command: list[str | Path] = [
        helm,
        "lint",
        "--strict",
        CHART,
        "--kube-version",
        KUBERNETES,
        "--values",
        "-",
    ]
    return _run(command, values)


def kustomize(folder: str) -> list[Object]:
    """The objects of a Kustomize folder, given from the checkout's root. Raises ``RenderFailed``."""
    command: list[str | Path] = [programs.find("api")["kubectl"], "kustomize", ROOT / folder]
    return objects(_run(command, None))


def objects(text: str) -> list[Object]:
    """The objects of a YAML stream; empty documents are none."""
    return [document for document in yaml.safe_load_all(text) if document]


def one(found: Sequence[Object], kind: str, name: str = "") -> Object:
    """The only object of that kind, or of that kind and name."""
    fitting = [o for o in found if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    assert len(fitting) == 1, f"{len(fitting)} objects are a {kind} {name}"
    return fitting[0]


def kinds(found: Sequence[Object]) -> set[str]:
    """The kinds there are."""
    return {o["kind"] for o in found}


def pod_spec(found: Sequence[Object]) -> Object:
    """The pod of the operator's Deployment."""
    spec: Object = one(found, "Deployment")["spec"]["template"]["spec"]
    return spec


def _run(command: Sequence[str | Path], values: Mapping[str, Any] | None) -> str:
    done = subprocess.run(
        command, input=json.dumps(values or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RenderFailed(done.stderr + done.stdout)
    return done.stdout
