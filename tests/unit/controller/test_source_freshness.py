"""Whether the source still changes: nights of a year, seen by its runs, and every state in which one may stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import Condition, SyncStatus
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource, read_resource
from socratasync.controller.status.freshness import Freshness
from socratasync.controller.status.source_freshness import read_source_freshness

MakeResource = Callable[..., Resource]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
THIS, PAST = "rq3b-xjk8", "pvft-t768"

# -- a year of nights -------------------------------------------------------------------------------

NEW_YEAR = date(2026, 1, 1)
YEAR = [NEW_YEAR + timedelta(days=number) for number in range(365)]
HOLIDAYS = {
    date(2026, month, day)
    for month, day in (
        (1, 1), (1, 19), (2, 16), (5, 25), (6, 19), (7, 3), (9, 7), (10, 12), (11, 11), (11, 26), (11, 27),
        (12, 24), (12, 25), (12, 31),
    )
}  # fmt: skip
LONG_AGO = at("2020-03-01T06:00")


def daily(_: date) -> bool:
    return True


def on_weekdays(day: date) -> bool:
    return day.weekday() < 5


def on_working_days(day: date) -> bool:
    return on_weekdays(day) and day not in HOLIDAYS


def monthly(day: date) -> bool:
    return day.day == 1


def until(last: date, publishes: Callable[[date], bool]) -> Callable[[date], bool]:
    return lambda day: day <= last and publishes(day)


@dataclass(frozen=True)
class Seen:
    """What the condition said at each hour of the year, and when it turned."""

    hours: list[tuple[datetime, str]]

    def first(self, truth: str) -> datetime | None:
        return next((when for when, said in self.hours if said == truth), None)

    def ever(self) -> set[str]:
        return {said for _, said in self.hours}


def lived(
    sync: Resource, publishes: Callable[[date], bool], *, runs_fail: Collection[date] = ()
) -> Seen:
    """365 nights: the city publishes at 6, a run asks at 7, and somebody looks at each half past."""
    changed = at("2025-12-31T06:00")
    status = known(
        {THIS: (changed, at("2025-12-31T07:00")), PAST: (LONG_AGO, at("2025-12-31T07:00"))}
    )
    hours: list[tuple[datetime, str]] = []
    turns: datetime | None = None
    for now in (at(f"{day}T00:00") + hour * HOUR for day in YEAR for hour in range(24)):
        if now.hour == 6 and publishes(now.date()):
            changed = now
        asks = now.hour == 7 and now.date() not in runs_fail
        if asks:
            status = known({THIS: (changed, now), PAST: (LONG_AGO, now)})
        found = judged(sync, status, now + HOUR / 2)
        if hours and hours[-1][1] != found.condition.status and not asks:
            assert turns is not None, "it turned by time alone, and nobody was to look"
            assert turns <= now + HOUR / 2, "it turned before somebody was to look"
        hours.append((now, found.condition.status))
        turns = found.turns
    return Seen(hours)


def known(
    datasets: Mapping[str, tuple[datetime | None, datetime | None]], **more: Any
) -> SyncStatus:
    """Id → when it last changed, and when the run started that learned so."""
    records = tuple(
        DatasetStatus(id=id_, source_updated_at=changed, source_asked_at=asked)
        for id_, (changed, asked) in datasets.items()
    )
    return SyncStatus(datasets=records, **more)


def judged(sync: Resource, status: SyncStatus, now: datetime) -> Freshness:
    found = read_source_freshness(sync, status, now)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("publishes", "limit"),
    [
        pytest.param(daily, "25h", id="daily"),
        pytest.param(on_weekdays, "3d", id="weekends"),
        pytest.param(on_working_days, "5d", id="weekends and holidays"),
        pytest.param(monthly, "31d", id="monthly"),
    ],
)
def test_a_publisher_that_goes_on_is_never_frozen_in_365_nights(
    resource: MakeResource, publishes: Callable[[date], bool], limit: str
) -> None:
    seen = lived(resource(freshness={"sourceMaxAge": limit}), publishes)

    assert seen.first("False") is None
    assert at("2026-12-31T23:00") in dict(seen.hours)
    at_runs = [said for when, said in seen.hours if when.hour == 7]
    assert set(at_runs) == {"True"}


@pytest.mark.parametrize(
    ("publishes", "limit", "found"),
    [
        pytest.param(until(date(2026, 7, 17), daily), "25h", "2026-07-18T07:00", id="daily"),
        pytest.param(until(date(2026, 7, 17), on_weekdays), "3d", "2026-07-20T07:00", id="on a Friday"),
        pytest.param(until(date(2026, 11, 25), on_working_days), "5d", "2026-11-30T07:00", id="by Thanksgiving"),
        pytest.param(until(date(2026, 7, 1), monthly), "31d", "2026-08-01T07:00", id="monthly"),
    ],
)  # fmt: skip
def test_one_that_stops_is_found_by_the_first_run_after_the_limit_and_stays_found(
    resource: MakeResource, publishes: Callable[[date], bool], limit: str, found: str
) -> None:
    seen = lived(resource(freshness={"sourceMaxAge": limit}), publishes)

    assert seen.first("False") == at(found)
    assert {said for when, said in seen.hours if when >= at(found)} == {"False"}


def test_weeks_in_which_every_run_fails_are_no_fault_of_the_source(resource: MakeResource) -> None:
    away = {day for day in YEAR if date(2026, 3, 1) <= day < date(2026, 4, 1)}

    seen = lived(resource(freshness={"sourceMaxAge": "3d"}), daily, runs_fail=away)

    assert seen.ever() == {"True", "Unknown"}
    assert seen.first("Unknown") == at("2026-03-03T06:00")
    assert dict(seen.hours)[at("2026-04-01T07:00")] == "True"


# -- each state -------------------------------------------------------------------------------------

NOW = at("2026-11-20T12:00")
LIMIT = 10 * DAY
JUST, OVER = NOW - LIMIT + timedelta(seconds=1), NOW - LIMIT
MORNING, BEFORE = NOW - 5 * HOUR, NOW - timedelta(seconds=1)
FROZEN = (OVER - DAY, MORNING)
FALSE = Condition(
    type="SourceFresh", status="False", reason="SourceFrozen", message="", last_transition_time=NOW
)
TRUE = replace(FALSE, status="True", reason="SourceFresh")

STATES: list[Any] = [
    pytest.param({}, "Unknown", None, id="no run yet"),
    pytest.param({THIS: (None, None), PAST: (None, None)}, "Unknown", None, id="no times"),
    pytest.param({THIS: (JUST, MORNING), PAST: (LONG_AGO, MORNING)}, "True", JUST + LIMIT, id="changed just in time"),
    pytest.param({PAST: (JUST, MORNING), THIS: (LONG_AGO, MORNING)}, "True", JUST + LIMIT, id="whichever it is"),
    pytest.param({THIS: (JUST, MORNING)}, "True", JUST + LIMIT, id="a new one beside it"),
    pytest.param({THIS: (JUST, MORNING), PAST: (None, None)}, "True", JUST + LIMIT, id="one of which the portal does not say"),
    pytest.param({THIS: (OVER, BEFORE), PAST: (LONG_AGO, NOW)}, "Unknown", None, id="asked a second before the limit"),
    pytest.param({THIS: (OVER, NOW), PAST: (LONG_AGO, BEFORE)}, "Unknown", None, id="the other was"),
    pytest.param({THIS: (OVER, NOW), PAST: (LONG_AGO, NOW)}, "False", None, id="asked when it was over"),
    pytest.param({THIS: (OVER, None), PAST: (LONG_AGO, NOW)}, "Unknown", None, id="a status of an earlier release"),
    pytest.param({THIS: FROZEN, PAST: (LONG_AGO, MORNING)}, "False", None, id="frozen"),
    pytest.param({PAST: FROZEN, THIS: (LONG_AGO, MORNING)}, "False", None, id="whichever was the last"),
    pytest.param({THIS: FROZEN}, "Unknown", None, id="a new one might go on"),
    pytest.param({THIS: FROZEN, PAST: (None, MORNING)}, "Unknown", None, id="and so might one that does not say"),
    pytest.param({THIS: (at("9998-12-31T00:00"), MORNING)}, "True", NOW + LIMIT, id="a clock far ahead"),
    pytest.param({THIS: FROZEN, PAST: (LONG_AGO, MORNING), "gone-0001": (NOW, NOW)}, "False", None, id="none that is in use"),
]  # fmt: skip


@pytest.mark.parametrize(("datasets", "truth", "turns"), STATES)
def test_the_newest_change_counts_and_only_a_run_that_asked_says_that_there_was_none(
    resource: MakeResource, datasets: Any, truth: str, turns: datetime | None
) -> None:
    found = judged(resource(freshness={"sourceMaxAge": "10d"}), known(datasets), NOW)

    reason = {"True": "SourceFresh", "False": "SourceFrozen", "Unknown": "NotKnown"}[truth]
    assert (found.condition.type, found.condition.status) == ("SourceFresh", truth)
    assert (found.condition.reason, found.turns) == (reason, turns)


@pytest.mark.parametrize(("datasets", "truth", "turns"), STATES)
@pytest.mark.parametrize(("before", "instead"), [(FALSE, "False"), (TRUE, "Unknown")])
def test_what_was_frozen_is_so_until_a_run_has_learned_of_a_change(
    resource: MakeResource,
    datasets: Any,
    truth: str,
    turns: object,
    before: Condition,
    instead: str,
) -> None:
    status = known(datasets, conditions=(before,))

    found = judged(resource(freshness={"sourceMaxAge": "10d"}), status, NOW)

    assert found.condition.status == (instead if truth == "Unknown" else truth)
    assert found.turns == turns
    if truth == "Unknown":
        assert found.condition.reason == ("SourceFrozen" if instead == "False" else "NotKnown")
        assert found.condition.message.startswith("as before: ") == (instead == "False")


@pytest.mark.parametrize("freshness", [None, {"maxLag": "1h"}])
def test_without_a_limit_there_is_no_such_condition(resource: MakeResource, freshness: Any) -> None:
    sync = resource(freshness=freshness)

    assert read_source_freshness(sync, known({THIS: FROZEN}), NOW) is None
    invalid = resource(freshness={"sourceMaxAge": "10d"}, domain="no domain")
    assert read_source_freshness(invalid, known({THIS: FROZEN}), NOW) is None


def test_years_that_are_not_loaded_do_not_count(resource: MakeResource) -> None:
    datasets = known({THIS: (NOW, NOW), PAST: FROZEN})
    limit = {"sourceMaxAge": "10d"}

    assert judged(resource(freshness=limit), datasets, NOW).condition.status == "True"
    only = resource(freshness=limit, years=[2019])
    assert judged(only, datasets, NOW).condition.status == "False"


def test_each_message_has_its_facts(resource: MakeResource) -> None:
    sync = resource(freshness={"sourceMaxAge": "10d"})
    dated = (
        DatasetStatus(id=PAST, year=2019, source_updated_at=LONG_AGO, source_asked_at=MORNING),
        DatasetStatus(id=THIS, source_updated_at=OVER - DAY, source_asked_at=NOW - 4 * HOUR),
    )

    def said(*datasets: DatasetStatus, now: datetime = NOW) -> str:
        return judged(sync, SyncStatus(datasets=datasets), now).condition.message

    assert said(*dated) == (
        "no dataset had changed for 10d (spec.freshness.sourceMaxAge) when the run of 2026-11-20T07:00:00Z asked. "
        "Last changes: rq3b-xjk8 at 2026-11-09T12:00:00Z, pvft-t768 (2019) at 2020-03-01T06:00:00Z. "
        "See https://data.lacity.org/d/rq3b-xjk8: if the city publishes elsewhere now, add that dataset to "
        "spec.datasets; if it is to stand still so long, raise spec.freshness.sourceMaxAge or take it out"
    )
    assert said(*dated, now=OVER) == (
        "the newest change is not longer ago than 10d: rq3b-xjk8 at 2026-11-09T12:00:00Z"
    )
    of_this_second = replace(dated[1], source_updated_at=JUST + timedelta(milliseconds=5))
    assert said(DatasetStatus(id=PAST), of_this_second) == (
        "the newest change is not longer ago than 10d: rq3b-xjk8 at 2026-11-10T12:00:01Z"
    )
    assert said(dated[1]) == (
        "no run has learned yet whether pvft-t768 changed in the last 10d: none has asked since, or the portal "
        "does not say. Last changes known: rq3b-xjk8 at 2026-11-09T12:00:00Z"
    )
    assert said().endswith(
        "whether rq3b-xjk8, pvft-t768 changed in the last 10d: none has asked since, or the portal does not "
        "say. Last changes known: none"
    )


def test_a_hundred_datasets_leave_room_for_what_to_do(resource: MakeResource) -> None:
    ids = [f"aaaa-{number:04}" for number in range(100)]
    sync = resource(
        datasets=[{"id": each, "year": 2000} for each in ids], freshness={"sourceMaxAge": "99999d"}
    )
    records = {each: (at("1970-01-01T00:00") + HOUR * n, MORNING) for n, each in enumerate(ids)}

    frozen = judged(sync, known(records), at("9000-01-01T00:00")).condition
    assert frozen.status == "Unknown"
    assert "aaaa-0000, " not in frozen.message
    asked = {each: (changed, at("2400-01-01T00:00")) for each, (changed, _) in records.items()}
    message = judged(sync, known(asked), at("9000-01-01T00:00")).condition.message
    assert len(message) < 1000
    assert "aaaa-0099 at 1970-01-05T03:00:00Z" in message
    assert "and 95 more" in message
    assert message.endswith("or take it out")


# -- by the operator --------------------------------------------------------------------------------


class Life:
    """A sync of one dataset with a limit of ten days, from one morning to the next."""

    def __init__(self, **spec: Any) -> None:
        fields = {**SPEC, "datasets": [{"id": THIS}], "freshness": {"sourceMaxAge": "10d"}, **spec}
        self.cluster = ClusterModel(at("2026-11-01T07:00"), fields)
        self._told = 0

    def look(self) -> datetime | None:
        """Until there is nothing to do; when the operator wants to look again."""
        for _ in range(10):
            try:
                operator_of(self.cluster).reconcile(self.cluster.key).send(None)
            except StopIteration as end:
                if end.value is None or end.value > self.cluster.now:
                    wanted: datetime | None = end.value
                    return wanted
        raise AssertionError("it looks for ever")

    def run(self, **changed: str) -> datetime | None:
        """The run that is due, or was asked for, ends, and says when each dataset changed."""
        self.look()
        (job,) = self.cluster.active_jobs()
        self.cluster.now += minutes(5)
        said = [
            {"id": id_.replace("_", "-"), "sourceUpdatedAt": at(when).isoformat()}
            for id_, when in changed.items()
        ]
        self.cluster.end(job["metadata"]["name"], ok=True, datasets=said)
        return self.look()

    def until(self, when: str) -> None:
        self.cluster.now = at(when)

    @property
    def status(self) -> SyncStatus:
        return read_resource(self.cluster.body).status

    def truth(self) -> str | None:
        condition = find(self.status, "SourceFresh")
        return condition.status if condition else None

    def news(self) -> list[str]:
        """Events about it since they were last asked for."""
        told = [e["reason"] for e in self.cluster.events.values()]
        new, self._told = told[self._told :], len(told)
        return [reason for reason in new if reason.startswith("Source")]


def test_it_turns_at_the_limit_and_by_the_runs_and_each_turn_is_told_once() -> None:
    life = Life(schedule="0 7 15,16,17 * *")
    assert life.run(rq3b_xjk8="2026-11-01T06:00") == at("2026-11-11T06:00"), (
        "when time alone turns it"
    )
    assert (life.truth(), life.news()) == ("True", [])

    life.until("2026-11-11T06:00")
    assert life.look() == at("2026-11-15T07:00")
    assert (life.truth(), life.news()) == ("Unknown", [])

    life.until("2026-11-15T07:00")
    assert life.run(rq3b_xjk8="2026-11-01T06:00") == at("2026-11-16T07:00")
    assert (life.truth(), life.news()) == ("False", ["SourceFrozen"])
    ready = find(life.status, "Ready")
    assert ready is not None
    assert ready.status == "True", "it is no failure of the sync's"

    life.until("2026-11-16T07:00")
    life.run(rq3b_xjk8="2026-11-01T06:00")
    assert (life.truth(), life.news()) == ("False", [])

    life.until("2026-11-17T07:00")
    life.run(rq3b_xjk8="2026-11-17T06:00")
    assert (life.truth(), life.news()) == ("True", ["SourceFresh"])


def frozen() -> Life:
    life = Life()
    life.run(rq3b_xjk8="2026-10-01T06:00")
    assert (life.truth(), life.news()) == ("False", ["SourceFrozen"])
    return life


@pytest.mark.parametrize(
    "added", [[{"id": THIS}, {"id": PAST}], [{"id": PAST}]], ids=["beside", "instead"]
)
def test_a_successor_that_is_named_ends_it_with_the_run_that_loads_it(added: Any) -> None:
    life = frozen()

    life.cluster.edit(datasets=added)
    life.look()
    assert (life.truth(), life.news()) == ("False", [])

    life.run(pvft_t768="2026-11-01T06:00")
    assert (life.truth(), life.news()) == ("True", ["SourceFresh"])


@pytest.mark.parametrize(
    ("freshness", "truth", "told"),
    [
        ({"sourceMaxAge": "60d"}, "True", ["SourceFresh"]),
        ({"maxLag": "2d"}, None, []),
        (None, None, []),
    ],
)
def test_a_limit_that_is_raised_or_taken_out_ends_it_at_once(
    freshness: Any, truth: str | None, told: list[str]
) -> None:
    life = frozen()

    life.cluster.edit(freshness=freshness)
    life.look()

    assert (life.truth(), life.news()) == (truth, told)
    assert not life.cluster.active_jobs(), "what is loaded is the same"
