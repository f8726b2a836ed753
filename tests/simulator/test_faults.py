"""Every fault by its switch, as a client meets it."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable

import pytest
import requests

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
ROWS = "/resource/many-0001.csv"
COUNT = {"$select": "count(*) as n"}
BY_ID = {"$select": "srnumber,:id", "$order": ":id"}


@pytest.fixture(autouse=True, name="many")
def _many(portal: Portal) -> Dataset:
    return portal.add_synthetic("many-0001", 300)


STATUSES = [
    # fault, status, the beginning of the content type, a part of the body
    (Fault.status(202), 202, "application/json", "Still processing"),
    (Fault.status(401), 401, "application/json", "authentication_required"),
    (Fault.status(403), 403, "application/json", "permission_denied"),
    (Fault.status(404), 404, "application/json", "dataset.missing"),
    (Fault.status(408), 408, "application/json", "request-timeout"),
    (Fault.status(412), 412, "application/json", "precondition-failed"),
    (Fault.status(418), 418, "application/json", "http.418"),
    (Fault.status(429), 429, "application/json", "too-many-requests"),
    (Fault.status(500), 500, "application/json", "internal-error"),
    (Fault.status(502), 502, "text/html", "<title>502 Bad Gateway</title>"),
    (Fault.status(503), 503, "text/html", "<title>503"),
    (Fault.status(504), 504, "text/html", "<title>504"),
    (Fault.bare_error(), 500, "application/json", '"status":500'),
    (Fault.invalid_token(), 403, "application/json", "Invalid app_token specified"),
    (Fault.login_page(), 200, "text/html", "<title>Sign in</title>"),
    (Fault.firewall(), 403, "text/html", "Request blocked"),
    (Fault.answer(b"just this", 299, content_type="a/b"), 299, "a/b", "just this"),
    (Fault.redirect("https://elsewhere.example/"), 302, "application/json", ""),
]


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    STATUSES,
    ids=[f"{s} {t}" for _, s, _, t in STATUSES],
)
def test_an_answer_that_is_not_data_comes_once(
    portal: Portal, ask: Ask, fault: Fault, status: int, content_type: str, text: str
) -> None:
    portal.faults.add(fault)
    answer = ask(ROWS)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(content_type)
    assert text in answer.text
    assert portal.faults.pending == 0
    assert ask(ROWS).status_code == 200


def test_a_throttled_client_is_told_when_to_come_back_or_not(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(429, retry_after=7))
    portal.faults.add(Fault.status(429))
    portal.faults.add(Fault.status(503, retry_after="Fri, 31 Dec 2027 23:59:59 GMT"))

    after = [ask(ROWS).headers.get("Retry-After") for _ in range(3)]
    assert after == ["7", None, "Fri, 31 Dec 2027 23:59:59 GMT"]


def test_a_fault_comes_so_many_times(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(202), times=3)

    assert [ask(ROWS).status_code for _ in range(5)] == [202, 202, 202, 200, 200]


def test_a_fault_can_let_some_requests_pass_first(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(500), after=2)

    assert [ask(ROWS).status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_can_stay_until_it_is_switched_off(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(503), times=None)

    assert [ask(ROWS).status_code for _ in range(3)] == [503] * 3
    portal.faults.clear()
    assert ask(ROWS).status_code == 200


KINDS = [
    ("rows", ROWS, {}),
    ("count", "/resource/many-0001.json", COUNT),
    ("metadata", "/api/views/many-0001.json", {}),
    ("catalog", "/api/catalog/v1", {}),
]


@pytest.mark.parametrize("kind", [k for k, *_ in KINDS])
def test_a_fault_can_be_for_one_kind_of_request(portal: Portal, ask: Ask, kind: str) -> None:
    portal.faults.add(Fault.status(500), on=kind, times=None)
    met = [k for k, path, parameters in KINDS if ask(path, parameters).status_code == 500]

    assert met == [kind]


def test_a_fault_can_be_for_one_dataset(portal: Portal, ask: Ask) -> None:
    portal.add_dataset("park-0001", [("name", "text")])
    portal.faults.add(Fault.status(500), dataset="park-0001")

    assert ask(ROWS).status_code == 200
    assert ask("/resource/park-0001.csv").status_code == 500


def test_a_kind_that_there_is_not_is_refused(portal: Portal) -> None:
    with pytest.raises(ValueError, match="on is one of any, rows, count"):
        portal.faults.add(Fault.status(500), on="row")


def test_a_redirect_says_where_to(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.redirect("https://elsewhere.example/"))

    assert ask(ROWS).headers["Location"] == "https://elsewhere.example/"


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.hang_up()], ids=["reset", "hang up"])
def test_a_connection_can_end_before_any_answer(portal: Portal, ask: Ask, fault: Fault) -> None:
    portal.faults.add(fault)

    with pytest.raises(requests.exceptions.ConnectionError):
        ask(ROWS)
    assert ask(ROWS).status_code == 200


@pytest.mark.parametrize("size", [1, 100, 5000])
@pytest.mark.parametrize("fault", [Fault.reset, Fault.hang_up], ids=["reset", "hang up"])
def test_a_connection_that_ends_inside_a_chunked_body_is_an_error(
    portal: Portal, ask: Ask, fault: Callable[[int], Fault], size: int
) -> None:
    portal.faults.add(fault(size))

    with pytest.raises(
        (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)
    ):
        ask(ROWS)
    assert ask(ROWS).status_code == 200


def test_a_truncated_body_without_chunks_is_no_error_to_a_client(portal: Portal, ask: Ask) -> None:
    whole = ask(ROWS, BY_ID).content
    for size in (0, 1, 500, len(whole) - 1):
        portal.faults.add(Fault.truncated(size))
        cut = ask(ROWS, BY_ID)

        assert cut.content == whole[:size]
        assert cut.headers.get("Transfer-Encoding") is None
        assert cut.headers["Connection"] == "close"
        assert cut.status_code == 200


def test_a_truncated_body_can_break_off_inside_its_compression(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.truncated(1000, compressed=True))
    answer = ask(ROWS, BY_ID, stream=True)
    body = answer.raw.read(decode_content=False)
    inflate = zlib.decompressobj(31)
    inflate.decompress(body)

    assert len(body) == 1000
    assert not inflate.eof


def test_truncation_works_for_a_client_without_compression_too(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.truncated(77))

    assert len(ask(ROWS, BY_ID, headers={"Accept-Encoding": "identity"}).content) == 77


def test_a_page_can_be_short_and_properly_ended(portal: Portal, ask: Ask) -> None:
    whole = ask(ROWS, BY_ID).text.splitlines()
    portal.faults.add(Fault.short_page(10))

    assert ask(ROWS, BY_ID).text.splitlines() == whole[:11]
    assert ask(ROWS, BY_ID).text.splitlines() == whole


def test_a_slow_drip_ends_with_all_that_there_is(portal: Portal, ask: Ask) -> None:
    whole = ask(ROWS, {**BY_ID, "$limit": "3"}).content
    portal.faults.add(Fault.slow_drip(piece=16, seconds=0.001))

    assert ask(ROWS, {**BY_ID, "$limit": "3"}).content == whole


def test_a_delayed_answer_is_the_same_answer(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.delayed(0.001))

    assert (
        ask(ROWS, {**BY_ID, "$limit": "3"}).content == ask(ROWS, {**BY_ID, "$limit": "3"}).content
    )


def test_a_client_can_be_held_in_mid_page(portal: Portal, ask: Ask, many: Dataset) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        go_on.wait(20)

    portal.faults.add(Fault.doing_midway(hold, after_bytes=100))
    answers: list[bytes] = []
    client = threading.Thread(target=lambda: answers.append(ask(ROWS, BY_ID).content))
    client.start()
    assert reached.wait(20)
    many.delete(many.ids())  # does not touch the answer that is under way
    assert answers == []
    go_on.set()
    client.join()

    assert answers[0].count(b"\n") == 301


def test_a_count_can_be_wrong(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.wrong_count(5))
    portal.faults.add(Fault.wrong_count(lambda right: right + 1))
    counts = [ask("/resource/many-0001.json", COUNT).json() for _ in range(3)]

    assert counts == [[{"n": "5"}], [{"n": "301"}], [{"n": "300"}]]


def test_data_can_change_between_two_pages(portal: Portal, ask: Ask, many: Dataset) -> None:
    ids = many.ids()
    portal.faults.add(Fault.doing(lambda: many.delete(ids[100:])), on="rows", after=1)
    page = {**BY_ID, "$limit": "100"}

    assert len(ask(ROWS, page).text.splitlines()) == 101
    assert ask(ROWS, {**page, "$where": f":id > '{ids[99]}'"}).text == '"srnumber",":id"\n'


def test_something_can_happen_after_an_answer(portal: Portal, ask: Ask, many: Dataset) -> None:
    happened = threading.Event()
    portal.faults.add(Fault.doing_afterwards(happened.set), on="count")
    ask("/resource/many-0001.json", COUNT)

    assert happened.wait(20)


def test_faults_come_in_the_order_in_which_they_were_switched_on(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(429), times=2)
    portal.faults.add(Fault.status(500))

    assert [ask(ROWS).status_code for _ in range(4)] == [429, 429, 500, 200]


def test_an_error_body_is_whole_and_the_connection_stays(
    socrata: Server, portal: Portal, ask: Ask
) -> None:
    portal.faults.add(Fault.status(429), times=2)

    assert json.loads(ask(ROWS).content)["errorCode"] == "too-many-requests"
    assert ask(ROWS).headers["Content-Length"]


def test_a_page_comes_again_whatever_was_asked_for(portal: Portal, ask: Ask, many: Dataset) -> None:
    page = {**BY_ID, "$limit": "5"}
    first = ask(ROWS, page).text
    after = {**page, "$where": f":id > '{many.ids()[4]}'"}
    portal.faults.add(Fault.same_page())

    assert ask(ROWS, after).text == first
    assert ask(ROWS, after).text != first


def test_a_bomb_is_small_on_the_wire(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.bomb(1_000_003))
    answer = ask(ROWS, BY_ID, stream=True)
    wire = answer.raw.read(decode_content=False)

    assert len(wire) < 10_000
    header, row = zlib.decompress(wire, 31).split(b"\n", 1)
    assert header == b'"srnumber",":id"'
    assert len(row) == 1_000_003 + len(b'""\n')


def test_an_endless_body_goes_on(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.endless())
    with ask(ROWS, BY_ID, stream=True, headers={"Accept-Encoding": "identity"}) as answer:
        came = sum(len(answer.raw.read(10**6)) for _ in range(5))

    assert came == 5 * 10**6


@pytest.mark.parametrize("slow", [Fault.slow_drip(9, 0.001), Fault.slow_head(9, 0.001)])
def test_what_drips_is_whole_in_the_end(portal: Portal, ask: Ask, slow: Fault) -> None:
    portal.faults.add(slow, times=2)
    portal.faults.add(Fault.status(429), times=1)

    few = {**BY_ID, "$limit": "2"}
    assert (ask(ROWS, few).status_code, portal.faults.pending) == (429, 1)
    assert len(ask(ROWS, few).text.splitlines()) == 3


def test_an_address_that_is_too_long_is_refused(ask: Ask) -> None:
    assert ask(ROWS, {"$select": ",".join(["srnumber"] * 1000)}).status_code == 414
