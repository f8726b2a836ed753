"""Who the operator is: its service account within a cluster, a kubeconfig outside of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from kubernetes.aio import client, config

from socratasync.controller.cluster.errors import Refused

Credentials: TypeAlias = client.Configuration
"""Address of the API server, its authority, and who calls it."""

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


async def load_credentials() -> Credentials:
    """The credentials of this process. Tokens are read again as they rotate.

    Raises ``Refused`` when there is neither a service account nor a kubeconfig.
    """
    configuration = client.Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and _TOKEN.exists():
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        else:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
    except config.ConfigException as exc:
        raise Refused(
            f"no way to a Kubernetes API: {exc}; run within a cluster, or name a kubeconfig in KUBECONFIG"
        ) from exc
    configuration.connection_pool_maxsize = 32
    return configuration
