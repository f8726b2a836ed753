"""`/healthz` and `/readyz`: whether a restart would help, and whether the operator does its work.

They are answered in the operator's own event loop. If it is stuck they are not answered at all, and
Kubernetes takes that for a failed probe.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

STALLED_AFTER = timedelta(seconds=30)
"""The scheduler wakes at least every five seconds, even if nothing is due."""

UNREACHED_AFTER = timedelta(seconds=75)
"""One question to the Kubernetes API may remain without an answer, for half a minute. With the three probes that
Kubernetes waits for, a pod that lost the API is not ready within two minutes."""

UNSEEN_AFTER = timedelta(minutes=15)
"""That is three listings of all resources that failed in a row."""


_NO_LEASE = "standing by: the Kubernetes API has not shown the lease for a while"


class Health:
    """What the probes answer from. The operator's parts set what they know."""

    def __init__(self, now: Callable[[], datetime], ticked: Callable[[], datetime | None]) -> None:
        self._now = now
        self._ticked = ticked
        self._born = now()
        self.watching = False
        """Whether the resources are being watched."""
        self.stood_by: datetime | None = None
        """When it was last seen that another operator works, or none does yet; None without an election."""
        self.resynced: datetime | None = None
        """When all resources were last listed."""
        self.answered: datetime | None = None
        """When the Kubernetes API last answered that it serves SocrataSyncs."""
        self.unanswered = ""
        """Why it did not when it was asked last; empty if it did."""

    def why_dead(self) -> str | None:
        """Why a restart would help. None if it would not: none brings the Kubernetes API back."""
        ticked = self._ticked() or self._born
        if self.watching and self._now() - ticked > STALLED_AFTER:
            return f"the scheduler has not come round since {ticked.isoformat()}"
        return None

    def why_not_ready(self) -> str | None:
        """Why no run would be started now. None if all is well."""
        if not self.watching and self.stood_by is not None:
            # It does what it is there for. Were it not ready, no rollout would come to an end.
            return None if self._now() - self.stood_by <= STALLED_AFTER else _NO_LEASE
        if not self.watching:
            return f"starting: {self.unanswered or 'waiting for the Kubernetes API'}"
        if self.answered is None or self._now() - self.answered > UNREACHED_AFTER:
            return self.unanswered or "the Kubernetes API has not answered for a while"
        if self.resynced is None or self._now() - self.resynced > UNSEEN_AFTER:
            return "the Kubernetes API has not listed the resources for a while"
        return self.why_dead()


def health_app(health: Health) -> web.Application:
    """Answers GET and HEAD of both probes: 200 with ``ok``, or 503 with the reason."""

    async def alive(_: web.Request) -> web.Response:
        return _answer(health.why_dead())

    async def ready(_: web.Request) -> web.Response:
        return _answer(health.why_not_ready())

    app = web.Application()
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    return app


def _answer(trouble: str | None) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")
