"""The image for every kind of processor, as one OCI archive: what is pushed is what was looked at.

Buildah builds it, here and where releases are made, and programs of another processor run under QEMU.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.images import build as build_one
from tests.e2e.images import buildah

from tools.release.version import ROOT

INDEX = "localhost/socratasync-release:{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the image is built on: a name with a digest, or ``""`` for the stand-in of Debian's packages."""

    name: str = ""

    @classmethod
    def of_registry(cls, image: str) -> Base:
        """The image as it is in its registry now, by digest. Raises ``CalledProcessError`` if nobody answers."""
        bare = image.rpartition("@")[0] or image
        command = ["skopeo", "inspect", "--raw", f"docker://{image}"]
        said = subprocess.run(command, check=True, capture_output=True, timeout=60)
        return cls(name=f"{bare}@sha256:{hashlib.sha256(said.stdout).hexdigest()}")


def build(version: str, revision: str, base: Base, *arches: str) -> str:
    """Build it for each; the name of the list that holds them all."""
    name = INDEX.format(version=version)
    known = buildah("images", "--format", "{{.Name}}:{{.Tag}}").split()
    if name in known:
        buildah("manifest", "rm", name)
    buildah("manifest", "create", name)
    for arch in arches:
        made = build_one(
            f"{name}-{arch}",
            version=version,
            arch=arch,
            PYTHON_IMAGE=base.name,
            REVISION=revision,
        )
        buildah("manifest", "add", name, made)
    return name


def archive(name: str, version: str, file: Path) -> Path:
    """The whole list as an OCI archive, whose one reference is the version."""
    file.unlink(missing_ok=True)
    buildah("manifest", "push", "--all", name, f"oci-archive:{file}:{version}")
    return file


def base_of(dockerfile: Path = ROOT / "Dockerfile") -> str:
    """The base that the Dockerfile names, without a digest."""
    head = dockerfile.read_text().partition("FROM")[0]
    return head.partition("ARG PYTHON_IMAGE=")[2].split()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One platform's image within an archive."""

    platform: str
    config: Mapping[str, Any]
    layers: tuple[str, ...]


def packed(file: Path) -> Iterator[Packed]:
    """The images of an OCI archive."""
    with tarfile.open(file) as tar:
        (top,) = _json(tar, "index.json")["manifests"]
        for each in _json(tar, _blob(top["digest"])).get("manifests", [top]):
            manifest = _json(tar, _blob(each["digest"]))
            config = _json(tar, _blob(manifest["config"]["digest"]))
            yield Packed(
                platform=f"{config['os']}/{config['architecture']}",
                config=config["config"],
                layers=tuple(layer["digest"] for layer in manifest["layers"]),
            )


def read(file: Path, image: Packed, path: str) -> str:
    """A text file of the image. Raises ``FileNotFoundError``."""
    for layer in _layers(file, image):
        if path in layer.getnames():
            found = layer.extractfile(path)
            assert found is not None
            return found.read().decode()
    raise FileNotFoundError(path)


def paths(file: Path, image: Packed) -> set[str]:
    """The names of all files that the image's layers add."""
    return {name for layer in _layers(file, image) for name in layer.getnames()}


def _layers(file: Path, image: Packed) -> Iterator[tarfile.TarFile]:
    """The image's layers, the topmost first."""
    with tarfile.open(file) as tar:
        for digest in reversed(image.layers):
            with tarfile.open(fileobj=tar.extractfile(_blob(digest))) as layer:
                yield layer


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(tar: tarfile.TarFile, name: str) -> Any:
    found = tar.extractfile(name)
    assert found is not None
    return json.load(found)
