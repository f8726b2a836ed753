"""Values that ``COPY`` refuses: respelled where PostgreSQL only writes them otherwise, else dealt with as the
manifest says."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.conftest import Clock
from tests.postgres.conftest import Row, Sync
from tests.postgres.killed import kill_midway
from tests.postgres.test_masking import database_in

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.contract.report import MESSAGE_CHARACTERS, DatasetReport
from socratasync.pipeline.stage.pagecopy import Copied
from socratasync.pipeline.stage.value_by_value import ValueByValue

ODD = "odd0-0001"

RESPELLED: list[tuple[str, Any, str, str]] = [
    # (Socrata type, value at the source, type of the column, text of the value there)
    ("calendar_date", "0000-01-01T00:00:00.000", "timestamp", "0001-01-01 00:00:00 BC"),
    ("calendar_date", "-0001-12-31T23:59:59.999", "timestamp", "0002-12-31 23:59:59.999 BC"),
    ("calendar_date", "-0043-03-15T00:00:00.000", "date", "0044-03-15 BC"),
    ("calendar_date", "-4000-01-01T00:00:00.000", "timestamp(0)", "4001-01-01 00:00:00 BC"),
    ("date", "-0043-03-15T12:00:00.000Z", "timestamptz", "0044-03-15 12:00:00+00 BC"),
    ("calendar_date", "+12345-01-01T00:00:00.000", "timestamp", "12345-01-01 00:00:00"),
    ("calendar_date", "-0043-03-15T00:00:00.000", "day", "0044-03-15 BC"),
    ("number", "1000010100.00000000", "bigint", "1000010100"),
    ("number", "-7.0", "smallint", "-7"),
    ("number", "1E+5", "integer", "100000"),
    ("double", 1.0e7, "bigint", "10000000"),
    ("text", "42.00", "integer", "42"),
    ("number", "12.000", "counter", "12"),
    ("text", "a\x01b", "text", "a\x01b"),
]
"""What needs the slow path. On the fast one, such values are refused."""


def columns(cells: list[tuple[str, Any, str, str]]) -> list[tuple[str, str]]:
    return [("srnumber", "text"), *((f"c{n}", cell[0]) for n, cell in enumerate(cells))]


def as_text(sync: Sync, srnumber: str, count: int) -> list[str | None]:
    names = ", ".join(f"c{n}::text" for n in range(count))
    (row,) = sync.query(f"SELECT {names} FROM requests WHERE srnumber = '{srnumber}'")
    return list(row.values())


@pytest.fixture(autouse=True)
def domains(sync: Sync) -> None:
    """Types of the database's own."""
    sync.query("CREATE DOMAIN day AS date; CREATE DOMAIN counter AS bigint CHECK (VALUE > 0)")


@pytest.mark.usefixtures("foretold")
def test_a_value_that_postgresql_spells_otherwise_is_respelled(portal: Portal, sync: Sync) -> None:
    values = {f"c{n}": cell[1] for n, cell in enumerate(RESPELLED)}
    dataset = portal.add_dataset(
        ODD,
        columns(RESPELLED),
        [{"srnumber": "1", **values}, {"srnumber": "2"}, {"srnumber": "3", **values}],
    )
    fields = {f"c{n}": cell[2] for n, cell in enumerate(RESPELLED)}
    sync.spec["target"]["fields"] = {"srnumber": "", **fields}

    assert sync.one().rows.inserted == 3

    expected = [cell[3] for cell in RESPELLED]
    assert as_text(sync, "1", len(RESPELLED)) == as_text(sync, "3", len(RESPELLED)) == expected
    assert as_text(sync, "2", len(RESPELLED)) == [None] * len(RESPELLED)
    dataset.touch(dataset.ids())
    assert sync.one().rows.unchanged == 3


