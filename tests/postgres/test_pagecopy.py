"""A page into a stage, on one connection or on two: the same rows, or none."""

from __future__ import annotations

from contextlib import nullcontext

import psycopg
import pytest

from socratasync import merge_statements, statements
from socratasync.columns import Column
from socratasync.pagecopy import copy_page
from socratasync.statements import MergeShape

SHAPE = MergeShape(
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
def connections(dsn, request):
    """A connection with an empty stage, and a second one if the test wants it."""
    with psycopg.connect(dsn, autocommit=True) as first:
        first.execute("CREATE SCHEMA socratasync")
        first.execute(statements.create_stage(SHAPE))
        if not request.param:
            yield first, None
            return
        with psycopg.connect(dsn, autocommit=True) as second:
            yield first, second


def copied(connections, chunks):
    first, second = connections
    match = first.info.server_version >= 150000
    with first.transaction(), second.transaction() if second else nullcontext():
        return copy_page(first, SHAPE, chunks, header_match=match, second=second)


def staged(connections):
    return (
        connections[0].execute('SELECT name, note, ":id" FROM socratasync.stage_parks').fetchall()
    )


BOTH = pytest.mark.parametrize("connections", [False, True], indirect=True, ids=["one", "two"])


@BOTH
@pytest.mark.parametrize("chunk", [7, 1000, 100_000])
@pytest.mark.parametrize("rows", [0, 1, 2, 500])
def test_every_row_is_copied_once(connections, rows, chunk):
    found = copied(connections, page(rows, chunk))

    assert found.rows == rows
    there = set(staged(connections))
    expected = {(f"p{n}", 'a "quoted",\nbroken line', f"row-{n}") for n in range(rows)}
    assert there == expected
    assert len(staged(connections)) == rows


@BOTH
@pytest.mark.parametrize(
    "broken",
    [b'"p","unended', b'"p","short"\n', b'"p","n","no date","row-1"\n', b'"p","n",,\n'],
    ids=["a cell without end", "a short row", "a wrong value", "no row id"],
)
def test_a_page_with_a_broken_row_leaves_nothing(connections, broken):
    with pytest.raises(psycopg.Error):
        copied(connections, [*page(200), broken])

    assert staged(connections) == []


@BOTH
def test_a_source_that_fails_in_mid_page_leaves_nothing(connections):
    def chunks():
        yield from page(200)
        raise KeyError

    with pytest.raises(KeyError):
        copied(connections, chunks())

    assert staged(connections) == []


@BOTH
def test_a_small_page_says_nothing_of_who_is_slower(connections):
    assert copied(connections, page(10)).target_is_slower is False


@pytest.mark.parametrize("connections", [True], indirect=True)
def test_of_equally_new_rows_that_came_out_of_order_it_is_always_the_same_that_stays(connections):
    first, _ = connections
    rows = [b'"same","%d","2020-01-01T00:00:00.000Z","row-%d"\n' % (n, n) for n in (3, 9, 1, 7)]
    for order in (rows, rows[::-1]):
        first.execute("TRUNCATE socratasync.stage_parks")
        copied(connections, [HEADER, *order])

        first.execute(merge_statements.delete_duplicates(SHAPE, in_order=False))

        assert [row[1] for row in staged(connections)] == ["9"]
