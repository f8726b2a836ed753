"""Comments on the table and its columns: what the portal says of them, as long as nobody says something else."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.conftest import Clock
from tests.postgres.conftest import PARK_COLUMNS, PARKS, Sync
from tests.postgres.test_masking import database_in

from socrata_simulator.http.views import view
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Selection
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.comments import is_ours

LAST_YEAR = datetime(2025, 6, 1, 12, tzinfo=UTC)
ACRES = "Area, as surveyed"


@pytest.fixture
def long_ago(clock: Clock) -> None:
    clock.at = LAST_YEAR  # no run reads rows twice


@pytest.fixture
def said(long_ago: None, sync: Sync, parks: Dataset) -> Dataset:
    """The parks, with all that a publisher can say of them."""
    parks.name = "City Parks"
    say(
        parks,
        description="All parks.\n\nAnd <b>gardens</b>; it's 100 % \\ complete",
        attribution="Department of Parks",
        license={"name": "Public Domain", "termsLink": "https://example.org"},
    )
    say_of_columns(parks, acres=ACRES)
    return parks


def say(dataset: Dataset, **words: Any) -> None:
    dataset.metadata = {**dataset.metadata, **words}


def say_of_columns(dataset: Dataset, **texts: str) -> None:
    columns = view(dataset)["columns"]
    told = [{**c, "description": texts.get(c["fieldName"], c["description"])} for c in columns]
    say(dataset, columns=told)


_COMMENTS = """
SELECT coalesce(a.attname, '') AS name, d.description FROM pg_description d
LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND a.attnum > 0
WHERE d.classoid = 'pg_class'::regclass AND d.objoid = to_regclass('public.parks') ORDER BY 1
"""


_ROWS = "SELECT d.xmin::text, d.* FROM pg_description d WHERE objoid = 'parks'::regclass ORDER BY objsubid"


def comments(sync: Sync) -> dict[str, str]:
    """Column, or nothing for the table, → its comment, without the mark, which must be right."""
    rows = {row["name"]: row["description"] for row in sync.query(_COMMENTS)}
    assert all(is_ours(text) for text in rows.values())
    return {name: text.rpartition("\n")[0] for name, text in rows.items()}


def raw(sync: Sync) -> dict[str, str]:
    return {row["name"]: row["description"] for row in sync.query(_COMMENTS)}


def set_comment(sync: Sync, text: str, name: str = "") -> None:
    place = f"COLUMN parks.{name}" if name else "TABLE parks"
    statement = sql.SQL("COMMENT ON {} IS {}").format(sql.SQL(place), sql.Literal(text))
    sync.query(statement)


def all_of(sync: Sync) -> dict[str, str]:
    domain = sync.spec["domain"]
    return {
        "": "City Parks\nAll parks. And <b>gardens</b>; it's 100 % \\ complete\nAttribution: Department of Parks\n"
        f"Licence: Public Domain\nSource: https://{domain}/d/{PARKS}",
        "name": "name",
        "acres": f"acres: {ACRES}",
        "opened": "opened",
    }


MADE_BY = {
    "the run": "",
    "somebody": "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp, more int)",
    "somebody, in partitions": "CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)"
    " PARTITION BY RANGE (name); CREATE TABLE a PARTITION OF parks DEFAULT",
}


@pytest.mark.parametrize("statement", MADE_BY.values(), ids=MADE_BY)
def test_a_table_says_what_the_portal_says_whoever_made_it(
    sync: Sync, said: Dataset, statement: str
) -> None:
    if statement:
        sync.query(psycopg.sql.SQL(statement))

    report = sync.well()

    assert comments(sync) == all_of(sync)
    assert report.warnings == []


def test_no_request_more_is_made_for_that(sync: Sync, portal: Portal, said: Dataset) -> None:
    sync.well()
    asked = [kind for kind, _, _ in portal.requests]
    sync.forget()
    sync.spec["target"]["comments"] = False
    before = len(portal.requests)

    sync.well()

    assert [kind for kind, _, _ in portal.requests[before:]] == asked
    assert raw(sync) == {}


def test_what_is_not_said_leaves_no_line(sync: Sync, parks: Dataset) -> None:
    sync.well()

    domain = sync.spec["domain"]
    assert comments(sync)[""] == f"{PARKS}\nSource: https://{domain}/d/{PARKS}"


def forbid_noting(monkeypatch: pytest.MonkeyPatch) -> None:
    def noted(*_: Any) -> None:
        raise AssertionError("what was not reworded is not noted anew")

    monkeypatch.setattr(Ledger, "record_columns", noted)


def test_where_nothing_was_reworded_nothing_is_written(
    sync: Sync, said: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.well()
    before = sync.query(_ROWS)
    forbid_noting(monkeypatch)

    report = sync.well()

    assert [d.result for d in report.datasets] == ["NoChange"]
    assert "refresh" not in report.seconds
    assert sync.query(_ROWS) == before


def test_a_night_without_a_change_asks_once(
    sync: Sync, said: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.well()
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *values: Any, **words: Any) -> Any:
        if "'described'" in str(query):
            asked.append(str(query))
        return execute(self, query, *values, **words)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)

    sync.well()

    assert len(asked) == 1


def test_what_the_portal_rewords_is_taken_over_though_no_row_changed(
    sync: Sync, said: Dataset
) -> None:
    sync.well()
    say(said, attribution="City", description=None)
    say_of_columns(said, opened="When the gates opened")

    report = sync.well()

    assert [d.result for d in report.datasets] == ["NoChange"]
    domain = sync.spec["domain"]
    assert comments(sync) == {
        "": "City Parks\nAttribution: City\nLicence: Public Domain\n"
        f"Source: https://{domain}/d/{PARKS}",
        "name": "name",
        "acres": f"acres: {ACRES}",
        "opened": "opened: When the gates opened",
    }


def test_only_what_was_reworded_is_written(sync: Sync, said: Dataset) -> None:
    sync.well()
    one = "SELECT objsubid, xmin::text AS x FROM pg_description WHERE objoid = 'parks'::regclass"
    before = {row["objsubid"]: row["x"] for row in sync.query(one)}
    say_of_columns(said, opened="When the gates opened")

    sync.well()

    after = {row["objsubid"]: row["x"] for row in sync.query(one)}
    assert {number for number in after if after[number] != before[number]} == {3}


@pytest.mark.parametrize("name", ["", "acres"], ids=["of the table", "of a column"])
@pytest.mark.parametrize("edit", ["mine", "{0} (checked)", "Checked. {0}", "{0} ", "\n{0}"])
def test_what_a_person_wrote_or_edited_stays(
    sync: Sync, said: Dataset, name: str, edit: str
) -> None:
    sync.well()
    his = edit.format(raw(sync)[name])
    set_comment(sync, his, name)
    say(said, attribution="City")
    say_of_columns(said, acres="Area", opened="When the gates opened")

    sync.well()

    assert raw(sync)[name] == his
    assert "When the gates opened" in raw(sync)["opened"], "the others go on"


def test_a_persons_comment_on_his_own_table_stays(sync: Sync, said: Dataset) -> None:
    sync.query("CREATE TABLE parks (name text PRIMARY KEY, acres numeric, opened timestamp)")
    set_comment(sync, "Ask Ada")
    set_comment(sync, "Ask Bob", "acres")

    sync.well()

    assert (raw(sync)[""], raw(sync)["acres"]) == ("Ask Ada", "Ask Bob")
    assert raw(sync)["opened"].startswith("opened\n(Socrata Sync ")


def test_a_comment_that_was_taken_away_comes_again(sync: Sync, said: Dataset) -> None:
    sync.well()
    sync.query("COMMENT ON TABLE parks IS NULL; COMMENT ON COLUMN parks.acres IS NULL")

    sync.well()

    assert comments(sync) == all_of(sync)


def test_switched_off_nothing_is_written_and_what_is_there_stays(sync: Sync, said: Dataset) -> None:
    sync.well()
    sync.spec["target"]["comments"] = False
    say(said, attribution="City")

    sync.well()

    assert comments(sync) == all_of(sync)
    sync.spec["target"]["comments"] = True
    sync.well()
    assert "Attribution: City" in comments(sync)[""]


# -- several datasets ------------------------------------------------------------------------------


@pytest.fixture
def two(sync: Sync, portal: Portal, said: Dataset) -> Dataset:
    """A dataset of the year before, which says other things of its columns, or nothing."""
    other = portal.add_dataset("park-0000", PARK_COLUMNS, [{"name": "q0", "acres": 1}])
    other.name = "City Parks, old"
    say(other, attribution="City", description="x" * 300)
    say_of_columns(other, acres="Area, guessed")
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}, {"id": other.id, "year": 2024}]
    return other


def of_two(sync: Sync, attribution: str = "City") -> dict[str, str]:
    address = f"https://{sync.spec['domain']}/d"
    return {
        "": f"2 datasets:\nCity Parks, old | {'x' * 199}… | Attribution: {attribution} | Source: {address}/park-0000\n"
        "City Parks | All parks. And <b>gardens</b>; it's 100 % \\ complete | Attribution: Department of Parks | "
        f"Licence: Public Domain | Source: {address}/{PARKS}",
        "name": "name",
        "acres": f"acres: Area, guessed (park-0000)\nacres: {ACRES} ({PARKS})",
        "opened": "opened",
    }


def test_of_several_datasets_each_is_told_shortly_and_where_columns_differ(
    sync: Sync, two: Dataset
) -> None:
    sync.well()

    assert comments(sync) == of_two(sync)


@pytest.mark.parametrize("why", ["a one-off run", "years", "another manifest", "it failed"])
def test_a_run_that_does_not_read_a_dataset_takes_back_nothing_of_it(
    sync: Sync, two: Dataset, why: str
) -> None:
    sync.well()
    say(two, attribution="Nobody")
    if why == "a one-off run":
        sync.well(selection=Selection(years=(2025,)))
    elif why == "years":
        sync.spec["years"] = [2025]
        sync.well()
    elif why == "another manifest":
        sync.spec["datasets"] = [{"id": PARKS}]
        sync.well()
    else:
        two.is_missing = True
        assert sync.run().exit_code != 0

    assert comments(sync) == of_two(sync)


def test_a_dataset_that_is_not_in_the_table_is_not_told_of(
    sync: Sync, portal: Portal, two: Dataset
) -> None:
    portal.faults.add(Fault.status(503), times=None, on="rows", dataset="park-0000")

    assert sync.run().exit_code == 75

    assert comments(sync) == all_of(sync)


def test_a_reset_to_fewer_datasets_is_told(sync: Sync, two: Dataset) -> None:
    sync.well()
    sync.spec["datasets"] = [{"id": PARKS, "year": 2025}]
    sync.spec["target"]["reset"] = True

    sync.well(mode="full")

    assert comments(sync) == all_of(sync)


def test_a_portal_that_describes_the_dataset_no_more_takes_back_nothing(
    sync: Sync, said: Dataset
) -> None:
    sync.well()
    said.has_view = False

    sync.well()

    assert comments(sync) == all_of(sync)


def test_columns_that_the_dataset_has_no_more_keep_their_comments(
    sync: Sync, said: Dataset
) -> None:
    sync.well()
    columns = [c for c in said.metadata.pop("columns") if c["fieldName"] != "acres"]
    said.drop_column("acres")
    say(said, columns=columns)

    sync.well()

    assert comments(sync)["acres"] == f"acres: {ACRES}"


# -- what may go wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"description": {"a": 1}, "attribution": 7, "license": "none"},
        {"description": None, "attribution": ["x"], "license": {"name": None}},
        {"attribution": "\x1b[31m", "license": {"name": {"x": 1}}, "licenseId": 3},
    ],
)
def test_odd_words_are_no_reason_to_load_nothing(
    sync: Sync, parks: Dataset, odd: dict[str, Any]
) -> None:
    say(parks, **odd)
    columns = [{**c, "description": {"x": 1}} for c in view(parks)["columns"]]
    say(parks, columns=columns)

    assert sync.one().rows.inserted == 5
    assert comments(sync)["acres"] == "acres"
    assert "\x1b" not in comments(sync)[""]


def test_letters_that_no_database_holds_are_left_out(
    sync: Sync, portal: Portal, parks: Dataset
) -> None:
    body = json.dumps({**view(parks), "attribution": "a\x00b\u202ec"})
    portal.faults.add(Fault.answer(body), times=1, on="metadata")

    assert sync.one().rows.inserted == 5

    assert "Attribution: abc" in comments(sync)[""]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_that_lacks_letters_has_them_written_out(
    sync: Sync, said: Dataset, server: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said.name = "Parks \u2013 10 € 🌳"
    say(said, attribution="Stadtgärten", description=None)
    say_of_columns(said, acres="Fläche")
    with database_in(server, encoding) as dsn:
        sync.dsn = make_conninfo(dsn, client_encoding="UTF8")
        assert sync.one().rows.inserted == 5
        found, before = comments(sync), sync.query(_ROWS)
        forbid_noting(monkeypatch)
        assert sync.one().result == "NoChange"
        assert sync.query(_ROWS) == before

    assert "Parks \\u2013 10 \\u20ac \\U0001f333\nAttribution: Stadtg\\xe4rten" in found[""]
    assert found["acres"] == "acres: Fl\\xe4che"


def test_a_table_that_others_hold_is_commented_by_the_next_run(sync: Sync, said: Dataset) -> None:
    sync.spec["target"]["comments"] = False
    sync.well()
    sync.spec["target"]["comments"] = True
    sync.options = sync.with_(queue_s=0.2)
    with psycopg.connect(sync.dsn) as other:
        other.execute("LOCK TABLE parks IN SHARE UPDATE EXCLUSIVE MODE")
        began = time.monotonic()
        report = sync.well()
        took = time.monotonic() - began

    assert took < 20, "it does not wait for as long as a merge would"
    (warning,) = report.warnings
    assert "its table was not commented, and is by the next run" in warning
    assert len(sync.acres()) == 5
    assert raw(sync) == {}
    assert sync.well().warnings == []
    assert comments(sync) == all_of(sync)


def test_a_failure_is_told_with_the_data_in(sync: Sync, said: Dataset) -> None:
    sync.query(
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''no comments here''; END';"
        "CREATE EVENT TRIGGER forbids ON ddl_command_start WHEN TAG IN ('COMMENT') EXECUTE FUNCTION forbid();"
        "ALTER EVENT TRIGGER forbids DISABLE"
    )
    sync.spec["target"]["comments"] = False
    sync.well()
    sync.query("ALTER EVENT TRIGGER forbids ENABLE")
    sync.spec["target"]["comments"] = True

    report = sync.run()

    assert report.failure is not None
    assert report.failure.message.startswith(
        "the data is in, but comments on public.parks were not written (spec.target.comments: false leaves them out)"
    )
    assert "no comments here" in report.failure.message
    assert len(sync.acres()) == 5
    sync.query("DROP EVENT TRIGGER forbids")
    sync.well()
    assert comments(sync) == all_of(sync)
