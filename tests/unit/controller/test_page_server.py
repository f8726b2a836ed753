"""The status page over HTTP: methods, headers, `status.json`, and an operator that has nothing to say."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic.alias_generators import to_camel
from tests.unit.controller.conftest import at
from tests.unit.controller.test_page_html import board_with
from tests.unit.controller.test_servers import Answer, ask

from socratasync import __version__
from socratasync.controller.health import Health
from socratasync.controller.page import document, html
from socratasync.controller.page.board import EVERY, Board, Wanted
from socratasync.controller.page.entry import Entry
from socratasync.controller.page.server import page_app
from socratasync.controller.page.sight import STANDS_BY, NoSight, Sight, look
from socratasync.controller.serving import serving_apart

NOW = at("2026-11-25T12:00")
PAGE = Path(__file__).parents[3] / "docs" / "status-page.md"


def health(**known: Any) -> Health:
    """The probes' knowledge, of an operator that works and is well unless it is said otherwise."""
    made = Health(lambda: NOW, lambda: NOW)
    well = {"watching": True, "answered": NOW, "resynced": NOW}
    for name, value in {**well, **known}.items():
        setattr(made, name, value)
    return made


@contextmanager
def served(board: Board, known: Health) -> Iterator[int]:
    with serving_apart(page_app(board, known, lambda: NOW), 0) as port:
        yield port


def get(line: str, *more: str, board: Board | None = None, known: Health | None = None) -> Answer:
    async def story() -> Answer:
        with served(board or board_with("Harmless", count=60), known or health()) as port:
            return await ask(port, line, *more)

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("GET /", 200),
        ("GET /?namespace=x&trouble=1&page=2", 200),
        ("GET /?page=-1&page=x&namespace=%00%3Cscript%3E&unknown", 200),
        ("HEAD /", 200),
        ("GET /status.json", 200),
        ("HEAD /status.json", 200),
        ("POST /", 405),
        ("PUT /status.json", 405),
        ("DELETE /", 405),
        ("OPTIONS /", 405),
        ("GET /metrics", 404),
        ("GET /page.css", 404),
    ],
)
def test_every_answer_forbids_the_browser_all_that_the_page_does_without(
    line: str, code: int
) -> None:
    found, headers, body = get(line)

    assert found == code
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers
    assert b"<script" not in body
    if line.startswith("HEAD"):
        assert body == b""


@pytest.mark.parametrize(
    ("line", "kind"),
    [("GET /", "text/html"), ("GET /status.json", "application/json")],
)
def test_an_answer_is_packed_for_those_who_take_that(line: str, kind: str) -> None:
    board = board_with("Harmless", count=60)

    _, plain, whole = get(line, board=board)
    _, headers, packed = get(line, "Accept-Encoding: gzip", board=board)

    assert plain["content-type"] == f"{kind}; charset=utf-8"
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == whole
    assert len(packed) < len(whole) / 5


def test_the_query_chooses_the_syncs_and_the_page() -> None:
    first, second = get("GET /")[2].decode(), get("GET /?page=2")[2].decode()

    assert "Page 1 of 3" in first
    assert "Page 2 of 3" in second
    assert "There are no syncs in" in get("GET /?namespace=elsewhere")[2].decode()
    assert 'value="x"' in get("GET /?namespace=x")[2].decode()
    assert "checked" in get("GET /?trouble=1")[2].decode()
    assert "checked" not in first


