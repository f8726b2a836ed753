from __future__ import annotations

import threading

import pytest

from socratasync.errors import SchemaChanged, Terminated
from socratasync.pipeline.parallel import in_parallel


def test_outcomes_come_by_name_in_the_order_of_the_tasks() -> None:
    turn = threading.Event()

    def late() -> str:
        assert turn.wait(10)
        return "late"

    def early() -> str:
        turn.set()
        return "early"

    outcomes = in_parallel({"a": late, "b": early}, at_once=2, stopping=threading.Event())

    assert list(outcomes.items()) == [("a", "late"), ("b", "early")]


def test_a_task_that_fails_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    error = SchemaChanged("gone")

    def refused() -> str:
        raise error

    def broken() -> str:
        raise KeyError("oops")

    outcomes = in_parallel(
        {"a": refused, "b": broken, "c": lambda: "fine"}, at_once=1, stopping=threading.Event()
    )

    assert outcomes["a"] is error
    assert getattr(outcomes["b"], "reason", None) == "InternalError"
    assert outcomes["c"] == "fine"
    traced = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert traced == [KeyError]


def test_no_tasks_are_done_at_once() -> None:
    assert in_parallel({}, at_once=2, stopping=threading.Event()) == {}


def test_no_more_tasks_are_done_at_once_than_asked_for() -> None:
    names: set[str] = set()

    def work() -> None:
        names.add(threading.current_thread().name)

    in_parallel({str(n): work for n in range(20)}, at_once=3, stopping=threading.Event())

    assert len(names) <= 3


def test_a_run_that_is_stopped_wakes_its_threads_and_starts_no_more() -> None:
    stopping, woken = threading.Event(), threading.Event()
    done: list[str] = []

    def waits() -> None:
        stopping.set()
        assert woken.wait(10)
        raise Terminated

    with pytest.raises(Terminated):
        in_parallel(
            {"a": waits, "b": lambda: done.append("b")},
            at_once=1,
            stopping=stopping,
            on_stop=woken.set,
        )

    assert done == []
