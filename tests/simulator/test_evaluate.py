"""The query language, as tables: which rows a condition holds for, and what is refused."""

from __future__ import annotations

import json

import pytest

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.refusals import Refused
from socrata_simulator.soql.query import parse

COLUMNS = [
    ("name", "text"),
    ("acres", "number"),
    ("share", "double"),
    ("lit", "checkbox"),
    ("opened", "calendar_date"),
    ("seen", "date"),
    ("where_it_is", "point"),
    ("select", "text"),
]
ROWS = [
    {
        "name": "Griffith",
        "acres": "4310.00",
        "share": 0.5,
        "lit": False,
        "opened": "1896-12-16T00:00:00.000",
        "seen": "2020-01-20T00:00:00.000Z",
        "where_it_is": "POINT (1 2)",
        "select": "a",
    },
    {
        "name": "Echo's",
        "acres": "29",
        "share": 1.0,
        "lit": True,
        "opened": "3020-01-01T00:00:00.000",
        "seen": "2020-01-20T08:00:00.000Z",
    },
    {"name": "", "acres": "29.0", "lit": True, "opened": "2020-01-20T00:00:00.000"},
    {},
]


@pytest.fixture(name="parks", scope="module")
def _parks() -> Dataset:
    parks = Dataset("park-0001", COLUMNS)
    parks.insert(*ROWS)
    return parks


CONDITIONS = [
    # condition, the rows (counted from 0) that it holds for
    ("", [0, 1, 2, 3]),
    ("name = 'Griffith'", [0]),
    ("name = 'griffith'", []),
    ("name = 'Echo''s'", [1]),
    ("name = ''", [2]),
    ("name != 'Griffith'", [1, 2]),
    ("name <> 'Griffith'", [1, 2]),
    ("name is null", [3]),
    ("NAME IS NOT NULL", [0, 1, 2]),
    ("not name = 'Griffith'", [1, 2]),
    ("not (name is null)", [0, 1, 2]),
    ("acres = 29", [1, 2]),
    ("acres = '29.000'", [1, 2]),
    ("acres > -1.5e3 and acres < 100", [1, 2]),
    ("acres >= 4310", [0]),
    ("acres = null", []),
    ("share < 1", [0]),
    ("lit = true", [1, 2]),
    ("lit = 'false'", [0]),
    ("lit", [1, 2]),
    ("not lit", [0]),
    ("opened > '2020-01-20'", [1]),
    ("opened >= '2020-01-20T00:00:00'", [1, 2]),
    ("opened = '2020-01-20T00:00:00.000'", [2]),
    ("opened between '1896-12-16' and '2020-01-20T00:00'", [0, 2]),
    ("opened not between '1896-12-16' and '2020-01-20T00:00'", [1]),
    ("seen = '2020-01-20'", [0]),
    ("seen > '2020-01-20T00:00:00.000Z'", [1]),
    ("seen = '2020-01-20T00:00:00-08:00'", [1]),
    ("name in ('Griffith', 'Echo''s')", [0, 1]),
    ("name not in ('Griffith')", [1, 2]),
    ("acres in (29, '4310')", [0, 1, 2]),
    ("name like 'G%th'", [0]),
    ("name like '_cho%'", [1]),
    ("name not like 'G%'", [1, 2]),
    ("starts_with(name, 'Gr')", [0]),
    ("contains(lower(name), 'grif')", [0]),
    ("upper(name) = 'GRIFFITH'", [0]),
    ("`select` = 'a'", [0]),
    ("`name` = `select`", []),
    ("acres = 29 and lit = true or name = 'Griffith'", [0, 1, 2]),
    ("acres = 29 and (lit = true or name = 'Griffith')", [1, 2]),
    ("name = 'x' or name is null", [3]),
    ("(name > 'A') and (acres::text like '4%')", [0]),
    (":updated_at >= '2020-01-01T00:00:00.000Z'", [0, 1, 2, 3]),
    (":updated_at < '2020-01-01T00:00:00.000'", []),
    ("date_trunc_ymd(opened) = '1896-12-16T00:00:00.000'", [0]),
    ("date_trunc_ymd(seen) = '2020-01-20T00:00:00.000Z'", [0, 1]),
    ("date_trunc_ymd(seen) is null", [2, 3]),
    (":created_at is null", []),
]


@pytest.mark.parametrize(
    ("condition", "expected"), CONDITIONS, ids=[c or "none" for c, _ in CONDITIONS]
)
def test_a_condition_holds_for(parks: Dataset, condition: str, expected: list[int]) -> None:
    query = parse(parks.truth.table, {"$where": condition}, parks.id)

    assert list(query.matching()) == expected


