"""Who may run: never more than allowed, first due first, and a run that is stuck holds up nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.controller.conftest import at

from socratasync.controller.action import Capacity
from socratasync.controller.observed.resource import Key
from socratasync.controller.slots import RunSlots

SEVEN = at("2026-11-23T07:00")
MINUTE = timedelta(minutes=1)


def key(number: int, namespace: str = "data") -> Key:
    return Key(namespace, f"sync-{number}")


def ask(slots: RunSlots, one: Key, domain: str = "la", due: int = 0) -> Capacity:
    """``due``: so many minutes after seven. It is half a minute past five past seven."""
    return slots.ask(one, domain, SEVEN + due * MINUTE, SEVEN + 5.5 * MINUTE)


def test_the_first_due_runs_first_whoever_asked_first() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    assert not ask(slots, key(1), due=1).free
    assert not ask(slots, key(2), due=0).free

    slots.free(key(0))

    assert woken == [key(2)]
    assert ask(slots, key(2)).free
    assert not ask(slots, key(1), due=1).free


def test_of_those_due_at_the_same_time_who_asked_first_runs_first() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    for number in (3, 1, 2):
        ask(slots, key(number))

    for number in (0, 3, 1):
        slots.free(key(number))

    assert woken == [key(3), key(1), key(2)]


def test_asking_again_later_keeps_the_place_in_the_queue() -> None:
    """A request is due when it is looked at: each look would put it further back."""
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    ask(slots, key(1), due=0)
    ask(slots, key(2), due=1)
    ask(slots, key(1), due=2)

    slots.free(key(0))

    assert woken == [key(1)]


def test_a_full_domain_or_namespace_does_not_hold_up_another() -> None:
    slots = RunSlots(10, 1, lambda _: None, most_per_namespace=2)
    assert ask(slots, key(1)).free
    assert not ask(slots, key(2)).free
    assert ask(slots, key(3), "nyc").free
    assert not ask(slots, key(4), "chicago").free
    assert ask(slots, key(5, "maps"), "chicago").free


@pytest.mark.parametrize(
    ("most", "per_domain", "per_namespace", "says"),
    [
        (
            4,
            9,
            None,
            "the operator has 4 (--max-active-runs), held at 2026-11-23T07:05:00Z by "
            "data/sync-3, data/sync-2, data/sync-1 and 1 more",
        ),
        (
            9,
            2,
            None,
            "la has 2 (--max-active-runs-per-domain), held at 2026-11-23T07:05:00Z by "
            "data/sync-3, data/sync-1",
        ),
        (
            9,
            9,
            3,
            "namespace data has 3 (--max-active-runs-per-namespace), held at "
            "2026-11-23T07:05:00Z by data/sync-3, data/sync-2, data/sync-1",
        ),
    ],
)
def test_the_message_says_which_limit_it_is_and_who_has_held_its_places_longest(
    most: int, per_domain: int, per_namespace: int | None, says: str
) -> None:
    slots = RunSlots(most, per_domain, lambda _: None, per_namespace)
    for number, domain in ((3, "la"), (2, "nyc"), (1, "la")):
        slots.occupy(key(number), domain)
    slots.occupy(Key("maps", "city"), "nyc")

    assert ask(slots, key(7)).message == f"no place for a run is free: {says}"


def test_the_message_names_nobody_who_is_stuck() -> None:
    slots = RunSlots(9, 1, lambda _: None)
    slots.occupy(key(1), "la")
    slots.occupy(key(2), "la")
    slots.set_aside(key(1))

    assert ask(slots, key(3)).message.endswith(f"by {key(2)}")


def test_a_stuck_run_gives_its_place_to_the_next_and_takes_one_again_once_it_works() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(1), "la")
    ask(slots, key(2))
    ask(slots, key(3))

    slots.set_aside(key(1))
    assert (woken, slots.active, slots.stuck, slots.waiting) == ([key(2)], 1, 1, 1)

    slots.occupy(key(1), "la")
    assert (slots.active, slots.stuck) == (2, 0)
    slots.free(key(2))
    assert woken == [key(2)], "the first one is back, so there is no place"
    slots.free(key(1))
    assert woken == [key(2), key(3)]


def test_one_that_gives_up_waiting_loses_its_place() -> None:
    woken: list[Key] = []
    slots = RunSlots(1, 1, woken.append)
    slots.occupy(key(0), "la")
    ask(slots, key(1))
    ask(slots, key(2), due=1)
    slots.free(key(1))

    slots.free(key(0))

    assert woken == [key(2)]


def test_a_place_granted_for_another_domain_than_the_spec_now_names_goes_to_the_next() -> None:
    woken: list[Key] = []
    slots = RunSlots(9, 1, woken.append)
    slots.occupy(key(0), "la")
    slots.occupy(key(9), "nyc")
    ask(slots, key(1))
    ask(slots, key(2))
    slots.free(key(0))
    assert woken == [key(1)]

    assert not ask(slots, key(1), "nyc").free

    assert woken == [key(1), key(2)]


MOST, PER_DOMAIN, PER_NAMESPACE = 5, 2, 3
KEYS = [Key(namespace, f"sync-{n}") for namespace in ("a", "b", "c") for n in range(5)]
DOMAINS = ("la", "nyc", "chicago")
ANY_KEY, ANY_DOMAIN = st.sampled_from(KEYS), st.sampled_from(DOMAINS)


class AnySequence(RuleBasedStateMachine):
    """Syncs that ask, start, get stuck, get going again, and end, in any order. The model keeps what each
    is doing; places are only counted."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = RunSlots(MOST, PER_DOMAIN, self.let_in, PER_NAMESPACE)
        self.at_work: dict[Key, str] = {}
        self.stuck: dict[Key, str] = {}
        self.waiting: dict[Key, tuple[str, int]] = {}
        self.let_in_now: list[Key] = []

    def let_in(self, one: Key) -> None:
        """Called for one that waits: it fits, and nobody who was due before it would have."""
        domain, due = self.waiting.pop(one)
        assert self.fits(one, domain)
        overtaken = [k for k, (on, was_due) in self.waiting.items() if was_due < due]
        assert not [k for k in overtaken if self.fits(k, self.waiting[k][0])]
        self.at_work[one] = domain

    def fits(self, one: Key, domain: str) -> bool:
        return (
            len(self.at_work) < MOST
            and list(self.at_work.values()).count(domain) < PER_DOMAIN
            and sum(k.namespace == one.namespace for k in self.at_work) < PER_NAMESPACE
        )

    @rule(one=ANY_KEY, domain=ANY_DOMAIN, due=st.integers(0, 5))
    def a_sync_asks(self, one: Key, domain: str, due: int) -> None:
        if one in self.at_work or one in self.stuck:
            return  # one run at a time: nobody asks for a second
        known = self.waiting.pop(one, None)
        fits = self.fits(one, domain)
        assert ask(self.slots, one, domain, due).free == fits
        if fits:
            self.at_work[one] = domain
        else:
            self.waiting[one] = (domain, min(due, known[1]) if known else due)

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def a_run_gets_stuck(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.at_work)))
        self.stuck[one] = self.at_work.pop(one)
        self.slots.set_aside(one)

    @precondition(lambda self: self.stuck)
    @rule(data=st.data())
    def a_stuck_run_works_after_all(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.stuck)))
        self.at_work[one] = self.stuck.pop(one)
        self.slots.occupy(one, self.at_work[one])

    @rule(one=ANY_KEY, domain=ANY_DOMAIN)
    def a_run_of_an_earlier_operator_is_found(self, one: Key, domain: str) -> None:
        if one not in self.at_work:
            self.waiting.pop(one, None)
            self.stuck.pop(one, None)
            self.at_work[one] = domain
        self.slots.occupy(one, domain)

    @rule(one=ANY_KEY)
    def a_run_ends_or_is_wanted_no_more(self, one: Key) -> None:
        for those in (self.at_work, self.stuck, self.waiting):
            those.pop(one, None)
        self.slots.free(one)

    @invariant()
    def the_counts_are_those_of_the_model(self) -> None:
        told = (self.slots.active, self.slots.stuck, self.slots.waiting)
        assert told == (len(self.at_work), len(self.stuck), len(self.waiting))

    @invariant()
    def nobody_waits_while_there_is_a_place_for_it(self) -> None:
        assert not [k for k, (domain, _) in self.waiting.items() if self.fits(k, domain)]

    def teardown(self) -> None:
        """Once nothing new comes, everybody has its turn."""
        while self.waiting:
            assert self.at_work, "they wait for nobody"
            one = min(self.at_work)
            del self.at_work[one]
            self.slots.free(one)


AnySequence.TestCase.settings = settings(stateful_step_count=40)
TestAnySequence = AnySequence.TestCase
