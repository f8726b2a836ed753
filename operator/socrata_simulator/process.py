"""Starts the simulator as a process of its own, so that it takes no time from what is measured."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class Process:
    """A running simulator. ``returncode`` is None until it has ended."""

    domain: str
    port: int
    ca_file: str
    pid: int
    returncode: int | None = None


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """Run ``python -m socrata_simulator`` with these arguments until the block ends.

    The block begins once it is ready; with ``--warm``, once the pages are made.
    Raises ``RuntimeError`` if it does not start.
    """
    source = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "socrata_simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        try:
            simulator = _ready(process)
            yield simulator
        finally:
            process.terminate()
            returncode = process.wait(STOP_SECONDS)
        simulator.returncode = returncode


def _ready(process: subprocess.Popen[str]) -> Process:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the simulator did not start: {process.stderr.read().strip()}")
    said = json.loads(line)
    return Process(
        domain=said["domain"], port=said["port"], ca_file=said["ca_file"], pid=process.pid
    )