BAD: list[Any] = [
    # Socrata type, value at the source, type of the column, how it is told
    pytest.param("text", "many", "integer", "many", id="a word where a number must be"),
    pytest.param("number", "1.5", "integer", "1.5", id="a fraction"),
    pytest.param("number", "3000000000", "integer", "3000000000", id="too large a number"),
    pytest.param("number", "1E+300", "bigint", "1E+300", id="far too large a number"),
    pytest.param("double", float("nan"), "bigint", "NaN", id="no number at all"),
    pytest.param("text", "Los Angeles", "varchar(3)", "Los Angeles", id="too long a text"),
    pytest.param("text", "soon", "date", "soon", id="a word where a date must be"),
    pytest.param("text", "", "integer", "", id="an empty text is not null"),
    pytest.param(
        "calendar_date",
        "-9999-01-01T00:00:00.000",
        "timestamp",
        "-9999-01-01T00:00:00.000",
        id="a time before all times",
    ),
    pytest.param("text", "a\x00b", "text", "a\\x00b", id="a character that no text holds"),
    pytest.param("text", "a\x00b", "integer", "a\\x00b", id="a character that nothing holds"),
    pytest.param("text", "a\udcffb", "text", "a\\xffb", id="bytes that are no UTF-8"),
    pytest.param("text", "a\n\udcc3", "text", "a\\n\\xc3", id="half a character"),
    pytest.param("number", "-1", "counter", "-1", id="what a domain refuses"),
    pytest.param("json", {"a": "\x00"}, "jsonb", '{"a":"\\u0000"}', id="what jsonb refuses"),
    pytest.param("text", "a b &&", "tsquery", "a b &&", id="a syntax error"),
    pytest.param("text", "x" * 1000, "date", "x" * 79 + "…", id="a long one"),
]


def load(portal: Portal, sync: Sync, kind: str, value: Any, pg_type: str, policy: str) -> None:
    """Three rows, the second of which has a bad value."""
    portal.add_dataset(
        ODD,
        [("srnumber", "text"), ("c", kind), ("n", "number")],
        [{"srnumber": "1", "n": 1}, {"srnumber": "2", "c": value, "n": 2}, {"srnumber": "3"}],
    )
    sync.spec["target"]["fields"] = {"srnumber": "", "c": pg_type, "n": ""}
    sync.spec["target"]["onBadValue"] = policy


@pytest.mark.parametrize(("kind", "value", "pg_type", "told"), BAD)
@pytest.mark.usefixtures("foretold")
def test_a_bad_value_fails_the_run_which_says_where_it_is_and_what_helps(
    portal: Portal, sync: Sync, kind: str, value: Any, pg_type: str, told: str
) -> None:
    load(portal, sync, kind, value, pg_type, "Fail")
    row = portal[ODD].find(srnumber="2")[0]

    report = sync.run()

    assert report.exit_code == 65
    assert report.failure is not None
    assert report.failure.reason == "BadValue"
    message = report.failure.message
    assert f'dataset {ODD}, row {row}: column c ({pg_type}) does not take "{told}"' in message
    assert message.endswith('set spec.target.onBadValue to "Null" or "Skip"')
    assert len(message) <= MESSAGE_CHARACTERS
    assert ("write c: text in spec.target.fields" in message) is ("\\x" not in told)
    assert not sync.query("SELECT to_regclass('requests') AS there")[0]["there"]


@pytest.mark.parametrize(("kind", "value", "pg_type", "told"), BAD)
@pytest.mark.usefixtures("foretold")
def test_a_bad_value_becomes_null_if_the_manifest_says_so(
    portal: Portal, sync: Sync, kind: str, value: Any, pg_type: str, told: str
) -> None:
    load(portal, sync, kind, value, pg_type, "Null")

    report = sync.one()

    assert (report.bad_values.nulled, report.bad_values.skipped) == (1, 0)
    assert [example.value for example in report.bad_values.examples] == [told]
    assert {k: (row["c"], row["n"]) for k, row in sync.table().items()} == {
        "1": (None, 1),
        "2": (None, 2),
        "3": (None, None),
    }
    assert report.verified is True


