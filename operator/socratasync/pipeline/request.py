"""What a run is told (what to load, and how to go about it) and what its datasets share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from socratasync.api.selection import EVERYTHING, Selection
from socratasync.api.spec import Mode, SyncSpec
from socratasync.contract.environment import Secrets
from socratasync.contract.progress import Progress, Silent, StepName
from socratasync.errors import InvalidSpec
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.plan.following import Followed
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import TARGET_WAIT_S, Connection, Connections
from socratasync.pipeline.target.patience import QUEUE_S, Patience
from socratasync.pipeline.target.planned_table import PlannedTable
from socratasync.pipeline.target.session import SILENCE_S
from socratasync.pipeline.target.table_lock import TableLock
from socratasync.process.redact import Redactor

INDEX_WAIT_S = 600.0
"""An index waits for whoever reads the database meanwhile, be it a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run. Secrets are values here; nothing in this class is ever logged."""

    name: str
    namespace: str | None = None
    run: str
    spec: SyncSpec
    mode: Mode
    dsn: str = field(repr=False)
    since: datetime | None = None
    selection: Selection = EVERYTHING
    """What a one-off run was limited to; ``spec`` is limited to it already (``one_off.limited``)."""
    secrets: Secrets = field(default=Secrets(), repr=False)
    archive_folder: Path | None = None

    def redactor(self) -> Redactor:
        """What masks every secret of the run."""
        redact = self.secrets.redactor()
        redact.add_dsn(self.dsn)
        return redact

    @property
    def target(self) -> str:
        """The target table's name, ``schema.table``."""
        return f"{self.spec.target.schema_}.{self.spec.target.table}"

    @property
    def resets(self) -> bool:
        """Whether the table is to hold exactly what this run loads."""
        return self.spec.resets(self.mode)

    @property
    def lower_bound(self) -> datetime | None:
        """From when on an update reads: as requested, else as the manifest says; a range has its own bounds."""
        if self.selection.range:
            return None
        return (self.since or self.spec.since) if self.mode == "update" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondCopy:
    """When a second connection helps to copy a page (``stage.side_by_side``)."""

    piece_bytes: int = 256 * 1024
    """Two for each connection are in memory."""
    after_pieces: int = 16
    """A smaller page is in before it is worth a connection."""
    always: bool = False
    """Whether every other piece is its own, however ready the first connection is; for tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run: what differs between a Job, a terminal and a test."""

    progress: Progress = field(default_factory=Silent)
    stopping: threading.Event = field(default_factory=threading.Event)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts | None = None
    """Instead of the manifest's."""
    lock_wait_s: float = 30.0
    """For another run on the same target."""
    target_wait_s: float = TARGET_WAIT_S
    """For others who use the target, such as readers while it is replaced."""
    index_wait_s: float = INDEX_WAIT_S
    """For transactions that are open while an index is made: nobody waits behind that."""
    queue_s: float = QUEUE_S
    """The same in one go, where readers queue behind who waits."""
    silence_s: float = SILENCE_S
    """For a server that says nothing at all, not even that it is there."""
    second_copy: SecondCopy = field(default_factory=SecondCopy)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def read_policy(environ: Mapping[str, str]) -> RetryPolicy:
    """``SOCRATASYNC_ATTEMPTS`` (7) tries of a request, the first wait ``SOCRATASYNC_FIRST_WAIT`` (1 s)."""
    usual = RetryPolicy()
    return RetryPolicy(
        attempts=max(1, int(_number(environ, "SOCRATASYNC_ATTEMPTS", usual.attempts))),
        first_wait=_number(environ, "SOCRATASYNC_FIRST_WAIT", usual.first_wait),
    )


def read_lock_wait(environ: Mapping[str, str]) -> float:
    """``SOCRATASYNC_LOCK_WAIT``: seconds to wait for another run on the same target (30)."""
    return _number(environ, "SOCRATASYNC_LOCK_WAIT", 30.0)


def _number(environ: Mapping[str, str], name: str, usual: float) -> float:
    text = environ.get(name)
    if text is None:
        return usual
    try:
        number = float(text)
    except ValueError as exc:
        raise InvalidSpec(f"{name} must be a number, not {text!r}") from exc
    if not 0 <= number < 1e6:
        raise InvalidSpec(f"{name} must be between 0 and 1,000,000, not {text}")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What the datasets of one run share. ``connection`` is the run's own and holds its lock; datasets,
    which run in threads, open theirs by ``connections``."""

    request: RunRequest
    options: RunOptions
    journal: Journal
    source: Source
    connections: Connections
    connection: Connection
    ledger: Ledger
    lock: TableLock
    table: PlannedTable
    started: datetime
    followed: Followed

    @property
    def patience(self) -> Patience:
        """For statements that want the target to themselves."""
        options = self.options
        return Patience(
            wait_s=options.target_wait_s, queue_s=options.queue_s, stopping=options.stopping
        )

    @contextmanager
    def shown(self, step: StepName) -> Iterator[None]:
        """The step is what the run is at, for those who watch."""
        self.options.progress.begin(step, step, None)
        try:
            yield
        finally:
            self.options.progress.finish(step)
