"""What `make release-dry-run` has made in dist/: of one version, whole, and what its files say of each other is so."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.cluster import programs
from tools.release.image import Packed, packed, paths, read
from tools.release.manifests import install_yaml

from socratasync import __version__
from socratasync.api.crd import crd

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
WHEEL = DIST / f"socratasync-{__version__}-py3-none-any.whl"
IMAGE = DIST / f"socratasync-{__version__}-image.tar"
CHART = DIST / f"socrata-sync-{__version__}.tgz"
REPOSITORY = "ghcr.io/socratasync/socratasync"
_LOCKED = re.findall(
    r"^([\w.-]+)==([^\s;]+)(.*)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
)
LOCKED = {name: version for name, version, marker in _LOCKED if "win32" not in marker}


@pytest.fixture(scope="module")
def images() -> Mapping[str, Packed]:
    """The images of the archive by platform."""
    return {each.platform: each for each in packed(IMAGE)}


def test_the_checksums_are_those_of_all_other_files() -> None:
    said = dict(line.split("  ")[::-1] for line in (DIST / "SHA256SUMS").read_text().splitlines())

    assert set(said) == {file.name for file in DIST.iterdir()} - {"SHA256SUMS"}
    for name, digest in said.items():
        assert hashlib.sha256((DIST / name).read_bytes()).hexdigest() == digest


def test_the_wheel_is_the_package_and_nothing_of_its_tests() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"socratasync-{__version__}.dist-info/METADATA").decode()

    assert {name.split("/")[0] for name in names} == {
        "socratasync",
        "socrata_simulator",
        f"socratasync-{__version__}.dist-info",
    }
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata


def test_install_yaml_is_the_manifests_and_the_definition_of_this_version() -> None:
    text = (DIST / "install.yaml").read_text()
    found = list(yaml.safe_load_all(text))

    assert text == install_yaml()
    assert crd() in found
    assert re.findall(r"image: (\S+)", text) == [f"{REPOSITORY}:{__version__}"]
    assert {"Namespace", "CustomResourceDefinition", "ClusterRole", "Deployment"} <= {
        each["kind"] for each in found
    }


def test_the_chart_tells_artifact_hub_what_it_renders() -> None:
    with tarfile.open(CHART) as tar:
        member = tar.extractfile("socrata-sync/Chart.yaml")
        assert member is not None
        chart = yaml.safe_load(member.read())
    told = {key.partition("/")[2]: value for key, value in chart["annotations"].items()}
    helm = programs.find("chart")["helm"]
    command = [str(helm), "template", "x", str(CHART), "--kube-version", "1.34.0"]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True)
    objects = [each for each in yaml.safe_load_all(rendered.stdout) if each]

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [each["image"] for each in yaml.safe_load(told["images"])] == [container["image"]]
    definitions = [each for each in objects if each["kind"] == "CustomResourceDefinition"]
    assert [each["name"] for each in yaml.safe_load(told["crds"])] == [
        each["metadata"]["name"] for each in definitions
    ]
    notes = (DIST / "notes.md").read_text()
    assert len(yaml.safe_load(told["changes"])) == len(re.findall(r"^- ", notes, re.MULTILINE))


def test_the_image_is_for_both_processors_and_says_what_it_is(images: Mapping[str, Packed]) -> None:
    assert set(images) == {"linux/amd64", "linux/arm64"}
    for image in images.values():
        labels = image.config["Labels"]
        assert labels["org.opencontainers.image.version"] == __version__
        assert re.match(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
        assert labels["org.opencontainers.image.base.name"]
        assert image.config["User"] == "65532:65532"
        assert image.config["Entrypoint"] == ["socratasync"]


def test_what_is_compiled_in_an_image_is_for_its_processor(images: Mapping[str, Packed]) -> None:
    machines = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

    for platform, machine in machines.items():
        found = paths(IMAGE, images[platform])
        compiled = {f for f in found if f.startswith("opt/") and ".cpython-" in f and ".so" in f}
        assert len(compiled) > 5
        assert {f for f in compiled if f"-{machine}-linux-gnu.so" not in f} == set()


def test_the_image_has_the_list_of_licences_that_is_published(
    images: Mapping[str, Packed],
) -> None:
    listed = (DIST / "licences.tsv").read_text()

    for image in images.values():
        own = read(IMAGE, image, "licenses/dependencies.tsv")
        assert _versions(own) == _versions(listed) == LOCKED
        assert "Apache License" in read(IMAGE, image, "licenses/LICENSE")


def _versions(table: str) -> dict[str, str]:
    return dict(line.split("\t")[:2] for line in table.splitlines()[1:])


def document(name: str) -> Document:
    """An SBOM, read by SPDX's own library."""
    return parse_file(str(DIST / name))


SBOMS = [
    f"socratasync-{__version__}-image-linux-amd64.spdx.json",
    f"socratasync-{__version__}-image-linux-arm64.spdx.json",
    f"{WHEEL.stem}.spdx.json",
]


@pytest.mark.parametrize("name", SBOMS)
def test_an_sbom_is_valid_spdx(name: str) -> None:
    assert [each.validation_message for each in validate_full_spdx_document(document(name))] == []


@pytest.mark.parametrize("name", SBOMS)
def test_an_sbom_names_every_locked_package_with_its_version(name: str) -> None:
    packages = json.loads((DIST / name).read_text())["packages"]
    there = {(_normal(each["name"]), each.get("versionInfo")) for each in packages}

    assert {*LOCKED.items(), ("socratasync", __version__)} - there == set()


@pytest.mark.parametrize("name", SBOMS[:2])
def test_an_sbom_of_an_image_names_what_the_system_brings(name: str) -> None:
    packages: list[dict[str, Any]] = json.loads((DIST / name).read_text())["packages"]
    urls = [
        reference["referenceLocator"]
        for each in packages
        for reference in each.get("externalRefs", [])
    ]
    architecture = name.removesuffix(".spdx.json").rpartition("-")[2]

    assert any(url.startswith("pkg:deb/debian/libc6@") for url in urls)
    assert any(f"arch={architecture}" in url for url in urls)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
