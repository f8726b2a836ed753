"""The simulated portal's certificate authority, as a run's pod is told to trust it."""

from __future__ import annotations

from typing import Any

NAME = "portal-ca"
FOLDER = "/etc/portal"


def trusting_job() -> dict[str, Any]:
    """``spec.job`` of a SocrataSync whose namespace has ``config_map``."""
    return {
        "podTemplate": {
            "env": [{"name": "SSL_CERT_FILE", "value": f"{FOLDER}/ca.crt"}],
            "volumes": [{"name": NAME, "configMap": {"name": NAME}}],
            "volumeMounts": [{"name": NAME, "mountPath": FOLDER}],
        }
    }


def config_map(pem: str) -> dict[str, Any]:
    """The ConfigMap that holds the authority."""
    meta = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}}
    return {**meta, "data": {"ca.crt": pem}}
