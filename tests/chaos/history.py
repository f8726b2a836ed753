"""What a dataset was, change by change: the part of the oracle that knows only what people did.

``Chronicle`` is the history of one dataset, a ``State`` what it was after one change, a ``Version`` one
row in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from socrata_simulator.portal.dataset import Dataset

Values = Mapping[str, Any]
SYSTEM = (":id", ":created_at", ":updated_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A row as it stood at the source. ``rank`` tells the newest of a key within a dataset: its time, and
    its place in the portal's own order."""

    id: str
    key: str | None
    values: Values
    rank: tuple[str, int]

    @property
    def at(self) -> str:
        """When it changed, by the portal's clock."""
        return self.rank[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The dataset after one change: the rows that meet its ``where`` by ``:id``, the ``:id``s of those that
    do not, the names of its columns, and the newest row of each key."""

    rows: dict[str, Version]
    filtered_out: frozenset[str]
    fields: frozenset[str]
    winners: dict[str, Version]

    @property
    def left_out(self) -> int:
        """Rows that a table cannot hold, for having no key or sharing one."""
        return len(self.rows) - len(self.winners)


@dataclass(slots=True)
class Chronicle:
    """All states of a dataset, by the number of the change that made them. ``key``: the target's."""

    dataset: Dataset
    visible: Callable[[Values], bool] = lambda _: True
    key: str = "name"
    states: list[State] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    ever: dict[str, list[Version]] = field(default_factory=dict)
    """Key → each version of a row that ever had it."""
    replaced: list[int] = field(default_factory=list)
    """The numbers of the states in which all rows had been published anew."""

    def note(self) -> None:
        """Write down how the dataset stands."""
        state = self._read()
        self.states.append(state)
        self.versions.append(self.dataset.truth.version)
        for row in state.rows.values():
            if row.key is not None and row not in (seen := self.ever.setdefault(row.key, [])):
                seen.append(row)

    def _read(self) -> State:
        rows: dict[str, Version] = {}
        filtered_out: set[str] = set()
        for place, row in enumerate(self.dataset.rows()):
            values = {n: plain(n, v) for n, v in row.items() if n not in SYSTEM}
            id = str(row[":id"])
            if not self.visible(values):
                filtered_out.add(id)
                continue
            key = id if self.key == "socrata_id" else values.get(self.key)
            rank = (row[":updated_at"] or "", place)
            rows[id] = Version(id=id, key=key, values=values, rank=rank)
        return State(
            rows=rows,
            filtered_out=frozenset(filtered_out),
            fields=frozenset(f.name for f in self.dataset.fields),
            winners=_winners(rows.values()),
        )

    def now(self) -> int:
        """The number of the last state."""
        return len(self.states) - 1

    @property
    def last(self) -> State:
        """The dataset as it is now."""
        return self.states[-1]

    def shown(self) -> int:
        """The number of the state that clients see: an older one while the replica lags."""
        version = self.dataset.shown.version
        return max(i for i, v in enumerate(self.versions) if v <= version)

    def stable(self, first: int, *, fields_since: int) -> dict[str, Version]:
        """Key → row, for keys whose newest row was one and the same from state ``first`` on, with the same
        values in the columns that were there all the time: one that is dropped and added again shows by
        nothing."""
        span = self.states[first:]
        always = self.states[min(first, fields_since) :]
        fields = frozenset.intersection(*(s.fields for s in always))
        kept: dict[str, Version] = {}
        for key, row in span[-1].winners.items():
            seen = [s.winners.get(key) for s in span]
            if all(w and w.id == row.id and w.at == row.at for w in seen) and all(
                w.values.get(f) == row.values.get(f) for w in seen if w for f in fields
            ):
                kept[key] = Version(
                    id=row.id, key=key, values={f: row.values.get(f) for f in fields}, rank=row.rank
                )
        return kept

    def present(self, first: int) -> set[str]:
        """Keys that some row had in every state from ``first`` on."""
        return set.intersection(*(set(s.winners) for s in self.states[first:]))

    def ids_of(self, key: str, first: int) -> set[str]:
        """Rows that had the key in some state from ``first`` on."""
        return {v.id for s in self.states[first:] for v in s.rows.values() if v.key == key}

    def keys_of(self, id: str, first: int) -> list[str | type[Gone] | None]:
        """The row's key in each state from ``first`` on; ``Gone`` where there is no such row."""
        rows = (s.rows.get(id) for s in self.states[first:])
        return [row.key if row else Gone for row in rows]


class Gone:
    """Stands for the key of a row that is not there, or does not meet the ``where``."""


def _winners(rows: Iterable[Version]) -> dict[str, Version]:
    winners: dict[str, Version] = {}
    for version in sorted(rows, key=lambda row: row.rank):
        if version.key is not None:
            winners[version.key] = version
    return winners


def plain(name: str, value: Any) -> Any:
    """A cell or a column's value in one form on both sides."""
    if value is None:
        return None
    if name == "acres":
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).removesuffix(".000")


def same(row: Version, held: Mapping[str, Any]) -> bool:
    """Whether the target's row ``held`` has the values of a row."""
    return all(plain(f, held.get(f)) == value for f, value in row.values.items())
