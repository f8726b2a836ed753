"""The status page as a browser parses it: nothing that a status says gets out of its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.controller.conftest import at

from socratasync.api.status_words import Phase
from socratasync.controller.observed.resource import read_resource
from socratasync.controller.page import html
from socratasync.controller.page.board import EVERY, Board, Wanted
from socratasync.controller.page.entry import readable
from socratasync.controller.page.sight import NoSight, Sight

NOW = at("2026-11-25T12:00")
SIGHT = Sight(now=NOW, seen=NOW)
ALL = html.Asked()
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></textarea><!--",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; &#60;",
    "javascript:alert(1)",
    "line\nbreak\ttab\x00nul",
    "\u202ereversed\u2066",
    "]]>\u2028<svg onload=alert(1)>",
)


def board_with(text: str, *, names: str = "x", count: int = 1) -> Board:
    """A sync all of whose texts are this one, and a number of everything. Names are Kubernetes', which are
    held to letters, digits and dashes, but for ``names``, of a server that lets anything pass."""
    board = Board()
    for number in range(count):
        board.observe(read_resource(_object(text, f"{names}-{number}", names)))
    return board


def _object(text: str, name: str, namespace: str) -> dict[str, Any]:
    moment = "2026-11-25T07:00:00Z"
    run = {"start": moment, "end": moment, "result": "Failed", "reason": text[:64]}
    said = {"message": text, "lastTransitionTime": moment}
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": "1", "resourceVersion": "1"},
        "status": {
            "phase": "Failed",
            "observedSchedule": text[:256],
            "conditions": [
                {"type": "Stalled", "status": "True", "reason": "Broken", **said},
                {
                    "type": "Fresh",
                    "status": "False",
                    "reason": "Stale",
                    **said,
                    "message": f"2{text}",
                },
            ],
            "datasets": [
                {
                    "id": f"4x4{text}"[:64],
                    "year": 2020,
                    "sourceUpdatedAt": moment,
                    "frozenColumnCount": 2,
                    "error": {"reason": "Broken", "message": text},
                }
            ],
            "activeRun": {
                "start": moment,
                "reason": text[:64] or None,
                "message": f"3{text}",
                "progress": {"stage": f"4{text}"[:64], "rows": 1, "total": 9, "percent": 11.1},
            },
            "lastRun": {"warnings": [f"5{text}"]},
            "history": [run, {**run, "result": text[:20]}, {**run, "start": None}],
        },
    }


def parsed(board: Board, asked: html.Asked = ALL, sight: Sight = SIGHT) -> Element:
    """The page as a browser understands it; what is no HTML is an error."""
    return parse(html.render(board.view(), asked, sight))


def parse(text: str) -> Element:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    found: Element = parser.parse(text)
    return found


def skeleton(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and the names of their attributes, in order: all that a text must not change."""
    return [(str(each.tag), tuple(sorted(map(str, each.attrib)))) for each in page.iter()]


def texts(page: Element) -> str:
    return "\n".join(page.itertext())


def elements(page: Element, tag: str) -> Iterator[Element]:
    return (each for each in page.iter() if str(each.tag).rpartition("}")[2] == tag)


HARMLESS = skeleton(parsed(board_with("Harmless")))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is_and_changes_nothing(text: str) -> None:
    page = parsed(board_with(text))

    assert skeleton(page) == HARMLESS
    shown = re.sub("[\x00\t\u2028\u202e\u2066]", "\ufffd", text)
    assert texts(page).count(shown) >= 5


@pytest.mark.parametrize("text", [readable(text) for text in HOSTILE])
def test_a_hostile_name_or_query_changes_nothing(text: str) -> None:
    board = board_with("Harmless", names=text)
    asked = html.Asked(wanted=Wanted(namespace=text))

    page = parsed(board, asked)

    assert skeleton(page) == skeleton(
        parsed(board_with("Harmless"), html.Asked(wanted=Wanted(namespace="x")))
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_no_text_of_a_status_breaks_out_of_its_place(text: str) -> None:
    assert skeleton(parsed(board_with(f"a{text}"))) == HARMLESS


def test_there_is_nothing_to_run_and_nothing_to_fetch() -> None:
    page = parsed(board_with("Harmless", count=60))

    found = {str(each.tag).rpartition("}")[2] for each in page.iter()}
    assert not found & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "image",
        "use",
    }
    for each in page.iter():
        assert not [name for name in each.attrib if str(name).startswith("on")]
        assert not {"style", "src", "srcset", "xlink:href"} & {str(name) for name in each.attrib}
        assert each.attrib.get("href", "?").startswith("?")
    assert len(list(elements(page, "style"))) == 1