@pytest.mark.parametrize(("kind", "value", "pg_type", "told"), BAD)
def test_a_row_with_a_bad_value_is_left_out_if_the_manifest_says_so(
    portal: Portal, sync: Sync, kind: str, value: Any, pg_type: str, told: str
) -> None:
    load(portal, sync, kind, value, pg_type, "Skip")

    report = sync.one()

    assert (report.bad_values.nulled, report.bad_values.skipped) == (0, 1)
    assert [example.value for example in report.bad_values.examples] == [told]
    assert set(sync.table()) == {"1", "3"}
    assert (report.rows.downloaded, report.rows.inserted) == (3, 2)


# -- rows that cannot have a NULL ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "null_instead"),
    [
        pytest.param("srnumber text PRIMARY KEY, c integer", True, id="a column that takes nulls"),
        pytest.param(
            "srnumber text PRIMARY KEY, c integer NOT NULL", False, id="one that does not"
        ),
        pytest.param("srnumber text PRIMARY KEY, c whole", False, id="a domain that does not"),
        pytest.param("srnumber text, c integer PRIMARY KEY", False, id="a key"),
    ],
)
@pytest.mark.usefixtures("foretold")
def test_where_null_is_nothing_the_row_is_left_out_instead(
    portal: Portal, sync: Sync, table: str, null_instead: bool
) -> None:
    sync.query("CREATE DOMAIN positive AS integer CHECK (VALUE > 0)")
    sync.query("CREATE DOMAIN whole AS positive NOT NULL")
    sync.query(f"CREATE TABLE requests ({table})")
    rows = [{"srnumber": f"{n}", "c": f"{n}"} for n in range(1, 4)]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)
    bad = portal[ODD].find(srnumber="2")
    portal[ODD].update(bad, c="many")
    sync.spec["target"].update(
        onBadValue="Null", key=["c" if "c integer P" in table else "srnumber"]
    )

    report = sync.one()

    found = (report.bad_values.nulled, report.bad_values.skipped)
    assert found == ((1, 0) if null_instead else (0, 1))
    assert len(sync.table()) == (3 if null_instead else 2)
    assert [e.row for e in report.bad_values.examples] == bad


@pytest.mark.usefixtures("foretold")
def test_a_null_where_a_domain_takes_none_is_a_bad_value(portal: Portal, sync: Sync) -> None:
    sync.query("CREATE DOMAIN word AS text NOT NULL")
    sync.query("CREATE TABLE requests (srnumber text PRIMARY KEY, c word)")
    rows: list[Row] = [{"srnumber": "1", "c": "a"}, {"srnumber": "2", "c": None}]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)

    failure = sync.run().failure

    assert failure is not None
    assert "column c (word) does not take null" in failure.message
    assert 'ALTER TABLE public.requests ALTER COLUMN "c" TYPE text' in failure.message
    assert 'onBadValue to "Skip"' in failure.message
    sync.spec["target"]["onBadValue"] = "Null"
    assert sync.one().bad_values.skipped == 1
    assert set(sync.table()) == {"1"}


# -- pages ----------------------------------------------------------------------------------------------


def pages_of_two(portal: Portal, sync: Sync, *bad: int, rows: int = 8) -> Dataset:
    """Rows 0 … in pages of two, some of them with a word where a number must be."""
    values = [{"srnumber": f"{n}", "c": "many" if n in bad else f"{n}"} for n in range(rows)]
    dataset = portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], values)
    sync.spec["target"].update(fields={"srnumber": "", "c": "integer"}, onBadValue="Skip")
    sync.spec["source"] = {"pageSize": 2}
    return dataset


def held(sync: Sync) -> dict[str, Any]:
    return {key: row["c"] for key, row in sync.table().items()}


def without(*bad: int, rows: int = 8) -> dict[str, int]:
    return {f"{n}": n for n in range(rows) if n not in bad}


