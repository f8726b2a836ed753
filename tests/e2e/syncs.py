"""A SocrataSync in a cluster, from its user's side: secrets, manifest, status, what its Jobs did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e import authority
from tests.e2e.cluster import Cluster, Object

DATASET = "abcd-1234"


class Sync:
    """One SocrataSync named ``requests``; ``spec`` may be changed before ``apply``."""

    name = "requests"

    def __init__(self, cluster: Cluster, namespace: str, *, domain: str, dsn: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._dsn = dsn
        self.spec: dict[str, Any] = {
            "domain": domain,
            "datasets": [{"id": DATASET, "year": 2024}],
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
            "job": authority.trusting_job(),
        }

    def prepare(self, pem: str) -> Sync:
        """Creates what the manifest refers to; ``pem`` is the portal's authority."""
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "db"},
                "stringData": {"dsn": self._dsn},
            },
            authority.config_map(pem),
            namespace=self.namespace,
        )
        return self

    def apply(self) -> None:
        """``kubectl apply`` of the manifest as it is now."""
        manifest = {
            "apiVersion": "socratasync.dev/v1alpha1",
            "kind": "SocrataSync",
            "metadata": {"name": self.name},
            "spec": self.spec,
        }
        self.cluster.apply(manifest, namespace=self.namespace)

    def wait(self, condition: Callable[[Object], object], timeout_s: float = 90) -> Object:
        """The status once ``condition`` holds for it."""
        return self.cluster.wait_for_status(
            self.name, condition, namespace=self.namespace, timeout_s=timeout_s
        )

    def wait_finished(self, timeout_s: float = 120) -> Object:
        """The status once a run has ended, well or not."""
        return self.wait(lambda status: (status.get("lastRun") or {}).get("result"), timeout_s)

    def plugin(self, verb: str, *arguments: str, timeout_s: float = 120) -> str:
        """What ``kubectl socratasync VERB NAME`` printed."""
        where = (self.name, *arguments, "--namespace", self.namespace)
        return self.cluster.kubectl("socratasync", verb, *where, timeout_s=timeout_s)

    def pods(self) -> list[Object]:
        """The pods of its runs, oldest first."""
        selector = f"socratasync.dev/sync={self.name}"
        return self.cluster.list("pods", namespace=self.namespace, selector=selector)
