"""Every way of bringing a stage into the target: the same rows, the same counts, whatever the server.

The strategies are called as such, since a new server has no use for those of an old one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from tests.conftest import Connection

from socratasync.pipeline.columns import Column
from socratasync.pipeline.merge import statements as merge_statements
from socratasync.pipeline.plan.model import KeepsNewer, Shape
from socratasync.pipeline.stage import statements
from socratasync.pipeline.target.connection import FIRST_WITH_MERGE_RETURNING

COLUMNS = (
    Column(name="name", field="name", source_type="text", type="text"),
    Column(name="acres", field="acres", source_type="number", type="numeric"),
    Column(name="Plan Data", field="plan", source_type="json", type="json"),
)


def shape(**changes: Any) -> Shape:
    given = {
        "schema": "public",
        "table": "parks",
        "stage": "stage_parks",
        "dataset": "park-0001",
        "columns": COLUMNS,
        "key": ("name",),
        "provenance": True,
    }
    return Shape(**{**given, **changes})


@pytest.fixture
def staged(connection: Connection) -> Connection:
    """A stage of three rows (one new, one changed, one as it was) and a target of three."""
    connection.execute("CREATE SCHEMA socratasync")
    connection.execute(statements.create_stage(shape()))
    connection.execute(
        'CREATE TABLE parks (name text PRIMARY KEY, acres numeric, "Plan Data" json,'
        " socrata_dataset text, socrata_id text, socrata_updated_at timestamptz)"
    )
    stage(
        connection, ("new", 1, None, 2020), ("changed", 2, None, 2020), ("same", 3, '{"a":1}', 2020)
    )
    connection.execute(
        "INSERT INTO parks VALUES ('changed', NULL, NULL, 'park-0001', 'row-0', '2019-01-01'),"
        " ('same', 3.0, '{\"a\":1}', 'park-0001', 'row-1', '2019-01-01'),"
        " ('gone', 4, NULL, 'park-0001', 'row-2', '2019-01-01')"
    )
    return connection


def stage(connection: Connection, *rows: tuple[object, ...]) -> None:
    plan = sql.Identifier(COLUMNS[2].staged)
    for number, (name, acres, data, year) in enumerate(rows):
        connection.execute(
            sql.SQL(
                'INSERT INTO socratasync.stage_parks (name, acres, {}, ":updated_at", ":id")'
                " VALUES (%s, %s, %s, make_timestamptz(%s, 1, 1, 0, 0, 0), %s)"
            ).format(plan),
            [name, acres, data, year, f"row-{number}"],
        )


def one(connection: Connection, statement: str | sql.Composed) -> tuple[Any, ...]:
    """The only row of an answer."""
    (row,) = connection.execute(statement)
    return row


def merge_by(connection: Connection, how: str, given: Shape | None = None) -> tuple[Any, ...]:
    """(inserted, updated) of one way to merge."""
    if how == "merge" and connection.info.server_version < FIRST_WITH_MERGE_RETURNING:
        how = "difference"
    return one(connection, getattr(merge_statements, how)(given or shape()))


WAYS = ["upsert", "difference", "merge"]


@pytest.mark.parametrize("how", WAYS)
def test_new_changed_and_equal_rows_are_told_apart(staged: Connection, how: str) -> None:
    untouched = staged.execute("SELECT xmin::text FROM parks WHERE name = 'same'").fetchone()

    assert merge_by(staged, how) == (1, 1)

    rows: dict[str, object] = dict(staged.execute("SELECT name, acres FROM parks").fetchall())
    assert rows == {"new": 1, "changed": 2, "same": 3, "gone": 4}
    assert (
        staged.execute("SELECT xmin::text FROM parks WHERE name = 'same'").fetchone() == untouched
    )


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("stamps", [False, True])
def test_an_equal_row_is_written_for_its_time_where_another_dataset_may_have_its_key(
    staged: Connection, how: str, stamps: bool
) -> None:
    assert merge_by(staged, how, shape(stamps_equal_rows=stamps)) == (1, 1 + stamps)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("renews", [False, True])
def test_an_equal_row_is_written_for_its_id_where_all_have_another_one_from_now_on(
    staged: Connection, how: str, renews: bool
) -> None:
    staged.execute("UPDATE socratasync.stage_parks SET \":id\" = 'row-new' WHERE name = 'same'")
    given = shape(renews_ids=renews)

    assert merge_by(staged, how, given) == (1, 1 + renews)

    ids: dict[str, str] = dict(staged.execute("SELECT name, socrata_id FROM parks").fetchall())
    assert (ids["same"] == "row-new") is renews
    assert merge_by(staged, how, given) == (0, 0)


@pytest.mark.parametrize("how", WAYS)
def test_merging_again_changes_nothing(staged: Connection, how: str) -> None:
    merge_by(staged, how)

    assert merge_by(staged, how) == (0, 0)


@pytest.mark.parametrize("how", WAYS)
def test_a_row_of_another_dataset_is_taken_only_by_a_newer_one(
    staged: Connection, how: str
) -> None:
    staged.execute(
        "UPDATE parks SET socrata_dataset = 'othe-rone', socrata_updated_at = '2021-01-01'"
        " WHERE name = 'changed'"
    )
    assert merge_by(staged, how) == (1, 0)

    staged.execute("UPDATE parks SET socrata_updated_at = '2019-01-01' WHERE name = 'changed'")
    assert merge_by(staged, how) == (0, 1)
    (owner,) = one(staged, "SELECT socrata_dataset FROM parks WHERE name = 'changed'")
    assert owner == "park-0001"


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
BY_STAMP = KeepsNewer(
    believed_until=NOON + timedelta(minutes=5),
    read_again_after=NOON - timedelta(hours=1),
    asked_since=NOON - timedelta(hours=2),
)
BY_DATE = KeepsNewer(
    believed_until=BY_STAMP.believed_until, read_again_after=None, asked_since=None
)
FULL = None

Stamp = str | None


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("keeps", "row", "held", "came", "written"),
    [
        pytest.param(FULL, "same", "11:50", "11:40", True, id="a full load knows better"),
        pytest.param(FULL, "other", "11:50", None, True, id="whatever the row"),
        pytest.param(BY_STAMP, "same", "09:00", "11:40", True, id="newer"),
        pytest.param(BY_STAMP, "same", "11:40", "11:40", True, id="equally new"),
        pytest.param(BY_STAMP, "same", "11:50", "11:40", False, id="a replica that is behind"),
        pytest.param(BY_STAMP, "other", "11:50", "11:40", False, id="and has a row that is gone"),
        pytest.param(BY_STAMP, "same", "11:50", "11:00", True, id="will not be read again"),
        pytest.param(BY_STAMP, "other", "11:50", "10:59", True, id="nor will this one"),
        pytest.param(BY_STAMP, "same", "11:50", "11:01", False, id="will just be read again"),
        pytest.param(BY_STAMP, "same", "12:05", "11:40", False, id="clocks differ a little"),
        pytest.param(BY_STAMP, "same", "12:06", "11:40", True, id="the clock was ahead"),
        pytest.param(BY_STAMP, "other", "12:06", "11:40", True, id="and the row was inserted anew"),
        pytest.param(BY_STAMP, "same", None, "11:40", True, id="had no time"),
        pytest.param(BY_STAMP, "other", None, "11:40", True, id="another one without a time"),
        pytest.param(BY_STAMP, "same", "09:00", None, True, id="has lost its time"),
        pytest.param(BY_STAMP, "other", "09:00", None, False, id="a row without a time is older"),
        pytest.param(BY_STAMP, "other", "10:00", None, True, id="the other would have come, too"),
        pytest.param(BY_STAMP, "same", "09:00", "08:00", True, id="asked for by its id"),
        pytest.param(BY_STAMP, "other", "09:00", "08:00", False, id="not in place of a newer one"),
        pytest.param(BY_STAMP, "other", None, None, True, id="none has a time"),
        pytest.param(BY_DATE, "same", "11:50", "11:40", True, id="a row replaces itself"),
        pytest.param(BY_DATE, "same", "11:50", None, True, id="by one without a time, too"),
        pytest.param(BY_DATE, "other", "10:00", "09:00", False, id="an older row of the same key"),
        pytest.param(
            BY_DATE, "other", "10:00", None, False, id="one without a time is older still"
        ),
        pytest.param(BY_DATE, "other", "10:00", "10:01", True, id="a newer row of the same key"),
        pytest.param(
            BY_DATE, "other", "12:06", "11:40", True, id="one from a clock that was ahead"
        ),
    ],
)
def test_an_older_row_stays_out_only_where_no_change_is_lost_with_it(
    staged: Connection, how: str, keeps: KeepsNewer | None, row: str, held: Stamp, came: Stamp,
    written: bool,
) -> None:  # fmt: skip
    staged.execute(
        "UPDATE parks SET socrata_id = %s, socrata_updated_at = %s WHERE name = 'changed'",
        ["row-1" if row == "same" else "row-0", at(held)],
    )
    staged.execute(
        """UPDATE socratasync.stage_parks SET ":updated_at" = %s WHERE name = 'changed'""",
        [at(came)],
    )

    assert merge_by(staged, how, shape(keeps_newer=keeps)) == (1, int(written))


def at(time: Stamp) -> datetime | None:
    """That time of the day of ``NOON``."""
    return None if time is None else datetime.fromisoformat(f"2024-02-29T{time}:00+00:00")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("owner", "held", "came", "taken"),
    [
        pytest.param(None, "11:50", "11:40", True, id="of nobody"),
        pytest.param("othe-rone", "11:40", "11:50", True, id="older"),
        pytest.param("othe-rone", "11:50", "11:40", False, id="newer"),
        pytest.param("othe-rone", None, "11:40", True, id="without a time is the older"),
        pytest.param("othe-rone", "11:40", None, False, id="with one is the newer"),
        pytest.param("othe-rone", "11:40", "11:40", True, id="as new, and o before p"),
        pytest.param("zoth-erone", "11:40", "11:40", False, id="as new, and p before z"),
        pytest.param("othe-rone", None, None, True, id="both without one, and o before p"),
        pytest.param("zoth-erone", None, None, False, id="both without one, and p before z"),
    ],
)
@pytest.mark.parametrize("keeps", [FULL, BY_STAMP], ids=["full", "update"])
def test_a_row_of_another_dataset_goes_to_the_newer_and_never_by_turns(
    staged: Connection, how: str, keeps: KeepsNewer | None, owner: str | None, held: Stamp,
    came: Stamp, taken: bool,
) -> None:  # fmt: skip
    staged.execute(
        "UPDATE parks SET socrata_dataset = %s, socrata_updated_at = %s WHERE name = 'changed'",
        [owner, at(held)],
    )
    staged.execute(
        """UPDATE socratasync.stage_parks SET ":updated_at" = %s WHERE name = 'changed'""",
        [at(came)],
    )

    assert merge_by(staged, how, shape(keeps_newer=keeps)) == (1, int(taken))


@pytest.mark.parametrize("how", WAYS)
def test_a_table_of_keys_only_is_merged(staged: Connection, how: str) -> None:
    given = shape(columns=COLUMNS[:1], provenance=False)

    assert merge_by(staged, how, given) == (1, 0)


@pytest.mark.parametrize("how", WAYS)
def test_a_key_of_the_sources_row_id_is_merged(staged: Connection, how: str) -> None:
    staged.execute("ALTER TABLE parks DROP CONSTRAINT parks_pkey, ADD PRIMARY KEY (socrata_id)")
    staged.execute("ALTER TABLE parks ALTER name DROP NOT NULL")

    inserted, updated = merge_by(staged, how, shape(key=("socrata_id",)))

    assert (inserted, updated) == (0, 3)


def test_of_equal_keys_the_newest_row_stays_and_of_equally_new_ones_the_last(
    staged: Connection,
) -> None:
    stage(staged, ("same", 8, None, 2022), ("same", 9, None, 2021), ("new", 7, None, 2020))

    removed = one(staged, merge_statements.delete_duplicates(shape()))

    assert removed == (3, 1)
    rows: dict[str, object] = dict(
        staged.execute("SELECT name, acres FROM socratasync.stage_parks").fetchall()
    )
    assert rows == {"new": 7, "changed": 2, "same": 8}


def test_only_rows_of_the_dataset_are_deleted_for_being_gone(staged: Connection) -> None:
    staged.execute(
        "INSERT INTO parks (name, socrata_dataset) VALUES ('mine', NULL), ('theirs', 'othe-rone')"
    )

    assert staged.execute(merge_statements.delete_missing(shape())).rowcount == 1
    names = {name for (name,) in staged.execute("SELECT name FROM parks").fetchall()}
    assert names == {"changed", "same", "mine", "theirs"}


@pytest.mark.parametrize("provenance", [True, False])
def test_a_column_type_that_has_no_equals_is_compared_as_text(
    staged: Connection, provenance: bool
) -> None:
    given = shape(provenance=provenance)
    assert merge_by(staged, "merge", given) == (1, 1)
