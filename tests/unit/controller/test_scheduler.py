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
        await until(scheduler, done)

    asyncio.run(main())


async def until(scheduler: Scheduler, done: asyncio.Event, *, within_s: float = 20) -> None:
    """Run the scheduler until ``done``."""
    task = asyncio.create_task(scheduler.run())
    try:
        async with asyncio.timeout(within_s):
            await done.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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


def order_of(wake: Callable[[Scheduler, datetime], None], count: int) -> list[Key]:
    """The order in which ``count`` keys are looked at that ``wake`` has planned."""
    seen: list[Key] = []

    def look(key: Key) -> None:
        seen.append(key)
        if len(seen) == count:
            raise Enough

    drive(look, lambda scheduler, clock: wake(scheduler, clock()))
    return seen


def test_what_has_been_overdue_for_longer_is_looked_at_first() -> None:
    def wake(scheduler: Scheduler, now: datetime) -> None:
        scheduler.wake(A)
        scheduler.wake(B, now - timedelta(hours=1))
        scheduler.wake(B)

    assert order_of(wake, 2) == [B, A]


def test_those_that_hurry_come_before_all_others_in_the_order_in_which_they_first_did() -> None:
    hurried = [Key("data", name) for name in "fedc"]

    def wake(scheduler: Scheduler, now: datetime) -> None:
        scheduler.wake(A, now - timedelta(days=9000))
        for key in [*hurried, *hurried]:
            scheduler.hurry(key)
            scheduler.wake(key)

    assert order_of(wake, 5) == [*hurried, A]


def test_of_those_due_at_one_moment_it_is_not_always_the_same_that_comes_last() -> None:
    keys = [Key("data", name) for name in "abcdefgh"]
    orders = []
    for day in range(1, 5):
        moment = datetime(2026, 11, day, 7, tzinfo=UTC)
        orders.append(order_of(lambda scheduler, _, at=moment: plan(scheduler, keys, at), 8))  # type: ignore[misc]

    assert len({order[-1] for order in orders}) > 1
    assert all(set(order) == set(keys) for order in orders)


def plan(scheduler: Scheduler, keys: list[Key], moment: datetime) -> None:
    """All of them at that moment."""
    for key in keys:
        scheduler.at(key, moment)


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


LONG = timedelta(days=1)


@pytest.mark.parametrize("moment", ["at its beginning", "at its end"])
@pytest.mark.parametrize(
    ("asked_for", "looks_again"),
    [
        pytest.param(timedelta(0), None, id="woken, and nothing else is planned"),
        pytest.param(timedelta(0), LONG, id="woken before it would be looked at anyway"),
        pytest.param(LONG, timedelta(0), id="asked for later than it is to be looked at anyway"),
    ],
)
def test_what_is_asked_for_during_a_look_is_looked_at_again_at_the_earlier_time(
    moment: str, asked_for: timedelta, looks_again: timedelta | None
) -> None:
    """At a look's beginning the scheduler comes round once more, finds the key under way and drops its
    plan; at the end the plan is still there."""

    async def main() -> None:
        told: list[str] = []
        done = asyncio.Event()

        async def look(key: Key) -> datetime | None:
            told.append("begins")
            if len(told) > 1:
                done.set()
                return None
            for now in ("at its beginning", "at its end"):
                if now == moment:
                    scheduler.at(key, datetime.now(UTC) + asked_for)
                for _ in range(5):
                    await asyncio.sleep(0)
            told.append("ends")
            return datetime.now(UTC) + looks_again if looks_again is not None else None

        scheduler = Scheduler(look, lambda: datetime.now(UTC))
        scheduler.wake(A)
        await until(scheduler, done)
        assert told == ["begins", "ends", "begins"], "one look at a time"

    asyncio.run(main())


def test_a_look_that_ends_makes_room_for_the_next_at_once() -> None:
    """Not only when the scheduler wakes by itself, which is seconds later."""

    async def main() -> None:
        looks, done = 0, asyncio.Event()

        async def look(_key: Key) -> datetime | None:
            nonlocal looks
            for _ in range(5):
                await asyncio.sleep(0)
            looks += 1
            if looks == 3 * AT_ONCE:
                done.set()
            return None

        scheduler = Scheduler(look, lambda: datetime.now(UTC))
        for number in range(3 * AT_ONCE):
            scheduler.wake(Key("data", f"sync-{number}"))
        await until(scheduler, done, within_s=4)

    asyncio.run(main())


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
        twice: list[Key] = []

        async def look(key: Key) -> datetime | None:
            nonlocal most, looks
            if key in under_way:
                twice.append(key)
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
        await until(scheduler, done)
        assert most == AT_ONCE
        assert twice == []

    asyncio.run(main())
