"""What a run is told: the order it carries out, and the circumstances in which it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from socratasync.api.spec import SyncSpec
from socratasync.contract.progress import Progress, Silent
from socratasync.pipeline.plan.watermark import Mode
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.session import Timeouts
from socratasync.pipeline.target.connection import TARGET_WAIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run. Secrets are values here; nothing in this class is ever logged."""

    name: str
    run: str
    spec: SyncSpec
    mode: Mode
    dsn: str = field(repr=False)
    since: datetime | None = None
    app_token: str | None = field(default=None, repr=False)
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    slack_webhook: str | None = field(default=None, repr=False)
    hook_headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict, repr=False)
    archive_folder: Path | None = None

    @property
    def resets(self) -> bool:
        """Whether the table is to hold exactly what this run loads."""
        return self.spec.target.reset and self.mode == "full"

    @property
    def lower_bound(self) -> datetime | None:
        """From when on an update reads: as ordered, else as the manifest says."""
        return (self.since or self.spec.since) if self.mode == "update" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How to run: what differs between a Job, a terminal and a test."""

    progress: Progress = field(default_factory=Silent)
    stopping: threading.Event = field(default_factory=threading.Event)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    lock_wait_s: float = 30.0
    """For another run on the same target."""
    target_wait_s: float = TARGET_WAIT_S
    """For others who use the target, such as readers while it is replaced."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
