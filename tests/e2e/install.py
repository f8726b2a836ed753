"""Installing the operator as a user does, from manifests/, and taking it away again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster import Cluster

ROOT = Path(__file__).parents[2]
SYSTEM = "socratasync-system"
_SHIPPED_IMAGE = re.compile(r"ghcr\.io/socratasync/socratasync(:[\w.-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the operator runs."""

    cluster: Cluster
    namespace: str
    deployment: str = "socratasync"

    def logs(self) -> str:
        """What the operator has logged."""
        where = ("--namespace", self.namespace, "--tail=-1")
        return self.cluster.kubectl("logs", f"deployment/{self.deployment}", *where)

    def wait_ready(self, timeout_s: int = 120) -> None:
        """Returns once the operator's probes say that it works."""
        self.cluster.kubectl(
            *("rollout", "status", f"deployment/{self.deployment}", "--namespace", self.namespace),
            f"--timeout={timeout_s}s",
            timeout_s=timeout_s + 10,
        )


@contextmanager
def manifests_installed(cluster: Cluster) -> Iterator[Installation]:
    """``kubectl apply -k manifests/`` with the image under test in place of the published one."""
    text = rendered(cluster.kubectl("kustomize", str(ROOT / "manifests")), cluster.image)
    # Server-side: the CustomResourceDefinition is too big for the annotation of a plain apply.
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
    installation = Installation(cluster=cluster, namespace=SYSTEM)
    try:
        installation.wait_ready()
        yield installation
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=text)
        cluster.kubectl("wait", "--for=delete", f"namespace/{SYSTEM}", "--timeout=120s")


def rendered(manifests: str, image: str) -> str:
    """The manifests with another image, for the operator and for the Jobs that it makes."""
    return _SHIPPED_IMAGE.sub(image, manifests)
