"""Programs that outlive a test worker: started with a log and a file of their id, ended by it.

The id lives in a file because the worker that stops a control plane is often not the one that
started it. A wait is always bounded, and ends at once when the program does.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped]
from tests.cluster.certificates import LOOPBACK

T = TypeVar("T")
POLL_S = 0.05


class NotReady(AssertionError):
    """What a test waited for did not come; the message holds what was seen last."""


def wait_until(
    condition: Callable[[], T | None], *, timeout_s: float, what: str, poll_s: float = POLL_S
) -> T:
    """The first truthy answer of ``condition``. Raises ``NotReady`` after ``timeout_s`` seconds."""
    pause = threading.Event()
    end = time.monotonic() + timeout_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise NotReady(f"{what}: not within {timeout_s:g} s (last seen: {answer!r})")
        pause.wait(poll_s)
    return answer


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on just now, each another.

    Below those that the kernel gives to outgoing connections: one of these may be taken again before
    it is listened on.
    """
    found: list[int] = []
    while len(found) < count:
        port = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            if port not in found:
                found.append(port)
    return found


def start(name: str, command: Sequence[str | Path], *, folder: Path) -> None:
    """Starts ``command`` in a session of its own; log/NAME.log and run/NAME.pid in ``folder``."""
    for part in ("log", "run"):
        (folder / part).mkdir(exist_ok=True)
    with (folder / "log" / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for pytest, which then stops this in order
        )
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it whoever ends it
    (folder / "run" / f"{name}.pid").write_text(f"{process.pid} {_started_at(process.pid)}")


def is_running(name: str, *, folder: Path) -> bool:
    """True while the program that ``start`` named so runs, and not another with its old id."""
    return _process(name, folder) is not None


def stop(name: str, *, folder: Path, how: signal.Signals = signal.SIGTERM) -> None:
    """Ends the program and waits for it; SIGKILL after 10 s. Nothing happens if it is gone."""
    if process := _process(name, folder):
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
    (folder / "run" / f"{name}.pid").unlink(missing_ok=True)


def last_words(name: str, *, folder: Path, lines: int = 15) -> str:
    """The end of the program's log, for the message of a failure."""
    log = folder / "log" / f"{name}.log"
    return "".join(log.open(errors="replace").readlines()[-lines:]) if log.exists() else ""


def _process(name: str, folder: Path) -> psutil.Process | None:
    file = folder / "run" / f"{name}.pid"
    if not file.exists():
        return None
    pid, started = file.read_text().split()
    try:
        process = psutil.Process(int(pid))
        alive = process.status() != psutil.STATUS_ZOMBIE and _started_at(int(pid)) == started
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def _started_at(pid: int) -> str:
    return str(int(psutil.Process(pid).create_time() * os.sysconf("SC_CLK_TCK")))
