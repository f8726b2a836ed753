"""The datasets that follow those of the spec: what of them the status has, and who is told when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.controller.conftest import at
from tests.unit.controller.nights import MakeJob, Nights

from socratasync.api.dataset_status import DatasetStatus
from socratasync.api.status import Condition, SyncStatus
from socratasync.api.successor_status import SuccessorStatus
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.contract.report_text import Report, encode, read
from socratasync.contract.successors import Successor
from socratasync.controller.action import Action, Kind
from socratasync.controller.metrics.gauges import PER_RESOURCE, read_gauges
from socratasync.controller.observed.in_use import datasets_in_use
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource, read_resource
from socratasync.controller.page.read_entry import read_entry
from socratasync.controller.status.events import transitions
from socratasync.controller.status.next import next_status
from socratasync.controller.status.patch import as_json
from socratasync.controller.status.source_freshness import read_source_freshness
from socratasync.controller.status.successors import sentence

MakeResource = Callable[..., Resource]

NIGHT = at("2027-01-15T07:00")
THIS, PAST, NEXT, OTHER = "rq3b-xjk8", "pvft-t768", "next-2021", "othe-2021"
PROPOSE = {"name": "MyLA311 Cases {year}"}
AUTOMATIC = {**PROPOSE, "adopt": "Automatic"}

FOUND = Successor(
    id=NEXT,
    name="MyLA311 Cases 2021",
    year=2021,
    columns_missing=("nc",),
    columns_new=("casenumber", "council"),
    reason="it has no nc",
)
ADOPTED = Successor(id=NEXT, name="MyLA311 Cases 2021", year=2021, adopted=True)


def ran(successors: list[Successor] | None, *datasets: str) -> Report | None:
    """What the operator reads of a run."""
    reports = [DatasetReport(id=id_) for id_ in (THIS, PAST, *datasets)]
    report = RunReport(run="r", mode="update", datasets=reports, successors=successors)
    return read(encode(report.as_dict()))


class SuccessorNights(Nights):
    """Nights between which the operator looks, and of which one asks for what is told of successors."""

    def look(self, resource: Resource | None = None) -> SyncStatus:
        """The operator looks, and nothing has happened."""
        seen = replace(resource or self.resource, status=self.resource.status)
        waits = Action(kind=Kind.WAIT, reason="WaitingForSchedule", message="", settled=NIGHT)
        status = next_status(seen, waits, self.now)
        self.told = transitions(seen.status, status, waits, None)
        self.resource = replace(seen, status=status)
        return status

    def events(self) -> list[tuple[str, str, str]]:
        return [
            (event.type, event.reason, event.message)
            for event in self.told
            if event.reason.startswith("Successor")
        ]


@pytest.fixture(name="nights")
def _nights(resource: MakeResource, job: MakeJob) -> Callable[..., SuccessorNights]:
    return lambda **spec: SuccessorNights(resource(**spec), job, NIGHT)


def loaded(status: SyncStatus) -> Condition:
    condition = find(status, "SuccessorsLoaded")
    assert condition is not None
    return condition


def in_use(resource: Resource) -> list[str]:
    assert resource.spec is not None
    return [each.id for each in datasets_in_use(resource.spec, resource.status)]


# -- named -----------------------------------------------------------------------------------------


def test_what_is_proposed_is_in_the_status_with_all_that_is_known_of_it(
    nights: Callable[..., SuccessorNights],
) -> None:
    status = nights(follow=PROPOSE).run(ran([FOUND]))

    assert status.successors == (
        SuccessorStatus(
            id=NEXT,
            year=2021,
            name="MyLA311 Cases 2021",
            found_at=NIGHT,
            columns_missing=("nc",),
            columns_new=("casenumber", "council"),
            reason="it has no nc",
        ),
    )
    assert [each.id for each in status.datasets or ()] == [THIS, PAST]


def test_it_is_found_once_however_many_runs_find_it(nights: Callable[..., SuccessorNights]) -> None:
    sync = nights(follow=PROPOSE)
    sync.run(ran([FOUND]))
    assert [e.about for e in sync.told if e.reason == "SuccessorFound"] == [
        "next-2021 2027-01-15T07:00:00Z"
    ], "by which an operator that was killed tells it once"
    assert sync.events() == [
        (
            "Normal",
            "SuccessorFound",
            "not loaded: next-2021 (2021), MyLA311 Cases 2021, without nc, with new casenumber, council",
        )
    ]

    status = sync.run(ran([FOUND]))

    assert [each.found_at for each in status.successors or ()] == [NIGHT]
    assert sync.events() == []


def test_the_condition_says_what_follows_and_where_to_look(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=PROPOSE)
    assert (loaded(sync.look()).status, loaded(sync.look()).reason) == ("Unknown", "NotKnown")

    told = loaded(sync.run(ran([FOUND])))

    assert (told.status, told.reason) == ("False", "SuccessorFound")
    assert told.message == (
        "the portal has what follows those of spec.datasets, and it is not loaded: next-2021 (2021), MyLA311 Cases "
        "2021, without nc, with new casenumber, council (it has no nc). See https://data.lacity.org/d/next-2021, and "
        "name in spec.datasets what is to be loaded"
    )
    told = loaded(sync.run(ran([])))
    assert (told.status, told.reason) == ("True", "SuccessorsLoaded")
    assert "no dataset that follows" in told.message


def test_of_many_that_follow_a_few_are_named_and_all_are_counted(
    nights: Callable[..., SuccessorNights],
) -> None:
    many = [Successor(id=f"many-000{n}", name=f"Cases {n}", year=2021) for n in range(5)]

    told = loaded(nights(follow=PROPOSE).run(ran(many)))

    assert "many-0002 (2021), Cases 2; and 2 more. See" in told.message
    assert "many-0003" not in told.message
    told = loaded(nights(follow=PROPOSE).run(ran(many[:3])))
    assert "many-0002 (2021), Cases 2. See" in told.message


def test_a_column_of_another_type_is_told_and_a_dataset_without_a_name(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=PROPOSE)
    changed = replace(FOUND, columns_missing=(), columns_new=(), columns_changed=("nc",))

    status = sync.run(ran([changed]))

    assert [each.columns_changed for each in status.successors or ()] == [("nc",)]
    assert "MyLA311 Cases 2021, with another type of nc" in loaded(status).message
    assert sentence(SuccessorStatus(id=NEXT)) == "next-2021, unnamed"


def test_a_spec_that_follows_nothing_has_no_such_condition(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights()

    status = sync.run(ran([]))

    assert find(status, "SuccessorsLoaded") is None
    assert status.successors is None


def test_a_run_that_could_not_look_leaves_what_is_known(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=PROPOSE)
    before = sync.run(ran([FOUND])).successors

    assert sync.run(ran(None)).successors == before
    assert sync.run(None).successors == before


@pytest.mark.parametrize(
    ("successors", "follow", "waiting"),
    [
        (None, PROPOSE, None),
        ([], PROPOSE, 0),
        ([FOUND], PROPOSE, 1),
        ([ADOPTED], AUTOMATIC, 0),
        ([FOUND], None, None),
    ],
)
def test_the_gauge_counts_those_that_wait(
    nights: Callable[..., SuccessorNights], successors: Any, follow: Any, waiting: float | None
) -> None:
    sync = nights(follow=follow)
    sync.run(ran(successors))

    numbers = read_gauges(sync.resource, NIGHT).numbers

    assert numbers[list(PER_RESOURCE).index("socratasync_successors_waiting")] == waiting


# -- adopted ---------------------------------------------------------------------------------------


def test_what_was_adopted_is_a_dataset_in_use_from_that_run_on(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=AUTOMATIC)
    sync.run(ran([replace(FOUND, reason="not yet")]))

    status = sync.run(ran([ADOPTED], NEXT))

    adopted = NIGHT + timedelta(days=1)
    assert [(e.adopted, e.found_at, e.adopted_at) for e in status.successors or ()] == [
        (True, NIGHT, adopted)
    ]
    assert [(each.id, each.year) for each in status.datasets or ()] == [
        (THIS, 2020),
        (PAST, 2019),
        (NEXT, 2021),
    ]
    assert sync.events() == [
        (
            "Normal",
            "SuccessorAdopted",
            "loaded from now on, as spec.follow says: next-2021 (2021), MyLA311 Cases 2021",
        )
    ]
    assert [e.about for e in sync.told if e.reason == "SuccessorAdopted"] == [
        "next-2021 2027-01-16T07:00:00Z"
    ]
    assert loaded(status).status == "True"
    assert "adopted: next-2021 (2021), MyLA311 Cases 2021" in loaded(status).message
    assert [each.id for each in read_entry(sync.resource).datasets] == [THIS, PAST, NEXT]

    status = sync.run(ran([ADOPTED], NEXT))
    assert [each.adopted_at for each in status.successors or ()] == [adopted]
    assert sync.events() == []


def test_the_spec_that_is_started_next_is_as_it_was_written(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=AUTOMATIC)
    spec = sync.resource.spec
    sync.run(ran([ADOPTED], NEXT))

    assert sync.resource.spec == spec
    assert in_use(sync.resource) == [THIS, PAST, NEXT]


def test_what_is_pinned_is_adopted_no_more_and_keeps_its_record(
    nights: Callable[..., SuccessorNights], resource: MakeResource
) -> None:
    sync = nights(follow=AUTOMATIC)
    sync.run(ran([ADOPTED], NEXT))
    datasets = [{"id": THIS, "year": 2020}, {"id": NEXT, "year": 2021}]

    status = sync.look(resource(follow=AUTOMATIC, datasets=datasets))

    assert status.successors == ()
    assert [each.id for each in status.datasets or ()] == [THIS, NEXT]


@pytest.mark.parametrize("follow", [None, PROPOSE], ids=["off", "Propose"])
def test_what_was_adopted_is_not_in_use_while_nothing_is_adopted(
    nights: Callable[..., SuccessorNights], resource: MakeResource, follow: Any
) -> None:
    sync = nights(follow=AUTOMATIC)
    sync.run(ran([ADOPTED], NEXT))

    status = sync.look(resource(follow=follow))

    assert [each.id for each in status.datasets or ()] == [THIS, PAST]
    assert in_use(sync.resource) == [THIS, PAST]


def test_years_leave_out_what_was_adopted_as_any_other(
    nights: Callable[..., SuccessorNights], resource: MakeResource
) -> None:
    sync = nights(follow=AUTOMATIC)
    sync.run(ran([ADOPTED], NEXT))
    sync.look(resource(follow=AUTOMATIC, years=[2020]))

    assert in_use(sync.resource) == [THIS]


def test_another_operator_reads_the_same_from_the_status(
    nights: Callable[..., SuccessorNights],
) -> None:
    sync = nights(follow=AUTOMATIC)
    status = sync.run(ran([ADOPTED, replace(FOUND, id=OTHER)], NEXT))

    body = {
        "metadata": {
            "namespace": "data",
            "name": "la-311",
            "uid": "u",
            "generation": 1,
            "resourceVersion": "8",
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": dict(sync.resource.spec.as_manifest()) if sync.resource.spec else {},
        "status": as_json(status),
    }
    assert read_resource(body).status.successors == status.successors


# -- a source that stands still ----------------------------------------------------------------------


def test_a_source_that_stands_still_is_told_with_where_the_portal_goes_on(
    resource: MakeResource,
) -> None:
    long_ago = NIGHT - timedelta(days=30)
    status = SyncStatus(
        datasets=tuple(
            DatasetStatus(id=id_, source_updated_at=long_ago, source_asked_at=NIGHT)
            for id_ in (THIS, PAST)
        ),
        successors=(
            SuccessorStatus(id=OTHER, name="Cases", reason="the description names it"),
            SuccessorStatus(id=NEXT, name="Cases 2021", year=2021, adopted=True),
        ),
    )
    sync = resource(freshness={"sourceMaxAge": "7d"})

    frozen = read_source_freshness(sync, status, NIGHT)

    assert frozen is not None
    assert "The portal goes on with othe-2021, Cases. See https://" in frozen.condition.message
    frozen = read_source_freshness(sync, replace(status, successors=None), NIGHT)
    assert frozen is not None
    assert "goes on with" not in frozen.condition.message
