"""A page into a stage: all of its rows, or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import pytest
from tests.conftest import Connection

from socratasync.pipeline.columns import Column
from socratasync.pipeline.merge import statements as merge_statements
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.stage import statements
from socratasync.pipeline.stage.pagecopy import copy_page

SHAPE = Shape(
    schema="public",
    table="parks",
    stage="stage_parks",
    dataset="park-0001",
    columns=(
        Column(name="name", field="name", source_type="text", type="text"),
        Column(name="note", field="note", source_type="text", type="text"),
    ),
    key=("name",),
    provenance=True,
)
HEADER = b'"name","note",":updated_at",":id"\n'
ROW = b'"p%d","a ""quoted"",\nbroken line","2020-01-01T00:00:00.000Z","row-%d"\n'


def page(rows: int, chunk: int = 1000) -> list[bytes]:
    """A page of rows in chunks that end anywhere."""
    data = HEADER + b"".join(ROW % (n, n) for n in range(rows))
    return [data[i : i + chunk] for i in range(0, len(data), chunk)]


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A connection with an empty stage."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA socratasync")
        connection.execute(statements.create_stage(SHAPE))
        yield connection


def copied(connection: Connection, chunks: Iterable[bytes]) -> Any:
    match = connection.info.server_version >= 150000
    with connection.transaction():
        statement = statements.copy_into(SHAPE.staged, SHAPE, header_match=match)
        return copy_page(connection, statement, chunks)


def staged(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute('SELECT name, note, ":id" FROM socratasync.stage_parks').fetchall()


@pytest.mark.parametrize("chunk", [7, 1000, 100_000])
@pytest.mark.parametrize("rows", [0, 1, 2, 500])
def test_every_row_is_copied_once(connection: Connection, rows: int, chunk: int) -> None:
    found = copied(connection, page(rows, chunk))

    assert found.rows == rows
    there = set(staged(connection))
    expected = {(f"p{n}", 'a "quoted",\nbroken line', f"row-{n}") for n in range(rows)}
    assert there == expected
    assert len(staged(connection)) == rows


@pytest.mark.parametrize(
    "broken",
    [b'"p","unended', b'"p","short"\n', b'"p","n","no date","row-1"\n', b'"p","n",,\n'],
    ids=["a cell without end", "a short row", "a wrong value", "no row id"],
)
def test_a_page_with_a_broken_row_leaves_nothing(connection: Connection, broken: bytes) -> None:
    with pytest.raises(psycopg.Error):
        copied(connection, [*page(200), broken])

    assert staged(connection) == []


def test_a_source_that_fails_in_mid_page_leaves_nothing(connection: Connection) -> None:
    def chunks() -> Iterator[bytes]:
        yield from page(200)
        raise KeyError

    with pytest.raises(KeyError):
        copied(connection, chunks())

    assert staged(connection) == []


def test_of_equally_new_rows_the_last_to_come_stays_wherever_it_lies(
    connection: Connection,
) -> None:
    rows = [
        b'"same%d","%s","2020-01-01T00:00:00.000Z","%d"\n' % (n % 3000, b"x" * (n * 37 % 400), n)
        for n in range(6000)
    ]
    copied(connection, [HEADER, *rows])
    ids = [int(row[2]) for row in staged(connection)]
    assert ids != sorted(ids), "a small row fills the rest of an earlier block"

    connection.execute(merge_statements.delete_duplicates(SHAPE))

    assert sorted(int(row[2]) for row in staged(connection)) == list(range(3000, 6000))
