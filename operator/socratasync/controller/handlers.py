"""Kopf's part: watching SocrataSyncs and their Jobs, and nothing else. The only module that knows kopf.

Only ``on.event`` handlers: they make kopf write nothing, neither annotations nor finalizers, so a
SocrataSync can be deleted while no operator runs. An event says *that* something changed; what is to
be done is found out by looking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from socratasync.api import GROUP, PLURAL, VERSION
from socratasync.controller.events import COMPONENT
from socratasync.controller.job_names import JOB_SELECTOR

Watcher = Callable[[str | None, dict[str, Any]], None]
"""Given the kind of event (None in the first listing, ADDED, MODIFIED, DELETED) and the object."""


def watch_settings() -> kopf.OperatorSettings:
    """Kopf's settings: small chunks, short-lived workers, one process, no scanning of the cluster."""
    settings = kopf.OperatorSettings()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 10 * 60
    settings.watching.chunk_size = 500  # whole lists of whole objects are what memory goes to
    settings.watching.label_selectors["batch", "v1", "jobs"] = JOB_SELECTOR
    # A Job that succeeded leaves the watch, which is how its end is noticed, and is not kept in memory.
    settings.watching.field_selectors["batch", "v1", "jobs"] = "status.successful=0"
    settings.queueing.idle_timeout = 0.2  # a worker holds its last event for that long
    settings.scanning.disabled = True  # else it wants to list namespaces and CRDs
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.reporting_component = COMPONENT
    settings.process.ultimate_exiting_timeout = 25  # less than a pod's grace of 30
    return settings


def watch_registry(
    on_sync: Watcher,
    on_job: Watcher,
    login: Callable[[], Awaitable[kopf.ConnectionInfo]],
) -> kopf.OperatorRegistry:
    """Handlers that pass each event on."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def sync_changed(event: kopf.RawEvent, **_: Any) -> None:
        on_sync(event["type"], dict(event["object"]))

    @kopf.on.event("batch", "v1", "jobs", registry=registry)
    async def job_changed(event: kopf.RawEvent, **_: Any) -> None:
        on_job(event["type"], dict(event["object"]))

    return registry
