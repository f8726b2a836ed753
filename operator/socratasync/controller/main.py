"""The operator's process: everything put together, started in order, and stopped together.

``run`` is what ``socratasync operator`` calls. If any part ends, all do: Kubernetes starts the pod
anew, and nothing is lost by that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio import client

from socratasync import __version__
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.credentials import load_credentials
from socratasync.controller.cluster.errors import ClusterError, Unreachable
from socratasync.controller.health import Health, serve_health
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.metrics.server import serve_metrics
from socratasync.controller.observed.job import owner_key, read_job
from socratasync.controller.observed.labels import DOMAIN
from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.reconcile import Reconciler
from socratasync.controller.roster import Roster
from socratasync.controller.runs import Runs
from socratasync.controller.scheduler import Scheduler
from socratasync.controller.slots import RunSlots
from socratasync.controller.watch import watch
from socratasync.process.logs import LogFormat, configure
from socratasync.process.redact import Redactor

log = logging.getLogger("socratasync.operator")

RESYNC_EVERY_S = 300.0
"""Between two listings of all resources: what a watch lost is found then."""

_WAIT_FOR_CRD_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """The command's flags. No ``namespaces`` means all of them."""

    image: str
    namespaces: Sequence[str] = ()
    metrics_port: int = 9090
    health_port: int = 8080
    max_active_runs: int = 20
    max_active_runs_per_domain: int = 4
    log_format: LogFormat = "text"
    log_level: int = logging.INFO


def run(options: OperatorOptions) -> None:
    """Operate until SIGTERM or SIGINT. Raises ``ClusterError`` for want of credentials."""
    configure(options.log_format, Redactor(), level=options.log_level)
    for chatty in ("kopf", "aiohttp", "asyncio", "kubernetes"):
        logging.getLogger(chatty).setLevel(max(options.log_level, logging.WARNING))
    asyncio.run(operate(options))


async def operate(options: OperatorOptions) -> None:
    """``run`` without the process: in the caller's loop, until the first part of it ends."""
    credentials = await load_credentials()
    cluster = Cluster(credentials)
    operator = _Operator(options, cluster)
    try:
        async with _servers(operator, options):
            await operator.wait_for_crd()
            await operator.take_up_active_runs()
            await _until_first_end(
                operator.scheduler.run(), operator.resync(), operator.watch(credentials)
            )
    finally:
        await cluster.close()


class _Operator:
    """The parts, and what passes between them."""

    def __init__(self, options: OperatorOptions, cluster: Cluster) -> None:
        self._options = options
        self._cluster = cluster
        self._scopes: list[str | None] = list(options.namespaces) or [None]
        self._roster = Roster()
        self.metrics = Metrics(_now)
        self.scheduler = Scheduler(self._look, _now)
        self.health = Health(_now, lambda: self.scheduler.ticked)
        self._slots = RunSlots(
            options.max_active_runs, options.max_active_runs_per_domain, self.scheduler.wake
        )
        self._reconciler = Reconciler(
            cluster,
            Runs(cluster, options.image),
            self._slots,
            self._roster,
            self.metrics,
            _now,
        )

    async def wait_for_crd(self) -> None:
        """Kopf looks for the kind once, when it starts; so it must not start before the kind is there."""
        told = ""
        while True:
            try:
                if await self._cluster.serves_syncs():
                    return
                trouble = "the CustomResourceDefinition is not installed; kubectl apply -f crds/"
            except Unreachable as exc:
                trouble = exc.message
            if trouble != told:
                log.warning("waiting: %s", trouble)
                told = trouble
            await asyncio.sleep(_WAIT_FOR_CRD_S)

    async def take_up_active_runs(self) -> None:
        """Count the runs that are active before any is started: the limits outlive a restart."""
        for namespace in self._scopes:
            async for job in self._cluster.unsuccessful_jobs(namespace):
                key = owner_key(job)
                if key and read_job(job).is_active:
                    notes = job["metadata"].get("annotations") or {}
                    self._slots.occupy(Key(*key), notes.get(DOMAIN, ""))
                    self.scheduler.wake(Key(*key))
        log.info("socratasync operator %s: %d runs are active", __version__, self._slots.active)

    async def watch(self, credentials: client.Configuration) -> None:
        """Kopf, until it is told to stop by a signal."""
        self.health.watching = True
        await watch(credentials, self._options.namespaces, self._on_sync, self._on_job)

    async def resync(self) -> None:
        """Find what the watches lost: resources that are gone, that are new, that have changed."""
        while True:
            try:
                await self._resync_once()
            except ClusterError as exc:
                log.warning("the resources could not be listed: %s", exc.message)
            await asyncio.sleep(RESYNC_EVERY_S)

    async def _resync_once(self) -> None:
        first = self.health.resynced is None  # kopf's own listing is still under way then
        known_before = self._roster.keys()
        listed: dict[Key, str] = {}
        for namespace in self._scopes:
            async for key, version in self._cluster.sync_versions(namespace):
                listed[key] = version
                if self._roster.is_news(key, version) and not (first and key not in self._roster):
                    self.scheduler.wake(key)
        for key in self._roster.gone(listed, known_before):
            self._forget(key)
        self.health.resynced = _now()
        self.metrics.alive()

    async def _look(self, key: Key) -> datetime | None:
        return await self._reconciler.reconcile(key)

    def _on_sync(self, kind: str | None, body: dict[str, Any]) -> None:
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        if kind == "DELETED":
            self._forget(key)
            return
        if not self._roster.is_news(key, body["metadata"]["resourceVersion"]):
            return  # what the operator wrote itself
        when = self._reconciler.needs_reconcile_at(read_resource(body))
        if when is None:
            self.scheduler.forget(key)
        elif when <= _now():
            self.scheduler.wake(key)
        else:
            self.scheduler.at(key, when)

    def _on_job(self, kind: str | None, job: dict[str, Any]) -> None:
        owner = owner_key(job)
        if owner is None:
            return
        key, seen = Key(*owner), read_job(job)
        if not seen.is_active and self._roster.is_old_news(key, seen.uid):
            return
        del kind  # gone, changed or new: a look tells
        self.scheduler.wake(key)

    def _forget(self, key: Key) -> None:
        self.scheduler.forget(key)
        self._reconciler.forget(key)


@asynccontextmanager
async def _servers(operator: _Operator, options: OperatorOptions) -> AsyncIterator[None]:
    """Probes and metrics, from the first moment on."""
    runner = await serve_health(operator.health, options.health_port)
    try:
        with serve_metrics(operator.metrics.scrape, options.metrics_port):
            yield
    finally:
        await runner.cleanup()


async def _until_first_end(*parts: Any) -> None:
    """Run all parts; when one ends, well or ill, stop the others and tell how it ended."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> datetime:
    return datetime.now(UTC)
