"""The headers around rows: what they tell, and what a condition makes of a request."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPSConnection

import pytest
import requests

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
ROWS = "/resource/park-0001.csv"


@pytest.fixture(autouse=True, name="parks")
def _parks(portal: Portal) -> Dataset:
    return portal.add_dataset(
        "park-0001",
        [("name", "text"), ("opened", "calendar_date"), ("lit", "checkbox")],
        [{"name": "Griffith"}, {"name": "Echo"}],
    )


def test_rows_come_compressed_in_chunks_without_a_length(ask: Ask) -> None:
    answer = ask(ROWS)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Socrata-Region"]
    assert ask("/resource/park-0001").headers["Content-Type"] == "application/json;charset=utf-8"


def test_a_client_that_does_not_want_gzip_gets_none(ask: Ask) -> None:
    answer = ask(ROWS, {"$order": ":id"}, headers={"Accept-Encoding": "identity"})

    assert "Content-Encoding" not in answer.headers
    assert answer.content == ask(ROWS, {"$order": ":id"}).content


def test_fields_and_types_are_aligned_and_named_as_the_query_language_names_them(ask: Ask) -> None:
    headers = ask(ROWS, {"$select": "name as who,opened,lit,:id,:updated_at"}).headers

    assert json.loads(headers["X-SODA2-Fields"]) == ["who", "opened", "lit", ":id", ":updated_at"]
    assert json.loads(headers["X-SODA2-Types"]) == [
        "text",
        "floating_timestamp",
        "boolean",
        "row_identifier",
        "fixed_timestamp",
    ]


def test_fields_and_types_are_dropped_with_a_warning_when_they_are_too_long(
    portal: Portal, ask: Ask
) -> None:
    portal.add_dataset(
        "wide-0001", [(f"a_rather_long_column_name_{n}", "text") for n in range(150)]
    )
    headers = ask("/resource/wide-0001.csv").headers

    assert "X-SODA2-Fields" not in headers
    assert "X-SODA2-Types" not in headers
    assert headers["X-SODA2-Warning"]


def test_fields_and_types_can_be_missing(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.without_types())

    assert "X-SODA2-Types" not in ask(ROWS).headers
    assert "X-SODA2-Types" in ask(ROWS).headers


def test_an_etag_is_valid_for_the_identical_query_only(parks: Dataset, ask: Ask) -> None:
    query = {"$order": ":id"}
    etag = ask(ROWS, query).headers["ETag"]

    assert etag.endswith('--gzip--gzip"')
    assert ask(ROWS, query).headers["ETag"] == etag
    assert ask(ROWS, {"$order": "name"}).headers["ETag"] != etag
    assert ask("/resource/park-0001.json", query).headers["ETag"] != etag
    assert ask(ROWS, query, headers={"Accept-Encoding": "identity"}).headers["ETag"] != etag

    unchanged = ask(ROWS, query, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert ask(ROWS, headers={"If-None-Match": etag}).status_code == 200

    parks.insert({"name": "Elysian"})
    assert ask(ROWS, query, headers={"If-None-Match": etag}).status_code == 200


def test_rows_that_did_not_change_since_are_not_sent(ask: Ask) -> None:
    changed = ask(ROWS).headers["Last-Modified"]

    assert ask(ROWS, headers={"If-Modified-Since": changed}).status_code == 304
    before = "Mon, 01 Jan 2001 00:00:00 GMT"
    assert ask(ROWS, headers={"If-Modified-Since": before}).status_code == 200
    assert ask(ROWS, headers={"If-Modified-Since": "yesterday"}).status_code == 200


def test_a_replica_that_lags_shows_the_past_and_says_so(
    portal: Portal, parks: Dataset, ask: Ask
) -> None:
    def shown() -> tuple[int, str]:
        answer = ask("/resource/park-0001.json")
        return len(answer.json()), answer.headers["X-SODA2-Data-Out-Of-Date"]

    assert shown() == (2, "false")
    parks.lag()
    assert shown() == (2, "false")
    parks.insert({"name": "Elysian"})
    assert shown() == (2, "true")
    parks.catch_up()
    assert shown() == (3, "false")


def test_a_replica_that_lags_silently_takes_the_past_for_the_truth(
    parks: Dataset, ask: Ask
) -> None:
    before = parks.truth
    parks.insert({"name": "Elysian"})
    parks.lag(silently=True, state=before)

    answer = ask("/resource/park-0001.json")
    assert len(answer.json()) == 2
    assert answer.headers["X-SODA2-Data-Out-Of-Date"] == "false"
    assert answer.headers["X-SODA2-Truth-Last-Modified"] == answer.headers["Last-Modified"]
    parks.catch_up()
    parks.lag()
    parks.insert({"name": "Echo"})
    assert ask("/resource/park-0001.json").headers["X-SODA2-Data-Out-Of-Date"] == "true"


def test_a_replica_can_catch_up_after_some_answers(parks: Dataset, ask: Ask) -> None:
    parks.lag(answers=2)
    parks.insert({"name": "Elysian"})

    counts = [len(ask("/resource/park-0001.json").json()) for _ in range(4)]
    assert counts == [2, 2, 3, 3]


def test_the_truth_and_the_replica_have_their_own_times(portal: Portal, ask: Ask) -> None:
    parks = portal["park-0001"]
    parks.lag()
    for _ in range(1500):  # each change is a millisecond after the last, or more
        parks.touch(parks.ids()[0])
    headers = ask(ROWS).headers
    truth = parsedate_to_datetime(headers["X-SODA2-Truth-Last-Modified"])

    assert headers["Last-Modified"] == headers["X-SODA2-Secondary-Last-Modified"]
    assert parsedate_to_datetime(headers["Last-Modified"]) < truth
    view = ask("/api/views/park-0001.json").json()
    assert view["rowsUpdatedAt"] == int(truth.timestamp())


def test_the_headers_can_say_out_of_date_when_nothing_changed(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.data_out_of_date())

    assert ask(ROWS).headers["X-SODA2-Data-Out-Of-Date"] == "true"
    assert ask(ROWS).headers["X-SODA2-Data-Out-Of-Date"] == "false"


def test_the_body_is_framed_in_chunks_on_the_wire(socrata: Server) -> None:
    context = ssl.create_default_context(cafile=socrata.ca_file)
    connection = HTTPSConnection("127.0.0.1", socrata.port, context=context, timeout=20)
    connection.request("GET", ROWS, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.fp is not None
    size = int(answer.fp.readline(), 16)
    body = answer.fp.read(size)

    assert body.startswith(b"\x1f\x8b")  # gzip
    assert answer.fp.read(7) == b"\r\n0\r\n\r\n"
    answer.close()
    connection.close()
