"""Nights of a source and the runs that go on meanwhile; the same for the quick test and the long one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from tests.chaos.changes import CHANGES, LIES, TROUBLES
from tests.chaos.ddl import MEDDLING, meddle
from tests.chaos.judge.judge import Judge
from tests.chaos.judge.witness import Witness
from tests.chaos.setting import Setting
from tests.chaos.world import World
from tests.interfaces import with_api
from tests.listener import Listener
from tests.postgres.conftest import ROW_BY_ROW, Sync

from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import RunReport
from socratasync.pipeline.request import SecondCopy

FIRST, SECOND = "park-0001", "park-0002"

MODES = st.sampled_from(
    [
        "update",
        "update",
        "update",
        "update",
        "full",
        "full prune",
        "full prune",
        "reset",
        "since",
        "update prune",
    ]
)
PAGES = st.sampled_from([1, 2, 2, 3, 4, 7, 1000])


@dataclass(frozen=True, slots=True)
class Night:
    """What people did since the last one, what goes on meanwhile, and the run. ``hours``: how far back
    ``since`` reaches, where the mode is that. ``answers``: whether whom hooks call answers well."""

    changes: list[Any]
    troubles: list[Any]
    meddling: list[Any]
    mode: str
    page_size: int
    hours: int
    answers: bool

    @property
    def lies(self) -> bool:
        """Whether the source may answer what is wrong and does not look it."""
        return any(t[3][0] == "fault" and t[3][1][0] in LIES for t in self.troubles)


NIGHTS = st.lists(
    st.builds(
        Night,
        CHANGES,
        TROUBLES,
        st.lists(MEDDLING, min_size=1, max_size=2),
        MODES,
        PAGES,
        st.integers(0, 40),
        st.sampled_from([True, True, True, False]),
    ),
    min_size=3,
    max_size=5,
)


def begin(
    sync: Sync, portal: Portal, clock: Any, setting: Setting, listener: Listener | None = None
) -> Judge:
    """An empty database, and datasets with nothing in them."""
    portal.datasets.clear()
    portal.faults.clear()
    portal.soda2_returns()
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": [setting.key]}
    sync.spec["refresh"] = {"vacuum": "None"}
    sync.spec["verify"] = {"rowCount": setting.row_count}
    sync.forget()
    sync.query("DROP TABLE IF EXISTS others")
    world = World(
        portal,
        clock,
        visible=setting.visible,
        key=setting.key,
        hand_kept=setting.hand_kept,
        clocks_are_wrong=setting.clocks_are_wrong,
    )
    ids = [FIRST, SECOND][: setting.datasets]
    for number, id in enumerate(ids):
        world.add(id)
        for key in (0, 1, 2, 3, 4, 1, 2):  # two of them twice, and three in both
            world.happen(id, ("insert", f"k{key + 2 * number}", key, 0))
    sync.spec["datasets"] = setting.datasets_of(ids)
    sync.options = sync.with_(clock=lambda: setting.now(world), second_copy=_copies(setting))
    sync.shares_keys = setting.datasets > 1
    witness = Witness(sync, listener if setting.told else None)
    return Judge(sync, world, setting, witness)


def _copies(setting: Setting) -> SecondCopy:
    return ROW_BY_ROW if setting.slow_server else SecondCopy()


def manifest(sync: Sync, mode: str, page_size: int, setting: Setting) -> None:
    """The manifest of one night."""
    source = {"pageSize": page_size}
    sync.spec["source"] = with_api(source, setting.interface or sync.interface)
    if setting.hand_kept:
        sync.spec["source"]["watermark"] = "opened"
    target = sync.spec["target"]
    target["prune"], target["reset"] = "prune" in mode, "reset" in mode


def asked_for(mode: str, hours: int, world: World) -> dict[str, Any]:
    """What the run of one night is told."""
    words: dict[str, Any] = {
        "mode": "full" if mode in ("full", "full prune", "reset") else "update"
    }
    if mode == "since":
        words["since"] = world.now - timedelta(hours=hours)
    return words


def sensible(troubles: list[Any]) -> list[Any]:
    """Without what nobody could find out: pages and counts that lie about the same rows."""
    lies = any(t[3][0] == "fault" and t[3][1][0] == "count" for t in troubles)
    if not lies:
        return troubles
    return [t for t in troubles if not (t[3][0] == "fault" and t[3][1][0] in ("short", "cut"))]


def live_through(judge: Judge, nights: list[Night], setting: Setting) -> None:
    """A first load, then all nights, each with its run, and what must hold after it."""
    manifest(judge.sync, "update", 1000, setting)
    held_run(judge, "the first", "update", 0, None)
    for number, night in enumerate(nights):
        pass_a_night(judge, f"night {number}", night, setting)


def pass_a_night(judge: Judge, name: str, night: Night, setting: Setting) -> None:
    """Changes, then a run with its troubles, then the morning."""
    sync, world = judge.sync, judge.world
    for place, change in night.changes:
        world.happen(list(world.chronicles)[place % setting.datasets], change)
    manifest(sync, night.mode, night.page_size, setting)
    stopping = threading.Event()
    world.portal.faults.clear()

    def act(what: str) -> None:
        if what == "stop":
            stopping.set()
        else:
            meddle(sync, world, what)

    meddling = night.meddling if setting.meddled else []
    for place, on, after, what in sensible(night.troubles) + meddling:
        if what[1:2] == ("at once",):
            meddle(sync, world, what[2])
        else:
            world.trouble(place, on, after, what, act)
    judge.witness.answers(well=night.answers)
    held_run(judge, name, night.mode, night.hours, stopping, lies=night.lies)
    world.dawn()


def held_run(
    judge: Judge,
    name: str,
    mode: str,
    hours: int,
    stopping: threading.Event | None,
    *,
    lies: bool = False,
) -> RunReport:
    """One run, and what it is held to."""
    sync, world, setting = judge.sync, judge.world, judge.setting
    words = asked_for(mode, hours, world) | judge.witness.words
    judge.begins()
    report = sync.run(
        options=sync.with_(stopping=stopping or threading.Event()),
        dsn=setting.dsn(sync.dsn),
        **words,
    )
    note(f"{name}, {mode}: {report.as_dict()}")
    judge.ends(report, mode=mode, lies=lies)
    return report


def end_quietly(judge: Judge, setting: Setting) -> None:
    """After a full run with ``prune``, and the update after it, which reads what that one came to owe,
    the target is the source; then nothing changes it."""
    sync, world = judge.sync, judge.world
    world.quiet()
    if setting.row_count == "Fail":
        world.mend_keys()
    judge.witness.answers(well=True)
    quiet: list[tuple[str, Callable[[RunReport], bool]]] = [
        ("update", lambda report: report.exit_code == 0 or _is_admitted(report, setting)),
        ("full prune", lambda report: report.exit_code == 0 or _is_admitted(report, setting)),
        ("update", lambda report: report.exit_code == 0),
    ]
    for mode, is_well in quiet:
        manifest(sync, mode, 1000, setting)
        report = held_run(judge, "quiet", mode, 0, None)
        assert is_well(report), report.as_dict()
        world.passes(timedelta(hours=2))
    _is_the_source(judge)
    _nothing_more_happens(judge, setting)


def _is_admitted(report: RunReport, setting: Setting) -> bool:
    """Rows that are gone stay until they are pruned, and keys that are owed until they are read: where counts
    must be right, such a run fails (``judge.claims`` sees to it that it has reason to)."""
    failure = report.failure
    return bool(setting.row_count == "Fail" and failure and failure.reason == "RowCountMismatch")


def _is_the_source(judge: Judge) -> None:
    expected = judge.expected()
    held = judge.held().rows
    assert set(held) == set(expected)
    wrong = {
        key: (row, held[key]) for key, row in expected.items() if not judge.is_that(row, held[key])
    }
    assert not wrong


def _nothing_more_happens(judge: Judge, setting: Setting) -> None:
    sync = judge.sync
    for mode in ("update", "full prune"):
        before = judge.held()
        manifest(sync, mode, 3, setting)
        rows = held_run(judge, "idle", mode, 0, None).rows
        assert (rows.inserted, rows.updated, rows.deleted) == (0, 0, 0)
        assert judge.held().prints == before.prints
