"""Answers that are odd, slow or too much, from a real HTTPS server: each ends as an error that says what to do."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    DeadlineExceeded,
    InvalidQuery,
    InvalidSpec,
    SourceTooSlow,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.answers import KeyGroup
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.soql import Query

ONCE = RetryPolicy(attempts=1)
DATASET = "many-0001"
HURRIED = Timeouts(first_byte=20, silence=20, page=0.3, answer=0.3, refusal=0.2)
JSON = "application/json"


@pytest.fixture(name="many", autouse=True)
def _many(portal: Portal) -> Dataset:
    return portal.add_synthetic(DATASET, 250, seed=5)


@pytest.fixture(name="source")
def _source(socrata: Server) -> Iterator[Source]:
    with closing(Source(socrata.domain, app_token="token", policy=ONCE)) as source:
        yield source


def describe(source: Source) -> object:
    return source.metadata(DATASET)


def count(source: Source) -> object:
    return source.count(DATASET, soql.count(None))


def newest(source: Source) -> object:
    return source.newest(DATASET, Query(select=("max(:updated_at) as newest",)))


def ids(source: Source) -> object:
    return source.existing(DATASET, ["row-aaaa.bbbb-cccc"], by="SODA2")


def groups(source: Source) -> object:
    return source.sharing(DATASET, soql.sharing({"key_1": "srnumber"}, None, 10))


def read(source: Source) -> object:
    query = Query(select=("srnumber", ":updated_at", ":id"), order=":id")
    with source.rows(DATASET, query) as stream:
        return sum(map(len, stream))


Ask = Callable[[Source], object]


# -- slow, and too much -----------------------------------------------------------------------------

SLOW: list[tuple[str, list[Fault], Ask, type[SyncError], str]] = [
    (
        "no first byte",
        [Fault.delayed(30)],
        read,
        SourceTooSlow,
        "in time (spec.source.timeouts); a smaller",
    ),
    (
        "headers that drip",
        [Fault.slow_head(1, 0.05)],
        read,
        SourceTooSlow,
        "in time (spec.source.timeouts); a smaller",
    ),
    ("a count whose headers drip", [Fault.slow_head(1, 0.05)], count, SourceTooSlow, "in time"),
    ("rows that drip", [Fault.slow_drip(3, 0.02)], read, DeadlineExceeded, "more than 0.3 s"),
    ("chunk sizes that drip", [Fault.slow_drip(1, 0.05)], read, DeadlineExceeded, "0.3 s"),
    ("a description that drips", [Fault.slow_drip(3, 0.02)], describe, DeadlineExceeded, "0.3 s"),
    ("a count that drips", [Fault.slow_drip(1, 0.05)], count, DeadlineExceeded, "more than 0.3 s"),
    ("no end", [Fault.endless()], read, SyncError, "a smaller source.pageSize may help"),
    ("gzip of 20 MB", [Fault.bomb(20_000_000)], read, SourceTooSlow, "1,000,000 bytes"),
    (
        "an error that drips",
        [Fault.slow_drip(1, 0.05), Fault.status(500)],
        read,
        SourceUnavailable,
        "HTTP 500",
    ),
    (
        "an error whose headers drip",
        [Fault.slow_head(1, 0.05), Fault.status(500)],
        read,
        SourceTooSlow,
        "in time",
    ),
    (
        "a firewall's page that drips",
        [Fault.slow_drip(40, 0.1), Fault.firewall()],
        count,
        SourceUnavailable,
        "firewall",
    ),
    (
        "a private dataset told slowly",
        [Fault.slow_drip(9, 0.1), Fault.status(403)],
        count,
        AuthenticationFailed,
        "private",
    ),
]


def test_silence_in_a_body_is_not_waited_for(portal: Portal, socrata: Server) -> None:
    portal.faults.add(Fault.slow_drip(400, 30), times=2)
    quick = Timeouts(silence=0.1)
    with closing(Source(socrata.domain, policy=ONCE, timeouts=quick)) as source:
        for ask in (read, describe):
            with pytest.raises(SourceTooSlow, match="in time"):
                ask(source)


@pytest.mark.parametrize(
    ("faults", "ask", "error", "said"), [s[1:] for s in SLOW], ids=[s[0] for s in SLOW]
)
def test_what_is_slow_or_does_not_end_has_a_limit(
    portal: Portal,
    socrata: Server,
    faults: list[Fault],
    ask: Ask,
    error: type[SyncError],
    said: str,
) -> None:
    for fault in faults:
        portal.faults.add(fault)
    is_about_the_head = "in time" in said
    timeouts = replace(HURRIED, first_byte=0.2) if is_about_the_head else HURRIED
    began = time.monotonic()

    with (
        closing(Source(socrata.domain, policy=ONCE, timeouts=timeouts, page_bytes=10**6)) as source,
        pytest.raises(error) as caught,
    ):
        ask(source)

    assert said in caught.value.message
    assert caught.value.exit_code in (75, 77)
    assert time.monotonic() - began < 20


def test_a_small_answer_is_not_unpacked_for_ever(portal: Portal, source: Source) -> None:
    bomb = gzip.compress(b"[" + b" " * 18_000_000)
    for ask in (describe, count, newest, ids):
        portal.faults.add(Fault.answer(bomb, headers={"Content-Encoding": "gzip"}))

        with pytest.raises(SourceUnavailable, match="longer than 16,777,216 bytes unpacked"):
            ask(source)


def test_an_error_is_not_unpacked_for_ever(portal: Portal, source: Source) -> None:
    bomb = gzip.compress(b"<html>" + b" " * 18_000_000)
    packed = {"Content-Encoding": "gzip"}
    portal.faults.add(Fault.answer(bomb, 503, content_type="text/html", headers=packed))

    with pytest.raises(SourceUnavailable, match="HTTP 503"):
        count(source)


def test_one_connection_serves_all_good_answers(source: Source, socrata: Server) -> None:
    for ask in (describe, count, ids, read, read, count):
        ask(source)

    assert socrata.connections == 1


# -- JSON that is not what was asked for ------------------------------------------------------------

DEEP = "[" * 100_000
MANY = "9" * 6000
ODD = [
    "",
    "null",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "7",
    '"text"',
    DEEP,
    '{"a":' * 50_000,
    "\ufeff",
    "[{}",
    "NaN",
    '[{"source_rows":null,":id":null,"newest":7}]',
    '[{"source_rows":"-1",":id":{},"newest":"soon"}]',
    f'[{{"source_rows":"{MANY}",":id":"{MANY}","newest":"9999-99-99"}}]',
    f'[{{"source_rows":{MANY},":id":7,"newest":"0001-01-01T00:00:00+14:00"}}]',
    '[{"source_rows":NaN,":id":NaN,"newest":NaN}]',
    '[{"source_rows":"1","newest":"\\ud800",":id":"\\ud800"},{"source_rows":"2"}]',
    '[{"source_rows":1e3,"newest":[]}]',
    '{"columns":7}',
    '{"columns":[7]}',
    '{"columns":[{"fieldName":7}]}',
    '{"columns":[{"fieldName":"\\ud800"}]}',
    '{"columns":[{"fieldName":"a\\u0000b"}]}',
    '{"columns":[{"fieldName":"a","dataTypeName":"te\\u001bxt"}]}',
    '{"columns":[{"fieldName":"a"},{"fieldName":"a"}]}',
    f'{{"columns":[{{"fieldName":"a","position":{MANY}}}]}}',
    '{"columns":[{"fieldName":"a"}],"rowsUpdatedAt":NaN}',
    '{"columns":[{"fieldName":"a"}],"rowsUpdatedAt":1e300}',
    '{"columns":[{"fieldName":"a"}],"name":{"deep":[]}}',
]


def test_json_of_another_shape_gets_no_further(portal: Portal, source: Source) -> None:
    none: dict[Ask, object] = {ids: set(), groups: []}
    for ask in (describe, count, newest, ids, groups):
        for body in ODD:
            portal.faults.add(Fault.answer(body.encode()))
            if body == "[]" and ask in none:
                assert ask(source) == none[ask]
                continue
            with pytest.raises((SourceUnavailable, DatasetNotFound)) as caught:
                ask(source)
            assert len(caught.value.message) < 400, body[:80]


def test_groups_without_a_number_are_none(portal: Portal, source: Source) -> None:
    for body in (
        '[{"rows_of_key":-1,"key_1":"a"}]',
        f'[{{"rows_of_key":"{MANY}","key_1":"a"}}]',
        '[{"rows_of_key":"2","key_1":"\\ud800"}]',
    ):
        portal.faults.add(Fault.answer(body.encode()))
        with pytest.raises(SourceUnavailable, match="keys of"):
            groups(source)


@pytest.mark.parametrize(
    ("body", "ask", "found"),
    [
        ('\ufeff[{"source_rows":"12"}]', count, 12),
        ('[{"source_rows":12}]', count, 12),
        ("[{}]", newest, None),
        ('[{"newest":null}]', newest, None),
        ('[{":id":"row-a","more":[1]}]', ids, {"row-a"}),
        (
            '[{"rows_of_key":2,"key_1":{"a":[1]}},{"rows_of_key":"1"}]',
            groups,
            [KeyGroup(key={"key_1": '{"a": [1]}'}, rows=2), KeyGroup(key={}, rows=1)],
        ),
    ],
)
def test_json_that_says_it_in_another_way_is_read(
    portal: Portal, source: Source, body: str, ask: Ask, found: object
) -> None:
    portal.faults.add(Fault.answer(body.encode()))

    assert ask(source) == found


WRONG_CONTENT = [
    ("text/html", "<html>"),
    ("", "{}"),
    ("text/plain", "[]"),
    ("\u00e9" * 300, "[]"),
]


@pytest.mark.parametrize(("kind", "body"), WRONG_CONTENT)
@pytest.mark.parametrize("ask", [describe, count, read])
def test_content_of_another_kind_is_no_data(
    portal: Portal, source: Source, kind: str, body: str, ask: Ask
) -> None:
    portal.faults.add(Fault.answer(body, content_type=kind))

    with pytest.raises(SourceUnavailable, match="instead of data"):
        ask(source)


def test_json_is_no_page_of_rows_and_csv_no_count(portal: Portal, source: Source) -> None:
    portal.faults.add(Fault.answer('{"error":true}'))
    portal.faults.add(Fault.answer('"source_rows"\n"1"\n', content_type="text/csv"))

    with pytest.raises(SourceUnavailable, match="application/json"):
        read(source)
    with pytest.raises(SourceUnavailable, match="text/csv"):
        count(source)


# -- assets without rows ----------------------------------------------------------------------------

ASSETS: list[tuple[dict[str, Any], str]] = [
    ({"viewType": "blobby", "displayType": "blob", "assetType": "file"}, "but a file"),
    ({"viewType": "href", "displayType": "href", "assetType": "href"}, "a link to another site"),
    ({"viewType": "story", "assetType": "story"}, "but a story"),
    ({"viewType": "geo", "displayType": "map", "assetType": "map"}, "but a map"),
    ({"columns": [], "displayType": "chart", "assetType": "chart"}, "but a chart"),
    ({"columns": [], "assetType": "hologram", "displayType": None}, "perhaps a map, a chart"),
    ({"query": {"groupBys": [{"columnId": 1}]}}, "groups rows, which have no :id"),
]


@pytest.mark.parametrize(("metadata", "said"), ASSETS)
def test_an_asset_without_rows_is_told_by_its_kind(
    source: Source, many: Dataset, metadata: dict[str, Any], said: str
) -> None:
    many.metadata = {**metadata, "name": "Requests"}

    with pytest.raises(DatasetNotFound) as caught:
        describe(source)

    assert f"{DATASET} (Requests) is" in caught.value.message
    assert said in caught.value.message
    assert "write the id of the dataset that it was made from" in caught.value.message


def test_a_table_that_is_shown_as_a_map_is_a_table(source: Source, many: Dataset) -> None:
    many.metadata = {"viewType": "tabular", "displayType": "map", "assetType": "map"}

    assert source.metadata(DATASET).columns


# -- redirects --------------------------------------------------------------------------------------

HERE = f"/api/views/{DATASET}.json"


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (301, f"https://data.newtown.gov{HERE}", "write data.newtown.gov in spec.domain"),
        (302, f"https://data.newtown.gov{HERE}", "may be under maintenance"),
        (308, f"https://169.254.169.254{HERE}", "to a host that is not public"),
        (307, None, "does not say where to go"),
        (302, HERE, "in a circle"),
        (303, "https://[oops", "an address that is none"),
        (302, "https://a.gov/ \u00e9", "an address that is none"),
    ],
)
def test_a_redirect_is_judged_and_its_body_never_read(
    portal: Portal, source: Source, status: int, location: str | None, said: str
) -> None:
    headers = {} if location is None else {"Location": location}
    portal.faults.add(Fault.slow_drip(1, 60), times=None)
    portal.faults.add(Fault.answer("x" * 100, status, headers=headers), times=None)

    with pytest.raises((InvalidSpec, SourceUnavailable), match=said):
        describe(source)

    assert len(portal.requests) <= 6


def test_a_redirect_within_the_portal_is_followed_with_the_token(
    portal: Portal, source: Source, many: Dataset
) -> None:
    many.make_private()
    portal.accounts["ada"] = "secret"
    account = Source(source.domain, credentials=("ada", "secret"), policy=ONCE)
    portal.faults.add(Fault.redirect(f"https://{source.domain}{HERE}", 301))

    with closing(account):
        assert account.metadata(DATASET).id == DATASET
    assert len(portal.requests) == 2


def test_a_redirect_of_rows_keeps_to_the_new_address(portal: Portal, source: Source) -> None:
    portal.faults.add(Fault.redirect(f"/resource/{DATASET}.csv?$select=:id&$limit=3"))

    with source.rows(DATASET, Query(select=("srnumber",))) as stream:
        lines = b"".join(stream).splitlines()

    assert lines[0] == b'":id"'
    assert len(lines) == 4


# -- a proxy that wants a log-in --------------------------------------------------------------------


class _Proxy(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(65536)
        self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


def test_a_proxy_that_wants_a_password_is_told_apart_from_the_portal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with (
            closing(Source("data.newtown.gov", policy=ONCE)) as source,
            pytest.raises(AuthenticationFailed, match=r"the proxy wants .* HTTPS_PROXY"),
        ):
            describe(source)
        proxy.shutdown()


# -- queries that are too long ----------------------------------------------------------------------


def wide(portal: Portal, columns: int) -> Dataset:
    names = [f"a_column_with_quite_a_long_name_{n:04d}" for n in range(columns)]
    row = {name: str(n) for n, name in enumerate(names)}
    return portal.add_dataset("wide-0001", [(name, "text") for name in names], [row])


def test_a_query_that_is_too_long_says_what_to_do(portal: Portal, source: Source) -> None:
    dataset = wide(portal, 300)
    names = [f.name for f in dataset.fields]

    with (
        pytest.raises(InvalidQuery, match=r"too long for the portal .*target\.fields"),
        source.rows("wide-0001", Query(select=tuple(names))),
    ):
        pass


def test_what_a_message_quotes_is_json_or_less(portal: Portal, source: Source) -> None:
    """Other shapes of error than Socrata's are quoted, and end in a sentence."""
    for body in (
        '{"error":{"message":"x"}}',
        '{"errors":["x"]}',
        '{"message":{"a":1}}',
        '{"code":7}',
    ):
        portal.faults.add(Fault.answer(body, 400))
        with pytest.raises(InvalidQuery) as caught:
            count(source)
        assert json.dumps(json.loads(body), separators=(",", ":")) in caught.value.message
