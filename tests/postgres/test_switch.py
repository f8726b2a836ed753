"""SODA2 ends, between two runs or at any request of one: rows are read by SODA3 from then on, and nobody notices but
by a message. No row is lost, doubled or written twice, and none read again but the delta and its overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, Row, Sync
from tests.postgres.killed import kill_midway

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.source.retry import RetryPolicy

pytestmark = pytest.mark.interface("Auto")  # which alone goes over from one to the other

YESTERDAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, SECOND = "park-0001", "park-0002"
ONE, TWO = (FIRST,), (FIRST, SECOND)
FAST, SLOW = "a fast server", "a slow server"
PASSING = (202, 408, 429, 500, 502, 503, 504)
ONCE = RetryPolicy(attempts=1)

MOST_LOOK_UPS = 3
"""Of some known rows, before what the other interface says is believed."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds: rows with their :id and the version of each, and the datasets' watermarks."""

    rows: dict[str, Row]
    versions: dict[str, str]
    watermarks: dict[str, datetime]


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did: its report, what the database holds afterwards, and the pages that it asked for."""

    report: RunReport
    held: Held
    pages: list[tuple[str, str, str]]
    """(interface, dataset, ``$where``) of each."""

    def rewritten(self, before: Held) -> set[str]:
        """The rows with another version than before."""
        return {
            name
            for name, is_now in self.held.versions.items()
            if before.versions.get(name) != is_now
        }

    def asked(self, interface: str, dataset: str) -> list[str]:
        return [where for where in self._all(interface, dataset) if not is_look_up(where)]

    def looked_up(self, dataset: str) -> int:
        """How often rows were asked for by their ids: whether they are there, and look the same."""
        return sum(map(is_look_up, self._all("SODA2", dataset) + self._all("SODA3", dataset)))

    def _all(self, interface: str, dataset: str) -> list[str]:
        return [where for by, id, where in self.pages if (by, id) == (interface, dataset)]


def is_look_up(where: str) -> bool:
    return ":id in" in where


class Town:
    """One or two datasets that were loaded an hour before some of their rows changed."""

    def __init__(self, sync: Sync, portal: Portal, clock: Clock) -> None:
        self.sync, self.portal, self._clock = sync, portal, clock
        self.datasets: tuple[str, ...] = (FIRST,)
        self.mode = "update"
        self.is_new = False
        sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
        sync.spec["source"] = {"pageSize": 2}

    def begin(self) -> Held:
        """As it was when the first run had loaded everything, and then rows changed; what is held."""
        self.portal.faults.clear()
        self.portal.soda2_returns()
        self.portal.datasets.clear()
        self.sync.forget()
        self._clock.at = YESTERDAY
        for id in self.datasets:
            rows = [{"name": f"{id} {n}", "acres": n} for n in range(5)]
            self.portal.add_dataset(id, PARK_COLUMNS, rows)
        self._an_hour_later("last before the load")
        if not self.is_new:
            self.sync.well()
        self._an_hour_later("changed since", "changed as well", "changed, too")
        for id in self.datasets:
            self.portal[id].insert({"name": f"{id} new", "acres": 100})
        return self._held()

    def _an_hour_later(self, *notes: str) -> None:
        """So many rows of each dataset change."""
        assert self._clock.at is not None
        self._clock.at += timedelta(hours=1)
        for id in self.datasets:
            for number, note in enumerate(notes):
                self.portal[id].update(self.portal[id].find(name=f"{id} {number}"), acres=len(note))

    def run(self, **words: Any) -> Done:
        """The run, whatever becomes of it."""
        asked = len(self.portal.requests)
        report = self.sync.run(mode=self.mode, **words)
        requests = zip(self.portal.requests, self.portal.interfaces, strict=True)
        pages = [
            (by, id, parameters.get("$where", ""))
            for (kind, id, parameters), by in list(requests)[asked:]
            if kind == "rows"
        ]
        return Done(report, self._held(), pages)

    def asked_by_soda2(self) -> int:
        return self.portal.interfaces.count("SODA2")

    def _held(self) -> Held:
        if self.sync.query("SELECT to_regclass('parks') AS there")[0]["there"] is None:
            return Held({}, {}, {})
        rows = self.sync.query("SELECT xmin::text || ctid::text AS version, * FROM parks")
        known = self.sync.query("SELECT dataset, watermark FROM socratasync.datasets")
        versions = {row["name"]: row.pop("version") for row in rows}
        assert len(versions) == len(rows), "no row is there twice"
        return Held(
            {row["name"]: row for row in rows},
            versions,
            {row["dataset"]: row["watermark"] for row in known},
        )


@pytest.fixture
def town(sync: Sync, portal: Portal, clock: Clock) -> Town:
    return Town(sync, portal, clock)


def has_gone_as_usual(done: Done, before: Held, usual: Done) -> None:
    """As the run ``usual`` went, but for the interface."""
    assert done.report.exit_code == 0, done.report.as_dict()
    assert done.held.rows == usual.held.rows
    assert done.held.watermarks == usual.held.watermarks
    assert done.report.rows.inserted == usual.report.rows.inserted
    assert done.report.rows.updated == usual.report.rows.updated
    assert done.report.rows.deleted == 0
    assert len(done.rewritten(before)) == usual.report.rows.inserted + usual.report.rows.updated
    for dataset in done.report.datasets:
        by_soda2, by_soda3 = (done.asked(by, dataset.id) for by in ("SODA2", "SODA3"))
        as_usual = usual.asked("SODA2", dataset.id)
        assert by_soda2 == as_usual[: len(by_soda2)]
        assert len(by_soda3) <= len(as_usual)
        if by_soda3:
            assert plain(by_soda3[0]) == plain(as_usual[0]), (
                "it begins anew, from the same watermark"
            )
        assert done.looked_up(dataset.id) <= MOST_LOOK_UPS
        went_over = dataset.api == "SODA3"
        assert dataset.api in ("SODA2", "SODA3")
        assert (dataset.api_changed is not None) == went_over
        assert went_over or not by_soda3


def plain(where: str) -> str:
    """The condition without the brackets and quotes in which one interface writes it and the other does not."""
    return "".join(where.replace("`", "").replace("(", "").replace(")", "").split())


def settles(town: Town) -> None:
    """The next run finds nothing to do, asks no interface that is gone, and no stage is left."""
    asked = len(town.portal.interfaces)
    report = town.sync.well()
    assert {dataset.result for dataset in report.datasets} == {"NoChange"}
    assert all(dataset.api_changed is None for dataset in report.datasets)
    if any(dataset.api == "SODA3" for dataset in report.datasets):
        gone = {d.id for d in report.datasets if d.api == "SODA3"}
        since = list(zip(town.portal.interfaces, town.portal.requests, strict=True))[asked:]
        assert not [by for by, (_, id, _) in since if by == "SODA2" and id in gone]
    assert town.sync.query("SELECT FROM pg_class WHERE relname LIKE 'stage%'") == []


@pytest.mark.parametrize(
    ("status", "mode", "datasets"),
    [
        (410, "update", ONE),
        (501, "update", TWO),
        (404, "update", TWO),
        (403, "update", TWO),
        (410, "full", TWO),
        (404, "full", ONE),
    ],
    ids=str,
)
def test_soda2_that_ends_between_two_runs_costs_no_row_and_no_reload(
    town: Town, status: int, mode: str, datasets: tuple[str, ...]
) -> None:
    town.datasets, town.mode = datasets, mode
    town.begin()
    usual = town.run()
    before = town.begin()

    town.portal.soda2_ends(status=status)
    done = town.run()

    has_gone_as_usual(done, before, usual)
    for dataset in done.report.datasets:
        assert dataset.api == "SODA3"
        assert f"HTTP {status}" in str(dataset.api_changed)
        assert done.asked("SODA2", dataset.id) == []
    settles(town)


@pytest.mark.parametrize(
    ("status", "mode", "datasets", "pace"),
    [
        (410, "update", ONE, FAST),
        pytest.param(404, "update", TWO, FAST, marks=pytest.mark.long),
        (501, "full", ONE, FAST),
        pytest.param(403, "full", TWO, FAST, marks=pytest.mark.long),
        (410, "new", ONE, FAST),
        (410, "new", TWO, SLOW),
    ],
    ids=str,
    indirect=["pace"],
)
def test_soda2_that_ends_at_any_request_of_a_run_costs_no_row_and_no_reload(
    town: Town, status: int, mode: str, datasets: tuple[str, ...], pace: str
) -> None:
    town.datasets, town.is_new = datasets, mode == "new"
    town.mode = "full" if mode == "full" else "update"
    town.begin()
    asked = town.asked_by_soda2()
    usual = town.run()
    positions = town.asked_by_soda2() - asked
    assert positions >= 5 * len(datasets)

    for position in range(positions + 1):
        before = town.begin()
        town.portal.soda2_ends(status=status, after=position)
        done = town.run()
        has_gone_as_usual(done, before, usual)
        if position == 1:
            settles(town)
    assert {dataset.api for dataset in done.report.datasets} == {"SODA2"}


@pytest.mark.parametrize(
    ("on", "fault"),
    [
        *(pytest.param("rows", Fault.status(status), id=str(status)) for status in PASSING),
        pytest.param("rows", Fault.reset(), id="a connection that is reset"),
        pytest.param("rows", Fault.hang_up(20), id="an answer that breaks off"),
        pytest.param("rows", Fault.delayed(1.2), id="an answer that does not come in time"),
        pytest.param("count", Fault.status(429), id="429 for a count"),
        pytest.param("count", Fault.status(503), id="503 for a count"),
        pytest.param("count", Fault.reset(), id="a connection that is reset while it counts"),
    ],
)
def test_trouble_that_passes_makes_no_run_go_over(town: Town, on: str, fault: Fault) -> None:
    before = town.begin()
    town.sync.spec["source"]["timeouts"] = {"firstByte": "1s"}
    town.portal.faults.add(fault, on=on, times=None)

    done = town.run(options=town.sync.with_(policy=ONCE))

    assert done.report.exit_code == 75, done.report.as_dict()
    assert "SODA3" not in town.portal.interfaces
    assert done.held == before
    town.portal.faults.clear()
    assert {dataset.api for dataset in town.sync.well().datasets} == {"SODA2"}


@pytest.mark.parametrize(
    ("after", "rows"),
    [
        pytest.param(None, 2, id="by SODA2, which ends before the retry"),
        pytest.param(3, 4, id="by SODA3, to which it had gone over"),
        pytest.param(0, 2, id="by SODA3, which was all that there was"),
    ],
)
def test_a_pod_killed_in_mid_read_is_followed_by_one_that_mixes_nothing(
    town: Town, after: int | None, rows: int
) -> None:
    town.begin()
    usual = town.run()
    before = town.begin()
    if after is not None:
        town.portal.soda2_ends(after=after)
    kill_midway(town.sync.request(run="killed"), rows)
    town.portal.soda2_ends()

    done = town.run(run="killed")

    assert done.report.exit_code == 0, done.report.as_dict()
    assert done.held.rows == usual.held.rows
    assert done.held.watermarks == usual.held.watermarks
    changed = usual.report.rows.inserted + usual.report.rows.updated
    assert len(done.rewritten(before)) == changed
    assert done.report.datasets[0].api == "SODA3"
    if after is None:
        begins, as_usual = done.asked("SODA3", FIRST)[0], usual.asked("SODA2", FIRST)[0]
        assert plain(begins) == plain(as_usual), "no page of SODA3 goes on where SODA2 stopped"
    settles(town)


def test_without_the_token_that_soda3_wants_all_stays_as_it_is_and_with_it_the_run_goes_on(
    town: Town,
) -> None:
    town.begin()
    usual = town.run()
    before = town.begin()
    town.portal.soda2_ends()
    town.portal.soda3 = "WantsToken"
    asked = len(town.portal.interfaces)

    refused = town.run()

    assert refused.report.exit_code == 77
    (error,) = [dataset.error for dataset in refused.report.datasets]
    assert error is not None
    assert error.reason == "AppTokenRequired"
    assert "spec.source.appTokenSecretRef" in error.message
    assert town.portal.interfaces[asked:].count("SODA3") == 1
    assert refused.held == before

    has_gone_as_usual(town.run(app_token="token"), before, usual)


def test_what_the_portal_announces_is_told_and_moves_nothing(town: Town) -> None:
    town.begin()
    town.portal.notices = {"SODA2": {"Sunset": "Thu, 01 Apr 2027 00:00:00 GMT"}}

    done = town.run()

    (notice,) = done.report.notices
    assert (notice.interface, notice.date) == ("SODA2", datetime(2027, 4, 1, tzinfo=UTC))
    assert {dataset.api for dataset in done.report.datasets} == {"SODA2"}
    assert "SODA3" not in town.portal.interfaces
