"""What a resource's gauges say, by what its status says: of good ones, of stuck ones, of invalid ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controller.conftest import at

from socratasync.api.status import ActiveRun, Condition, LastRun, SyncStatus, Truth
from socratasync.api.status_parts import TableSize
from socratasync.controller.metrics.gauges import PER_RESOURCE, Gauges, read_gauges
from socratasync.controller.observed.resource import Resource

MakeResource = Callable[..., Resource]
NOW = at("2026-11-25T12:00")
DAY = 86400.0


def condition(kind: str, status: Truth, reason: str = "Because", since: str = "") -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message="",
        last_transition_time=at(since or "2026-11-01T00:00"),
    )


def number(gauges: Gauges, name: str) -> float | None:
    """One of the resource's numbers."""
    return gauges.numbers[list(PER_RESOURCE).index(f"socratasync_{name}")]


GOOD = SyncStatus(
    observed_schedule="0 7 * * * Etc/UTC",
    last_successful_time=at("2026-11-25T07:05"),
    slots_settled_through=at("2026-11-25T07:00"),
    conditions=(condition("Ready", "True"), condition("Suspended", "False", "NotSuspended")),
)


@pytest.mark.parametrize("suspended", ["True", "False"])
def test_a_spec_that_turned_invalid_keeps_what_the_status_remembers(
    resource: MakeResource, suspended: Truth
) -> None:
    before = resource(status=GOOD)
    status = replace(GOOD, conditions=(condition("Suspended", suspended),))
    invalid = resource(status=status, datasets=[])
    assert before.problem is None
    assert invalid.problem is not None

    was, found = read_gauges(before, NOW), read_gauges(invalid, NOW)

    for name in ("expected_interval_seconds", "success_due_timestamp_seconds"):
        assert number(found, name) == number(was, name)
        assert number(found, name) is not None
    assert number(found, "suspended") == float(suspended == "True")
    assert found.scheduled
    assert 'schedule="0 7 * * *"' in found.info


@pytest.mark.parametrize(
    ("freshness", "seconds"),
    [(None, None), ({"maxLag": "1h"}, None), ({"maxLag": "1h", "sourceMaxAge": "4d"}, 4 * DAY)],
)
def test_how_long_the_source_may_stand_still_is_the_specs(
    resource: MakeResource, freshness: dict[str, str] | None, seconds: float | None
) -> None:
    found = read_gauges(resource(freshness=freshness), NOW)

    assert number(found, "source_max_age_seconds") == seconds


@pytest.mark.parametrize(
    "written", [None, "", " Etc/UTC", "0 7 * * *", "61 7 * * * Etc/UTC", "0 7 * * * Atlantis"]
)
def test_a_remembered_schedule_that_cannot_be_read_counts_as_none(
    resource: MakeResource, written: str | None
) -> None:
    found = read_gauges(resource(status=replace(GOOD, observed_schedule=written), datasets=[]), NOW)

    assert not found.scheduled
    assert number(found, "expected_interval_seconds") is None
    assert number(found, "success_due_timestamp_seconds") is None


OFFICE = "0 8-17 * * 1-5"

# 2026-11-25 is a Wednesday.
SUCCESS_DUE: list[Any] = [
    pytest.param("0 7 * * *", "25T07:05", "27T07:05", id="daily: twice the interval"),
    pytest.param("0 7 * * *", "25T09:30", "27T09:30", id="daily, a run of hours: the next takes as long"),
    pytest.param("0 7 * * *", "25T06:55", "27T06:55", id="daily, by hand just before the slot"),
    pytest.param(OFFICE, "25T09:05", "25T11:05", id="office hours, by day"),
    pytest.param(OFFICE, "25T17:05", "26T09:05", id="office hours, over night"),
    pytest.param(OFFICE, "25T16:05", "26T08:05", id="office hours, the last but one of the day"),
    pytest.param(OFFICE, "27T17:05", "30T09:05", id="office hours, over the weekend"),
    pytest.param(OFFICE, "28T12:00", "30T10:00", id="by hand on a Saturday: until the third slot at most"),
    pytest.param("*/5 * * * *", "25T07:01", "25T07:11", id="every five minutes"),
    pytest.param("0 7 1 1 *", "25T07:05", None, id="yearly"),
    pytest.param("0 7 * * *", None, None, id="no success yet"),
    pytest.param(None, "25T07:05", None, id="no schedule"),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "succeeded", "due"), SUCCESS_DUE)
def test_a_success_is_due_two_slots_on_as_late_as_the_last_one_came(
    resource: MakeResource, schedule: str | None, succeeded: str | None, due: str | None
) -> None:
    status = SyncStatus(last_successful_time=at(f"2026-11-{succeeded}") if succeeded else None)
    found = number(
        read_gauges(resource(schedule=schedule, status=status), NOW),
        "success_due_timestamp_seconds",
    )

    if due is not None:
        assert found == at(f"2026-11-{due}").timestamp()
    elif schedule and succeeded:
        assert (
            found
            == at("2028-01-01T07:00").timestamp()
            + (at("2026-11-25T07:05") - at("2026-01-01T07:00")).total_seconds()
        )
    else:
        assert found is None


