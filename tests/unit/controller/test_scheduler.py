"""When a resource is looked at: in order, one look at a time, again after failures, never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from socratasync.controller.cluster.errors import Conflict, Unreachable
from socratasync.controller.observed.resource import Key
from socratasync.controller.scheduler import AT_ONCE, Scheduler

A, B = Key("data", "a"), Key("data", "b")
Look = Callable[[Key], Awaitable[datetime | None]]


class Clock:
    """Real time, shifted at will: looks due tomorrow come now."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


def drive(look: Callable[[Key], datetime | None], act: Callable[[Scheduler, Clock], None]) -> None:
    """Run a scheduler until ``look`` raises ``Enough``."""

    async def main() -> None:
        clock, done = Clock(), asyncio.Event()

        async def one(key: Key) -> datetime | None:
            await asyncio.sleep(0)
            try:
                return look(key)
            except Enough:
                done.set()
                return None

        scheduler = Scheduler(one, clock)
        act(scheduler, clock)
        task = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(20):
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


class Enough(Exception):
    """The test has seen what it wanted."""


def test_the_earlier_due_is_looked_at_first() -> None:
    seen: list[Key] = []

    def look(key: Key) -> None:
        seen.append(key)
        if len(seen) == 2:
            raise Enough

    def act(scheduler: Scheduler, clock: Clock) -> None:
        scheduler.at(A, clock() - timedelta(seconds=1))
        scheduler.at(B, clock() - timedelta(seconds=2))

    drive(look, act)

    assert seen == [B, A]


def test_a_later_plan_replaces_an_earlier_one_and_waking_comes_first() -> None:
    seen: list[Key] = []

    def look(key: Key) -> None:
        seen.append(key)
        raise Enough

    def act(scheduler: Scheduler, clock: Clock) -> None:
        scheduler.at(A, clock())
        scheduler.at(A, clock() + timedelta(days=1))
        scheduler.at(B, clock() + timedelta(days=1))
        scheduler.wake(B)

    drive(look, act)

    assert seen == [B]


@pytest.mark.parametrize(
    "error", [Conflict("it changed"), Unreachable("no answer"), ValueError("a bug")]
)
def test_a_look_that_fails_is_repeated(error: Exception) -> None:
    seen: list[Key] = []

    def look(key: Key) -> None:
        seen.append(key)
        if len(seen) == 1:
            raise error
        raise Enough

    drive(look, lambda scheduler, _: scheduler.wake(A))

    assert seen == [A, A]


def test_what_is_asked_for_during_a_look_is_looked_at_again() -> None:
    seen: list[Key] = []
    held: list[Scheduler] = []

    def look(key: Key) -> None:
        seen.append(key)
        if len(seen) == 2:
            raise Enough
        held[0].wake(key)

    def act(scheduler: Scheduler, _: Clock) -> None:
        held.append(scheduler)
        scheduler.wake(A)

    drive(look, act)

    assert seen == [A, A]


def test_a_forgotten_resource_is_not_looked_at() -> None:
    seen: list[Key] = []

    def look(key: Key) -> None:
        seen.append(key)
        raise Enough

    def act(scheduler: Scheduler, _: Clock) -> None:
        scheduler.wake(A)
        scheduler.forget(A)
        scheduler.wake(B)

    drive(look, act)

    assert seen == [B]


def test_many_are_looked_at_a_few_at_a_time_and_one_never_twice_at_once() -> None:
    async def main() -> None:
        under_way: list[Key] = []
        most, looks, done = 0, 0, asyncio.Event()

        async def look(key: Key) -> datetime | None:
            nonlocal most, looks
            assert key not in under_way
            under_way.append(key)
            scheduler.wake(key)  # as an event during the look would
            most = max(most, len(under_way))
            for _ in range(3):
                await asyncio.sleep(0)
            under_way.remove(key)
            looks += 1
            if looks == 500:
                done.set()
            return None

        scheduler = Scheduler(look, lambda: datetime.now(UTC))
        for number in range(40):
            scheduler.wake(Key("data", f"sync-{number}"))
        task = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(20):
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert most == AT_ONCE

    asyncio.run(main())
