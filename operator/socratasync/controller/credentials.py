"""Who the operator is: its service account within a cluster, a kubeconfig outside of one."""

from __future__ import annotations

import os
from pathlib import Path

import kopf
from kubernetes.aio import client, config

from socratasync.controller.cluster_errors import Refused

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


async def load_credentials() -> client.Configuration:
    """Address, CA and identity. Tokens are read again as they rotate.

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


async def kopf_login(configuration: client.Configuration) -> kopf.ConnectionInfo:
    """The same identity in kopf's words."""
    written = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    token = written.split(" ", 1)[-1].strip() if written else None
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        token=token,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        trust_env=True,
    )
