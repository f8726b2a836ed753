from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from socratasync.errors import Terminated
from socratasync.pipeline.target.table_lock import TableLock


def in_thread(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_turns_beside_each_other_overlap() -> None:
    turns = TableLock(threading.Event())
    both = threading.Barrier(2, timeout=10)

    def work() -> None:
        with turns.beside():
            both.wait()

    thread = in_thread(work)
    work()
    thread.join(10)
    assert not both.broken


@pytest.mark.parametrize("other", ["alone", "beside"])
def test_a_turn_alone_keeps_others_waiting(other: str) -> None:
    turns = TableLock(threading.Event())
    order: list[str] = []
    waiting = threading.Event()

    def late() -> None:
        waiting.set()
        with getattr(turns, other)():
            order.append("late")

    with turns.alone():
        thread = in_thread(late)
        assert waiting.wait(10)
        order.append("early")
    thread.join(10)
    assert order == ["early", "late"]


def test_a_turn_alone_waits_for_those_beside() -> None:
    turns = TableLock(threading.Event())
    order: list[str] = []
    waiting = threading.Event()

    def late() -> None:
        waiting.set()
        with turns.alone():
            order.append("late")

    with turns.beside():
        thread = in_thread(late)
        assert waiting.wait(10)
        order.append("early")
    thread.join(10)
    assert order == ["early", "late"]


def test_a_turn_that_failed_is_over() -> None:
    turns = TableLock(threading.Event())

    with pytest.raises(KeyError), turns.alone():
        raise KeyError

    with turns.alone():
        pass
    with turns.beside():
        pass


def test_a_stopped_run_waits_for_no_turn() -> None:
    stopping = threading.Event()
    turns = TableLock(stopping)
    stopping.set()

    with turns.alone(), pytest.raises(Terminated), turns.beside():
        pass


def test_a_turn_that_is_only_tried_is_granted_when_nothing_speaks_against_it() -> None:
    turns = TableLock(threading.Event())

    assert turns.try_beside()
    assert turns.try_beside()
    with turns.try_alone() as granted:
        assert not granted
    turns.leave_beside()
    turns.leave_beside()
    with turns.try_alone() as granted:
        assert granted
        assert not turns.try_beside()
        with turns.try_alone() as another:
            assert not another
        assert not turns.try_beside()
    assert turns.try_beside()


def test_nobody_new_comes_beside_while_somebody_waits_to_be_alone() -> None:
    turns = TableLock(threading.Event())
    done = threading.Event()

    def late() -> None:
        with turns.alone():
            done.set()

    with turns.beside():
        thread = in_thread(late)
        while turns.try_beside():  # until the other thread has asked
            turns.leave_beside()
        with turns.try_alone() as granted:
            assert not granted
        assert not done.is_set()
    thread.join(10)
    assert done.is_set()
    assert turns.try_beside()