@pytest.mark.parametrize("mode", ["update", "full"])
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((2, 3), id="a whole page"),
        pytest.param((6, 7), id="the last page"),
        pytest.param((0, 1, 2, 3), id="the first two pages"),
        pytest.param((7,), id="the last row"),
        pytest.param(tuple(range(8)), id="all rows"),
        pytest.param((1, 5), id="here and there"),
    ],
)
@pytest.mark.usefixtures("pace")
def test_rows_left_out_end_no_download(
    portal: Portal, sync: Sync, bad: tuple[int, ...], mode: str
) -> None:
    pages_of_two(portal, sync, *bad)
    sync.spec["verify"] = {"rowCount": "Fail", "tolerance": len(bad)}

    report = sync.one(mode=mode)

    assert held(sync) == without(*bad)
    assert report.rows.downloaded == 8
    assert (report.bad_values.skipped, len(report.bad_values.examples)) == (
        len(bad),
        min(5, len(bad)),
    )
    (known,) = sync.query("SELECT left_out, watermark FROM socratasync.datasets")
    assert known["left_out"] == report.left_out == len(bad)
    assert known["watermark"] is not None
    assert report.verified is True
    assert sync.query("SELECT * FROM socratasync.checkpoints") == []
    tables = "SELECT relname FROM pg_class WHERE relname ~ '^(stage|new)_'"
    assert sync.query(tables) == []


def test_a_page_with_such_values_is_asked_for_twice_and_the_next_one_once(
    portal: Portal, sync: Sync
) -> None:
    pages_of_two(portal, sync, 2, 4)

    sync.well()

    after = [p.get("$where", "").rsplit(">", 1)[-1] for p in sync.pages()]
    assert len(after) == 5 + 1  # four pages, the empty one, and the second page again
    assert after[1] == after[2]
    assert len(set(after)) == 5


def test_a_page_without_such_values_leads_back_to_the_fast_way(
    portal: Portal, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages_of_two(portal, sync, 2, rows=12)
    copied = []
    copy = ValueByValue.copy

    def noted(self: ValueByValue, chunks: Iterable[bytes], *, header_match: bool) -> Copied:
        copied.append(copy(self, chunks, header_match=header_match))
        return copied[-1]

    monkeypatch.setattr(ValueByValue, "copy", noted)
    sync.well()

    assert [page.is_odd for page in copied] == [True, False]


@pytest.mark.parametrize("bad", [(0, 1), (2, 3), (0, 1, 2, 3, 4, 5, 6, 7)])
def test_rows_left_out_end_no_download_where_nobody_counts(
    portal: Portal, sync: Sync, bad: tuple[int, ...]
) -> None:
    pages_of_two(portal, sync, *bad)
    sync.spec["verify"] = {"rowCount": "Off"}

    assert sync.one().bad_values.skipped == len(bad)

    assert held(sync) == without(*bad)


def test_a_killed_run_goes_on_after_the_last_page_and_still_knows_what_was_left_out(
    portal: Portal, sync: Sync
) -> None:
    pages_of_two(portal, sync, 0, 2, 3, 7)
    portal.faults.add(Fault.status(503), times=None, on="rows", after=4)
    assert sync.run(run="job-1").exit_code == 75
    portal.faults.clear()
    (checkpoint,) = sync.query(
        "SELECT rows, source FROM socratasync.checkpoints WHERE stage LIKE 'stage%'"
    )
    assert checkpoint["rows"] == 3
    assert checkpoint["source"]["bad_values"]["skipped"] == 3
    asked = len(sync.pages())

    report = sync.one(run="job-1")

    assert len(sync.pages()) - asked == 3  # the last page, twice, and the empty one
    assert held(sync) == without(0, 2, 3, 7)
    assert report.bad_values.skipped == report.left_out == 4
    assert report.rows.downloaded == 8


def test_a_killed_process_knows_what_it_left_out(portal: Portal, sync: Sync) -> None:
    rows = [{"srnumber": f"{n}", "c": "many" if n % 10 == 0 else f"{n}"} for n in range(1000)]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)
    sync.spec["target"].update(fields={"srnumber": "", "c": "integer"}, onBadValue="Skip")
    sync.spec["source"] = {"pageSize": 100}
    kill_midway(sync.request(run="job-1"))
    (checkpoint,) = sync.query("SELECT rows FROM socratasync.checkpoints WHERE stage LIKE 'stage%'")
    assert checkpoint["rows"] == 450

    report = sync.one(run="job-1", options=sync.with_(lock_wait_s=20))

    assert (report.bad_values.skipped, report.rows.inserted) == (100, 900)
    assert len(sync.pages()) == 11 + 2  # the first page of each process came twice


def test_a_stage_that_was_filled_under_another_policy_is_filled_anew(
    portal: Portal, sync: Sync
) -> None:
    pages_of_two(portal, sync, 1)
    portal.faults.add(Fault.status(503), times=None, on="rows", after=4)
    assert sync.run().exit_code == 75
    portal.faults.clear()
    sync.spec["target"]["onBadValue"] = "Fail"

    report = sync.run()

    assert report.exit_code == 65
    assert report.failure is not None
    assert report.failure.reason == "BadValue"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.truncated(70), id="cut inside a row"),
        pytest.param(Fault.hang_up(20), id="cut by the network"),
        pytest.param(Fault.status(503), id="refused"),
    ],
)
def test_a_page_that_fails_when_it_is_read_again_is_tried_again(
    portal: Portal, sync: Sync, fault: Fault
) -> None:
    pages_of_two(portal, sync, 0, 5)
    portal.faults.add(fault, times=1, on="rows", after=1)

    assert sync.one().bad_values.skipped == 2

    assert held(sync) == without(0, 5)


@pytest.mark.usefixtures("pace")
def test_the_newer_of_two_rows_stays_though_pages_are_read_value_by_value(
    portal: Portal, sync: Sync
) -> None:
    dataset = pages_of_two(portal, sync, 1)
    dataset.insert({"srnumber": "0", "c": "77"}, {"srnumber": "1", "c": "11"})

    report = sync.one()

    assert held(sync) == {**without(), "0": 77, "1": 11}
    assert (report.duplicates, report.bad_values.skipped) == (1, 1)


def verdict(report: DatasetReport) -> tuple[int | None, bool | None]:
    return report.left_out, report.verified


@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_row_stays_as_it_was_and_is_no_verified_row_until_its_value_fits_again(
    portal: Portal, sync: Sync, mode: str
) -> None:
    dataset = pages_of_two(portal, sync)
    sync.spec["target"]["prune"] = True
    sync.well()
    dataset.update(dataset.find(srnumber="3"), c="many")

    report = sync.one(mode=mode)

    assert (report.bad_values.skipped, report.rows.changed) == (1, 0)
    assert verdict(report) == (1, False)
    assert any("spec.target.onBadValue" in w for w in sync.run(mode=mode).warnings)
    assert held(sync) == without()
    dataset.update(dataset.find(srnumber="3"), c="33")
    assert verdict(sync.one(mode=mode)) == (0, True)
    assert held(sync) == {**without(), "3": 33}


def test_a_row_that_was_left_out_and_goes_at_the_source_is_not_missing_any_more(
    portal: Portal, sync: Sync
) -> None:
    dataset = pages_of_two(portal, sync, 3)
    assert verdict(sync.one()) == (1, False)
    dataset.delete(dataset.find(srnumber="3"))
    dataset.update(dataset.find(srnumber="4"), c="44")

    assert verdict(sync.one()) == (0, True)


def test_rows_left_out_beyond_the_tolerance_fail_the_run_before_anything_is_merged(
    portal: Portal, sync: Sync
) -> None:
    pages_of_two(portal, sync, 3, 4)
    sync.spec["verify"] = {"rowCount": "Fail", "tolerance": 1}

    report = sync.run()

    assert report.exit_code == 65
    assert report.failure is not None
    assert report.failure.reason == "RowCountMismatch"
    assert "2 rows were left out" in report.failure.message
    assert not sync.query("SELECT to_regclass('requests') AS there")[0]["there"]
    sync.spec["verify"]["tolerance"] = 2
    assert verdict(sync.one()) == (2, True)


