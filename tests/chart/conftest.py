"""What the chart's tests share with the cluster's: a real API server."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cluster.conftest import control_plane  # noqa: F401  # a fixture, by its own name
from tests.cluster.controlplane import ControlPlane

MONITORING: Mapping[str, Mapping[str, Any]] = {
    "ServiceMonitor": {
        "jobLabel": {"type": "string"},
        "selector": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "endpoints": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "port": {"type": "string"},
                    "path": {"type": "string"},
                    "interval": {"type": "string"},
                    "scrapeTimeout": {"type": "string"},
                    "honorLabels": {"type": "boolean"},
                    "relabelings": {"x-kubernetes-preserve-unknown-fields": True},
                    "metricRelabelings": {"x-kubernetes-preserve-unknown-fields": True},
                },
            },
        },
    },
    "PrometheusRule": {
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "rules": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["expr"],
                            "properties": {
                                "alert": {"type": "string"},
                                "record": {"type": "string"},
                                "expr": {"type": "string"},
                                "for": {"type": "string", "pattern": "^[0-9]+[smhd]$"},
                                "labels": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                                "annotations": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""The parts of the Prometheus operator's two kinds that the chart writes, under the types they have
there: this control plane has no Prometheus operator."""


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:  # noqa: F811
    """The control plane with the Prometheus operator's kinds, and three namespaces that admit
    restricted pods only."""
    with alone(control_plane):
        definitions = [monitoring_kind(kind, spec) for kind, spec in MONITORING.items()]
        control_plane.apply(*definitions)
        for definition in definitions:
            name = f"crd/{definition['metadata']['name']}"
            control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", name)
        control_plane.apply(*(restricted(name) for name in ("socratasync-system", "data", "maps")))
    return control_plane


@contextmanager
def alone(cluster: ControlPlane) -> Iterator[None]:
    """Workers of one run share the control plane, and here they use the same names."""
    with (cluster.folder / "chart.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def restricted(name: str) -> dict[str, Any]:
    """A namespace under Pod Security's strictest level."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def monitoring_kind(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A definition of one kind of monitoring.coreos.com with these fields of ``spec``."""
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": dict(spec)}},
    }
    version = {"name": "v1", "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }
