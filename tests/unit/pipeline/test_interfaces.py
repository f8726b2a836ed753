"""What each of Socrata's interfaces is sent, and what its answers say of how current they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from socratasync.pipeline.columns import Column
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.interface import UNKNOWN_TIME, Replica
from socratasync.pipeline.source.request import Request
from socratasync.pipeline.source.soda2 import LONGEST_ADDRESS, SODA2
from socratasync.pipeline.source.soda3 import SODA3
from socratasync.pipeline.source.soql import Query

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
PAGE = Query(
    select=("a", "b as c", ":updated_at", ":id"), where=":id > 'row-x'", order=":id", limit=50
)


def by_soda2(query: Query) -> Request:
    return SODA2.ask("abcd-1234", query, "csv", 660.0)


def by_soda3(query: Query) -> str:
    body = SODA3.ask("abcd-1234", query, "csv", 660.0).body
    assert body is not None
    return str(body["query"])


def test_soda2_is_asked_by_the_address() -> None:
    asked = by_soda2(PAGE)

    assert (asked.method, asked.path, asked.data) == ("GET", "/resource/abcd-1234.csv", None)
    assert asked.headers == {"Accept": "text/csv"}
    assert asked.parameters == {
        "$select": "a,b as c,:updated_at,:id",
        "$order": ":id",
        "$limit": "50",
        "$where": ":id > 'row-x'",
    }


@pytest.mark.parametrize(
    ("everything", "select"),
    [(True, "*,:updated_at,:id"), (False, None)],
    ids=["all columns", "some columns"],
)
def test_all_columns_need_not_be_named_where_the_address_would_be_too_long(
    everything: bool, select: str | None
) -> None:
    names = tuple(f"column_{number:04}" for number in range(LONGEST_ADDRESS // 10))
    query = Query(select=(*names, ":updated_at", ":id"), everything=everything)

    assert by_soda2(query).parameters["$select"] == (select or ",".join(query.select))
    short = Query(select=("a", ":updated_at", ":id"), everything=everything)
    assert by_soda2(short).parameters["$select"] == "a,:updated_at,:id"


def test_soda2_is_asked_for_groups_by_clauses_of_the_address() -> None:
    assert by_soda2(soql.sharing({"key_1": "a", "key_2": "b c"}, None, 9)).parameters == {
        "$select": "a as key_1,`b c` as key_2,count(*) as rows_of_key",
        "$group": "a,`b c`",
        "$having": "count(*) > 1 or a is null or `b c` is null",
        "$order": "rows_of_key desc",
        "$limit": "9",
    }


def test_soda3_is_asked_by_a_body_that_names_neither_pages_nor_system_fields() -> None:
    asked = SODA3.ask("abcd-1234", PAGE, "csv", 660.0)

    assert (asked.method, asked.path) == ("POST", "/api/v3/views/abcd-1234/query.csv")
    assert asked.parameters == {}
    assert asked.headers == {"Accept": "text/csv", "Content-Type": "application/json"}
    assert json.loads(asked.data or b"") == {
        "query": "SELECT a, b as c, :updated_at, :id\nWHERE :id > 'row-x'\nORDER BY :id\nLIMIT 50",
        "includeSynthetic": False,
        "timeout": 660,
    }


@pytest.mark.parametrize(
    ("query", "statement"),
    [
        pytest.param(soql.count(None), "SELECT count(*) as source_rows", id="a count"),
        pytest.param(
            soql.count("a = 1 -- ours"),
            "SELECT count(*) as source_rows\nWHERE a = 1 -- ours",
            id="a comment takes nothing in",
        ),
        pytest.param(
            soql.existing(["row-a", "row-b"], None),
            "SELECT :id\nWHERE :id in ('row-a', 'row-b')\nLIMIT 2",
            id="rows by their ids",
        ),
        pytest.param(
            soql.sharing({"key_1": "a", "key_2": "b c"}, "a > 1", 9),
            "SELECT a as key_1, `b c` as key_2, count(*) as rows_of_key\nWHERE a > 1\nGROUP BY a, `b c`\n"
            "HAVING count(*) > 1 or a is null or `b c` is null\nORDER BY rows_of_key desc\nLIMIT 9",
            id="keys that rows share",
        ),
    ],
)
def test_a_query_is_one_statement(query: Query, statement: str) -> None:
    assert by_soda3(query) == statement


def test_a_subset_of_columns_of_any_number_fits_into_a_body() -> None:
    columns = [
        Column(name=f"c{n}", field=f"field_{n:05}", source_type="text", type="text")
        for n in range(5000)
    ]

    asked = by_soda3(soql.rows(columns, where=None, after=None, limit=1))

    assert len(asked) > LONGEST_ADDRESS
    assert "field_04999 as c4999, :updated_at, :id\n" in asked


def test_system_fields_have_names_of_their_own_where_soda3_is_asked_once_more() -> None:
    assert SODA2.rename is None
    assert SODA3.rename is not None

    asked = SODA3.rename(PAGE)

    assert asked.select == ("a", "b as c", ":updated_at as sync_updated_at", ":id as sync_row_id")
    assert (asked.order, asked.where, asked.limit) == (PAGE.order, PAGE.where, PAGE.limit)
    assert SODA3.aliases == {"sync_updated_at": ":updated_at", "sync_row_id": ":id"}


@pytest.mark.parametrize(
    ("headers", "replica"),
    [
        pytest.param({}, Replica(), id="nothing said"),
        pytest.param({"X-SODA2-Data-Out-Of-Date": "false"}, Replica(), id="current"),
        pytest.param({"X-SODA2-Data-Out-Of-Date": "[]"}, Replica(), id="current, by an array"),
        pytest.param({"X-SODA2-Data-Out-Of-Date": ""}, Replica(), id="an empty word"),
        pytest.param(
            {"X-SODA2-Data-Out-Of-Date": "true"},
            Replica(as_of=UNKNOWN_TIME),
            id="behind, not how far",
        ),
        pytest.param(
            {
                "X-SODA2-Data-Out-Of-Date": "true",
                "X-SODA2-Secondary-Last-Modified": "Thu, 29 Feb 2024 12:00:00 GMT",
                "Last-Modified": "Thu, 29 Feb 2024 13:00:00 GMT",
            },
            Replica(as_of=NOON),
            id="behind, and how far",
        ),
        pytest.param(
            {
                "X-SODA2-Data-Out-Of-Date": "true",
                "Last-Modified": "Thu, 29 Feb 2024 12:00:00 GMT",
            },
            Replica(as_of=NOON),
            id="behind, and when it was last changed",
        ),
        pytest.param(
            {"X-SODA2-Data-Out-Of-Date": "TRUE", "Last-Modified": "garbage"},
            Replica(as_of=UNKNOWN_TIME),
            id="behind, with a time nobody can read",
        ),
        pytest.param(
            {
                "X-SODA2-Data-Out-Of-Date": "true",
                "Last-Modified": "Fri, 31 Dec 9999 23:59:59 -1400",
            },
            Replica(as_of=UNKNOWN_TIME),
            id="behind, with a time after all times",
        ),
        pytest.param(
            {
                "X-SODA2-Data-Out-Of-Date": "perhaps",
                "Last-Modified": "Thu, 29 Feb 2024 12:00:00 GMT",
            },
            Replica(as_of=UNKNOWN_TIME),
            id="a word that nobody knows",
        ),
    ],
)
def test_a_replica_of_soda2_that_is_behind_is_known(
    headers: dict[str, str], replica: Replica
) -> None:
    assert SODA2.replica(headers) == replica


@pytest.mark.parametrize(
    ("said", "replica"),
    [
        pytest.param(None, Replica(is_silent=True), id="nothing said"),
        pytest.param("[]", Replica(), id="no table is behind"),
        pytest.param(" FALSE ", Replica(), id="current, in SODA2's word"),
        pytest.param("", Replica(), id="an empty word"),
        pytest.param('[["abcd-1234","latest"]]', Replica(as_of=UNKNOWN_TIME), id="a table is"),
        pytest.param("true", Replica(as_of=UNKNOWN_TIME), id="behind, in SODA2's word"),
        pytest.param("[", Replica(as_of=UNKNOWN_TIME), id="a word that nobody knows"),
    ],
)
def test_a_replica_of_soda3_that_is_behind_is_known_and_one_that_says_nothing_too(
    said: str | None, replica: Replica
) -> None:
    headers = {"Last-Modified": "Thu, 29 Feb 2024 12:00:00 GMT"}
    if said is not None:
        headers["X-SODA2-Data-Out-Of-Date"] = said

    assert SODA3.replica(headers) == replica
