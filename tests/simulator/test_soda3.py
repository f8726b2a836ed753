"""SODA3's requests: what a query, and what is asked for beside it, make of the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
Post = Callable[..., requests.Response]

VIEW = "/api/v3/views/park-0001"
SYSTEM = [":id", ":version", ":created_at", ":updated_at"]
REGION = ":@computed_region_ab12_cd34"


@pytest.fixture(autouse=True, name="parks")
def _parks(portal: Portal) -> Dataset:
    columns = [("name", "text"), ("acres", "number"), ("lit", "checkbox"), (REGION, "number")]
    rows = [{"name": f"p{n}", "acres": n, REGION: "7"} for n in range(5)]
    return portal.add_dataset("park-0001", columns, [*rows, {"name": None}])


@pytest.fixture(name="post")
def _post(socrata: Server) -> Iterator[Post]:
    """``post({"query": …})``: one POST to ``query.csv``, or to another path."""
    with requests.Session() as session:

        def post(body: object, path: str = f"{VIEW}/query.csv", **more: Any) -> requests.Response:
            url = f"https://{socrata.domain}{path}"
            return session.post(url, json=body, timeout=20, allow_redirects=False, **more)

        yield post


def header(answer: requests.Response) -> list[str]:
    """The names of the columns."""
    return [name.strip('"') for name in answer.text.splitlines()[0].split(",")]


COLUMNS = [
    # the query, what is asked for beside it, the columns of the answer
    ("SELECT name", {"includeSynthetic": False}, ["name"]),
    ("SELECT name", {}, ["name", *SYSTEM, REGION]),
    ("SELECT :id, name", {}, [":id", "name", *SYSTEM[1:], REGION]),
    ("SELECT *", {"includeSynthetic": False}, ["name", "acres", "lit"]),
    ("SELECT :*, *", {"includeSynthetic": False}, [":id", ":created_at", ":updated_at", ":version", "name", "acres", "lit"]),
    ("SELECT name, :id AS row_id", {"includeSynthetic": False}, ["name", "row_id"]),
    ("SELECT name, :id", {"includeSystem": False}, ["name"]),
    ("SELECT name, :id AS row_id", {"includeSystem": False}, ["name", "row_id"]),
    (f"SELECT name, `{REGION}`", {"includeSynthetic": False}, ["name", REGION]),
    ("SELECT count(*) AS n", {}, ["n"]),
    ("SELECT count(:id)", {}, ["count_id"]),
    (None, {"includeSynthetic": False}, ["name", "acres", "lit"]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "options", "expected"), COLUMNS)
def test_a_row_has_the_columns_that_were_selected_and_those_that_nobody_refused(
    post: Post, query: str | None, options: dict[str, object], expected: list[str]
) -> None:
    asked = {"query": query} if query else {}

    assert header(post({**asked, **options})) == expected


def test_a_get_without_a_query_has_the_system_columns_first(ask: Ask) -> None:
    found = header(ask(f"{VIEW}/query.csv"))

    assert found == [*SYSTEM, "name", "acres", "lit", REGION]


def test_a_get_takes_a_query_a_page_and_a_token(ask: Ask) -> None:
    asked = {"query": "SELECT name ORDER BY :id", "pageNumber": "2", "pageSize": "2"}
    answer = ask(f"{VIEW}/query.json", {**asked, "app_token": "token"})

    assert [row.get("name") for row in answer.json()] == ["p2", "p3"]
    assert ask(f"{VIEW}/query.json", {**asked, "app_token": "wrong"}).status_code == 403


ROWS = [
    # the query, what is asked for beside it, the rows' names
    ("SELECT name ORDER BY :id", {}, ["p0", "p1", "p2", "p3", "p4", None]),
    ("SELECT name WHERE acres > 1 -- the large\n AND `name` <> 'p4 -- no' ORDER BY `:id`", {}, ["p2", "p3", "p4"]),
    ("select name order by acres desc limit 2 offset 2", {}, ["p3", "p2"]),
    ("SELECT name ORDER BY :id LIMIT 3", {"page": {"pageNumber": 2, "pageSize": 2}}, ["p2"]),
    ("SELECT name ORDER BY :id LIMIT 3", {"page": {"pageNumber": 3, "pageSize": 2}}, []),
    ("SELECT name", {"page": {"pageNumber": 1, "pageSize": "2"}}, ["p0", "p1"]),
    ("SELECT name ORDER BY :id OFFSET 4", {"page": {"pageNumber": 1, "pageSize": 1}}, ["p4"]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "options", "expected"), ROWS)
def test_the_rows_are_those_of_the_query_and_its_page(
    post: Post, query: str, options: dict[str, object], expected: list[str | None]
) -> None:
    answer = post({"query": query, **options}, f"{VIEW}/query.json")

    assert [row.get("name") for row in answer.json()] == expected


def test_without_a_limit_all_rows_come(portal: Portal, post: Post) -> None:
    portal.add_synthetic("many-0001", 1500)
    answer = post({"query": "SELECT srnumber"}, "/api/v3/views/many-0001/query.csv")

    assert answer.text.count("\n") == 1501


def test_discard_takes_the_clients_order_away_too(portal: Portal, post: Post) -> None:
    many = portal.add_synthetic("many-0001", 300)
    query = {"query": "SELECT :id ORDER BY :id", "includeSynthetic": False}

    def ids(**more: str) -> list[str]:
        answer = post({**query, **more}, "/api/v3/views/many-0001/query.json")
        return [row[":id"] for row in answer.json()]

    assert ids() == ids(orderingSpecifier="total") == many.ids()
    shuffled = ids(orderingSpecifier="discard")
    assert shuffled != many.ids()
    assert sorted(shuffled) == sorted(many.ids())


REFUSED = [
    # the body, status, code
    ({"query": "SELECT nme"}, 400, "soql.analyzer.typechecker.no-such-column"),
    ({"query": "SELECT name WHERE acres = 'x'"}, 400, "soql.analyzer.typechecker.type-mismatch"),
    ({"query": "SELECT f(name)"}, 400, "soql.analyzer.typechecker.no-such-function"),
    ({"query": "SELECT name, *"}, 400, "soql.parser.unexpected-star-select"),
    ({"query": "SELECT *, :*"}, 400, "soql.parser.unexpected-system-star-select"),
    ({"query": "SELECT name, :*"}, 400, "soql.parser.unexpected-system-star-select"),
    ({"query": "name"}, 400, "soql.parser.expected-token"),
    ({"query": ""}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name WHERE ORDER BY :id"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name WHERE (acres > 1 -- all) AND :id > 'x'"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name WHERE acres > 1 WHERE lit"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name; DROP"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name WHERE name = '\ud800' and"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name FROM parks"}, 400, "soql.analyzer.from-forbidden"),
    ({"query": "SELECT name LIMIT x"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name LIMIT 5 WHERE acres > 1"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name WHERE acres >"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name ORDER :id"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT name, count(*)"}, 400, "soql.analyzer.ungrouped-column-reference"),
    ({"query": "SELECT name, count(*) GROUP BY lit"}, 400, "soql.analyzer.ungrouped-column-reference"),
    ({"query": "SELECT count(*) GROUP BY nme"}, 400, "soql.analyzer.typechecker.no-such-column"),
    ({"query": "SELECT count(*) GROUP BY upper(name)"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT count(*) HAVING count(*) > 1"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT count(*) HAVING count(*) > 1 GROUP BY lit"}, 400, "soql.parser.expected-token"),
    ({"query": "SELECT count(*) GROUP BY lit HAVING name = 'x'"}, 400, "soql.analyzer.ungrouped-column-reference"),
    ({"query": "SELECT count(*) GROUP BY lit HAVING count(*)"}, 400, "soql.analyzer.typechecker.type-mismatch"),
    ({"query": ["SELECT name"]}, 400, "invalid_request"),
    ({"query": "SELECT name", "page": 2}, 400, "invalid_request"),
    ({"query": "SELECT name", "page": {"pageSize": "x"}}, 400, "invalid_request"),
    ({"query": "SELECT name", "page": {"pageNumber": 0}}, 400, "invalid-parameter"),
    ({"query": "SELECT name", "includeSystem": "no"}, 400, "invalid_request"),
    ({"query": "SELECT name", "timeout": "soon"}, 400, "invalid_request"),
    ({"query": "SELECT name", "orderingSpecifier": "mine"}, 400, "invalid-parameter"),
    (["SELECT name"], 400, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), REFUSED, ids=[str(b) for b, *_ in REFUSED])
def test_a_query_is_refused_with_soda3s_own_code(
    portal: Portal, post: Post, body: object, status: int, code: str
) -> None:
    answer = post(body)
    said = answer.json()

    assert (answer.status_code, said["code"], said["error"]) == (status, code, True)
    assert said["message"]
    portal.refuses_in_inner_form = True
    inner = post(body).json()
    assert (inner["type"], set(inner)) == (code, {"type", "data", "english", "source"})
    assert inner["english"] == said["message"]


def test_a_body_that_is_not_json_is_refused(ask: Ask, socrata: Server) -> None:
    url = f"https://{socrata.domain}{VIEW}/query.csv"
    form = requests.post(url, data={"query": "SELECT *"}, timeout=20)
    broken = requests.post(
        url, data="{", headers={"Content-Type": "application/json; charset=utf-8"}, timeout=20
    )

    assert (form.status_code, broken.status_code) == (415, 400)


def test_nothing_can_be_posted_where_soda3_is_not(post: Post) -> None:
    assert post({"query": "SELECT *"}, "/resource/park-0001.csv").status_code == 405
    assert post({"query": "SELECT *"}, f"{VIEW}/query.xml").status_code == 405


def test_what_is_asked_reads_the_same_by_either_interface(
    portal: Portal, ask: Ask, post: Post
) -> None:
    asked = {
        "$select": "name,:updated_at,:id",
        "$where": "(acres > 1) and :id > 'row-2222-2222-2222'",
    }
    ask("/resource/park-0001.csv", {**asked, "$order": ":id", "$limit": "5"})
    query = (
        "SELECT `name`, `:updated_at`, `:id` \n"
        "WHERE (acres > 1 -- large\n) AND `:id` > 'row-2222-2222-2222' \nORDER BY `:id` \nLIMIT 5"
    )
    post({"query": query, "includeSynthetic": False})
    post({"query": "SELECT count(*) AS source_rows"}, f"{VIEW}/query.json")
    ask("/api/views/park-0001.json")

    assert portal.requests[0] == portal.requests[1]
    assert portal.requests[2] == ("count", "park-0001", {"$select": "count(*) as source_rows"})
    assert portal.interfaces == ["SODA2", "SODA3", "SODA3", ""]


def test_the_same_rows_have_the_same_bytes_by_either_interface(
    portal: Portal, ask: Ask, post: Post
) -> None:
    portal.add_oddities("oddd-0001")
    fields = ",".join(f"`{f.name}`" for f in portal["oddd-0001"].fields)
    one = ask("/resource/oddd-0001.csv", {"$select": fields, "$order": ":id"})
    query = {"query": f"SELECT {fields} ORDER BY :id", "includeSynthetic": False}
    other = post(query, "/api/v3/views/oddd-0001/query.csv")

    assert other.content == one.content


def test_a_location_has_numbers_in_soda3_and_nulls_have_no_key(portal: Portal, post: Post) -> None:
    where = {"latitude": "34.05", "longitude": "-118.25", "human_address": '{"address":"1 Main"}'}
    portal.add_dataset("spot-0001", [("at", "location"), ("n", "number")], [{"at": where}, {}])
    query = {"query": "SELECT at, n ORDER BY :id", "includeSynthetic": False}
    answer = post(query, "/api/v3/views/spot-0001/query.json")

    row = json.dumps(
        {"at": {**where, "latitude": 34.05, "longitude": -118.25}}, separators=(",", ":")
    )
    assert answer.text == f"[\n{row},\n{{}}\n]\n"


FRAMES = [
    ("SELECT name WHERE acres < 2 ORDER BY :id", '[\n{"name":"p0"},\n{"name":"p1"}\n]\n'),
    ("SELECT name WHERE acres > 9", "[\n]\n"),
    ("SELECT count(*) AS n", '[\n{"n":"6"}\n]\n'),
]


@pytest.mark.parametrize(("query", "expected"), FRAMES)
def test_json_is_framed_as_soda3_frames_it(post: Post, query: str, expected: str) -> None:
    answer = post({"query": query, "includeSynthetic": False}, f"{VIEW}/query.json")

    assert answer.text == expected


GROUPS = [
    # the query, the answer
    ("SELECT kind, count(*) AS n GROUP BY kind ORDER BY n DESC", [{"kind": "b", "n": "3"}, {"kind": "a", "n": "2"}, {"n": "1"}]),
    ("SELECT count(*) AS n, kind WHERE size > 1 GROUP BY `kind` ORDER BY kind", [{"n": "1", "kind": "a"}, {"n": "2", "kind": "b"}, {"n": "1"}]),
    ("SELECT kind, max(size) AS most, min(:id) AS first GROUP BY kind ORDER BY most LIMIT 1 OFFSET 1", [{"kind": "b", "most": "4", "first": "FIRST"}]),
    ("SELECT upper(kind) AS k, sum(size) AS s GROUP BY k ORDER BY k DESC LIMIT 2", [{"s": "5"}, {"k": "B", "s": "7"}]),
    ("SELECT kind, count(*) AS n GROUP BY kind HAVING count(*) > 2 OR kind IS NULL ORDER BY n DESC", [{"kind": "b", "n": "3"}, {"n": "1"}]),
    ("SELECT kind, max(size) AS most GROUP BY kind HAVING most = 2", [{"kind": "a", "most": "2"}]),
    ("SELECT kind GROUP BY kind ORDER BY kind LIMIT 1", [{"kind": "a"}]),
    ("SELECT kind, count(*) AS n WHERE size > 9 GROUP BY kind", []),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), GROUPS)
def test_groups_are_made_and_a_null_key_has_no_member(
    portal: Portal, post: Post, query: str, expected: list[dict[str, str]]
) -> None:
    sizes = {1: "a", 2: "a", 0: "b", 3: "b", 5: None}
    columns = [("kind", "text"), ("size", "number")]
    kinds = portal.add_dataset(
        "kind-0001", columns, [{"kind": k, "size": n} for n, k in sizes.items()]
    )
    kinds.insert({"kind": "b", "size": 4})
    path = "/api/v3/views/kind-0001/query"
    answer = post({"query": query}, f"{path}.json")

    assert answer.json() == json.loads(
        json.dumps(expected).replace("FIRST", kinds.ids("kind = 'b'")[0])
    )
    assert header(post({"query": query}, f"{path}.csv"))[0] in ("kind", "n", "k")
    assert len(post({"query": query}, f"{path}.csv").text.splitlines()) == len(expected) + 1


def test_soda2_makes_the_same_groups(ask: Ask) -> None:
    asked = {"$select": "lit,count(*) as n", "$group": "lit", "$order": "n"}

    assert ask("/resource/park-0001.json", asked).json() == [{"n": "6"}]
    assert ask("/resource/park-0001.json", {**asked, "$having": "n > 6"}).json() == []


def test_an_export_is_for_people(portal: Portal, post: Post, ask: Ask) -> None:
    columns = [
        ("at", "calendar_date", "Event Time"),
        ("paid", "money", "Fee, Paid"),
        ("share", "percent", "Share"),
        ("n", "number", "N"),
        (REGION, "number", "Region"),
    ]
    row = {"at": "2026-05-26T07:00:18.000", "paid": "1234.567", "share": "12.5", "n": "4310"}
    portal.add_dataset("show-0001", columns, [row, {"n": None}])
    path = "/api/v3/views/show-0001/export.csv"
    expected = (
        'Event Time,"Fee, Paid",Share,N\n2026 May 26 07:00:18 AM,"$1,234.57",12.50%,"4,310"\n,,,\n'
    )

    assert post({"query": "SELECT * ORDER BY :id"}, path).text == expected
    assert ask(path, {"query": "SELECT n ORDER BY :id"}).text == 'N\n"4,310"\n""\n'
