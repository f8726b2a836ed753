"""By which interface datasets are read, and what the portal says of its end: the status, the condition, the events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from tests.unit.controller.conftest import at
from tests.unit.controller.nights import MakeJob, Nights

from socratasync.api.dataset_status import DatasetStatus, SourceNotice
from socratasync.api.status import SyncStatus
from socratasync.contract.notices import MOST_NOTICES, Notice
from socratasync.contract.report import DatasetReport, RunReport
from socratasync.contract.report_text import Report, encode, read
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.interfaces import interface_supported
from socratasync.errors import AppTokenRequired

MakeResource = Callable[..., Resource]

FIRST_NIGHT = at("2026-12-01T07:00")
JUNE = at("2027-06-01T00:00")
THIS, PAST = "rq3b-xjk8", "pvft-t768"
ENDS = Notice("SODA2", "it ends", JUNE)
LATER = Notice("SODA2", "it ends", at("2028-06-01T00:00"))
OLD = Notice("SODA2", "it is deprecated.")
NEXT = Notice("SODA3", "it ends, too")
METADATA = Notice("metadata", "columns come from elsewhere")
GONE = "/resource of data.lacity.org answers HTTP 410; rows are read by SODA3 now"


def ran(
    *datasets: DatasetReport, notices: tuple[Notice, ...] = (), silent: bool = False
) -> Report | None:
    """What the operator reads of a run. ``silent``: its worker does not know of notices."""
    report = RunReport(run="r", mode="update", datasets=list(datasets), notices=list(notices))
    told = report.as_dict()
    if silent:
        del told["notices"]
    return read(encode(told))


def by(api: str | None, id_: str = THIS, why: str | None = None) -> DatasetReport:
    error = None if api else AppTokenRequired("name one")
    return DatasetReport(id=id_, api=api, api_changed=why, error=error)


class InterfaceNights(Nights):
    """Nights of which one asks for the events of a reason."""

    def events(self, reason: str) -> list[str]:
        return [event.message for event in self.told if event.reason == reason]


@pytest.fixture(name="nights")
def _nights(resource: MakeResource, job: MakeJob) -> Callable[..., InterfaceNights]:
    return lambda **spec: InterfaceNights(resource(**spec), job, FIRST_NIGHT)


def interfaces(status: SyncStatus) -> dict[str, str | None]:
    return {each.id: each.api for each in status.datasets or ()}


def notices(status: SyncStatus) -> list[tuple[str, str, datetime | None]]:
    return [(each.interface, each.text, each.date) for each in status.source_notices or ()]


# -- the interface ----------------------------------------------------------------------------------


def test_a_change_over_is_told_once_for_all_datasets_and_then_is_as_it_was(
    nights: Callable[..., InterfaceNights],
) -> None:
    sync = nights()
    first = sync.run(ran(by("SODA2"), by("SODA2", PAST)))
    assert interfaces(first) == {THIS: "SODA2", PAST: "SODA2"}
    assert sync.events("SourceInterfaceChanged") == []

    second = sync.run(ran(by("SODA3", why=GONE), by("SODA3", PAST, why=GONE)))
    assert interfaces(second) == {THIS: "SODA3", PAST: "SODA3"}
    assert sync.events("SourceInterfaceChanged") == [f"{GONE} (of {THIS}, {PAST})"]
    (change,) = [e for e in sync.told if e.reason == "SourceInterfaceChanged"]
    run = second.last_run.uid if second.last_run else ""
    assert (change.type, change.about) == ("Normal", f"{run} {change.message}")
    assert run, "it is told again if it goes back and forth"

    sync.run(ran(by("SODA3", why=GONE), by("SODA3", PAST, why=GONE)))
    assert sync.events("SourceInterfaceChanged") == []


def test_datasets_that_changed_for_different_reasons_are_told_apart(
    nights: Callable[..., InterfaceNights],
) -> None:
    sync = nights()
    sync.run(ran(by("SODA2"), by("SODA3", PAST)))

    sync.run(ran(by("SODA3", why=GONE), by("SODA2", PAST)))

    back = "rows are read by SODA2 now, and were read by SODA3 before"
    assert sync.events("SourceInterfaceChanged") == [f"{GONE} (of {THIS})", f"{back} (of {PAST})"]
    abouts = {e.about for e in sync.told if e.reason == "SourceInterfaceChanged"}
    assert len(abouts) == 2, "events of one name are one event"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        pytest.param(None, by("SODA3", why=GONE), 0, id="never read before"),
        pytest.param(DatasetStatus(id=THIS), by("SODA3", why=GONE), 0, id="never loaded"),
        pytest.param(
            DatasetStatus(id=THIS, last_synced_since=JUNE),
            by("SODA3", why=GONE),
            1,
            id="loaded by a release that read by SODA2 alone",
        ),
        pytest.param(
            DatasetStatus(id=THIS, last_synced_since=JUNE),
            by("SODA2"),
            0,
            id="loaded by such a release, and read as before",
        ),
        pytest.param(DatasetStatus(id=THIS, api="SODA2"), by("SODA3"), 1, id="another"),
        pytest.param(DatasetStatus(id=THIS, api="SODA3"), by("SODA3"), 0, id="the same"),
        pytest.param(DatasetStatus(id=THIS, api="SODA3"), by(None), 0, id="nobody asked"),
    ],
)
def test_what_a_change_is(
    nights: Callable[..., InterfaceNights],
    before: DatasetStatus | None,
    now: DatasetReport,
    told: int,
) -> None:
    sync = nights(status=SyncStatus(datasets=(before,) if before else None))

    status = sync.run(ran(now))

    assert len(sync.events("SourceInterfaceChanged")) == told
    assert interfaces(status)[THIS] == (now.api or (before.api if before else None))


def test_a_run_without_a_report_changes_nothing(nights: Callable[..., InterfaceNights]) -> None:
    sync = nights()
    sync.run(ran(by("SODA2"), notices=(ENDS,)))

    status = sync.run(None)

    assert interfaces(status)[THIS] == "SODA2"
    assert notices(status) == [("SODA2", "it ends", JUNE)]
    assert sync.events("SourceInterfaceChanged") == sync.events("SourceDeprecated") == []


# -- notices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "report", "after", "news"),
    [
        pytest.param((), ran(by("SODA2"), notices=(ENDS,)), [ENDS], True, id="the first"),
        pytest.param((ENDS,), ran(by("SODA2"), notices=(ENDS,)), [ENDS], False, id="the same"),
        pytest.param((ENDS,), ran(by("SODA2"), notices=(LATER,)), [LATER], True, id="put off"),
        pytest.param((ENDS,), ran(by("SODA2"), notices=(OLD, ENDS)), [OLD, ENDS], True, id="more"),
        pytest.param((ENDS, OLD), ran(by("SODA2"), notices=(OLD,)), [OLD], False, id="fewer"),
        pytest.param((ENDS,), ran(by("SODA2")), [], False, id="taken back"),
        pytest.param((ENDS,), ran(by(None)), [ENDS], False, id="nobody asked"),
        pytest.param((ENDS,), ran(by("SODA2"), silent=True), [ENDS], False, id="not told of"),
        pytest.param(
            (ENDS,), ran(by("SODA3"), by("SODA2", PAST)), [], False, id="one of two asks and hears none"
        ),
        pytest.param(
            (ENDS,), ran(by("SODA3"), by(None, PAST)), [ENDS], False, id="the other one did not ask"
        ),
        pytest.param(
            (ENDS,),
            ran(by("SODA3"), by("SODA3", PAST), notices=(ENDS,)),
            [],
            False,
            id="nothing is read by it any more",
        ),
        pytest.param(
            (),
            ran(by("SODA3"), by("SODA3", PAST), notices=(ENDS, NEXT)),
            [NEXT],
            True,
            id="of two the one that is read by",
        ),
        pytest.param((), ran(by("SODA2"), notices=(METADATA,)), [METADATA], True, id="of another"),
        pytest.param((METADATA,), ran(by("SODA2")), [], False, id="of another, taken back"),
        pytest.param((METADATA,), ran(by(None)), [METADATA], False, id="of another, not asked"),
        pytest.param((), ran(by(None), notices=(ENDS,)), [ENDS], True, id="told, and then failed"),
    ],
)  # fmt: skip
def test_a_notice_stands_for_as_long_as_it_is_given_and_is_news_once(
    nights: Callable[..., InterfaceNights],
    before: tuple[Notice, ...],
    report: Report,
    after: list[Notice],
    news: bool,
) -> None:
    known = tuple(
        SourceNotice(interface=each.interface, text=each.text, date=each.date, since=JUNE)
        for each in before
    )
    datasets = tuple(DatasetStatus(id=id_, api="SODA2") for id_ in (THIS, PAST) if before)
    sync = nights(status=SyncStatus(source_notices=known or None, datasets=datasets or None))

    status = sync.run(report)

    assert notices(status) == [(each.interface, each.text, each.date) for each in after]
    assert status.source_notices != (), "a status says nothing rather than that there is nothing"
    said = find(status, "InterfaceSupported")
    assert said is not None
    assert sync.events("SourceDeprecated") == ([said.message] if news else [])
    stays = {each.since for each in status.source_notices or () if _of(each) in before}
    assert stays <= {JUNE}
    begins = {each.since for each in status.source_notices or () if _of(each) not in before}
    assert begins <= {FIRST_NIGHT}


def _of(notice: SourceNotice) -> Notice:
    return Notice(notice.interface, notice.text, notice.date)


def test_the_event_of_a_notice_is_a_warning_by_a_name_of_its_own(
    nights: Callable[..., InterfaceNights],
) -> None:
    sync = nights()
    sync.run(ran(by("SODA2"), notices=(ENDS,)))
    (first,) = [event for event in sync.told if event.reason == "SourceDeprecated"]
    sync.run(ran(by("SODA2")))
    sync.run(ran(by("SODA2"), notices=(ENDS,)))
    (again,) = [event for event in sync.told if event.reason == "SourceDeprecated"]

    assert first.type == again.type == "Warning"
    assert first.about == "SODA2 it ends 2027-06-01 00:00:00+00:00 2026-12-01 07:00:00+00:00"
    assert again.about != first.about, "two years later it is news again"


def test_a_status_has_no_more_notices_than_it_may(nights: Callable[..., InterfaceNights]) -> None:
    sync = nights()
    sync.run(ran(by("SODA3", PAST), notices=(NEXT,)))
    many = tuple(Notice("SODA2", f"number {number}") for number in range(MOST_NOTICES + 3))

    status = sync.run(ran(by("SODA2"), notices=many))

    assert len(status.source_notices or ()) == MOST_NOTICES


# -- the condition ----------------------------------------------------------------------------------

TOKEN = {"appTokenSecretRef": {"name": "socrata-token"}}


@pytest.mark.parametrize(
    ("source", "datasets", "given", "truth", "reason", "message"),
    [
        ({}, [], [], "Unknown", "NotKnown", "no run has told yet which interface rows are read by"),
        ({}, [None], [], "Unknown", "NotKnown", "no run has told yet which interface rows are read by"),
        (
            {}, ["SODA2", None], [], "True", "Supported",
            "rows are read by SODA2, and the portal does not say that it ends",
        ),
        (
            {}, ["SODA3", "SODA2", "SODA3"], [], "True", "Supported",
            "rows are read by SODA2 and SODA3, and the portal does not say that it ends",
        ),
        (
            {}, ["SODA2"], [ENDS, OLD], "False", "Deprecated",
            "the portal says of SODA2: it ends (2027-06-01); it is deprecated. Once it ends, runs go over to SODA3 by "
            "themselves; that may want an app token, so name one in spec.source.appTokenSecretRef",
        ),
        (
            TOKEN, ["SODA2"], [ENDS], "False", "Deprecated",
            "the portal says of SODA2: it ends (2027-06-01). Once it ends, runs go over to SODA3 by themselves",
        ),
        (
            {**TOKEN, "api": "SODA2"}, ["SODA2"], [OLD], "False", "Deprecated",
            "the portal says of SODA2: it is deprecated. spec.source.api is SODA2, so runs fail once it ends: set it to "
            "Auto",
        ),
        (
            {"api": "SODA3"}, ["SODA3"], [NEXT], "False", "Deprecated",
            "the portal says of SODA3: it ends, too. Look for a release of Socrata Sync that reads by what comes after it",
        ),
        (
            TOKEN, ["SODA2", "SODA3"], [ENDS, NEXT], "False", "Deprecated",
            "the portal says of SODA2: it ends (2027-06-01). Once it ends, runs go over to SODA3 by themselves. "
            "Also, the portal says of SODA3: it ends, too. Look for a release of Socrata Sync that reads by what comes after it",
        ),
    ],
)  # fmt: skip
def test_the_condition_says_what_the_portal_says_and_what_happens_then(
    resource: MakeResource,
    source: dict[str, Any],
    datasets: list[str | None],
    given: list[Notice],
    truth: str,
    reason: str,
    message: str,
) -> None:
    status = SyncStatus(
        datasets=tuple(DatasetStatus(id=str(n), api=api) for n, api in enumerate(datasets)) or None,
        source_notices=tuple(SourceNotice(interface=n.interface, text=n.text, date=n.date) for n in given)
        or None,
    )  # fmt: skip

    found = interface_supported(resource(source=source), status)

    assert (found.type, found.status, found.reason) == ("InterfaceSupported", truth, reason)
    assert found.message == message


def test_without_a_spec_that_can_be_read_it_says_what_the_portal_says(
    resource: MakeResource,
) -> None:
    status = SyncStatus(source_notices=(SourceNotice(interface="SODA2", text="it ends"),))

    found = interface_supported(resource(datasets=[], status=status), status)

    assert (found.status, found.message) == ("False", "the portal says of SODA2: it ends")


def test_ready_is_true_all_the_same(nights: Callable[..., InterfaceNights]) -> None:
    status = nights().run(ran(by("SODA2"), notices=(ENDS,)))

    told = {each.type: each.status for each in status.conditions or ()}
    assert (told["Ready"], told["InterfaceSupported"]) == ("True", "False")
    assert "Stalled" not in told
