"""The chart as it is published: packaged, with what Artifact Hub shows of it.

The annotations are made here of the definition, the values and the changelog, so none can be forgotten.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.cluster import programs

from tools.release.changelog import section_for
from tools.release.version import CHANGELOG, ROOT, version

CHART = "helm/socrata-sync"
PLATFORMS = ("linux/amd64", "linux/arm64")


def package(into: Path, root: Path = ROOT) -> Path:
    """The packaged chart, in that folder."""
    helm = programs.find("chart")["helm"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / Path(CHART).name
        shutil.copytree(root / CHART, folder)
        file = folder / "Chart.yaml"
        chart = yaml.safe_load(file.read_text())
        chart["annotations"] = {**chart.get("annotations", {}), **artifact_hub(root)}
        file.write_text(yaml.safe_dump(chart, sort_keys=False, allow_unicode=True, width=1000))
        command: list[str | Path] = [helm, "package", folder, "--destination", into]
        subprocess.run(command, check=True, capture_output=True)
    return into / f"{Path(CHART).name}-{version(root)}.tgz"


def artifact_hub(root: Path = ROOT) -> Mapping[str, str]:
    """The annotations of this version. Values that are no text are YAML, as Artifact Hub wants them."""
    chart = yaml.safe_load((root / CHART / "Chart.yaml").read_text())
    section = section_for((root / CHANGELOG).read_text(), version(root))
    changes = [{"kind": kind.lower(), "description": said} for kind, said in section.changes()]
    told: dict[str, Any] = {
        "changes": changes,
        "containsSecurityUpdates": any(each["kind"] == "security" for each in changes),
        "crds": _definitions(root),
        "crdsExamples": [yaml.safe_load((root / "manifests/examples/minimal.yaml").read_text())],
        "images": [_image(root)],
        "links": _links(chart["home"]),
        "prerelease": "-" in version(root),
    }
    return {f"artifacthub.io/{name}": _text(value) for name, value in told.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def _definitions(root: Path) -> Sequence[Mapping[str, str]]:
    definition = yaml.safe_load((root / "crds/socratasyncs.yaml").read_text())
    kind = definition["spec"]["names"]["kind"]
    return [
        {
            "kind": kind,
            "version": each["name"],
            "name": definition["metadata"]["name"],
            "displayName": "Socrata Sync",
            "description": each["schema"]["openAPIV3Schema"]["description"],
        }
        for each in definition["spec"]["versions"]
    ]


def _image(root: Path) -> Mapping[str, object]:
    repository = yaml.safe_load((root / CHART / "values.yaml").read_text())["image"]["repository"]
    image = f"{repository}:{version(root)}"
    return {"name": "socratasync", "image": image, "platforms": list(PLATFORMS)}


def _links(home: str) -> Sequence[Mapping[str, str]]:
    return [
        {"name": "source", "url": home},
        {"name": "documentation", "url": f"{home}/tree/main/docs"},
        {"name": "support", "url": f"{home}/issues"},
    ]
