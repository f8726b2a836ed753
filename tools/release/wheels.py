"""That every locked package has a wheel for a platform, asked of the index and not of the platform."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.release.version import ROOT

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_GLIBC = ("2_17", "2_28", "2_34", "2_36")
PYTHON = "3.13"
"""The image's, as the Dockerfile's base has it."""


def check(arch: str, root: Path = ROOT) -> int:
    """Download them all, by hash and wheels only, and throw them away; how many there were.

    Raises ``CalledProcessError`` if one is not there. What pip printed says which.
    """
    machine = MACHINES[arch]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += ["--platform", "any", *_platforms(machine), "-r", str(root / "requirements.lock")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--dest", folder], check=True)
        return len(list(Path(folder).glob("*.whl")))


def _platforms(machine: str) -> list[str]:
    tags = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBC] + [f"manylinux2014_{machine}"]
    return [part for tag in tags for part in ("--platform", tag)]
