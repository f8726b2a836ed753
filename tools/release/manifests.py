"""``install.yaml``: definition, rights and operator as one file, for who has neither Helm nor a checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.cluster import programs

from tools.release.version import ROOT, version

HEADER = """\
# Socrata Sync {version}: the definition, the rights and the operator, for the whole cluster.
#   kubectl apply --server-side -f install.yaml
# Server-side, since the definition is too large for the annotation of a plain apply.
"""


def install_yaml(root: Path = ROOT) -> str:
    """What ``kubectl kustomize manifests/`` makes, the definition included, behind three lines that say so."""
    kubectl = shutil.which("kubectl") or programs.find("api")["kubectl"]
    command = [kubectl, "kustomize", root / "manifests"]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return HEADER.format(version=version(root)) + made
