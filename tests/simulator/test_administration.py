"""Changes and faults from outside, and only where that is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from tests.conftest import Clock

from socrata_simulator.http.server import Server, serve
from socrata_simulator.portal.portal import Portal

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(name="server")
def _server(portal: Portal) -> Iterator[Server]:
    with serve(portal, admin=True) as server:
        yield server


@pytest.fixture(name="call")
def _call(server: Server) -> Iterator[Call]:
    with requests.Session() as session:

        def call(method: str, path: str, body: object = None) -> tuple[int, Any]:
            url = f"https://{server.domain}/{path}"
            answer = session.request(method, url, json=body, timeout=20, verify=server.ca_file)
            return answer.status_code, answer.json()

        yield call


def test_a_dataset_comes_and_is_described(call: Call) -> None:
    assert call("POST", "_simulator/datasets", {"id": "many-0001", "synthetic": 20})[0] == 200
    columns = [["name", "text"], ["acres", "number"]]
    rows = [{"name": "Echo", "acres": 29}]
    call("POST", "_simulator/datasets", {"id": "park-0001", "columns": columns, "rows": rows})
    status, found = call("GET", "_simulator/")

    assert status == 200
    assert {d: f["rows"] for d, f in found["datasets"].items()} == {"many-0001": 20, "park-0001": 1}
    assert call("GET", "resource/park-0001.json")[1] == [{"name": "Echo", "acres": "29"}]


CHANGES = [
    ("insert", {"rows": [{"name": "New"}]}, lambda d: len(d) == 4),
    ("update", {"first": 2, "values": {"name": "X"}}, lambda d: len(d.find(name="X")) == 2),
    (
        "update",
        {"where": "acres > 1", "values": {"name": "X"}},
        lambda d: len(d.find(name="X")) == 1,
    ),
    ("touch", {"first": 1}, lambda d: d.rows()[0][":updated_at"] > d.rows()[1][":updated_at"]),
    ("unstamp", {"first": 1}, lambda d: d.rows()[0][":updated_at"] is None),
    ("delete", {"where": "name = 'a'"}, lambda d: len(d) == 2),
    ("replace_all", {}, lambda d: len(d) == 3),
    ("replace_all", {"rows": []}, lambda d: len(d) == 0),
    ("add_column", {"field": "lake", "type": "text"}, lambda d: d.fields[-1].name == "lake"),
    ("drop_column", {"field": "acres"}, lambda d: len(d.fields) == 1),
    ("rename_column", {"field": "acres", "to": "area"}, lambda d: d.fields[1].name == "area"),
    ("retype_column", {"field": "acres", "type": "text"}, lambda d: d.fields[1].type == "text"),
    ("make_private", {}, lambda d: d.is_private),
    ("remove", {}, lambda d: d.is_missing),
    ("freeze", {"successor": "park-0002"}, lambda d: d.successor == "park-0002"),
    ("lag", {}, lambda d: d.shown is d.truth),
    ("lag", {"silently": True}, lambda d: d.shown is d.truth),
    ("put_clock_right", {}, lambda d: d.shown is d.truth),
    ("catch_up", {}, lambda d: d.shown is d.truth),
    (
        "tell",
        {"owner": "Ada", "ids_differ": True},
        lambda d: (d.owner, d.ids_differ) == ("Ada", True),
    ),
    ("tell", {"unasked_columns": [":version"]}, lambda d: d.unasked_columns == (":version",)),
]


@pytest.mark.parametrize(
    ("change", "arguments", "holds"), CHANGES, ids=[f"{c} {a}" for c, a, _ in CHANGES]
)
def test_a_change_is_made(
    portal: Portal, call: Call, change: str, arguments: dict[str, Any], holds: Callable[..., bool]
) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a", "acres": 1},
        {"name": "b", "acres": 2},
        {"name": "c"},
    ]
    parks = portal.add_dataset("park-0001", [("name", "text"), ("acres", "number")], rows)
    before = parks.ids()
    status, document = call("POST", f"_simulator/datasets/park-0001/{change}", arguments)

    assert status == 200, document
    assert holds(parks)
    assert (parks.ids() == before) is (change not in ("insert", "delete", "replace_all"))


def test_synthetic_rows_can_be_added_to_a_synthetic_dataset(portal: Portal, call: Call) -> None:
    many = portal.add_synthetic("many-0001", 10)
    call("POST", "_simulator/datasets/many-0001/insert_synthetic", {"rows": 5, "seed": 9})

    assert len({row["srnumber"] for row in many.rows()}) == 15


def test_a_fault_is_switched_on_and_off(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)
    fault = {
        "fault": "status",
        "arguments": {"status": 429, "retry_after": 3},
        "times": None,
        "on": "rows",
    }

    assert call("POST", "_simulator/faults", fault)[0] == 200
    assert call("GET", "resource/many-0001.json")[0] == 429
    assert call("DELETE", "_simulator/faults")[0] == 200
    assert call("GET", "resource/many-0001.json")[0] == 200


def test_a_change_can_be_put_between_two_pages(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)
    delete = {"dataset": "many-0001", "change": "delete", "arguments": {"first": 4}}
    fault = {"fault": "doing", "arguments": {"changes": [delete]}, "after": 1, "on": "rows"}
    call("POST", "_simulator/faults", fault)

    assert [len(call("GET", "resource/many-0001.json")[1]) for _ in range(3)] == [10, 6, 6]


def test_what_was_asked_can_be_read(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)
    call("GET", "resource/many-0001.json?$limit=1")

    assert call("GET", "_simulator/requests")[1] == [
        {
            "kind": "rows",
            "dataset": "many-0001",
            "parameters": {"$limit": "1"},
            "interface": "SODA2",
        }
    ]


def test_the_interfaces_are_switched(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)

    def statuses() -> list[int]:
        paths = ("resource/many-0001.json", "api/v3/views/many-0001/query.json")
        return [call("GET", path)[0] for path in (*paths, "api/views/many-0001.json")]

    def switch(**switches: object) -> list[int]:
        assert call("POST", "_simulator/interfaces", switches)[0] == 200
        return statuses()

    assert switch(soda2={"status": 501, "after": 1}) == [200, 200, 200]
    assert statuses() == [501, 200, 200]
    assert switch(soda2="There", soda3="WantsToken") == [200, 403, 200]
    portal.soda3_is_there(False)
    assert switch(soda3="Open", views=False, notices={"SODA3": {"Sunset": "soon"}}) == [
        200,
        200,
        404,
    ]
    assert portal.notices == {"SODA3": {"Sunset": "soon"}}


def test_soda3_can_be_taken_away(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)
    call("POST", "_simulator/interfaces", {"soda3": "Absent"})

    with pytest.raises(requests.JSONDecodeError):  # the web server's page
        call("GET", "api/v3/views/many-0001/query.json")
    assert portal.soda3 == "Open"


def test_changes_are_stamped_earlier_where_the_clock_is_set_back(
    portal: Portal, call: Call, clock: Clock
) -> None:
    clock.at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    parks = {"id": "park-0001", "columns": [["name", "text"]], "rows": [{"name": "Echo"}]}
    for seconds, path, body in (
        (86_400, "datasets", parks),
        (3_600, "datasets/park-0001/insert", {"rows": [{"name": "Griffith"}]}),
        (0, "datasets/park-0001/insert", {"rows": [{"name": "Elysian"}]}),
    ):
        assert call("POST", "_simulator/clock", {"behind": seconds}) == (200, {"behind": seconds})
        call("POST", f"_simulator/{path}", body)

    stamps = [str(row[":updated_at"]) for row in portal["park-0001"].rows()]
    ages = [clock.at - datetime.fromisoformat(stamp) for stamp in stamps]
    assert [round(age.total_seconds()) for age in ages] == [86_400, 3_600, 0]


MISTAKES = [
    ("POST", "clock", {"behind": "long"}, "TypeError: "),
    ("POST", "nothing", {}, "there is no POST /_simulator/nothing"),
    ("POST", "datasets", {"id": "park-0001"}, "give synthetic: ROWS, or columns"),
    ("POST", "datasets/none-0001/delete", {"first": 1}, "none-0001"),
    ("POST", "datasets/many-0001/explode", {}, "'explode' is none of insert,"),
    ("POST", "datasets/many-0001/delete", {}, "say which rows"),
    ("POST", "datasets/many-0001/update", {"first": 1, "values": {"nme": 1}}, "no column nme"),
    ("POST", "datasets/many-0001/tell", {"id": "x"}, "'id' is none of category,"),
    ("POST", "interfaces", {"soda2": "Gone"}, "soda2 is {"),
    ("POST", "interfaces", {"soda3": "Closed"}, "soda3 is one of Open, WantsToken"),
    ("POST", "faults", {"fault": "flood"}, "'flood' is none of doing,"),
    ("POST", "faults", {"fault": "status", "on": "rows"}, "missing 1 required"),
    ("POST", "faults", {"fault": "login_page", "on": "row"}, "on is one of any"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"), MISTAKES, ids=[f"{p} {b}" for _, p, b, _ in MISTAKES]
)
def test_a_mistake_is_named(
    portal: Portal, call: Call, method: str, path: str, body: object, sentence: str
) -> None:
    portal.add_synthetic("many-0001", 10)
    status, document = call(method, f"_simulator/{path}", body)

    assert status == 400
    assert sentence in document["error"]
    assert len(portal["many-0001"]) == 10


def test_a_condition_that_cannot_be_read_is_refused_as_a_query(portal: Portal, call: Call) -> None:
    portal.add_synthetic("many-0001", 10)

    status, document = call("POST", "_simulator/datasets/many-0001/delete", {"where": "nme = 1"})
    assert (status, document["errorCode"]) == (400, "query.soql.no-such-column")


def test_nothing_can_be_changed_where_administration_is_not_open(portal: Portal) -> None:
    portal.add_synthetic("many-0001", 10)
    with serve(portal) as server:
        url = f"https://{server.domain}/_simulator/"
        posted = requests.post(
            f"{url}datasets/many-0001/delete", json={"first": 5}, verify=server.ca_file, timeout=20
        )
        read = requests.get(url, verify=server.ca_file, timeout=20)

    assert (posted.status_code, read.status_code) == (405, 404)
    assert len(portal["many-0001"]) == 10
