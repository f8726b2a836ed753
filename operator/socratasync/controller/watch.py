"""Kopf's part: watching SocrataSyncs and their Jobs, and nothing else. The only module that knows kopf.

Only ``on.event`` handlers: they make kopf write nothing, neither annotations nor finalizers, so a
SocrataSync can be deleted while no operator runs. An event says *that* something changed; what is to
be done is found out by looking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

import kopf

from socratasync.api.crd import CRD_NAME, PLURAL
from socratasync.api.manifest import GROUP, VERSION
from socratasync.controller.cluster.credentials import Credentials
from socratasync.controller.cluster.errors import NotThere
from socratasync.controller.observed.labels import JOB_SELECTOR
from socratasync.controller.status.events import COMPONENT

Watcher = Callable[[str | None, dict[str, Any]], None]
"""Given the kind of event (None in the first listing, ADDED, MODIFIED, DELETED) and the object."""


KIND_GONE = (
    f"the CustomResourceDefinition {CRD_NAME} was deleted, and all SocrataSyncs with it. The operator ends; once it is "
    "started again it says how to install the definition, and waits for it. Then apply the syncs' manifests again"
)

_TELL_OF_WATCHES = ("kopf._core.reactor.orchestration", "kopf._core.reactor.running")
"""Kopf's loggers that tell, with a traceback each, why a watch ended; then the failure is raised as well."""


class NoDiff(kopf.DiffBaseStorage):
    """Kopf copies every object to compare it with what it handled last; nothing here asks it to."""

    def build(
        self,
        *,
        body: kopf.Body,
        extra_fields: Iterable[object] | None = None,
    ) -> kopf.BodyEssence:
        """Nothing is essential."""
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Nothing is remembered."""
        return kopf.BodyEssence({})

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is written."""


def watch_settings() -> kopf.OperatorSettings:
    """Kopf's settings: small chunks, short-lived workers, one process, no scanning of the cluster."""
    settings = kopf.OperatorSettings()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 10 * 60
    settings.watching.chunk_size = 100  # whole lists of whole objects are what memory goes to
    settings.watching.label_selectors["batch", "v1", "jobs"] = JOB_SELECTOR
    # A Job that succeeded leaves the watch, which is how its end is noticed, and is not kept in memory.
    settings.watching.field_selectors["batch", "v1", "jobs"] = "status.successful=0"
    settings.queueing.idle_timeout = 0.2  # a worker holds its last event for that long
    settings.persistence.diffbase_storage = NoDiff()
    settings.scanning.disabled = True  # else it wants to list namespaces and CRDs
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.reporting_component = COMPONENT
    settings.process.ultimate_exiting_timeout = 25  # less than a pod's grace of 30
    return settings


async def watch(
    credentials: Credentials,
    namespaces: Sequence[str],
    on_sync: Watcher,
    on_job: Watcher,
) -> None:
    """Watch, in the given namespaces or in all for none, until a signal or a failure ends it.

    Raises ``NotThere`` when the CustomResourceDefinition goes.
    """
    for name in _TELL_OF_WATCHES:
        logging.getLogger(name).addFilter(_says_more_than_that_the_kind_is_gone)
    try:
        await kopf.operator(
            registry=watch_registry(credentials, on_sync, on_job),
            settings=watch_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=tuple(namespaces),
        )
    except Exception as exc:
        if _is_not_found(exc):
            raise NotThere(KIND_GONE) from exc
        raise


def _is_not_found(error: BaseException | None) -> bool:
    """Whether the API server knows no such kind. Jobs it always knows."""
    return getattr(error, "status", None) == HTTPStatus.NOT_FOUND


def _says_more_than_that_the_kind_is_gone(record: logging.LogRecord) -> bool:
    return not (record.exc_info and _is_not_found(record.exc_info[1]))


def watch_registry(
    credentials: Credentials, on_sync: Watcher, on_job: Watcher
) -> kopf.OperatorRegistry:
    """Handlers that pass each event on."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await kopf_login(credentials)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def sync_changed(event: kopf.RawEvent, **_: Any) -> None:
        on_sync(event["type"], dict(event["object"]))

    @kopf.on.event("batch", "v1", "jobs", registry=registry)
    async def job_changed(event: kopf.RawEvent, **_: Any) -> None:
        on_job(event["type"], dict(event["object"]))

    return registry


async def kopf_login(configuration: Credentials) -> kopf.ConnectionInfo:
    """Who the operator is, in kopf's words; a rotated token is read anew."""
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