def test_the_json_tells_all_syncs_that_are_asked_for() -> None:
    board = board_with("Harmless", count=120)

    told = json.loads(get("GET /status.json", board=board)[2])
    none = json.loads(get("GET /status.json?namespace=elsewhere", board=board)[2])

    assert told["version"] == 1
    assert told["operator"] == __version__
    assert told["madeAt"] == told["asOf"] == "2026-11-25T12:00:00Z"
    assert told["outOfDate"] is None
    assert (told["count"], told["needAttention"]) == (120, 120)
    assert told["phases"] == {"Failed": 120}
    assert len({sync["name"] for sync in told["syncs"]}) == 120
    assert told["syncs"][0]["datasets"][0]["sourceUpdatedAt"] == "2026-11-25T07:00:00Z"
    assert (none["count"], none["needAttention"], none["syncs"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        pytest.param({"watching": False, "stood_by": NOW}, STANDS_BY, id="another one works"),
        pytest.param(
            {"watching": False, "unanswered": "no route to host"},
            "The operator has not read the syncs yet (starting: no route to host). Ask again soon.",
            id="it starts, and the API is away",
        ),
        pytest.param(
            {"watching": False},
            "The operator has not read the syncs yet (starting: waiting for the Kubernetes API). "
            "Ask again soon.",
            id="it starts",
        ),
    ],
)
def test_an_operator_that_knows_of_no_sync_says_why_and_shows_none(
    known: dict[str, Any], sentence: str
) -> None:
    code, headers, page = get("GET /", known=health(**known))
    json_code, _, told = get("GET /status.json", known=health(**known))

    assert (code, json_code) == (503, 503)
    assert headers["retry-after"] == "2"
    assert sentence in page.decode()
    assert b"<article" not in page
    assert json.loads(told) == {"version": 1, "error": sentence}


@pytest.mark.parametrize(
    ("known", "connection"),
    [({}, None), ({"watching": False, "stood_by": NOW}, "close")],
    ids=["it works", "another one works"],
)
def test_the_next_try_may_reach_another_operator(
    known: dict[str, Any], connection: str | None
) -> None:
    with served(Board(), health(**known)) as port:
        asked = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            asked.request("GET", "/")
            with asked.getresponse() as answer:
                assert answer.getheader("Connection") == connection
        finally:
            asked.close()


@pytest.mark.parametrize(
    ("known", "sight"),
    [
        pytest.param({}, Sight(now=NOW, seen=NOW), id="all is well"),
        pytest.param(
            {"answered": NOW - timedelta(minutes=2), "unanswered": "no route to host"},
            Sight(now=NOW, seen=NOW - timedelta(minutes=2), out_of_date="no route to host"),
            id="the API is lost",
        ),
        pytest.param(
            {"resynced": NOW - timedelta(hours=1)},
            Sight(
                now=NOW,
                seen=NOW,
                out_of_date="the Kubernetes API has not listed the resources for a while",
            ),
            id="the resources cannot be listed",
        ),
        pytest.param(
            {"watching": False, "stood_by": NOW},
            NoSight(sentence=STANDS_BY, stands_by=True),
            id="stands by",
        ),
    ],
)
def test_what_the_operator_can_say_follows_from_what_it_has_seen(
    known: dict[str, Any], sight: Sight | NoSight
) -> None:
    assert look(health(**known), NOW) == sight


def test_the_json_says_when_it_may_be_out_of_date() -> None:
    seen: datetime = NOW - timedelta(minutes=2)

    told = json.loads(
        b"".join(
            document.write(
                Board().view(), EVERY, Sight(now=NOW, seen=seen, out_of_date="no answer")
            )
        )
    )

    assert told["asOf"] == "2026-11-25T11:58:00Z"
    assert told["outOfDate"] == "no answer"


def test_the_style_sheet_is_the_one_that_the_policy_allows() -> None:
    text = html.render(Board().view(), html.Asked(), Sight(now=NOW))
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)

    assert html.policy_for(style) == html.POLICY


def told_fields(kind: type) -> Iterator[str]:
    """The fields of a part of the document, and of the parts within it."""
    for name, hint in get_type_hints(kind).items():
        if name.startswith("__") or name not in {each.name for each in fields(kind)}:
            continue
        yield to_camel(name)
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner) and isinstance(inner, type):
                yield from told_fields(inner)


def test_the_documentation_names_every_field() -> None:
    page = PAGE.read_text(encoding="utf-8")
    head = json.loads(b"".join(document.write(Board().view(), Wanted(), Sight(now=NOW))))

    missing = [name for name in {*told_fields(Entry), *head} if f"`{name}`" not in page]

    assert missing == []
