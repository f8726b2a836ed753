"""A source with a history, and what may be demanded of a run that read it: the oracle of the chaos.

It knows nothing of the product's ways, only what people did at the source and when, and what the
target held before and after. ``Chronicle`` is the history of one dataset, ``World`` judges runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from tests.source_faults import SOURCE_FAULTS, source_fault

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

Values = Mapping[str, Any]
SYSTEM = (":id", ":created_at", ":updated_at")
START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A row as it stood at the source: ``rank`` tells the newest of a key."""

    id: str
    key: str | None
    values: Values
    rank: tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The rows of a dataset after one change, and the names of its columns."""

    rows: dict[str, Version]
    fields: frozenset[str]
    winners: dict[str, Version]


@dataclass(slots=True)
class Chronicle:
    """All states of a dataset, by the number of the change that made them."""

    dataset: Dataset
    visible: Callable[[Values], bool] = lambda _: True
    states: list[State] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    ever: dict[str, set[Any]] = field(default_factory=dict)

    def note(self) -> None:
        """Write down how the dataset stands."""
        state = self._read()
        self.states.append(state)
        self.versions.append(self.dataset.truth.version)
        for row in state.rows.values():
            if row.key is not None:
                self.ever.setdefault(row.key, set()).add(row.values.get("acres"))

    def _read(self) -> State:
        rows: dict[str, Version] = {}
        for place, row in enumerate(self.dataset.rows()):
            values = {n: plain(n, v) for n, v in row.items() if n not in SYSTEM}
            if self.visible(values):
                rank = (row[":updated_at"] or "", place)
                version = Version(
                    id=str(row[":id"]), key=values.get("name"), values=values, rank=rank
                )
                rows[version.id] = version
        winners: dict[str, Version] = {}
        for version in sorted(rows.values(), key=lambda r: r.rank):
            if version.key is not None:
                winners[version.key] = version
        return State(
            rows=rows, fields=frozenset(f.name for f in self.dataset.fields), winners=winners
        )

    def now(self) -> int:
        """The number of the last state."""
        return len(self.states) - 1

    def shown(self) -> int:
        """The number of the state that clients see: an older one while the replica lags."""
        version = self.dataset.shown.version
        return max(i for i, v in enumerate(self.versions) if v <= version)

    def stable(self, first: int, last: int, *, fields_since: int) -> dict[str, Version]:
        """Key → row, for keys whose newest row was one and the same, with the same values in the columns
        that were there all the time: one that is dropped and added again shows by nothing."""
        span = self.states[first : last + 1]
        always = self.states[min(first, fields_since) : last + 1]
        fields = frozenset.intersection(*(s.fields for s in always))
        kept: dict[str, Version] = {}
        for key, row in span[-1].winners.items():
            seen = [s.winners.get(key) for s in span]
            if all(w and w.id == row.id and w.rank[0] == row.rank[0] for w in seen) and all(
                w.values.get(f) == row.values.get(f) for w in seen if w for f in fields
            ):
                kept[key] = Version(
                    id=row.id, key=key, values={f: row.values.get(f) for f in fields}, rank=row.rank
                )
        return kept

    def present(self, first: int, last: int) -> set[str]:
        """Keys that some row had in every state."""
        span = self.states[first : last + 1]
        return set.intersection(*(set(s.winners) for s in span))

    def was_behind(self, row: Version, first: int) -> bool:
        """Whether, in some state from ``first`` on, another row with its key came before it: a newer one,
        or one as new. When that one is gone, an update does not read this one anew."""
        before = (state.winners.get(row.key or "") for state in self.states[first:])
        return any(w and w.id != row.id and w.rank[0] >= row.rank[0] for w in before)


def plain(name: str, value: Any) -> Any:
    """A cell or a column's value in one form on both sides."""
    if value is None:
        return None
    if name == "acres":
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).removesuffix(".000")


# -- what people do -----------------------------------------------------------------------------------

KEYS = st.integers(0, 9).map(lambda n: f"k{n}") | st.just("k0") | st.none()
NUMBERS = st.none() | st.integers(-3, 3)
PLACES = st.integers(0, 20)
LATE = st.sampled_from([0, 1, 20, 47, None, "3020"])

