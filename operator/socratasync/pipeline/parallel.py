"""Does things for several datasets at once; one that fails leaves the others alone.

The threads are daemons: a socket that says nothing for minutes must not keep a stopped process.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from socratasync.errors import SyncError, Terminated, Unexpected

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOOK_UP_S = 0.2
_FAREWELL_S = 2.0
"""How long a stopped run waits for its threads to roll back; what is slower, the server undoes."""


def in_parallel(
    tasks: Mapping[str, Callable[[], T]],
    *,
    at_once: int,
    stopping: threading.Event,
    on_stop: Callable[[], None] = lambda: None,
) -> dict[str, T | SyncError]:
    """Name → what its task returned, or the error that it failed with, in the order of ``tasks``.

    Raises ``Terminated`` soon after ``stopping`` is set; ``on_stop`` is called first, to wake up
    threads that wait for something.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, T | SyncError | Terminated]] = queue.SimpleQueue()
    for name in tasks:
        waiting.put(name)

    def work() -> None:
        while not stopping.is_set():
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            done.put((name, _attempt(tasks[name])))

    threads = [
        threading.Thread(target=work, name=f"dataset-{n}", daemon=True)
        for n in range(min(at_once, len(tasks)))
    ]
    for thread in threads:
        thread.start()
    try:
        outcomes = _collect(done, len(tasks), stopping)
    except BaseException:
        stopping.set()
        on_stop()
        raise
    finally:
        _join(threads)
    return {name: outcomes[name] for name in tasks}


def _attempt(task: Callable[[], T]) -> T | SyncError | Terminated:
    try:
        return task()
    except (SyncError, Terminated) as exc:
        return exc
    except Exception as exc:
        log.exception("internal error")
        return Unexpected.because_of(exc)


def _collect(
    done: queue.SimpleQueue[tuple[str, T | SyncError | Terminated]],
    count: int,
    stopping: threading.Event,
) -> dict[str, T | SyncError]:
    outcomes: dict[str, T | SyncError] = {}
    while len(outcomes) < count:
        if stopping.is_set():
            raise Terminated
        try:
            name, outcome = done.get(timeout=_LOOK_UP_S)
        except queue.Empty:
            continue
        if isinstance(outcome, Terminated):
            raise outcome
        outcomes[name] = outcome
    return outcomes


def _join(threads: list[threading.Thread]) -> None:
    until = time.monotonic() + _FAREWELL_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
