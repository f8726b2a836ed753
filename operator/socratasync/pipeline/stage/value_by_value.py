"""A page that ``COPY`` refused, read again: its rows lie in the database as text, and PostgreSQL brings them into
the stage's types value by value.

What it spells otherwise than Socrata is respelled. What no spelling helps is the manifest's to decide
(``spec.target.onBadValue``). Python sees bytes, and of values only a few examples.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from socratasync.contract.bad_values import BadValueExample, BadValues
from socratasync.contract.report import shorten
from socratasync.errors import BadValue
from socratasync.pipeline.plan.model import DatasetPlan, Shape
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source.soql import ROW_ID
from socratasync.pipeline.stage import refused_value, value_statements
from socratasync.pipeline.stage.pagecopy import Copied
from socratasync.pipeline.stage.statements import ARRIVAL, copy_into
from socratasync.pipeline.stage.value_statements import StageColumn
from socratasync.pipeline.target import catalog
from socratasync.pipeline.target.catalog import Target
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("values")

VALUE_CHARACTERS = 80
WHY_CHARACTERS = 80
"""So much of a value, and of PostgreSQL's word on it, is told: what helps must fit into a message, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What came of a page: rows that were not all right, ``nulled`` values, ``skipped`` rows, all the
    ``values`` that do not fit, how many of them no run fails for (``forgiven``), and a few of them, as the statement has
    them."""

    odd: int
    nulled: int
    skipped: int
    values: int
    forgiven: int
    examples: list[dict[str, Any]]


class ValueByValue:
    """Copies pages of one dataset into its stage, in the transaction that is open on ``connection``."""

    def __init__(self, context: RunContext, plan: DatasetPlan, connection: Connection) -> None:
        self._connection = connection
        self._plan = plan
        self._spec = context.request.spec.target
        self._told = context.journal.report.told
        self._utf8 = connection.info.parameter_status("server_encoding") == "UTF8"

    def copy(self, chunks: Iterable[bytes], *, header_match: bool) -> Copied:
        """Copy the chunks, the first of which begins with the header line. Raises ``BadValue`` where the
        manifest says that a run is to fail for such a value."""
        shape, escaping = self._plan.shape, Escaping(utf8=self._utf8)
        self._connection.execute(value_statements.create_loose(shape))
        statement = copy_into(value_statements.loose(shape), shape, header_match=header_match)
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for chunk in escaping.applied(chunks):
                    copy.write(chunk)
            came = cursor.rowcount
        judged = self._judge(has_escapes=escaping.happened)
        self._connection.execute(value_statements.drop_loose(shape))
        examples = tuple(self._example(example) for example in judged.examples)
        bad = BadValues(nulled=judged.nulled, skipped=judged.skipped, examples=examples)
        return Copied(rows=came - bad.skipped, bad=bad, is_odd=judged.odd > 0)

    def _judge(self, *, has_escapes: bool) -> _Judged:
        nulls = self._spec.on_bad_value == "Null"
        columns = self._columns()
        self._connection.execute(value_statements.create_skipped(self._plan.shape))
        self._connection.execute(
            value_statements.judge_page(
                self._plan.shape, columns, nulls=nulls, has_escapes=has_escapes
            )
        )
        row = self._connection.execute("SELECT current_setting('socratasync.judged')").fetchone()
        assert row is not None
        judged = _Judged(**json.loads(row[0]))
        if judged.values > judged.forgiven and self._spec.on_bad_value == "Fail":
            raise BadValue(self._refusal(judged, columns))
        return judged

    def _columns(self) -> list[StageColumn]:
        """The stage's columns, but for its own. Null is nothing for a key, for what the table requires, and for
        the row's ``:id``."""
        shape = self._plan.shape
        target = catalog.read_target(self._connection, shape.schema, shape.table)
        refuse = refusing_null(shape, target)
        words = {"stage": shape.staged.as_string(self._connection)}
        rows = self._connection.execute(_SQL["read_stage_columns"], words).fetchall()
        found = (StageColumn(name=row[0], base=row[1], takes_null=row[2]) for row in rows)
        return [as_staged(each, shape, refuse) for each in found if each.name != ARRIVAL]

    # -- what is told ----------------------------------------------------------------------------

    def _refusal(self, judged: _Judged, columns: Sequence[StageColumn]) -> str:
        first = next(unforgiven(judged.examples, columns))
        shape = self._plan.shape
        target = catalog.read_target(self._connection, shape.schema, shape.table)
        return refused_value.sentence(
            dataset=self._plan.dataset,
            example=self._example(first),
            why=shorten(self._told(readable(first["why"])), WHY_CHARACTERS),
            others=judged.values - judged.forgiven - 1,
            column=next((c for c in shape.columns if c.staged == first["column"]), None),
            staged=next(c for c in columns if c.name == first["column"]),
            is_text="\x01" not in (first["value"] or ""),
            target=target,
            chosen=self._spec.fields,
            types=self._spec.types,
        )

    def _example(self, found: Mapping[str, Any]) -> BadValueExample:
        return example(found, self._plan.shape, self._told, utf8=self._utf8)


