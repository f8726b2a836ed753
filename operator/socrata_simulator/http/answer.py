"""Writes a query's rows as CSV or JSON, byte for byte as Socrata does.

CSV: every cell that is not null is quoted, ``\\n`` ends every line, null is nothing, so null and
empty text stay apart. JSON: rows in the interface's frame (``rows.dialect``); a null's key is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from socrata_simulator.http.summary import summary, text_of
from socrata_simulator.rows import rowids
from socrata_simulator.rows.cells import (
    GEOMETRY_TYPES,
    compact,
    csv_is_stored_text,
    csv_text,
    json_text,
    quoted,
    split,
    stamp,
    unquote,
)
from socrata_simulator.rows.dialect import Dialect
from socrata_simulator.rows.table import UNSTAMPED, Table
from socrata_simulator.soql.query import Query
from socrata_simulator.soql.selection import Output

ROWS_AT_ONCE = 2000
Cell = Callable[[int, list[bytes]], bytes]


def csv_body(query: Query, positions: Sequence[int]) -> Iterator[bytes]:
    """The answer as CSV, in pieces."""
    yield b",".join(quoted(column.name) for column in query.columns) + b"\n"
    if query.is_summary:
        for texts in summary(query):
            yield b",".join(b"" if t is None else quoted(t) for t in texts) + b"\n"
        return
    line = _csv_line(query.table, query.outputs, query.dialect)
    for start in range(0, len(positions), ROWS_AT_ONCE):
        yield b"".join(map(line, positions[start : start + ROWS_AT_ONCE]))


def json_body(query: Query, positions: Sequence[int]) -> Iterator[bytes]:
    """The answer as JSON, in pieces."""
    dialect = query.dialect
    yield dialect.opening
    if query.is_summary:
        made = [_json_object(query, texts) for texts in summary(query)]
        yield dialect.between.join(made) + (dialect.closing if made else dialect.closing_of_none)
        return
    row = _json_row(query.table, query.outputs, dialect)
    for start in range(0, len(positions), ROWS_AT_ONCE):
        batch = dialect.between.join(map(row, positions[start : start + ROWS_AT_ONCE]))
        yield dialect.between + batch if start else batch
    yield dialect.closing if positions else dialect.closing_of_none


# -- CSV -------------------------------------------------------------------------------------------


def _csv_line(table: Table, outputs: Sequence[Output], dialect: Dialect) -> Callable[[int], bytes]:
    plain = [o.field for o in outputs if o.field is not None]
    tail = outputs[len(plain) :]
    leading = all(o.field is not None for o in outputs[: len(plain)])
    if plain and leading and table.lines_are_the_answer(plain):
        return _stored_line(table, [_csv_cell(table, o, dialect) for o in tail], dialect)
    cells = [_csv_cell(table, o, dialect) for o in outputs]
    if all(o.system for o in outputs):
        return lambda i: b",".join([cell(i, []) for cell in cells]) + b"\n"
    lines = table.lines

    def line(position: int) -> bytes:
        stored = split(lines[position])
        return b",".join([cell(position, stored) for cell in cells]) + b"\n"

    return line


def _stored_line(table: Table, tail: list[Cell], dialect: Dialect) -> Callable[[int], bytes]:
    """The stored line with the system columns after it, without looking at its cells, unless one of them
    is a geometry that must be rounded."""
    lines, rounds = table.lines, dialect.rounds
    kinds = [f.kind for f in sorted(table.fields, key=lambda f: f.slot)]

    def line(position: int) -> bytes:
        stored = lines[position]
        if rounds(stored):
            stored = b",".join(map(dialect.geometry, split(stored), kinds))
        return b",".join([stored, *[cell(position, []) for cell in tail]]) + b"\n"

    return line


def _csv_cell(table: Table, output: Output, dialect: Dialect) -> Cell:
    if output.system:
        cell = _system_cell(table, output.system)
        return lambda i, _: cell(i)
    if output.field is None:
        return lambda i, _: b"" if (t := _value_text(output, i)) is None else quoted(t)
    slot, kind = output.field.slot, output.field.kind
    if kind in GEOMETRY_TYPES:
        return lambda _, stored: dialect.geometry(stored[slot], kind)
    if csv_is_stored_text(kind):
        return lambda _, stored: stored[slot]

    def written(_: int, stored: list[bytes]) -> bytes:
        text = unquote(stored[slot])
        text = None if text is None else csv_text(text, kind)
        return b"" if text is None else quoted(text)

    return written


# -- JSON ------------------------------------------------------------------------------------------


def _json_row(table: Table, outputs: Sequence[Output], dialect: Dialect) -> Callable[[int], bytes]:
    members = [(compact(o.name).encode() + b":", _json_cell(table, o, dialect)) for o in outputs]
    lines = table.lines

    def row(position: int) -> bytes:
        stored = split(lines[position])
        cells = [(key, cell(position, stored)) for key, cell in members]
        return b"{" + b",".join([key + cell for key, cell in cells if cell]) + b"}"

    return row


def _json_cell(table: Table, output: Output, dialect: Dialect) -> Cell:
    if output.system:
        cell = _system_cell(table, output.system)
        return lambda i, _: cell(i)
    if output.field is None:
        return lambda i, _: (
            b""
            if (t := _value_text(output, i)) is None
            else json_text(t, output.kind).encode(errors="replace")
        )
    slot, kind = output.field.slot, output.field.kind
    if kind == "location":
        return lambda _, stored: (
            b""
            if (t := unquote(stored[slot])) is None
            else dialect.location(t).encode(errors="replace")
        )

    def written(_: int, stored: list[bytes]) -> bytes:
        text = unquote(dialect.geometry(stored[slot], kind))
        return b"" if text is None else json_text(text, kind).encode(errors="replace")

    return written


def _json_object(query: Query, texts: Sequence[str | None]) -> bytes:
    columns = zip(query.columns, texts, strict=True)
    members = [f"{compact(c.name)}:{json_text(t, c.kind)}" for c, t in columns if t is not None]
    return f"{{{','.join(members)}}}".encode(errors="replace")


# -- values ----------------------------------------------------------------------------------------


def _system_cell(table: Table, name: str) -> Callable[[int], bytes]:
    """A system column's cell: quoted in CSV as in JSON; nothing for a time that a row does not have."""
    key = table.key
    if name == ":id":
        numbers, encode = table.numbers, rowids.encode
        return lambda i: b'"%b"' % encode(numbers[i], key).encode()
    if name == ":version":
        versions = table.versions
        return lambda i: b'"%b"' % rowids.encode(versions[i], key, rowids.VERSION).encode()
    return _stamp_cell(table.created if name == ":created_at" else table.updated)


def _stamp_cell(stamps: Sequence[int]) -> Callable[[int], bytes]:
    """A row's time. Texts are kept, for most rows have the time of rows near them."""
    known: dict[int, bytes] = {}

    def cell(position: int) -> bytes:
        at = stamps[position]
        if at not in known:
            if len(known) > 1000:
                known.clear()
            known[at] = b"" if at == UNSTAMPED else b'"%b"' % stamp(at).encode()
        return known[at]

    return cell


def _value_text(output: Output, position: int) -> str | None:
    value = output.value.get(position) if output.value else None
    return None if value is None else text_of(value, output.kind)
