"""`/healthz` and `/readyz`: whether the operator still turns, and whether it can be relied on.

They run in the operator's own loop: one that is stuck does not answer, which is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

STALLED_AFTER = timedelta(seconds=30)
"""The scheduler comes round every five seconds, whatever there is to do."""

UNSEEN_AFTER = timedelta(minutes=15)
"""Three rounds of the resync without an answer of the API server."""


class Health:
    """What the probes are told; others set it."""

    def __init__(self, now: Callable[[], datetime], ticked: Callable[[], datetime | None]) -> None:
        self._now = now
        self._ticked = ticked
        self._born = now()
        self.watching = False
        """Whether the resources are being watched."""
        self.resynced: datetime | None = None
        """When all resources were last listed."""

    def why_dead(self) -> str | None:
        """Why a restart would help; None if it would not."""
        ticked = self._ticked() or self._born
        if self.watching and self._now() - ticked > STALLED_AFTER:
            return f"the scheduler has not come round since {ticked.isoformat()}"
        return None

    def why_not_ready(self) -> str | None:
        """Why nothing may be expected of this operator now."""
        if not self.watching:
            return "starting: waiting for the Kubernetes API and the CustomResourceDefinition"
        if self.resynced is None or self._now() - self.resynced > UNSEEN_AFTER:
            return "the Kubernetes API has not listed the resources for a while"
        return self.why_dead()


async def serve_health(health: Health, port: int) -> web.AppRunner:
    """Answer on all addresses; the caller calls ``cleanup`` in the end."""
    app = web.Application()
    app.router.add_get("/healthz", lambda _: _answer(health.why_dead()))
    app.router.add_get("/readyz", lambda _: _answer(health.why_not_ready()))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner


async def _answer(trouble: str | None) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")