def test_every_table_has_headers_every_field_a_label_and_every_part_a_landmark() -> None:
    page = parsed(board_with("Harmless", count=60))

    assert page.attrib["lang"] == "en"
    for once in ("header", "main", "nav", "footer", "h1"):
        assert len(list(elements(page, once))) == 1
    for table in elements(page, "table"):
        assert {each.attrib["scope"] for each in elements(table, "th")} == {"col", "row"}
    for field in elements(page, "input"):
        assert any(field in list(label.iter()) for label in elements(page, "label"))
    for drawn in elements(page, "svg"):
        assert drawn.attrib["role"] == "img"
        assert drawn.attrib["aria-label"].startswith("The last 3 runs: ")
    ids = [each.attrib["id"] for each in page.iter() if "id" in each.attrib]
    assert len(ids) == len(set(ids))
    named = [each.attrib["aria-labelledby"] for each in elements(page, "article")]
    assert set(named) <= set(ids)


def test_every_time_is_told_to_programs_in_utc() -> None:
    page = parsed(board_with("Harmless"))

    told = [each.attrib["datetime"] for each in elements(page, "time")]
    assert set(told) == {"2026-11-25T07:00:00Z", "2026-11-25T12:00:00Z"}


@pytest.mark.parametrize(
    ("page", "shown", "links"),
    [
        (1, (0, 25), {"next": "2"}),
        (2, (25, 50), {"prev": "1", "next": "3"}),
        (3, (50, 60), {"prev": "2"}),
        (0, (0, 25), {"next": "2"}),
        (9_999_999, (50, 60), {"prev": "2"}),
    ],
)
def test_many_syncs_are_shown_page_by_page(
    page: int, shown: tuple[int, int], links: dict[str, str]
) -> None:
    asked = html.Asked(wanted=Wanted(namespace="a b&c", in_need=True), page=page)
    board = board_with("Harmless", names="a b&c", count=60)

    found = parsed(board, asked)

    names = ["".join(each.itertext()).split("/")[1] for each in elements(found, "h2")]
    assert names == sorted(f"a b&c-{number}" for number in range(60))[slice(*shown)]
    given_ = {each.attrib["rel"]: each.attrib["href"] for each in elements(found, "a")}
    assert set(given_) == set(links)
    for rel, number in links.items():
        query = parse_qs(given_[rel].removeprefix("?"))
        assert query == {"namespace": ["a b&c"], "trouble": ["1"], "page": [number]}


@pytest.mark.parametrize(
    ("board", "asked", "says"),
    [
        pytest.param(Board(), EVERY, "There are no syncs .", id="none at all"),
        pytest.param(
            Board(), Wanted(namespace="x"), "There are no syncs in x .", id="none in a namespace"
        ),
        pytest.param(board_with("a"), EVERY, "1 of 1 sync needs attention .", id="one in need"),
        pytest.param(
            board_with("a", count=3),
            Wanted(namespace="x", in_need=True),
            "3 of 3 syncs need attention in x .",
            id="all in need",
        ),
    ],
)
def test_the_first_sentence_says_how_all_of_it_stands(
    board: Board, asked: Wanted, says: str
) -> None:
    page = parsed(board, html.Asked(wanted=asked))

    (sum_,) = (each for each in elements(page, "p") if each.attrib.get("class") == "sum")
    said = " ".join(" ".join(sum_.itertext()).replace(".", " . ").split())
    assert said.startswith(says)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (NOW - timedelta(minutes=10), "The Kubernetes API last answered 10 minutes ago"),
        (None, "The Kubernetes API has not answered yet"),
    ],
)
def test_a_page_that_may_be_out_of_date_says_since_when_and_why(
    seen: datetime | None, says: str
) -> None:
    late = replace(SIGHT, seen=seen, out_of_date="no answer <b>")

    page = " ".join(texts(parsed(board_with("Harmless"), sight=late)).split())

    assert "This may be out of date." in page
    assert says in page
    assert "no answer <b>" in page
    assert "out of date" not in texts(parsed(board_with("Harmless")))


def test_an_operator_that_knows_nothing_says_so_and_why() -> None:
    page = parse(html.render_nothing(NoSight(sentence="It <stands> by.")))

    assert "It <stands> by." in texts(page)
    assert not list(elements(page, "article"))


def test_phases_have_words_of_their_own() -> None:
    board = Board()
    for phase in Phase:
        body = _object("a", phase.value.lower(), "x")
        body["status"] = {"phase": phase.value}
        board.observe(read_resource(body))

    page = parsed(board)

    badges = [
        "".join(p.itertext()) for p in elements(page, "p") if p.attrib.get("class") == "badge"
    ]
    assert len(set(badges)) == len(Phase)
