"""A dataset of the simulated portal: what its publisher does to it, and what clients see of it.

The *truth* is the dataset as its publisher left it. Clients read a *replica*, which is the same
except between ``lag()`` and ``catch_up()``. All methods may be called from any thread.
"""

from __future__ import annotations

import itertools
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from socrata_simulator.portal.about import About
from socrata_simulator.rows.cells import store
from socrata_simulator.rows.rowids import VERSION, encode
from socrata_simulator.rows.table import Field, Table
from socrata_simulator.soql.query import parse
from socrata_simulator.soql.soda3 import Differences

Row = Mapping[str, Any]
ColumnLike = tuple[str, str] | tuple[str, str, str]
_SERIALS = itertools.count()  # tells a dataset from one that had the same id before it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The dataset after change number ``version``, made at ``changed_at`` (milliseconds since 1970)."""

    table: Table
    version: int
    changed_at: int


class Dataset(About, Differences):
    """Columns and rows with their system fields. ``clock`` gives the time of every change.

    ``has_view`` is whether ``/api/views/<id>.json`` describes it.
    """

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
        self.has_view = True
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
        self._lags_silently = False
        self._last_stamp = 0
        self._truth = State(
            table=Table(key=zlib.crc32(id.encode()) * 0x9E3779B1), version=1, changed_at=0
        )
        self.schema_changed_at = 0
        for column in columns:
            self.add_column(*column)

    # -- reading -------------------------------------------------------------------------------

    @property
    def truth(self) -> State:
        """The dataset as its publisher left it."""
        return self._truth

    @property
    def shown(self) -> State:
        """The dataset as queries see it: the truth, or the replica while that lags."""
        with self._lock:
            return self._replica or self._truth

    def owned_up(self, state: State) -> State:
        """The truth as an answer made from ``state`` tells of it: a replica that lags silently does not
        know that it does."""
        return state if self._lags_silently else self._truth

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns in the order of their positions."""
        return self._truth.table.fields

    def __len__(self) -> int:
        return len(self._truth.table)

    def ids(self, where: str = "", *, limit: int | None = None) -> list[str]:
        """The ``:id``s of the rows that meet a SoQL condition (without one: of all), ordered by ``:id``."""
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
        """Add rows, given as values by field name; a field that is left out is null. Returns ``:id``s."""
        with self._lock:
            return self.insert_lines([self._truth.table.line(row) for row in rows])

    def insert_lines(self, lines: list[bytes]) -> list[str]:
        """Add rows, given as stored lines (see ``rows.cells``). Returns their ``:id``s."""
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

    def unstamp(self, ids: str | Iterable[str]) -> None:
        """Take the ``:updated_at`` of rows away: legacy datasets have rows without one."""
        with self._lock:
            table = self._truth.table
            self._become(table.unstamped([table.position(i) for i in _listed(ids)]), self._now())

    def delete(self, ids: str | Iterable[str]) -> None:
        """Remove rows. As on a real portal, no query can tell that they were there."""
        with self._lock:
            table = self._truth.table
            self._become(table.without([table.position(i) for i in _listed(ids)]), self._now())

    def replace_all(self, rows: Iterable[Row] | None = None) -> list[str]:
        """Delete all rows and insert ``rows``, or the same again if it is None, with new ``:id``s.

        This is what publishers do who upload a whole dataset every night. Returns the ``:id``s.
        """
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
        """Add a column with ``value`` in every row. Raises ``ValueError`` if there is one of the name."""
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
        """From now on only the portal's accounts may read it."""
        self.is_private = private

    def remove(self, gone: bool = True) -> None:
        """From now on the answer to everybody is a 404."""
        self.is_missing = gone

    def freeze(self, successor: str | None = None) -> None:
        """Refuse changes from now on (``RuntimeError``); the description names ``successor``, if any."""
        self.successor = successor
        self._frozen = True

    def lag(
        self, answers: int | None = None, *, silently: bool = False, state: State | None = None
    ) -> None:
        """From now on queries see the dataset as it is at this moment, or as it was in ``state`` (an
        earlier ``truth``), until ``catch_up()``. ``silently``: no header tells.

        With ``answers``, they see the truth again after so many answers that were out of date.
        """
        with self._lock:
            self._replica = state or self._truth
            self._lagging_answers = answers
            self._lags_silently = silently

    def catch_up(self) -> None:
        """Queries see the truth again."""
        with self._lock:
            self._replica = None
            self._lags_silently = False

    def put_clock_right(self) -> None:
        """The portal's clock was ahead and is right again: the next change may be stamped earlier than
        the last one was."""
        with self._lock:
            self._last_stamp = 0

    def answered(self, state: State) -> None:
        """Count an answer that was made from ``state``, for ``lag(answers)``."""
        with self._lock:
            if (
                self._replica is state
                and state is not self._truth
                and self._lagging_answers is not None
            ):
                self._lagging_answers -= 1
                if self._lagging_answers <= 0:
                    self.catch_up()

    # -- inside ------------------------------------------------------------------------------------

    def _now(self) -> int:
        """Now, in milliseconds since 1970, but always later than the last change: a clock that goes back
        stands still until ``put_clock_right()``."""
        now = (self._clock() - _EPOCH) // timedelta(milliseconds=1)
        return max(now, self._last_stamp + 1)

    def _change_lines(self, changes: dict[int, bytes]) -> None:
        at = self._now()
        self._become(self._truth.table.with_lines(changes, at, self._truth.version + 1), at)

    def _become(self, table: Table, at: int) -> None:
        if self._frozen:
            raise RuntimeError(f"dataset {self.id} is frozen")
        self._truth = State(table=table, version=self._truth.version + 1, changed_at=at)
        self._last_stamp = at

    def _become_schema(self, table: Table) -> None:
        at = self._now()
        self._become(table, at)
        self.schema_changed_at = at

    def _become_fields(self, fields: tuple[Field, ...]) -> None:
        self._become_schema(self._truth.table.with_fields(fields))


def _listed(ids: str | Iterable[str]) -> Sequence[str]:
    return [ids] if isinstance(ids, str) else list(ids)
