"""What a release is made of, as SPDX documents: one for each platform of the image, one for the wheel.

Syft makes them; what they say is checked against the lock where the release is looked at.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tests.cluster import programs

from tools.release.version import ROOT


def of_image(archive: Path, platform: str, version: str, into: Path) -> Path:
    """Of one platform in an OCI archive: Debian's packages, Python and its packages."""
    file = into / f"socratasync-{version}-image-{platform.replace('/', '-')}.spdx.json"
    return _scan(f"oci-archive:{archive}", file, "socratasync", version, "--platform", platform)


def of_wheel(wheel: Path, version: str, into: Path, root: Path = ROOT) -> Path:
    """Of the wheel, and of all that requirements.lock has installed beside it."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder)
        lock = (root / "requirements.lock").read_text()
        (Path(folder) / "requirements.txt").write_text(lock)
        file = into / f"{wheel.stem}.spdx.json"
        return _scan(f"dir:{folder}", file, wheel.stem, version, "--base-path", folder)


def _scan(source: str, file: Path, name: str, version: str, *more: str) -> Path:
    syft = programs.find("sbom")["syft"]
    command: list[str | Path] = [syft, "scan", source, "--output", f"spdx-json={file}", "--quiet"]
    command += ["--source-name", name, "--source-version", version, *more]
    subprocess.run(command, check=True, env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"})
    return file
