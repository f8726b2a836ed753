"""The rows of a dataset at one moment. A table never changes: every change makes a new one.

So a change does not disturb answers that are being sent, a lagging replica is just an older table, and
what was computed from a table can be kept in its ``memo``. A million LA 311 rows take about 450 MB.
"""

from __future__ import annotations

import dataclasses
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from socrata_simulator.rows import rowids
from socrata_simulator.rows.cells import (
    canonical,
    csv_is_stored_text,
    quoted,
    split,
    stamp,
    store,
    unquote,
)

UNSTAMPED = -(2**63)
"""Stands for a time that a row does not have."""

SYSTEM_TYPES = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
    ":version": "row_version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column. ``slot`` is the place of its cells in stored lines, which need not be its position."""

    name: str
    type: str
    title: str
    id: int
    slot: int
    hidden: bool = False

    @property
    def kind(self) -> str:
        """The name that SoQL has for the type."""
        return canonical(self.type)

    @property
    def synthetic(self) -> bool:
        """Whether the portal added the column by itself: a computed region."""
        return self.name.startswith(":@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows, ordered by the numbers in their ``:id``s. Times are milliseconds since 1970, UTC; ``updated``
    may be ``UNSTAMPED``."""

    key: int
    fields: tuple[Field, ...] = ()
    width: int = 0
    numbers: array[int] = dataclasses.field(default_factory=lambda: array("Q"))
    created: array[int] = dataclasses.field(default_factory=lambda: array("q"))
    updated: array[int] = dataclasses.field(default_factory=lambda: array("q"))
    versions: array[int] = dataclasses.field(default_factory=lambda: array("Q"))
    lines: list[bytes] = dataclasses.field(default_factory=list)
    memo: dict[object, Any] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    # -- reading -------------------------------------------------------------------------------

    def find(self, name: str) -> Field | None:
        """The column with this field name; None if there is none."""
        names: dict[str, Field] | None = self.memo.get("names")
        if names is None:
            names = self.memo["names"] = {f.name: f for f in self.fields}
        return names.get(name)

    def field(self, name: str) -> Field:
        """The column with this field name. Raises ``KeyError``."""
        found = self.find(name)
        if found is None:
            raise KeyError(f"no column {name} among {', '.join(f.name for f in self.fields)}")
        return found

    def row_id(self, position: int) -> str:
        """The ``:id`` of the row at ``position``."""
        return rowids.encode(self.numbers[position], self.key)

    def position(self, row_id: str) -> int:
        """Where the row with this ``:id`` is. Raises ``KeyError``."""
        number = rowids.decode(row_id, self.key)
        at = self.first_after(number, inclusive=True) if number is not None else len(self)
        if at == len(self) or self.numbers[at] != number:
            raise KeyError(f"no row {row_id}")
        return at

    def first_after(self, number: int, *, inclusive: bool = False) -> int:
        """The position of the first row whose number is greater than this one, or, inclusive, equal to it."""
        return (bisect_left if inclusive else bisect_right)(self.numbers, number)

    def updated_at(self, position: int) -> int | None:
        """When the row at ``position`` was last changed; None if it does not say."""
        at = self.updated[position]
        return None if at == UNSTAMPED else at

    def cells(self, position: int) -> list[str | None]:
        """The stored cells of a row, by slot."""
        return [unquote(cell) for cell in split(self.lines[position])] if self.width else []

    def row(self, position: int) -> dict[str, str | None]:
        """A row as stored text by field name, with ``:id``, ``:created_at`` and ``:updated_at``."""
        cells, updated_at = self.cells(position), self.updated_at(position)
        return {
            **{f.name: cells[f.slot] for f in self.fields},
            ":id": self.row_id(position),
            ":created_at": stamp(self.created[position]),
            ":updated_at": None if updated_at is None else stamp(updated_at),
        }

    def lines_are_the_answer(self, fields: Sequence[Field]) -> bool:
        """Whether a select of these columns is, as CSV, the stored lines unchanged."""
        return [f.slot for f in fields] == list(range(self.width)) and all(
            csv_is_stored_text(f.type) for f in fields
        )

    # -- changes ---------------------------------------------------------------------------------

    def with_rows(self, numbers: Iterable[int], lines: list[bytes], at: int, version: int) -> Table:
        """A table with these rows added at the end, created at ``at``."""
        added = len(lines)
        return self._changed(
            numbers=self.numbers + array("Q", numbers),
            created=self.created + array("q", [at]) * added,
            updated=self.updated + array("q", [at]) * added,
            versions=self.versions + array("Q", [version]) * added,
            lines=self.lines + lines,
        )

    def with_lines(self, changes: dict[int, bytes], at: int, version: int) -> Table:
        """A table with these lines at these positions, updated at ``at``."""
        updated, versions, lines = self.updated[:], self.versions[:], self.lines[:]
        for position, line in changes.items():
            updated[position], versions[position], lines[position] = at, version, line
        return self._changed(updated=updated, versions=versions, lines=lines)

    def unstamped(self, positions: Iterable[int]) -> Table:
        """A table in which these rows do not say when they were changed."""
        updated = self.updated[:]
        for position in positions:
            updated[position] = UNSTAMPED
        return self._changed(updated=updated)

    def without(self, positions: Iterable[int]) -> Table:
        """A table without the rows at these positions."""
        gone = set(positions)
        kept = [i for i in range(len(self)) if i not in gone]
        return self._changed(
            numbers=array("Q", (self.numbers[i] for i in kept)),
            created=array("q", (self.created[i] for i in kept)),
            updated=array("q", (self.updated[i] for i in kept)),
            versions=array("Q", (self.versions[i] for i in kept)),
            lines=[self.lines[i] for i in kept],
        )

    def without_rows(self) -> Table:
        """A table of the same columns without rows."""
        return Table(key=self.key, fields=self.fields, width=self.width)

    def with_fields(self, fields: tuple[Field, ...]) -> Table:
        """A table of these columns over the same cells."""
        return self._changed(fields=fields)

    def with_slot(self, new: Field, value: Any) -> Table:
        """A table with one more column, which has ``value`` in every row."""
        end = (b"," if self.width else b"") + _cell(new, value)
        lines = [line + end for line in self.lines]
        return self._changed(fields=(*self.fields, new), width=self.width + 1, lines=lines)

    def _changed(self, **changes: Any) -> Table:
        return replace(self, memo={}, **changes)

    # -- lines -----------------------------------------------------------------------------------

    def line(self, row: Mapping[str, Any]) -> bytes:
        """A row as a stored line, without its system fields. Raises ``KeyError`` for an unknown column."""
        cells = [b""] * self.width
        for name, value in row.items():
            if name not in SYSTEM_TYPES:
                field = self.field(name)
                cells[field.slot] = _cell(field, value)
        return b",".join(cells)

    def overwritten(self, positions: Iterable[int], values: Mapping[str, Any]) -> dict[int, bytes]:
        """The lines of these rows with these values in them, by position.

        Raises ``KeyError`` for an unknown column.
        """
        new = {self.field(n).slot: _cell(self.field(n), v) for n, v in values.items()}
        changes = {}
        for position in positions:
            cells = split(self.lines[position])
            for slot, cell in new.items():
                cells[slot] = cell
            changes[position] = b",".join(cells)
        return changes

    def converted(self, name: str, convert: Callable[[str], Any]) -> dict[int, bytes]:
        """The lines in which the column is not null, by position, with its text converted."""
        field = self.field(name)
        changes = {}
        for position, line in enumerate(self.lines):
            cells = split(line)
            text = unquote(cells[field.slot])
            if text is not None:
                cells[field.slot] = _cell(field, convert(text))
                changes[position] = b",".join(cells)
        return changes


def _cell(field: Field, value: Any) -> bytes:
    text = store(value, field.type)
    return b"" if text is None else quoted(text)
