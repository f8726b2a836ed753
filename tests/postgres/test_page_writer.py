"""Pages that go into the target by a thread: all of them, or an error, or a stop that need not wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from tests.conftest import Connection

from socratasync.contract.bad_values import NO_BAD_VALUES
from socratasync.errors import Terminated
from socratasync.pipeline.columns import Column
from socratasync.pipeline.merge.page_writer import THREAD, PageWriter
from socratasync.pipeline.plan.model import Shape
from socratasync.pipeline.stage import statements
from socratasync.pipeline.stage.staged import Page

SHAPE = Shape(
    schema="public",
    table="parks",
    stage="stage_parks",
    dataset="park-0001",
    columns=(Column(name="name", field="name", source_type="text", type="text"),),
    key=("name",),
    provenance=False,
)
WAITS = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN new; END $$;
CREATE TRIGGER wait BEFORE INSERT ON parks FOR EACH ROW EXECUTE FUNCTION wait()
"""


@pytest.fixture
def writer(connection: Connection, dsn: str) -> Iterator[PageWriter]:
    """A writer with a transaction of its own, which waits for nobody for long."""
    connection.execute("CREATE SCHEMA socratasync")
    connection.execute(statements.create_stage(SHAPE))
    connection.execute("CREATE TABLE parks (name text PRIMARY KEY)")
    with closing(psycopg.connect(dsn, options="-c lock_timeout=5s")) as its_own:
        writer = PageWriter(its_own, SHAPE)
        yield writer
        writer.stop()


def page(connection: Connection, *names: str, first_block: int = 0) -> Page:
    """Stages these rows in one transaction."""
    with connection.transaction():
        for name in names:
            connection.execute(
                """INSERT INTO socratasync.stage_parks (name, ":id") VALUES (%s, %s)""",
                [name, f"row-{name}"],
            )
        found = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert found is not None
    return Page(
        rows=len(names),
        bad=NO_BAD_VALUES,
        is_odd=False,
        bytes=1,
        last_id=None,
        replica_as_of=None,
        is_silent=False,
        xid=found[0],
        first_block=first_block,
        target_is_slower=True,
    )


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


def test_rows_of_a_page_that_lie_in_the_blocks_of_an_earlier_one_are_inserted_last(
    connection: Connection, writer: PageWriter
) -> None:
    pages = [page(connection, "p1", "p2", "p3"), page(connection, "p4", "p5", first_block=1)]

    writer.add(pages)

    assert writer.finish(threading.Event()) == 5
    names = writer.connection.execute("SELECT name FROM parks ORDER BY 1").fetchall()
    assert [name for (name,) in names] == ["p1", "p2", "p3", "p4", "p5"]
    assert connection.execute("SELECT FROM parks").fetchall() == []


def test_what_the_database_refuses_is_raised_in_the_end_and_known_before(
    connection: Connection, writer: PageWriter
) -> None:
    writer.add([page(connection, "p1", "p1"), page(connection, "p2")])

    with pytest.raises(psycopg.errors.UniqueViolation) as raised:
        writer.finish(threading.Event())

    assert writer.error is raised.value


def test_a_stop_waits_for_no_insertion(connection: Connection, writer: PageWriter) -> None:
    connection.execute(WAITS)
    connection.execute("SELECT pg_advisory_lock(42)")
    writer.add([page(connection, "p1")])
    (thread,) = threads()
    assert thread.daemon
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(Terminated):
        writer.finish(stopping)
    writer.stop()

    assert threads() == []
    assert isinstance(writer.error, psycopg.errors.QueryCanceled)
