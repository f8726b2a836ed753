"""A dataset of the simulated portal: what people at the source do to it, and what clients see.

Clients read the *replica*, which normally is the truth; ``lag()`` leaves it behind until
``catch_up()``. All methods may be called from any thread.
"""

from __future__ import annotations

import itertools
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from socrata_simulator.rows.cells import store
from socrata_simulator.rows.rowids import VERSION, encode
from socrata_simulator.rows.table import Field, Table
from socrata_simulator.soql.query import parse

Row = Mapping[str, Any]
ColumnLike = tuple[str, str] | tuple[str, str, str]
_SERIALS = itertools.count()  # tells a dataset from another one that had its id before
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The dataset after change number ``version``, made at ``changed_at`` (milliseconds)."""

    table: Table
    version: int
    changed_at: int


class Dataset:
    """Columns and rows with their system fields. ``clock`` gives the time of every change."""

    def __init__(
        self,
        id: str,
        columns: Iterable[ColumnLike] = (),
        *,
        name: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.id = id
        self.name = name or id
        self.serial = next(_SERIALS)
        self.is_private = False
        self.is_missing = False
        self.successor: str | None = None
        self.metadata: dict[str, Any] = {}
        self.recorded: tuple[int, dict[str, Any]] = (0, {})
        self._clock = clock
        self._lock = threading.RLock()
        self._next_number = 1 + zlib.crc32(id.encode()) % 1000
        self._next_field = zlib.crc32(id.encode()[::-1]) % 10**6 * 1000
        self._frozen = False
        self._replica: State | None = None
        self._lagging_answers: int | None = None
        self._truth = State(
            table=Table(key=zlib.crc32(id.encode()) * 0x9E3779B1), version=1, changed_at=0
        )
        self.schema_changed_at = 0
        for column in columns:
            self.add_column(*column)

    # -- reading -------------------------------------------------------------------------------

    @property
    def truth(self) -> State:
        """The dataset as it is at the source."""
        return self._truth

    @property
    def shown(self) -> State:
        """The dataset as queries see it: the replica while it lags behind."""
        with self._lock:
            return self._replica or self._truth

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns in the order of their positions."""
        return self._truth.table.fields

    def __len__(self) -> int:
        return len(self._truth.table)

    def ids(self, where: str = "", *, limit: int | None = None) -> list[str]:
        """The ``:id``s of all rows, or of those that a SoQL condition holds for, in the server's order."""
        table = self._truth.table
        found = parse(table, {"$where": where}, self.id).matching()
        return [table.row_id(i) for i in found[:limit]]

    def rows(self) -> list[dict[str, str | None]]:
        """All rows as stored text by field name, with ``:id``, ``:created_at``, ``:updated_at``."""
        table = self._truth.table
        return [table.row(i) for i in range(len(table))]

    def find(self, **values: Any) -> list[str]:
        """The ``:id``s of the rows that hold all these values."""
        table = self._truth.table
        wanted = {n: store(v, table.field(n).type) for n, v in values.items()}
        rows = (table.row(i) for i in range(len(table)))
        return [str(row[":id"]) for row in rows if wanted.items() <= row.items()]

    def version_text(self, state: State) -> str:
        """The ``rv-…`` of a state, for ETags."""
        return encode(state.version, state.table.key, VERSION)

    # -- changes to rows -------------------------------------------------------------------------

    def insert(self, *rows: Row) -> list[str]:
        """New rows from values by field name; what is not named is null. Returns their ``:id``s."""
        with self._lock:
            return self.insert_lines([self._truth.table.line(row) for row in rows])

    def insert_lines(self, lines: list[bytes]) -> list[str]:
        """New rows from stored lines, one quoted cell per column."""
        with self._lock:
            return self._append(self._truth.table, lines)

    def _append(self, table: Table, lines: list[bytes]) -> list[str]:
        start, at = self._next_number, self._now()
        numbers = range(start, start + 3 * len(lines), 3)
        self._become(table.with_rows(numbers, lines, at, self._truth.version + 1), at)
        self._next_number += 3 * len(lines)
        return [encode(n, table.key) for n in numbers]

    def update(self, ids: str | Iterable[str], **values: Any) -> None:
        """Give rows other values; their ``:updated_at`` moves and their ``:id`` stays."""
        with self._lock:
            table = self._truth.table
            positions = [table.position(i) for i in _listed(ids)]
            self._change_lines(table.overwritten(positions, values))

    def touch(self, ids: str | Iterable[str]) -> None:
        """Move ``:updated_at`` and nothing else, as an upsert of the same values does."""
        self.update(ids)

    def delete(self, ids: str | Iterable[str]) -> None:
        """Remove rows. No trace of them stays: Socrata tells nobody."""
        with self._lock:
            table = self._truth.table
            self._become(table.without([table.position(i) for i in _listed(ids)]), self._now())

    def replace_all(self, rows: Iterable[Row] | None = None) -> list[str]:
        """What a publisher's nightly replace does: truncate and insert, so every row (None: the same
        rows) has a new ``:id`` and ``:created_at``."""
        with self._lock:
            table = self._truth.table
            lines = list(table.lines) if rows is None else [table.line(row) for row in rows]
            return self._append(table.without_rows(), lines)

    # -- changes to columns ------------------------------------------------------------------------

    def add_column(
        self,
        field: str,
        type: str,
        name: str = "",
        *,
        value: Any = None,
        hidden: bool = False,
    ) -> None:
        """A new column, ``value`` in every row."""
        with self._lock:
            table = self._truth.table
            if table.find(field):
                raise ValueError(f"dataset {self.id} already has a column {field}")
            self._next_field += 1
            new = Field(
                name=field,
                type=type,
                title=name or field,
                id=self._next_field,
                slot=table.width,
                hidden=hidden,
            )
            self._become_schema(table.with_slot(new, value))

    def drop_column(self, field: str) -> None:
        """Remove a column."""
        with self._lock:
            gone = self._truth.table.field(field)
            self._become_fields(tuple(f for f in self.fields if f is not gone))

    def rename_column(self, field: str, new_field: str) -> None:
        """Give a column another field name; its cells stay."""
        self._alter(field, name=new_field)

    def retype_column(
        self,
        field: str,
        type: str,
        convert: Callable[[str], Any] | None = None,
    ) -> None:
        """Give a column another type; ``convert`` makes the new value from the stored text."""
        with self._lock:
            self._alter(field, type=type)
            if convert:
                self._change_lines(self._truth.table.converted(field, convert))

    def _alter(self, field: str, **changes: Any) -> None:
        with self._lock:
            old = self._truth.table.field(field)
            self._become_fields(
                tuple(replace(f, **changes) if f is old else f for f in self.fields)
            )

    # -- the state of the dataset ------------------------------------------------------------------

    def make_private(self, private: bool = True) -> None:
        """Only accounts of the portal may read it."""
        self.is_private = private

    def remove(self, gone: bool = True) -> None:
        """Everybody gets a 404."""
        self.is_missing = gone

    def freeze(self, successor: str | None = None) -> None:
        """No change comes any more; the description names the dataset that goes on, if any."""
        self.successor = successor
        self._frozen = True

    def lag(self, answers: int | None = None) -> None:
        """From now on queries see the dataset as it is now, until ``catch_up()`` or, if given, until
        so many answers were made from it after it had changed."""
        with self._lock:
            self._replica = self._truth
            self._lagging_answers = answers

    def catch_up(self) -> None:
        """Queries see the truth again."""
        with self._lock:
            self._replica = None

    def answered(self, state: State) -> None:
        """An answer was made from ``state``; a replica that lags for so many answers counts them."""
        with self._lock:
            if (
                self._replica is state
                and state is not self._truth
                and self._lagging_answers is not None
            ):
                self._lagging_answers -= 1
                if self._lagging_answers <= 0:
                    self._replica = None

    # -- inside ------------------------------------------------------------------------------------

    def _now(self) -> int:
        """Now in milliseconds; later than every change before."""
        now = (self._clock() - _EPOCH) // timedelta(milliseconds=1)
        return max(now, self._truth.changed_at + 1)

    def _change_lines(self, changes: dict[int, bytes]) -> None:
        at = self._now()
        self._become(self._truth.table.with_lines(changes, at, self._truth.version + 1), at)

    def _become(self, table: Table, at: int) -> None:
        if self._frozen:
            raise RuntimeError(f"dataset {self.id} is frozen")
        self._truth = State(table=table, version=self._truth.version + 1, changed_at=at)

    def _become_schema(self, table: Table) -> None:
        at = self._now()
        self._become(table, at)
        self.schema_changed_at = at

    def _become_fields(self, fields: tuple[Field, ...]) -> None:
        self._become_schema(self._truth.table.with_fields(fields))


def _listed(ids: str | Iterable[str]) -> Sequence[str]:
    return [ids] if isinstance(ids, str) else list(ids)
