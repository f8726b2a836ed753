"""A run in a process of its own that dies in the midst of its download."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from socratasync.pipeline.request import RunRequest

_KILLED = """
import os, signal, sys
from socratasync.api.spec import SyncSpec
from socratasync.pipeline.request import RunOptions, RunRequest
from socratasync.pipeline.run import run
from socratasync.contract.progress import Silent

class KillAfter(Silent):
    staged = 0
    def advance(self, dataset, rows, wire_bytes):
        self.staged += rows
        if self.staged >= int(os.environ["ROWS"]):
            os.kill(os.getpid(), signal.SIGKILL)

spec = SyncSpec.from_json(os.environ["SPEC"])
order = RunRequest(name="test", run=os.environ["RUN"], spec=spec, mode="update", dsn=os.environ["DSN"])
run(order, RunOptions(progress=KillAfter()))
"""


def kill_midway(order: RunRequest, rows: int = 500) -> None:
    """Carry it out, as the run of its name, until so many rows came. What is in memory is lost."""
    environ = {
        **os.environ,
        "ROWS": str(rows),
        "RUN": order.run,
        "SPEC": order.spec.to_json(),
        "DSN": order.dsn,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    killed = subprocess.run([sys.executable, "-c", _KILLED], env=environ, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
