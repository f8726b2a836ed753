"""Which slot is open, which is missed and when the next is due: the deadline counts from the jittered time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.controller.conftest import UID, at

from socratasync.api.status import SyncStatus
from socratasync.controller.observed.due import read_slots
from socratasync.controller.observed.resource import Resource
from socratasync.controller.observed.schedule import stable_jitter

MakeResource = Callable[..., Resource]

SLOT, NEXT = at("2026-11-23T07:00"), at("2026-11-24T07:00")
JITTER = stable_jitter(UID, 3600)
"""This object's own delay: more than the deadline below, or the table would say nothing."""
DEADLINE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def test_the_jitter_of_these_tests_is_longer_than_their_deadline() -> None:
    assert JITTER > DEADLINE + SECOND


@pytest.mark.parametrize(
    ("after_slot", "is_open", "is_missed"),
    [
        pytest.param(SECOND, False, False, id="its time has come, its jittered time has not"),
        pytest.param(DEADLINE + SECOND, False, False, id="the deadline does not run before that"),
        pytest.param(JITTER - SECOND, False, False, id="a second early"),
        pytest.param(JITTER, True, False, id="due to the second"),
        pytest.param(JITTER + DEADLINE, True, False, id="the last moment"),
        pytest.param(JITTER + DEADLINE + SECOND, False, True, id="a second too late"),
    ],
)
def test_a_slot_delayed_by_jitter_is_missed_only_when_its_deadline_after_that_is_over(
    resource: MakeResource, after_slot: timedelta, is_open: bool, is_missed: bool
) -> None:
    status = SyncStatus(
        slots_settled_through=at("2026-11-22T07:00"), observed_schedule="0 7 * * * Etc/UTC"
    )
    delayed = resource(
        status=status, jitterSeconds=3600, startingDeadlineSeconds=int(DEADLINE.total_seconds())
    )

    slots = read_slots(delayed, SLOT + after_slot)

    assert (slots.open == SLOT) is is_open
    assert (slots.too_late is not None) is is_missed
    assert slots.settled == (SLOT if is_missed else at("2026-11-22T07:00"))
    assert slots.next_due == (NEXT if is_open or is_missed else SLOT) + JITTER