@pytest.mark.parametrize(
    "settled", ["2026-11-20T07:00", "2026-11-25T07:00", "2026-11-25T07:03", "2026-11-26T07:00"]
)
def test_where_the_slots_stand_makes_the_search_short_and_changes_nothing(
    resource: MakeResource, settled: str
) -> None:
    status = replace(GOOD, slots_settled_through=at(settled))
    found = number(read_gauges(resource(status=status), NOW), "success_due_timestamp_seconds")

    assert found == at("2026-11-27T07:05").timestamp()


def test_after_a_suspension_two_slots_count_from_when_it_ended(resource: MakeResource) -> None:
    resumed = condition("Suspended", "False", "NotSuspended", since="2026-11-28T12:00")
    asleep = condition("Suspended", "True", "Suspended", since="2026-11-28T12:00")

    def due(suspended: Condition) -> float | None:
        status = replace(GOOD, conditions=(suspended,))
        return number(read_gauges(resource(status=status), NOW), "success_due_timestamp_seconds")

    assert due(resumed) == at("2026-11-30T12:00").timestamp()
    assert due(asleep) == at("2026-11-27T07:05").timestamp()


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("0 7 * * *", DAY),
        ("0 7 * * 1", 7 * DAY),
        ("0 7 * * 1-5", 3 * DAY),
        (OFFICE, 2 * DAY + 15 * 3600),
        ("*/5 * * * *", 300.0),
        ("*/5 8-17 * * 1-5", 2 * DAY + 14 * 3600 + 300),
        ("0 7 1 * *", 31 * DAY),
        (None, None),
    ],
)
@pytest.mark.parametrize("day", ["23", "25", "28", "29"])
def test_the_expected_interval_is_the_longest_pause_whatever_day_it_is(
    resource: MakeResource, schedule: str | None, seconds: float | None, day: str
) -> None:
    found = read_gauges(resource(schedule=schedule), at(f"2026-11-{day}T12:00"))

    assert number(found, "expected_interval_seconds") == seconds


ACTIVE = ActiveRun(job="j", start=at("2026-11-25T07:00"))
STUCK, RETRYING = (
    replace(ACTIVE, reason=reason) for reason in ("PodNotStarting", "WaitingToRetry")
)
JUST_NOW = replace(ACTIVE, start=at("2026-11-25T11:59:30"))
WELL, NEVER_STARTED = "Succeeded", "PodNotStarting"
RUNS: list[Any] = [
    pytest.param(None, "WaitingForSchedule", WELL, "", id="none is wanted"),
    pytest.param(ACTIVE, "SyncInProgress", WELL, "Active", id="at work"),
    pytest.param(JUST_NOW, "SyncInProgress", WELL, "Active", id="just begun"),
    pytest.param(STUCK, "PodNotStarting", WELL, "Stuck", id="its pod does not start"),
    pytest.param(RETRYING, "WaitingToRetry", WELL, "Retrying", id="between two tries"),
    pytest.param(None, "JobRefused", WELL, "Stuck", id="its Job is refused"),
    pytest.param(None, "WaitingForCapacity", WELL, "Waiting", id="others are first"),
    pytest.param(None, "WaitingForRetry", NEVER_STARTED, "Stuck", id="the last never started"),
    pytest.param(JUST_NOW, "SyncInProgress", NEVER_STARTED, "Stuck", id="nor has the next yet"),
    pytest.param(ACTIVE, "SyncInProgress", NEVER_STARTED, "Active", id="but the next has"),
    pytest.param(RETRYING, "WaitingToRetry", NEVER_STARTED, "Retrying", id="and failed later"),
]


@pytest.mark.parametrize(("active", "synchronizing", "last", "run"), RUNS)
def test_a_run_is_at_work_or_waits_or_is_stuck(
    resource: MakeResource, active: ActiveRun | None, synchronizing: str, last: str, run: str
) -> None:
    told = condition("Synchronizing", "True" if active else "False", synchronizing)
    status = SyncStatus(
        active_run=active, last_run=LastRun(job="i", reason=last), conditions=(told,)
    )
    found = read_gauges(resource(status=status), NOW)

    assert (found.run, number(found, "run_stuck")) == (run, float(run == "Stuck"))
    since = number(found, "active_run_start_timestamp_seconds")
    assert since == (active.start.timestamp() if active and active.start else None)


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("Ready", "False", True),
        ("Ready", "Unknown", False),
        ("Ready", "True", False),
        ("Fresh", "False", True),
        ("Stalled", "True", True),
        ("Synchronizing", "False", False),
        ("Suspended", "False", False),
        ("Suspended", "True", False),
    ],
)
def test_reasons_are_told_of_conditions_that_tell_of_trouble(
    resource: MakeResource, kind: str, status: Truth, told: bool
) -> None:
    one = resource(status=SyncStatus(conditions=(condition(kind, status),)))

    reasons = (f'type="{kind}",reason="Because"',) if told else ()
    assert read_gauges(one, NOW).reasons == reasons


@pytest.mark.parametrize(
    ("table", "numbers"),
    [
        (None, (None, None)),
        (TableSize(), (None, None)),
        (TableSize(bytes=8192, index_bytes=0), (8192.0, 0.0)),
        (TableSize(bytes=8192), (8192.0, None)),
    ],
)
def test_the_disk_that_the_table_takes_is_told_once_it_was_measured(
    resource: MakeResource, table: TableSize | None, numbers: tuple[float | None, ...]
) -> None:
    found = read_gauges(resource(status=replace(GOOD, table=table)), NOW)

    assert (number(found, "table_bytes"), number(found, "index_bytes")) == numbers