ROWS = st.one_of(
    st.tuples(st.just("insert"), KEYS, NUMBERS, LATE),
    st.tuples(st.just("update"), PLACES, NUMBERS, LATE),
    st.tuples(st.just("update"), PLACES, NUMBERS, LATE),
    st.tuples(st.just("rekey"), PLACES, KEYS, LATE),
    st.tuples(st.just("touch"), PLACES),
    st.tuples(st.just("delete"), PLACES),
)
WHOLE = st.one_of(
    st.tuples(st.just("replace")),
    st.tuples(st.just("truncate"), st.integers(0, 5)),
    st.tuples(st.just("go on")),
    st.tuples(st.just("lag"), st.integers(1, 6)),
    st.tuples(st.just("catch up")),
)
COLUMNS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([None, "x", "y"])),
    st.tuples(st.just("drop")),
    st.tuples(st.just("rename")),
    st.tuples(st.just("retype")),
)
CHANGE = st.integers(0, 39).flatmap(lambda n: ROWS if n > 5 else WHOLE if n else COLUMNS)
"""Columns change seldom: all is read anew then, which hides what an update would miss."""

WHEN = st.sampled_from(["before", "before", "midway", "afterwards"])
TROUBLE = st.integers(0, 19).flatmap(
    lambda n: (
        st.tuples(st.just("change"), WHEN, CHANGE)
        if n > 7
        else st.tuples(st.just("fault"), SOURCE_FAULTS)
        if n
        else st.tuples(st.just("stop"))
    )
)
ON = st.sampled_from(["rows", "rows", "rows", "count", "count", "metadata", "any"])
TROUBLES = st.lists(
    st.tuples(st.integers(0, 1), ON, st.integers(0, 5), TROUBLE), min_size=1, max_size=5
)


class World:
    """The datasets, their clock and their chronicles."""

    def __init__(
        self, portal: Portal, clock: Any, *, visible: Callable[[Values], bool], hand_kept: bool
    ) -> None:
        self.portal = portal
        self._hand_kept = hand_kept
        self.chronicles: dict[str, Chronicle] = {}
        self.clock = clock
        self._visible = visible
        self._guard = threading.RLock()
        self._rest: dict[str, list[dict[str, Any]]] = {}
        clock.at = START

    def add(self, id: str) -> None:
        """One more dataset, with nothing in it."""
        columns = [("name", "text"), ("acres", "number"), ("opened", "calendar_date")]
        dataset = self.portal.add_dataset(id, [*columns, ("note", "text")])
        self.chronicles[id] = Chronicle(dataset, self._visible)
        self.chronicles[id].note()

    def happen(self, id: str, change: tuple[Any, ...]) -> None:
        """One change, an hour after the last, so that no overlap hides a watermark gone too far."""
        with self._guard:
            self.clock.at += timedelta(hours=1)
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
            case ("replace",):
                dataset.replace_all(self._stamped(dataset.rows()))
            case ("truncate", rows):
                everything = self._stamped(dataset.rows())
                self._rest[id] = everything[rows:]
                dataset.replace_all(everything[:rows])
            case ("go on",) if self._rest.get(id):
                rest = [{n: v for n, v in row.items() if n in fields} for row in self._rest.pop(id)]
                dataset.insert(*self._stamped(rest))
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

    def _opened(self, late: Any) -> str | None:
        """A date that people keep: a few hours late, none, or of the year 3020."""
        if late == "3020":
            return "3020-01-01T00:00:00.000"
        if late is None:
            return None
        at = self.clock.at - timedelta(hours=late)
        return f"{at:%Y-%m-%dT%H:%M:%S}.000"

    def _stamped(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a dataset that is replaced."""
        return [{n: v for n, v in row.items() if n not in SYSTEM} | self._date() for row in rows]

    def _date(self) -> dict[str, Any]:
        """A publisher whose own date is the watermark moves it with every change."""
        return {"opened": self._opened(0)} if self._hand_kept else {}

    def trouble(
        self, place: int, on: str, after: int, what: tuple[Any, ...], stop: Callable[[], object]
    ) -> None:
        """Switch one trouble on, for the request that comes after so many others of its kind."""
        id = list(self.chronicles)[place % len(self.chronicles)]
        match what:
            case ("change", "before", change):
                made = Fault.doing(lambda: self.happen(id, change))
            case ("change", "midway", change):
                made = Fault.doing_midway(lambda: self.happen(id, change), 20)
            case ("change", _, change):
                made = Fault.doing_afterwards(lambda: self.happen(id, change))
            case ("fault", which):
                made = source_fault(which)
            case _:
                made = Fault.doing(stop)
        self.portal.faults.add(made, on=on, after=after, dataset=id)

    def dawn(self) -> None:
        """Somebody sees what went wrong at night: no fault lasts, nor does a column's wrong type."""
        self.portal.faults.clear()
        for id, chronicle in self.chronicles.items():
            if any(f.name == "acres" and f.type == "text" for f in chronicle.dataset.fields):
                self.happen(id, ("retype",))

    def quiet(self) -> None:
        """All troubles are over."""
        self.dawn()
        for chronicle in self.chronicles.values():
            chronicle.dataset.catch_up()
        self.clock.at += timedelta(hours=2)
