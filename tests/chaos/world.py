"""A source with a history: its datasets, what people do to them and what goes wrong, by a clock that may be
wrong, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.history import SYSTEM, Chronicle, Values
from tests.source_faults import source_fault

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

START = datetime(2020, 1, 1, tzinfo=UTC)


class World:
    """The datasets, their clock and their chronicles."""

    def __init__(
        self,
        portal: Portal,
        clock: Any,
        *,
        visible: Callable[[Values], bool] = lambda _: True,
        key: str = "name",
        hand_kept: bool = False,
        clocks_are_wrong: bool = False,
    ) -> None:
        self.portal = portal
        self.chronicles: dict[str, Chronicle] = {}
        self.now = START
        self.destroyed = False
        """Whether somebody destroyed rows or values of the target since the last run began."""
        self.lost_acres = False
        """Whether somebody once dropped that column: rows that are gone at the source get no acres again."""
        self._clock = clock
        self._ahead = timedelta()
        self._settings = 0
        self._visible = visible
        self._key = key
        self._hand_kept = hand_kept
        self._clocks_are_wrong = clocks_are_wrong
        self._guard = threading.RLock()
        self._rest: dict[str, list[dict[str, Any]]] = {}
        self.passes(timedelta())

    def add(self, id: str) -> None:
        """One more dataset, with nothing in it."""
        columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
        dataset = self.portal.add_dataset(id, [*columns, ("note", "text")])
        self.chronicles[id] = Chronicle(dataset, self._visible, self._key)
        self.chronicles[id].note()

    def passes(self, time: timedelta) -> None:
        """Time passes, also at the portal, whose clock may be wrong."""
        self.now += time
        self._clock.at = self.now + self._ahead

    def happen(self, id: str, change: tuple[Any, ...]) -> None:
        """One change, an hour after the last, so that no overlap hides a watermark gone too far."""
        with self._guard:
            self.passes(timedelta(hours=1))
            self._change(id, self.chronicles[id].dataset, change)
            self.chronicles[id].note()

    def _change(self, id: str, dataset: Dataset, change: tuple[Any, ...]) -> None:
        ids = dataset.ids()
        fields = {f.name for f in dataset.fields}
        match change:
            case ("insert", key, number, late):
                dataset.insert({"name": key, "acres": number, "opened": self._opened(late)})
            case ("update", place, number, late) if ids:
                at = ids[place % len(ids)]
                dataset.update(at, acres=number, opened=self._opened(late))
            case ("rekey", place, key, late) if ids:
                dataset.update(ids[place % len(ids)], name=key, opened=self._opened(late))
            case ("touch", place) if ids:
                dataset.update(ids[place % len(ids)], **self._date())
            case ("delete", place) if ids:
                dataset.delete(ids[place % len(ids)])
            case ("republish", place, rows) if ids:
                self._republish(id, dataset, {ids[(place + n) % len(ids)] for n in range(rows)})
            case ("replace",):
                dataset.replace_all(self._stamped(dataset.rows()))
                self._note_replaced(id)
            case ("truncate", rows):
                everything = self._stamped(dataset.rows())
                self._rest[id] = everything[rows:]
                dataset.replace_all(everything[:rows])
                self._note_replaced(id)
            case ("go on",) if self._rest.get(id):
                rest = [{n: v for n, v in row.items() if n in fields} for row in self._rest.pop(id)]
                dataset.insert(*self._stamped(rest))
            case ("clock", hours) if self._clocks_are_wrong:
                self._set_clock(hours)
            case ("lag", answers):
                dataset.lag(answers)
            case ("catch up",):
                dataset.catch_up()
            case ("add", value) if "extra" not in fields:
                dataset.add_column("extra", "text", value=value)
            case ("drop",) if "extra" in fields:
                dataset.drop_column("extra")
            case ("rename",):
                old, new = ("note", "memo") if "note" in fields else ("memo", "note")
                dataset.rename_column(old, new)
            case ("retype",):
                kind = next(f.type for f in dataset.fields if f.name == "acres")
                dataset.retype_column("acres", "text" if kind == "number" else "number")

    def _republish(self, id: str, dataset: Dataset, chosen: set[str]) -> None:
        """Delete some rows, then insert the same again."""
        fields = {f.name for f in dataset.fields}
        rows = [row for row in dataset.rows() if row[":id"] in chosen]
        dataset.delete(sorted(chosen))
        self.chronicles[id].note()
        dataset.insert(*self._stamped({n: row[n] for n in row if n in fields} for row in rows))

    def _note_replaced(self, id: str) -> None:
        """The state that is written down next is one of a dataset published anew."""
        self.chronicles[id].replaced.append(self.chronicles[id].now() + 1)

    def _set_clock(self, hours: int) -> None:
        """The portal's clock is set; it never shows the same second twice."""
        self._settings += 1
        self._ahead = timedelta(hours=hours, seconds=7 * self._settings if hours else 0)
        self.passes(timedelta())
        for chronicle in self.chronicles.values():
            chronicle.dataset.put_clock_right()

    def _opened(self, late: Any) -> str | None:
        """A date that people keep: a few hours late, none, or of the year 3020."""
        if late == "3020":
            return "3020-01-01T00:00:00.000"
        if late is None:
            return None
        at = self.now - timedelta(hours=late)
        return f"{at:%Y-%m-%dT%H:%M:%S}.000"

    def _stamped(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a dataset that is replaced."""
        return [{n: v for n, v in row.items() if n not in SYSTEM} | self._date() for row in rows]

    def _date(self) -> dict[str, Any]:
        """A publisher whose own date is the watermark moves it with every change."""
        return {"opened": self._opened(0)} if self._hand_kept else {}

    def trouble(
        self, place: int, on: str, after: int, what: tuple[Any, ...], act: Callable[[Any], object]
    ) -> None:
        """Switch one trouble on, for the request that comes after so many others of its kind. ``act`` does
        what is neither a change of a dataset nor a fault of the portal."""
        id = list(self.chronicles)[place % len(self.chronicles)]
        match what:
            case ("change", when, change):
                made = _when(when, lambda: self.happen(id, change))
            case ("fault", which):
                made = source_fault(which)
            case ("soda2 ends", status):
                made = Fault.doing(lambda: self.portal.soda2_ends(status=status))
            case ("ddl", when, statement):
                made = _when(when, lambda: act(statement))
            case _:
                made = Fault.doing(lambda: act(what[0]))
        self.portal.faults.add(made, on=on, after=after, dataset=id)

    def dawn(self) -> None:
        """Somebody sees what went wrong at night: no fault lasts, nor does a column's wrong type, and SODA2 is back.
        What has gone over to SODA3 stays there."""
        self.portal.faults.clear()
        self.portal.soda2_returns()
        for id, chronicle in self.chronicles.items():
            if any(f.name == "acres" and f.type == "text" for f in chronicle.dataset.fields):
                self.happen(id, ("retype",))

    def quiet(self) -> None:
        """All troubles are over."""
        self.dawn()
        self._set_clock(0)
        for chronicle in self.chronicles.values():
            chronicle.dataset.catch_up()
        self.passes(timedelta(hours=2))

    def mend_keys(self) -> None:
        """The publisher deletes every row that has no key of its own."""
        for chronicle in self.chronicles.values():
            winners = {row.id for row in chronicle.last.winners.values()}
            if spare := sorted(set(chronicle.last.rows) - winners):
                self.passes(timedelta(hours=1))
                chronicle.dataset.delete(spare)
                chronicle.note()


def _when(when: str, action: Callable[[], object]) -> Fault:
    """The action before, while or after a request is answered."""
    match when:
        case "midway":
            return Fault.doing_midway(action, 20)
        case "afterwards":
            return Fault.doing_afterwards(action)
        case _:
            return Fault.doing(action)
