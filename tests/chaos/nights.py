"""Nights of a source and the runs that go on meanwhile; the same for the quick test and the long one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from tests.chaos.judge import Judge
from tests.chaos.world import CHANGE, TROUBLES, World
from tests.postgres.conftest import Sync

from socrata_simulator.portal.portal import Portal

FIRST, SECOND = "park-0001", "park-0002"

MODES = st.sampled_from(
    [
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
CHANGES = st.lists(st.tuples(st.integers(0, 1), CHANGE), min_size=1, max_size=7)
NIGHT = st.tuples(CHANGES, TROUBLES, MODES, PAGES, st.integers(0, 40))
NIGHTS = st.lists(NIGHT, min_size=3, max_size=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What stays as it is through all nights of one example. ``own_clock``: the run's clock is the
    source's; else it is years ahead, and every change looks settled."""

    datasets: int = 1
    hand_kept: bool = False
    filtered: bool = False
    own_clock: bool = True


SETTINGS = {
    "one dataset": st.builds(Setting, own_clock=st.booleans()),
    "two datasets with keys in common": st.builds(
        Setting, datasets=st.just(2), own_clock=st.booleans()
    ),
    "a watermark that people keep": st.builds(
        Setting, hand_kept=st.just(True), own_clock=st.booleans()
    ),
    "a where": st.builds(
        Setting,
        filtered=st.just(True),
        datasets=st.sampled_from([1, 2]),
        own_clock=st.booleans(),
    ),
}
SETTING = st.one_of(*SETTINGS.values())


def _visible(values: Any) -> bool:
    return values["acres"] is None or int(values["acres"]) >= -1


def _years_ahead() -> datetime:
    return datetime.now(UTC)


def begin(sync: Sync, portal: Portal, clock: Any, setting: Setting) -> Judge:
    """An empty database, and datasets with nothing in them."""
    portal.datasets.clear()
    portal.faults.clear()
    portal.requests.clear()
    sync.spec["target"] = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    sync.spec["refresh"] = {"vacuum": "None"}
    sync.forget()
    world = World(
        portal,
        clock,
        visible=_visible if setting.filtered else lambda _: True,
        hand_kept=setting.hand_kept,
    )
    ids = [FIRST, SECOND][: setting.datasets]
    for number, id in enumerate(ids):
        world.add(id)
        for key in (0, 1, 2, 3, 4, 1, 2):  # two of them twice
            world.happen(id, ("insert", f"k{key + 4 * number}", key, 0))
    where = {"where": "acres is null or acres::number >= -1"} if setting.filtered else {}
    sync.spec["datasets"] = [{"id": id, **where} for id in ids]
    sync.options = sync.with_(
        clock=(lambda: clock.at + timedelta(minutes=1)) if setting.own_clock else _years_ahead
    )
    sync.shares_keys = setting.datasets > 1
    return Judge(sync, world, setting.hand_kept)


def manifest(sync: Sync, mode: str, page_size: int, setting: Setting) -> None:
    """The manifest of one night."""
    sync.spec["source"] = {"pageSize": page_size}
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
        words["since"] = world.clock.at - timedelta(hours=hours)
    return words


def sensible(troubles: list[Any]) -> list[Any]:
    """Without what nobody could find out: pages and counts that lie about the same rows."""
    lies = any(t[3][0] == "fault" and t[3][1][0] == "count" for t in troubles)
    if not lies:
        return troubles
    return [t for t in troubles if not (t[3][0] == "fault" and t[3][1][0] in ("short", "cut"))]


def live_through(judge: Judge, nights: list[Any], setting: Setting) -> None:
    """A first load, then all nights, each with its run, and what must hold after it."""
    sync, world = judge.sync, judge.world
    manifest(sync, "update", 1000, setting)
    judge.begins()
    judge.ends(sync.well(), destroys=False)
    for number, (changes, troubles, mode, page_size, hours) in enumerate(nights):
        for place, change in changes:
            world.happen(list(world.chronicles)[place % setting.datasets], change)
        manifest(sync, mode, page_size, setting)
        stopping = threading.Event()
        world.portal.faults.clear()
        for place, on, after, what in sensible(troubles):
            world.trouble(place, on, after, what, stopping.set)
        judge.begins()
        report = sync.run(options=sync.with_(stopping=stopping), **asked_for(mode, hours, world))
        note(f"night {number}, {mode}: {report.as_dict()}")
        judge.ends(report, destroys="prune" in mode or mode == "reset", resets=mode == "reset")
        world.dawn()


def end_quietly(judge: Judge, setting: Setting) -> None:
    """After one update the target is the source but for deletions, after a full run exactly (after
    two, where datasets have keys in common: each leaves the other's rows alone), and then nothing
    changes it."""
    sync, world = judge.sync, judge.world
    world.quiet()
    for mode in ["update"] + ["full prune"] * setting.datasets:
        manifest(sync, mode, 1000, setting)
        judge.begins()
        report = sync.well(**asked_for(mode, 0, world))
        note(f"quiet {mode}: {report.as_dict()}")
        judge.ends(report, destroys="prune" in mode)
        world.clock.at += timedelta(hours=2)
    _is_the_source(judge)
    _nothing_more_happens(judge, setting)


def _is_the_source(judge: Judge) -> None:
    held, _ = judge.held()
    winners = [c.states[-1].winners for c in judge.world.chronicles.values()]
    keys = set[str]().union(*winners)
    assert set(held) == keys
    for key in keys:
        rows = [w[key] for w in winners if key in w]
        values = {row.values["acres"] for row in rows}
        acres = held[key]["acres"]
        assert (None if acres is None else int(acres)) in values


def _nothing_more_happens(judge: Judge, setting: Setting) -> None:
    sync = judge.sync
    for mode in ("update", "full prune"):
        _, prints = judge.held()
        manifest(sync, mode, 3, setting)
        rows = sync.well(**asked_for(mode, 0, judge.world)).rows
        assert (rows.inserted, rows.updated, rows.deleted) == (0, 0, 0)
        assert judge.held()[1] == prints
