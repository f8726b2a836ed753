"""The switches between the interfaces: which is there, whom it serves, what its headers say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]

SODA2 = "/resource/park-0001.csv"
SODA3 = "/api/v3/views/park-0001/query.csv"
VIEW = "/api/views/park-0001.json"
PAGE = {"query": "SELECT name, :id ORDER BY :id"}
FRESHNESS = "X-SODA2-Data-Out-Of-Date"


@pytest.fixture(autouse=True, name="parks")
def _parks(portal: Portal) -> Dataset:
    rows = [{"name": "Griffith"}, {"name": "Echo"}]
    return portal.add_dataset("park-0001", [("name", "text"), ("at", "point")], rows)


@pytest.mark.parametrize("status", [410, 501, 404, 403])
@pytest.mark.parametrize("html", [False, True])
def test_soda2_ends_after_some_requests_and_returns(
    portal: Portal, ask: Ask, status: int, html: bool
) -> None:
    portal.soda2_ends(status, after=2, html=html)

    answers = [ask(SODA2) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, status, status]
    assert ("<html>" in answers[2].text) is html
    assert (ask(SODA3).status_code, ask(VIEW).status_code) == (200, 200)
    portal.soda2_returns()
    assert ask(SODA2).status_code == 200


def test_soda2_can_end_at_the_very_request_before_which_a_fault_ends_it(
    portal: Portal, ask: Ask
) -> None:
    portal.faults.add(Fault.doing(portal.soda2_ends), after=1)

    assert [ask(SODA2).status_code for _ in range(3)] == [200, 410, 410]


def test_a_request_to_the_other_interface_does_not_bring_the_end_nearer(
    portal: Portal, ask: Ask
) -> None:
    portal.soda2_ends(after=1)
    ask(SODA3)
    ask(VIEW)

    assert [ask(SODA2).status_code for _ in range(2)] == [200, 410]


def test_soda3_may_not_be_there(portal: Portal, ask: Ask, socrata: Server) -> None:
    portal.soda3_is_there(False)
    url = f"https://{socrata.domain}{SODA3}"

    assert ask(SODA3).status_code == 404
    assert requests.post(url, json=PAGE, timeout=20).status_code == 404
    assert portal.interfaces == ["SODA3", "SODA3"]
    portal.soda3_is_there()
    assert ask(SODA3).status_code == 200


def test_descriptions_end_by_dataset_or_for_all(portal: Portal, parks: Dataset, ask: Ask) -> None:
    other = "/api/views/other-001.json"
    portal.add_dataset("other-001", [("name", "text")])

    parks.has_view = False
    assert (ask(VIEW).status_code, ask(other).status_code) == (404, 200)
    parks.has_view = True
    portal.views_are_there(False)
    assert (ask(VIEW).status_code, ask(other).status_code) == (404, 404)
    assert (ask(SODA2).status_code, ask(SODA3).status_code) == (200, 200)


TOKENS = [
    # the policy, what is sent along, SODA2's status, SODA3's
    ("Open", {}, 200, 200),
    ("Open", {"headers": {"X-App-Token": "token"}}, 200, 200),
    ("Open", {"headers": {"X-App-Token": "wrong"}}, 403, 403),
    ("WantsToken", {}, 200, 403),
    ("WantsToken", {"headers": {"X-App-Token": "token"}}, 200, 200),
    ("WantsToken", {"headers": {"X-App-Token": "wrong"}}, 403, 403),
    ("WantsToken", {"auth": ("ada", "secret")}, 200, 200),
    ("WantsToken", {"auth": ("ada", "wrong")}, 401, 401),
]


@pytest.mark.parametrize(("policy", "along", "soda2", "soda3"), TOKENS)
def test_a_portal_may_want_to_know_who_asks_by_soda3(
    portal: Portal, ask: Ask, policy: str, along: dict[str, object], soda2: int, soda3: int
) -> None:
    portal.soda3 = policy

    assert (ask(SODA2, **along).status_code, ask(SODA3, **along).status_code) == (soda2, soda3)


def test_who_is_not_known_may_be_asked_to_sign_in(portal: Portal, ask: Ask) -> None:
    portal.soda3 = "WantsToken"
    portal.unidentified_status = 401

    assert ask(SODA3).json()["code"] == "authentication_required"


def test_another_policy_is_refused(portal: Portal) -> None:
    with pytest.raises(ValueError, match="soda3 is one of Open, WantsToken, not 'Closed'"):
        portal.soda3 = "Closed"


def test_a_private_or_missing_dataset_is_so_by_either_interface(
    portal: Portal, parks: Dataset, ask: Ask
) -> None:
    parks.make_private()
    assert ask(SODA3).json()["code"] == "permission_denied"
    assert ask(SODA3, auth=("ada", "secret")).status_code == 200
    parks.remove()
    assert (ask(SODA3).status_code, ask(SODA3).json()["code"]) == (404, "not_found")


def test_notices_are_headers_of_every_answer_of_their_interface(portal: Portal, ask: Ask) -> None:
    gone = {"Deprecation": "@1798761600", "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}
    portal.notices = {"SODA2": gone, "SODA3": {"Warning": '299 - "later"'}}

    assert gone.items() <= ask(SODA2).headers.items()
    assert gone.items() <= ask(SODA2, {"$where": "nme = 1"}).headers.items()
    assert ask(SODA3).headers["Warning"] == '299 - "later"'
    for path in (SODA3, VIEW):
        assert "Sunset" not in ask(path).headers
    assert "Warning" not in ask(SODA2).headers


# -- headers ---------------------------------------------------------------------------------------


def test_the_headers_are_those_of_soda3(ask: Ask) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    headers = ask(SODA3.replace("csv", "json"), PAGE).headers

    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Transfer-Encoding"] == "chunked"
    assert headers["Content-Encoding"] == "gzip"
    assert headers[FRESHNESS] == "[]"
    assert parsedate_to_datetime(headers["Last-Modified"]) >= before.replace(microsecond=0)
    assert headers["ETag"].startswith('W/"')
    assert len(headers["ETag"]) == len('W/""') + 43
    assert headers["X-SODA2-Secondary"].startswith("pg.")
    assert headers["X-SODA2-Cached"] in ("true", "false")
    assert "deprecated" in headers["X-SODA2-Warning"]
    for absent in ("Vary", "X-SODA2-Truth-Last-Modified", "X-SODA2-Secondary-Last-Modified"):
        assert absent not in headers


def test_an_etag_is_valid_for_the_identical_query_only(parks: Dataset, ask: Ask) -> None:
    etag = ask(SODA3, PAGE).headers["ETag"]

    assert ask(SODA3, PAGE, headers={"If-None-Match": etag}).status_code == 304
    assert ask(SODA3, {"query": "SELECT name"}).headers["ETag"] != etag
    assert ask(SODA3, {**PAGE, "pageSize": "1"}).headers["ETag"] != etag
    parks.insert({"name": "Elysian"})
    assert ask(SODA3, PAGE, headers={"If-None-Match": etag}).status_code == 200


def test_the_time_of_an_answer_is_no_condition(ask: Ask) -> None:
    later = "Fri, 01 Jan 2100 00:00:00 GMT"

    assert ask(SODA3, headers={"If-Modified-Since": later}).status_code == 200


def test_a_replica_that_lags_is_named_in_an_array(portal: Portal, parks: Dataset, ask: Ask) -> None:
    parks.lag()
    parks.insert({"name": "Elysian"})
    behind = ask(SODA3, PAGE)

    assert behind.headers[FRESHNESS] == '[["_park-0001","published"]]'
    assert behind.text.count("\n") == 3
    parks.lag(silently=True)
    parks.insert({"name": "MacArthur"})
    assert ask(SODA3).headers[FRESHNESS] == "[]"
    parks.catch_up()
    portal.faults.add(Fault.data_out_of_date())
    assert [ask(SODA3).headers[FRESHNESS][:2] for _ in range(2)] == ["[[", "[]"]


@pytest.mark.parametrize("path", [SODA2, SODA3])
def test_freshness_may_be_told_otherwise_or_not_at_all(portal: Portal, ask: Ask, path: str) -> None:
    for said in ("", "perhaps", None):
        portal.faults.add(Fault.freshness_said(said))
        assert ask(path).headers.get(FRESHNESS) == said


# -- what may differ -------------------------------------------------------------------------------


def test_a_dataset_may_have_other_ids_by_soda3(parks: Dataset, ask: Ask) -> None:
    path = SODA3.replace("csv", "json")
    assert [row[":id"] for row in ask(path, PAGE).json()] == parks.ids()
    parks.ids_differ = True
    there = [row[":id"] for row in ask(path, PAGE).json()]

    assert not set(there) & set(parks.ids())
    after = {"query": f"SELECT :id WHERE :id > '{there[0]}' ORDER BY :id"}
    assert [row[":id"] for row in ask(path, after).json()] == there[1:]
    known = {"query": f"SELECT :id WHERE :id IN ('{parks.ids()[0]}')"}
    assert ask(path, known).text == "[\n]\n"


def test_a_dataset_may_have_other_digits_columns_and_names_by_soda3(
    parks: Dataset, ask: Ask
) -> None:
    parks.insert({"name": "far", "at": "POINT (-118.123456789012345 34.5)"})
    query = {"query": "SELECT at, name WHERE name = 'far'"}

    def line(number: int) -> str:
        return ask(SODA3, query).text.splitlines()[number]

    assert line(1).startswith('"POINT (-118.123456789012 34.5)"')
    parks.wkt_decimals = 4
    assert line(1).startswith('"POINT (-118.1235 34.5)"')
    parks.renamed_columns = {"name": "title"}
    parks.unasked_columns = (":version", ":@computed_region_ab12_cd34")
    assert line(0).startswith('"at","title",":id"')
    assert line(0).endswith('":version",":@computed_region_ab12_cd34"')


# -- faults ----------------------------------------------------------------------------------------

STATUSES = [
    (202, "202"),
    (401, "authentication_required"),
    (403, "permission_denied"),
    (404, "not_found"),
    (408, "soql.pg.timeout"),
    (429, "too-many-requests"),
    (500, "internal-error"),
]


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_a_status_is_said_as_soda3_says_it(
    portal: Portal, ask: Ask, status: int, code: str
) -> None:
    portal.faults.add(Fault.status(status, retry_after=1), on="rows")
    answer = ask(SODA3, PAGE)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Retry-After"] == "1"
    assert ask(SODA3, PAGE).status_code == 200


def test_a_fault_may_be_one_interfaces_only(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.status(503), interface="SODA3", times=None)

    assert [ask(path).status_code for path in (SODA2, SODA3, VIEW)] == [200, 503, 200]
    with pytest.raises(ValueError, match="interface is SODA2 or SODA3, not 'SODA1'"):
        portal.faults.add(Fault.status(503), interface="SODA1")


def test_the_faults_of_bodies_and_counts_are_the_same_by_soda3(portal: Portal, ask: Ask) -> None:
    portal.faults.add(Fault.short_page(1), on="rows")
    portal.faults.add(Fault.wrong_count(9), on="count")
    portal.faults.add(Fault.truncated(10), on="rows", after=1)
    count = {"query": "SELECT count(*) AS n"}

    assert ask(SODA3, PAGE).text.count("\n") == 2
    assert ask(SODA3, count).text == '"n"\n"9"\n'
    assert len(ask(SODA3, PAGE).content) == 10
    portal.faults.add(Fault.login_page())
    assert "Sign in" in ask(SODA3, PAGE).text
    portal.faults.add(Fault.reset())
    with pytest.raises(requests.ConnectionError):
        ask(SODA3, PAGE)
    portal.faults.add(Fault.bomb(1000))
    assert len(ask(SODA3, PAGE).content) > 1000
    portal.faults.add(Fault.hang_up(20))
    with pytest.raises(requests.RequestException):
        ask(SODA3, PAGE)
