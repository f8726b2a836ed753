"""The operator's process: its parts are put together, started in order, and stopped together.

``run`` is what ``socratasync operator`` calls. When one part ends, the process does: Kubernetes starts
the pod again, and the operator finds all that it needs in the cluster.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from socratasync import __version__
from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.credentials import Credentials, load_credentials
from socratasync.controller.cluster.errors import ClusterError
from socratasync.controller.cluster.own_pod import as_typed_by_a_person, own_image
from socratasync.controller.health import Health, health_app
from socratasync.controller.jobs.defaults import NOTHING_SAID, JobDefaults
from socratasync.controller.leader import leading
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.metrics.server import metrics_app
from socratasync.controller.notifications import Notifications
from socratasync.controller.observed.job import is_notification, owner_key, read_job
from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.page.board import Board
from socratasync.controller.reconcile import Reconciler
from socratasync.controller.roster import Roster
from socratasync.controller.runs import Runs
from socratasync.controller.scheduler import Scheduler
from socratasync.controller.serving import serving, serving_apart
from socratasync.controller.slots import RunSlots
from socratasync.controller.takeover import Takeover
from socratasync.controller.watch import watch
from socratasync.process.logs import LogFormat, configure
from socratasync.process.redact import Redactor

log = logging.getLogger("socratasync.operator")

RESYNC_EVERY_S = 300.0
"""Pause between two listings of all resources, which find the changes that a watch has missed."""

_WAIT_FOR_CRD_S = 5.0
_ASK_EVERY_S = 20.0
"""Pause between two questions that tell whether the Kubernetes API is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """Where the status page is served, and the namespaces of which it tells nothing."""

    port: int = 8081
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """The command's flags. Without ``namespaces`` the operator works in all of them; without ``image``, Jobs run
    that of its own pod; without ``max_active_runs_per_namespace`` a namespace may have as many runs as the operator;
    with ``lease`` it works only while it holds that; without ``page`` there is no status page. ``runbooks`` is the address
    below which notifications find them."""

    image: str | None = None
    defaults: JobDefaults = NOTHING_SAID
    runbooks: str | None = None
    namespaces: Sequence[str] = ()
    lease: str | None = None
    metrics_port: int = 9090
    health_port: int = 8080
    page: PageOptions | None = None
    max_active_runs: int = 20
    max_active_runs_per_domain: int = 4
    max_active_runs_per_namespace: int | None = None
    log_format: LogFormat = "text"
    log_level: int = logging.INFO


def run(options: OperatorOptions) -> None:
    """Operate until SIGTERM or SIGINT.

    Raises ``ClusterError`` without credentials for a cluster, ``OSError`` if a port is taken.
    """
    configure(options.log_format, Redactor(), level=options.log_level)
    for chatty in ("kopf", "aiohttp", "asyncio", "kubernetes"):
        logging.getLogger(chatty).setLevel(max(options.log_level, logging.WARNING))
    with suppress(asyncio.CancelledError):  # by a signal
        asyncio.run(operate(options))


async def operate(options: OperatorOptions) -> None:
    """Operate in the caller's event loop, until the first part of the operator ends or a signal comes."""
    _end_on_signals()
    credentials = await load_credentials()
    cluster = Cluster(credentials)
    operator = _Operator(options, cluster)
    try:
        metrics = serving_apart(metrics_app(operator.metrics.scrape), options.metrics_port)
        with metrics, _status_page(operator, options.page):
            async with serving(health_app(operator.health), options.health_port):
                await operator.wait_for_crd()
                await operator.choose_image()
                async with leading(cluster, options.lease, operator.stand_by) as held:
                    await _until_first_end(operator.work(credentials), held)
    finally:
        await cluster.close()