def as_staged(column: StageColumn, shape: Shape, refuse: Collection[str]) -> StageColumn:
    """The column with what the dataset and the target say of it. ``refuse``: the columns for which null is nothing."""
    locations = {c.staged for c in shape.columns if c.source_type == "location"}
    return replace(
        column,
        takes_null=column.takes_null and column.name not in refuse,
        is_location=column.name in locations,
    )


def unforgiven(
    examples: Iterable[dict[str, Any]], columns: Iterable[StageColumn]
) -> Iterator[dict[str, Any]]:
    """The examples of values that a run may fail for."""
    forgiving = {column.name for column in columns if column.place}
    return (each for each in examples if each["column"] not in forgiving)


def refusing_null(shape: Shape, target: Target) -> set[str]:
    """The stage's columns for which null is nothing, whatever their type: those of the key, those that the table
    requires, and the row's ``:id``."""
    required = {column.name for column in target.columns if column.required} | {*shape.key}
    return {ROW_ID, *(c.staged for c in shape.columns if c.name in required)}


def example(
    found: Mapping[str, Any], shape: Shape, told: Callable[[str], str], *, utf8: bool
) -> BadValueExample:
    """What a statement found, as it may be told: short, on one line, and with secrets masked (``told``)."""
    names = {column.staged: column.name for column in shape.columns}
    value = found["value"]
    if value is not None:
        value = readable(unescaped(value))
        if not utf8:
            value = value.encode("ascii", "backslashreplace").decode()
        value = shorten(told(value), VALUE_CHARACTERS)
    return BadValueExample(
        row=shorten(told(readable(found["row"])), VALUE_CHARACTERS),
        column=names.get(found["column"], found["column"]),
        value=value,
    )


_ESCAPED = re.compile(b"\x01([0-9a-f]{2})")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")


class Escaping:
    """Writes bytes that no text of the server holds, or not for certain, as U+0001 and two hexadecimal digits, and
    U+0001 itself, too. ``utf8``: whether the server's encoding is UTF-8, which has every character."""

    def __init__(self, *, utf8: bool) -> None:
        self._pattern = re.compile("[\x00\x01\udc80-\udcff]" if utf8 else "[^\x02-\x7f]")
        self.happened = False

    def applied(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, with all such bytes escaped; a character may begin in one chunk and end in the next."""
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        for chunk in chunks:
            yield self._pattern.sub(self._written_out, decoder.decode(chunk)).encode()
        yield self._pattern.sub(self._written_out, decoder.decode(b"", final=True)).encode()

    def _written_out(self, found: re.Match[str]) -> str:
        self.happened = True
        return "".join(f"\x01{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape"))


def unescaped(text: str) -> str:
    r"""The text that was escaped, to look at: bytes that are no UTF-8 as ``\xff``."""
    whole = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return whole.decode("utf-8", "backslashreplace")


def readable(text: str) -> str:
    r"""The text on one line: what controls a terminal is written out, such as ``\n`` and ``\x00``."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