def test_what_is_counted_is_what_a_run_read(portal: Portal, sync: Sync, clock: Clock) -> None:
    clock.at = datetime(2024, 1, 1, tzinfo=UTC)
    dataset = pages_of_two(portal, sync)
    sync.well()
    found = []
    for month, row, value in ((2, "3", "many"), (3, "4", "44"), (4, "4", "45")):
        clock.at = datetime(2024, month, 1, tzinfo=UTC)
        dataset.update(dataset.find(srnumber=row), c=value)
        found.append(sync.one().bad_values.skipped)

    assert found == [1, 1, 0], "the second run reads what was new in the first, the third does not"
    assert held(sync) == {**without(), "4": 45}


def test_a_reset_leaves_the_row_out(portal: Portal, sync: Sync) -> None:
    pages_of_two(portal, sync, 3)
    sync.spec["target"]["reset"] = True

    report = sync.one(mode="full")

    assert held(sync) == without(3)
    assert report.bad_values.skipped == 1


def test_an_archive_has_each_row_once(portal: Portal, sync: Sync, tmp_path: Path) -> None:
    pages_of_two(portal, sync, 2, 5)
    sync.spec["archive"] = {"persistentVolumeClaim": "archive", "keepRuns": 1}

    sync.well(archive_folder=tmp_path)

    (file,) = tmp_path.rglob("*.csv.gz")
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [f'"{n}"', '"many"' if n in (2, 5) else f'"{n}"'] for n in range(8)
    ]


# -- what is told -----------------------------------------------------------------------------------------


def test_what_was_done_is_warned_of(portal: Portal, sync: Sync) -> None:
    dataset = pages_of_two(portal, sync, 1)
    (row,) = dataset.find(srnumber="1")

    report = sync.well()

    assert report.warnings[0] == (
        f"dataset {ODD}: for values that their columns cannot hold, 1 row was left out, such as "
        f'row {row}, column c: "many"'
    )
    assert report.as_dict()["datasets"][0]["badValues"] == {
        "nulled": 0,
        "skipped": 1,
        "examples": [{"row": row, "column": "c", "value": "many"}],
    }


@pytest.mark.parametrize("policy", ["Fail", "Null"])
@pytest.mark.usefixtures("foretold")
def test_a_secret_that_is_a_value_is_shown_nowhere(portal: Portal, sync: Sync, policy: str) -> None:
    load(portal, sync, "text", "at https://hooks.example.org/hunter2", "integer", policy)

    report = sync.run(channels={0: "https://hooks.example.org/hunter2"})

    assert "hunter2" not in str(report.as_dict())
    kept = sync.query(
        "SELECT datasets::text || coalesce(report::text, '') AS all FROM socratasync.runs"
    )
    assert not kept or "hunter2" not in kept[0]["all"]


# -- servers and roles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [("UTF8", {"c", "d"}), ("LATIN1", {"b", "c", "d"}), ("SQL_ASCII", {"c", "d"})],
)
@pytest.mark.usefixtures("foretold")
def test_what_the_databases_encoding_lacks_is_a_bad_value_and_all_else_is_kept(
    portal: Portal, sync: Sync, server: str, encoding: str, bad: set[str]
) -> None:
    texts = {"a": "Málaga", "b": "東京", "c": "x\x00", "d": "\udcff", "e": "\x01", "f": "plain"}
    rows = [{"srnumber": key, "c": text} for key, text in texts.items()]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)
    sync.spec["target"]["onBadValue"] = "Null"
    with database_in(server, encoding) as dsn:
        sync.dsn = make_conninfo(dsn, client_encoding="UTF8")

        report = sync.one()

        kept = {key: None if key in bad else text for key, text in texts.items()}
        assert held(sync) == kept
        assert report.bad_values.nulled == len(bad)