REFUSALS = [
    # parameters, status, code
    ({"$where": "nme = 'x'"}, 400, "query.soql.no-such-column"),
    ({"$select": "name, nme"}, 400, "query.soql.no-such-column"),
    ({"$order": "nme"}, 400, "query.soql.no-such-column"),
    ({"nme": "x"}, 400, "query.soql.no-such-column"),
    ({"$where": "acres = 'many'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "name = 5"}, 400, "query.soql.type-mismatch"),
    ({"$where": "name = acres"}, 400, "query.soql.type-mismatch"),
    ({"$where": "lit = 'Y'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "lit > true"}, 400, "query.soql.type-mismatch"),
    ({"$where": "opened > '2020-01-20T00:00:00.000Z'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "opened > '2020-01-20T00:00:00+01:00'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "opened > '2020-02-30'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "seen > 'yesterday'"}, 400, "query.soql.type-mismatch"),
    ({"$where": ":id > 'row-1'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "where_it_is = 'POINT (1 2)'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "upper(acres) = 'X'"}, 400, "query.soql.type-mismatch"),
    ({"$where": "acres"}, 400, "query.soql.type-mismatch"),
    ({"$select": "sum(name)"}, 400, "query.soql.type-mismatch"),
    ({"$where": "loud(name) = 'X'"}, 400, "query.soql.no-such-function"),
    ({"$where": "count(*) > 1"}, 400, "query.soql.aggregate-in-ungrouped-context"),
    ({"$select": "name, count(*)"}, 400, "query.soql.column-not-in-group-bys"),
    ({"$select": ":id,*"}, 400, "query.compiler.malformed"),
    ({"$select": "*,name,:*"}, 400, "query.compiler.malformed"),
    ({"$where": "name = 'open"}, 400, "query.compiler.malformed"),
    ({"$where": "name ="}, 400, "query.compiler.malformed"),
    ({"$where": "name = 'x' name"}, 400, "query.compiler.malformed"),
    ({"$where": "(name = 'x'"}, 400, "query.compiler.malformed"),
    ({"$where": "name not 'x'"}, 400, "query.compiler.malformed"),
    ({"$order": "name sideways"}, 400, "query.compiler.malformed"),
    ({"$limit": "ten"}, 400, "invalid-parameter"),
    ({"$offset": "-1"}, 400, "invalid-parameter"),
    ({"$colour": "blue"}, 400, "invalid-parameter"),
]


@pytest.mark.parametrize(
    ("parameters", "status", "code"), REFUSALS, ids=[" ".join(*p.items()) for p, *_ in REFUSALS]
)
def test_a_query_is_refused(
    parks: Dataset, parameters: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse(parks.truth.table, parameters, parks.id)

    envelope = json.loads(refused.value.body)
    assert refused.value.status == status
    assert envelope["errorCode"] == code
    assert set(envelope) == {"message", "errorCode", "data"}


def test_an_unknown_column_is_named_with_its_place(parks: Dataset) -> None:
    with pytest.raises(Refused) as refused:
        parse(parks.truth.table, {"$where": "name = 'x' and nme = 1"}, parks.id)

    assert json.loads(refused.value.body)["data"] == {
        "column": "nme",
        "dataset": "park-0001",
        "position": {"row": 1, "column": 16, "line": "name = 'x' and nme = 1"},
    }


def test_a_timestamp_without_quotes_breaks_the_server(parks: Dataset) -> None:
    with pytest.raises(Refused) as refused:
        parse(parks.truth.table, {"$where": "opened > 2020-01-20T00:00:00"}, parks.id)

    assert json.loads(refused.value.body) == {
        "error": True,
        "message": "Internal error",
        "status": 500,
    }


def test_rows_after_an_id_are_found_by_its_number_not_by_its_text(parks: Dataset) -> None:
    numbers = Dataset("many-rows", [("n", "number")])
    ids = numbers.insert(*({"n": n} for n in range(200)))
    for position in (0, 57, 199):
        query = parse(numbers.truth.table, {"$where": f":id > '{ids[position]}'"}, "many-rows")
        assert list(query.matching()) == list(range(position + 1, 200))
    assert ids != sorted(ids)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("<", [0, 1]), ("<=", [0, 1, 2]), ("=", [2]), (">=", [2, 3]), (">", [3]), ("!=", [0, 1, 3])],
)
def test_an_id_is_compared_with_a_literal(
    parks: Dataset, operator: str, expected: list[int]
) -> None:
    where = f"(name is null or name is not null) and :id {operator} '{parks.ids()[2]}'"

    assert list(parse(parks.truth.table, {"$where": where}, parks.id).matching()) == expected


ORDERS = [
    ("name", [2, 1, 0, 3]),
    ("name desc", [3, 0, 1, 2]),
    ("acres, name desc", [1, 2, 0, 3]),
    ("acres asc, name asc", [2, 1, 0, 3]),
    (":id", [0, 1, 2, 3]),
    (":id desc", [3, 2, 1, 0]),
    (":updated_at, :id", [0, 1, 2, 3]),
    ("opened", [0, 2, 1, 3]),
]


@pytest.mark.parametrize(("order", "expected"), ORDERS, ids=[o for o, _ in ORDERS])
def test_rows_come_in_the_order_asked_for_nulls_as_the_largest(
    parks: Dataset, order: str, expected: list[int]
) -> None:
    assert list(parse(parks.truth.table, {"$order": order}, parks.id).positions()) == expected


def test_limit_and_offset_cut_what_was_ordered(parks: Dataset) -> None:
    parameters = {"$order": "name", "$limit": "2", "$offset": "1"}

    assert list(parse(parks.truth.table, parameters, parks.id).positions()) == [1, 0]


def test_equality_filters_and_words_are_conditions_too(parks: Dataset) -> None:
    table = parks.truth.table

    assert list(parse(table, {"name": "Griffith"}, parks.id).matching()) == [0]
    assert list(parse(table, {"acres": "29", "lit": "true"}, parks.id).matching()) == [1, 2]
    assert list(parse(table, {"$q": "griff"}, parks.id).matching()) == [0]
