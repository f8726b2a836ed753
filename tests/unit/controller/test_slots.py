"""Who may run: never more than allowed, first due first, and one domain's queue is not another's."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.controller.conftest import at

from socratasync.controller.observed.resource import Key
from socratasync.controller.slots import RunSlots

SEVEN = at("2026-11-23T07:00")


def key(number: int) -> Key:
    return Key("data", f"sync-{number}")


def test_the_first_due_runs_first_whoever_asked_first() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    assert not slots.ask(key(1), "la", SEVEN + timedelta(minutes=1)).free
    assert not slots.ask(key(2), "la", SEVEN).free

    slots.free(key(0))

    assert woken == [key(2)]
    assert slots.ask(key(2), "la", SEVEN).free
    assert not slots.ask(key(1), "la", SEVEN).free


def test_a_full_domain_does_not_hold_up_another() -> None:
    slots = RunSlots(10, 1, lambda _: None)
    assert slots.ask(key(1), "la", SEVEN).free
    waits = slots.ask(key(2), "la", SEVEN)

    assert not waits.free
    assert "--max-active-runs-per-domain" in waits.message
    assert slots.ask(key(3), "nyc", SEVEN).free


def test_a_full_operator_says_which_flag_it_is() -> None:
    slots = RunSlots(1, 1, lambda _: None)
    slots.occupy(key(0), "la")

    assert "--max-active-runs)" in slots.ask(key(1), "nyc", SEVEN).message


def test_one_that_gives_up_waiting_loses_its_place() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    slots.ask(key(1), "la", SEVEN)
    slots.ask(key(2), "la", SEVEN + timedelta(minutes=1))
    slots.free(key(1))

    slots.free(key(0))

    assert woken == [key(2)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "free", "occupy"]),
            st.integers(min_value=0, max_value=9),
            st.integers(min_value=0, max_value=5),
        ),
        max_size=80,
    )
)
def test_limits_hold_and_nobody_waits_for_nothing(steps: list[tuple[str, int, int]]) -> None:
    """A run that is found active counts even beyond the limits; nobody is let in beyond them."""
    granted: set[Key] = set()
    slots = RunSlots(4, 2, granted.add)
    running: dict[Key, str] = {}
    waiting: set[Key] = set()
    for verb, number, minute in steps:
        one, domain = key(number), f"domain-{number % 3}"
        if verb == "ask":
            free = slots.ask(one, domain, SEVEN + timedelta(minutes=minute)).free
            (granted if free else waiting).add(one)
        elif verb == "free":
            slots.free(one)
            running.pop(one, None)
            waiting.discard(one)
        else:
            slots.occupy(one, domain)
            running[one] = domain
            waiting.discard(one)
        for let_in in set(granted) - running.keys():
            running[let_in] = f"domain-{int(let_in.name[-1]) % 3}"
            waiting.discard(let_in)
            assert len(running) <= 4
            assert list(running.values()).count(running[let_in]) <= 2
        granted.clear()

        domains = list(running.values())
        assert slots.active == len(running)
        assert slots.waiting == len(waiting)
        for waits in waiting:
            theirs = f"domain-{int(waits.name[-1]) % 3}"
            assert len(running) >= 4 or domains.count(theirs) >= 2