def test_a_role_that_may_make_no_temporary_tables_suffices(
    portal: Portal, sync: Sync, dsn: str
) -> None:
    pages_of_two(portal, sync, 3)
    with psycopg.connect(dsn, autocommit=True) as connection:
        database = connection.info.dbname
        role = sql.Identifier(f"plain_{database}")
        for statement in (
            "CREATE ROLE {0} LOGIN",
            "REVOKE TEMPORARY ON DATABASE {1} FROM PUBLIC",
            "GRANT CREATE ON DATABASE {1} TO {0}",
            "GRANT ALL ON SCHEMA public TO {0}",
        ):
            connection.execute(sql.SQL(statement).format(role, sql.Identifier(database)))
        sync.dsn = make_conninfo(dsn, user=f"plain_{database}")
        try:
            assert sync.one().bad_values.skipped == 1
        finally:
            sync.dsn = dsn
            connection.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))


# -- what a table refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        pytest.param(
            "CONSTRAINT small CHECK (c < 5)",
            'change or drop its constraint or index "small"',
            id="a check",
        ),
        pytest.param(
            "CONSTRAINT listed FOREIGN KEY (c) REFERENCES numbers",
            'change or drop its constraint or index "listed"',
            id="a foreign key",
        ),
        pytest.param(
            "CONSTRAINT once UNIQUE (d)",
            'change or drop its constraint or index "once"',
            id="another unique constraint",
        ),
        pytest.param(
            "e integer GENERATED ALWAYS AS (1 / (c - 7)) STORED",
            "division by zero",
            id="a generated column",
        ),
        pytest.param(
            "CHECK (true), f text NOT NULL DEFAULT 'x'",
            None,
            id="a default takes what is not loaded",
        ),
    ],
)
@pytest.mark.parametrize("before", [0, 5], ids=["an empty table", "a table with rows"])
@pytest.mark.usefixtures("pace")
def test_a_row_that_the_table_refuses_fails_the_run_which_names_the_constraint(
    portal: Portal, sync: Sync, constraint: str, said: str | None, before: int
) -> None:
    pages_of_two(portal, sync)
    sync.spec["target"]["fields"]["d"] = ""
    portal[ODD].add_column("d", "text", value="same")
    sync.query("CREATE TABLE numbers (n integer PRIMARY KEY)")
    sync.query("INSERT INTO numbers SELECT generate_series(0, 6)")
    sync.query(
        f"CREATE TABLE requests (srnumber text PRIMARY KEY, c integer, d text, {constraint})"
    )
    sync.query(f"INSERT INTO requests SELECT 'x' || n FROM generate_series(1, {before}) n")

    report = sync.run()

    if said is None:
        assert report.ok
        return
    assert report.exit_code == 65
    assert report.failure is not None
    assert report.failure.reason == "BadValue"
    assert said in report.failure.message
    assert len(sync.table()) == before


def test_a_null_that_the_table_does_not_take_fails_the_run_which_says_what_helps(
    portal: Portal, sync: Sync
) -> None:
    rows: list[Row] = [{"srnumber": "1", "c": "a"}, {"srnumber": "2", "c": None}]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)
    sync.query("CREATE TABLE requests (srnumber text PRIMARY KEY, c text NOT NULL)")

    failure = sync.run().failure

    assert failure is not None
    assert "datasets[].where" in failure.message
    way = 'ALTER TABLE public.requests ALTER COLUMN "c" DROP NOT NULL'
    assert way in failure.message
    sync.query(way)
    sync.well()


# -- size -------------------------------------------------------------------------------------------------


def test_memory_stays_flat_however_many_values_are_bad(portal: Portal, sync: Sync) -> None:
    rows = [{"srnumber": f"{n}", "c": "many " * 200} for n in range(20_000)]
    portal.add_dataset(ODD, [("srnumber", "text"), ("c", "text")], rows)
    sync.spec["target"].update(fields={"srnumber": "", "c": "integer"}, onBadValue="Null")
    peaks = []
    copy = ValueByValue.copy

    def measured(self: ValueByValue, chunks: Iterable[bytes], *, header_match: bool) -> Copied:
        tracemalloc.start()
        try:
            return copy(self, chunks, header_match=header_match)
        finally:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ValueByValue, "copy", measured)
        assert sync.one().bad_values.nulled == 20_000

    assert peaks
    assert max(peaks) < 8 * 1024 * 1024, "the page has twenty megabytes"
