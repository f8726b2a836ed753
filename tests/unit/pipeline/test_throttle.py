from __future__ import annotations

import threading
import time

import pytest

from socratasync.errors import Terminated
from socratasync.pipeline.source.throttle import Throttle


def test_no_more_requests_are_under_way_than_there_are_slots() -> None:
    budget = Throttle(2, threading.Event())
    under_way, most, guard = 0, 0, threading.Lock()
    both_in = threading.Barrier(2, timeout=10)

    def ask() -> None:
        nonlocal under_way, most
        with budget.request():
            with guard:
                under_way += 1
                most = max(most, under_way)
            both_in.wait()
            with guard:
                under_way -= 1

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert most == 2
    assert under_way == 0


def test_a_slot_is_given_back_after_a_failure() -> None:
    budget = Throttle(1, threading.Event())
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), budget.request():
            raise ValueError("no")


def test_a_pause_holds_every_request_back() -> None:
    budget = Throttle(2, threading.Event())
    started = time.monotonic()
    budget.pause(0.05)
    budget.pause(0.01)  # a shorter one does not end the longer

    with budget.request():
        waited = time.monotonic() - started

    assert waited >= 0.05


def test_a_run_that_is_stopped_waits_no_longer() -> None:
    stopping = threading.Event()
    budget = Throttle(1, stopping)
    budget.pause(3600)
    stopping.set()

    with pytest.raises(Terminated), budget.request():
        raise AssertionError("the pause is not over")
    with pytest.raises(Terminated):
        budget.sleep(3600)
