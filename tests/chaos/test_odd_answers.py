"""Whatever a portal, or somebody in its place, answers: it ends as data or as an error that says what happens next,
soon, and never as an internal one."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chaos.length import at_length
from tests.interfaces import Interface

from socrata_simulator.http.server import Server
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.errors import SyncError
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.soql import Query

DATASET = "park-0001"
HURRIED = Timeouts(connect=5, first_byte=0.2, silence=0.2, page=0.4, answer=0.4, refusal=0.2)
ODD_TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)

WORDS = st.sampled_from(
    "columns fieldName dataTypeName position flags name rowsUpdatedAt viewType assetType displayType query "
    "groupBys source_rows newest :id error code message errorCode data column".split()
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["2024-01-01T00:00:00.000Z", "12", "row-a.b-c", "query.soql.no-such-column"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
BODIES: st.SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=200),
    VALUES.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: ("\ufeff" + json.dumps([value])).encode()),
    st.sampled_from(
        [
            b"",
            b"[" * 50_000,
            b"9" * 6000,
            b'{"message":"\\ud800","code":"\\udfff"}',
            b"<html><head><title>Sorry</title></head></html>",
            b'"srnumber",":updated_at",":id"\n"1","2024-01-01T00:00:00.000Z","row-a"\n',
            gzip.compress(b" " * 500_000),
        ]
    ),
    st.binary(max_size=100).map(gzip.compress),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br", "gzip, gzip", ""])
        | ODD_TEXT,
        "Content-Length": st.sampled_from(["0", "5", "99999999", "-1", "5, 5", "\xb2"]),
        "Transfer-Encoding": st.sampled_from(["chunked", "identity", "gzip"]),
        "Location": st.sampled_from(
            ["/x", f"/resource/{DATASET}.csv", "https://[", "//a.gov", "https://10.0.0.1/", "%"]
        )
        | ODD_TEXT,
        "Set-Cookie": ODD_TEXT,
        "Retry-After": st.sampled_from(["0", "-1", "9" * 5000, "Thu, 01 Jan 1970 00:00:00 GMT"]),
        "X-SODA2-Data-Out-Of-Date": st.just("true"),
        "Last-Modified": st.just("Fri, 31 Dec 9999 23:59:59 -1400") | ODD_TEXT,
    },
)
KINDS = st.sampled_from(
    [
        "application/json;charset=utf-8",
        "application/json",
        "text/csv; charset=UTF-8",
        "text/html",
        "",
    ]
)
STATUSES = st.one_of(
    st.just(200),
    st.sampled_from(
        [
            202,
            204,
            206,
            301,
            302,
            304,
            307,
            400,
            401,
            403,
            404,
            407,
            409,
            413,
            414,
            429,
            431,
            500,
            503,
        ]
    ),
    st.integers(100, 999),
)


def rows(source: Source) -> object:
    query = Query(select=("name", ":updated_at", ":id"), order=":id")
    with source.rows(DATASET, query) as stream:
        size = sum(map(len, stream))
        return size, stream.last_id, stream.replica, stream.end_is_certain, stream.wire_bytes


ASKS: list[Callable[[Source], object]] = [
    rows,
    lambda source: source.metadata(DATASET),
    lambda source: source.count(DATASET, Query(select=("count(*) as source_rows",))),
    lambda source: source.newest(DATASET, Query(select=("max(:updated_at) as newest",))),
    lambda source: source.existing(DATASET, ["row-a.b-c"], by=source.interface(DATASET)),
    lambda source: list(source.catalogue([DATASET])),
    lambda source: list(source.search("parks")),
    lambda source: source.heading(DATASET),
    lambda source: source.has_columns(DATASET, ["name"]),
]


@pytest.fixture(name="source")
def _source(portal: Portal, socrata: Server, socrata_interface: Interface) -> Iterator[Source]:
    portal.add_dataset(DATASET, [("name", "text")], [{"name": "Griffith"}])
    source = Source(
        socrata.domain,
        api=socrata_interface,
        app_token="token",
        policy=RetryPolicy(attempts=1),
        timeouts=HURRIED,
        page_bytes=300_000,
    )
    with closing(source):
        yield source


@at_length(2000, short=120)
@given(body=BODIES, status=STATUSES, kind=KINDS, headers=HEADERS, ask=st.sampled_from(ASKS))
def test_no_answer_whatever_is_an_internal_error_or_goes_on_for_ever(
    portal: Portal,
    source: Source,
    body: bytes,
    status: int,
    kind: str,
    headers: dict[str, Any],
    ask: Callable[[Source], object],
) -> None:
    portal.faults.clear()
    closes = {**headers, "Connection": "close"}
    portal.faults.add(Fault.answer(body, status, content_type=kind, headers=closes))
    began = time.monotonic()

    told: SyncError | None = None
    try:
        ask(source)
    except SyncError as exc:
        told = exc

    assert time.monotonic() - began < 5
    assert told is None or told.exit_code in (65, 75, 77, 78)
    assert told is None or 0 < len(told.message.encode()) < 1500
