"""Who may ask, what is not there, and the envelopes in which Socrata says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]


@pytest.fixture(autouse=True)
def _datasets(portal: Portal) -> None:
    portal.add_dataset("park-0001", [("name", "text")], [{"name": "Griffith"}])
    portal.add_dataset("priv-0001", [("name", "text")], [{"name": "Secret"}]).make_private()
    portal.add_dataset("gone-0001", [("name", "text")]).remove()


EDGE = {"code", "error", "message"}
QUERY = {"message", "errorCode", "data"}
REFUSALS = [
    # path, what is sent along, status, code, the envelope's keys
    ("/resource/none-0001.csv", {}, 404, "dataset.missing", EDGE),
    ("/resource/gone-0001.json", {}, 404, "dataset.missing", EDGE),
    ("/api/views/none-0001.json", {}, 404, "not_found", EDGE),
    ("/api/views/gone-0001.json", {}, 404, "not_found", EDGE),
    ("/resource/park-0001.csv?$where=nme='x'", {}, 400, "query.soql.no-such-column", QUERY),
    ("/resource/park-0001.csv?nme=x", {}, 400, "query.soql.no-such-column", QUERY),
    ("/resource/park-0001.csv?$where=name=5", {}, 400, "query.soql.type-mismatch", QUERY),
    ("/resource/park-0001.csv?$select=:id,*", {}, 400, "query.compiler.malformed", QUERY),
    (
        "/resource/park-0001.csv",
        {"headers": {"X-App-Token": "wrong"}},
        403,
        "permission_denied",
        EDGE,
    ),
    ("/resource/park-0001.csv?$$app_token=wrong", {}, 403, "permission_denied", EDGE),
    (
        "/api/views/park-0001.json",
        {"headers": {"X-App-Token": "wrong"}},
        403,
        "permission_denied",
        EDGE,
    ),
    ("/resource/priv-0001.csv", {}, 403, "permission_denied", EDGE),
    (
        "/resource/priv-0001.csv",
        {"headers": {"X-App-Token": "token"}},
        403,
        "permission_denied",
        EDGE,
    ),
    ("/api/views/priv-0001.json", {}, 403, "permission_denied", EDGE),
    ("/resource/priv-0001.csv", {"auth": ("ada", "wrong")}, 401, "authentication_required", EDGE),
    ("/resource/park-0001.csv", {"auth": ("eve", "secret")}, 401, "authentication_required", EDGE),
]


@pytest.mark.parametrize(
    ("path", "along", "status", "code", "keys"), REFUSALS, ids=[f"{p} {a}" for p, a, *_ in REFUSALS]
)
def test_a_request_is_refused(
    ask: Ask, path: str, along: dict[str, object], status: int, code: str, keys: set[str]
) -> None:
    answer = ask(path, **along)
    envelope = answer.json()

    assert answer.status_code == status
    assert envelope.get("code", envelope.get("errorCode")) == code
    assert set(envelope) == keys


ALLOWED = [
    ("/resource/park-0001.csv", {}),
    ("/resource/park-0001.csv", {"headers": {"X-App-Token": "token"}}),
    ("/resource/park-0001.csv?$$app_token=token", {}),
    ("/resource/park-0001.csv", {"auth": ("ada", "secret")}),
    ("/resource/priv-0001.csv", {"auth": ("ada", "secret")}),
    ("/api/views/priv-0001.json", {"auth": ("ada", "secret")}),
]


@pytest.mark.parametrize(("path", "along"), ALLOWED, ids=[f"{p} {a}" for p, a in ALLOWED])
def test_a_request_is_allowed(ask: Ask, path: str, along: dict[str, object]) -> None:
    assert ask(path, **along).status_code == 200


def test_a_wrong_token_is_named_as_such(ask: Ask) -> None:
    answer = ask("/resource/park-0001.csv", headers={"X-App-Token": "wrong"})

    assert answer.json()["message"] == "Invalid app_token specified"


def test_a_missing_view_is_named_in_the_headers_too(ask: Ask) -> None:
    answer = ask("/api/views/none-0001.json")

    assert answer.headers["X-Error-Code"] == "not_found"
    assert answer.headers["X-Error-Message"] == answer.json()["message"]


def test_a_private_dataset_can_become_public_again(portal: Portal, ask: Ask) -> None:
    portal["priv-0001"].make_private(False)

    assert ask("/resource/priv-0001.csv").status_code == 200


def test_a_path_that_is_not_there_gets_the_web_servers_page(ask: Ask) -> None:
    answer = ask("/nowhere")

    assert answer.status_code == 404
    assert "<html>" in answer.text


def test_what_is_asked_is_logged(portal: Portal, ask: Ask) -> None:
    ask("/api/views/park-0001.json")
    ask("/resource/park-0001.csv", {"$limit": "5"})
    ask("/resource/park-0001.json", {"$select": "count(*) as n"})
    ask("/api/catalog/v1")

    assert portal.requests == [
        ("metadata", "park-0001", {}),
        ("rows", "park-0001", {"$limit": "5"}),
        ("count", "park-0001", {"$select": "count(*) as n"}),
        ("catalog", "", {}),
    ]


def test_the_catalog_lists_what_is_public(ask: Ask, portal: Portal) -> None:
    found = ask("/api/catalog/v1").json()

    assert found["resultSetSize"] == 1
    (entry,) = found["results"]
    assert entry["resource"]["id"] == "park-0001"
    assert entry["resource"]["columns_field_name"] == ["name"]
    assert entry["resource"]["columns_datatype"] == ["Text"]
