"""A run in a process of its own, as a pod has it, that ends as pods end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from tests.postgres.conftest import Sync

from socratasync.pipeline.target.session import SILENCE_S

WORKER = """
import os
from socratasync.api.spec import SyncSpec
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.process.signals import interruptible, leave

spec = SyncSpec.from_json(os.environ["SPEC"])
request = RunRequest(name="test", run="job-1", spec=spec, mode=spec.mode, dsn=os.environ["DSN"])
with interruptible() as interruption:
    silence_s = float(os.environ["SILENCE_S"])
    report = run(request, RunOptions(stopping=interruption.stopping, silence_s=silence_s))
    interruption.too_late()
if report.failure:
    print(report.failure.reason, flush=True)
leave(interruption.exit_code or report.exit_code)
"""


class Worker:
    """A run in a process of its own."""

    def __init__(self, sync: Sync, silence_s: float = SILENCE_S, **words: Any) -> None:
        asked = sync.request(**words)
        environ = {
            **os.environ,
            "SPEC": asked.spec.to_json(),
            "DSN": asked.dsn,
            "SILENCE_S": str(silence_s),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER], env=environ, stdout=subprocess.PIPE, text=True
        )

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Within the five seconds that a stopped run may take."""
        return self.process.wait(timeout=5)

    def reason(self) -> str:
        """Why it failed, once it has ended; else nothing."""
        assert self.process.stdout is not None
        return self.process.stdout.read().strip()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