class _Operator:
    """The parts, and how an event or a resource passes from one to the next."""

    def __init__(self, options: OperatorOptions, cluster: Cluster) -> None:
        self._options = options
        self._cluster = cluster
        self._scopes: list[str | None] = list(options.namespaces) or [None]
        self._roster = Roster()
        self.metrics = Metrics(_now)
        self.scheduler = Scheduler(self._look, _now)
        self.health = Health(_now, lambda: self.scheduler.ticked)
        self.board = Board(options.page.left_out) if options.page else None
        self._slots = RunSlots(
            options.max_active_runs,
            options.max_active_runs_per_domain,
            self._let_in,
            options.max_active_runs_per_namespace,
        )
        self._runs = Runs(cluster, options.image or "", options.defaults)
        self._notifications = Notifications(
            cluster,
            lambda: self._runs.image,
            options.defaults,
            options.runbooks,
            self.metrics,
            _now,
        )
        self._reconciler = Reconciler(
            cluster,
            self._runs,
            self._slots,
            self._roster,
            self.metrics,
            self._notifications,
            _now,
            self.board,
        )
        self._takeover = Takeover(
            cluster,
            self._scopes,
            self._roster,
            self._slots,
            self.scheduler,
            self._reconciler,
        )

    async def wait_for_crd(self) -> None:
        """Return once the API server serves SocrataSyncs.

        Kopf asks for the kind only once, when it starts, and would never watch one installed later.
        """
        while not await self._is_served():
            await asyncio.sleep(_WAIT_FOR_CRD_S)

    async def keep_asking(self) -> None:
        """Tell the probes whether the Kubernetes API is there: watches notice it late, and listings are rare."""
        while True:
            await self._is_served()
            await asyncio.sleep(_ASK_EVERY_S)

    async def _is_served(self) -> bool:
        """Whether the API server serves SocrataSyncs; if not, says why, once for each reason."""
        trouble = ""
        try:
            if await self._cluster.serves_syncs():
                self.health.answered = _now()
            else:
                trouble = (
                    "the CustomResourceDefinition is not installed; whoever may install it runs: "
                    f"{as_typed_by_a_person('socratasync crd', os.environ)} | kubectl apply -f -"
                )
        except ClusterError as exc:
            trouble = exc.message
        if trouble and trouble != self.health.unanswered:
            log.warning("waiting: %s", trouble)
        self.health.unanswered = trouble
        return not trouble

    async def choose_image(self) -> None:
        """Give runs the image that they are to have. Rights that come after the operator are waited for."""
        while not self._runs.image:
            try:
                self._runs.image = await own_image(self._cluster, os.environ)
            except ClusterError as exc:
                if exc.message != self.health.unanswered:
                    log.warning("waiting: %s", exc.message)
                    self.health.unanswered = exc.message
                await asyncio.sleep(_WAIT_FOR_CRD_S)
        log.info("runs use the image %s", self._runs.image)

    def stand_by(self) -> None:
        """Another operator works, or none does yet."""
        self.health.stood_by = _now()

    async def work(self, credentials: Credentials) -> None:
        """Take over, and go on until a part ends."""
        self.health.stood_by = None
        await self.take_over()
        await _until_first_end(
            self.scheduler.run(), self.resync(), self.keep_asking(), self.watch(credentials)
        )

    async def take_over(self) -> None:
        """Find out what an earlier process has left, and what came since."""
        await self._takeover.active_runs()
        log.info(
            "socratasync operator %s: %d runs are at work, %d are stuck",
            __version__,
            self._slots.active,
            self._slots.stuck,
        )
        await self._takeover.resources()

    async def watch(self, credentials: Credentials) -> None:
        """Watch resources and Jobs until a signal tells kopf to stop."""
        self.health.watching = True
        await watch(credentials, self._options.namespaces, self._on_sync, self._on_job)

    async def resync(self) -> None:
        """List all resources now and then, for those that came, changed or went unseen by the watch."""
        while True:
            try:
                with self.metrics.looks.at_all():
                    await self._resync_once()
            except ClusterError as exc:
                log.warning("the resources could not be listed: %s", exc.message)
            self._look_at_another()
            await asyncio.sleep(RESYNC_EVERY_S)

    async def _resync_once(self) -> None:
        # Kopf lists everything when it starts: the first time, what is new here is its to announce.
        first = self.health.resynced is None
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

    def _look_at_another(self) -> None:
        """Where looks fail, one at a resource that is well tells whether it is the operator that is not."""
        failing = self.metrics.looks.failing
        well = set(self._roster.keys()) - failing if failing else set()
        if well:
            self.scheduler.wake(min(well))

    async def _look(self, key: Key) -> datetime | None:
        return await self._reconciler.reconcile(key)

    def _on_sync(self, kind: str | None, body: dict[str, Any]) -> None:
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        if kind == "DELETED":
            self._forget(key)
            return
        if not self._roster.is_news(key, body["metadata"]["resourceVersion"]):
            return  # the operator's own writing comes back as an event
        self.scheduler.plan(key, self._reconciler.needs_reconcile_at(read_resource(body)))

    def _on_job(self, kind: str | None, job: dict[str, Any]) -> None:
        owner = owner_key(job)
        if owner is None:
            return
        key, seen = Key(*owner), read_job(job)
        if is_notification(job):
            if self._notifications.has_ended(key, kind, seen):
                self.scheduler.wake(key)
            return
        if not seen.is_active and self._roster.is_old_news(key, seen.uid):
            return
        # One that succeeds leaves the watch as it was before; whether it did, or is gone, a look tells.
        if seen.is_active and kind != "DELETED" and self._roster.is_same(key, seen):
            return
        self.scheduler.hurry(key)  # if its run has ended, others wait for its place

    def _let_in(self, key: Key) -> None:
        self.scheduler.hurry(key)

    def _forget(self, key: Key) -> None:
        self.scheduler.forget(key)
        self._reconciler.forget(key)


@contextmanager
def _status_page(operator: _Operator, options: PageOptions | None) -> Iterator[None]:
    """Serve the page until the block ends, if there is to be one. Raises ``OSError`` if the port is taken."""
    if options is None or operator.board is None:
        yield
        return
    from socratasync.controller.page.server import page_app  # takes memory, and few want it

    with serving_apart(page_app(operator.board, operator.health, _now), options.port):
        yield


async def _until_first_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all parts until one ends, then stop the others. Raises what that part raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_on_signals() -> None:
    """Until kopf watches, which has handlers of its own: a container's process 1 gets no signal without one."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)


def _now() -> datetime:
    return datetime.now(UTC)
