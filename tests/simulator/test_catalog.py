"""The catalogue of datasets: what is looked for, page by page, and the shape of an entry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.skipped import NO_REAL_DATA

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]
CATALOG = "/api/catalog/v1"


@pytest.fixture(autouse=True)
def _datasets(portal: Portal) -> None:
    portal.add_dataset("tree-0001", [("name", "text")], name="Street Trees")
    portal.add_dataset("tree-0002", [("name", "text")], name="Trees of Parks")
    portal.add_dataset("cafe-0001", [("name", "text")], name="Cafés")
    portal["tree-0001"].description = "Every tree that a STREET has"
    portal["tree-0002"].type = "filter"
    portal["tree-0002"].provenance = "community"
    portal.add_dataset("priv-0001", [("name", "text")], name="Trees, too").make_private()
    portal.add_dataset("gone-0001", [("name", "text")], name="Trees, once").remove()


def ids(answer: requests.Response) -> list[str]:
    return [entry["resource"]["id"] for entry in answer.json()["results"]]


ALL = ["tree-0001", "tree-0002", "cafe-0001"]
FOUND: list[tuple[dict[str, str | list[str]], list[str]]] = [
    ({}, ALL),
    ({"ids": "cafe-0001,tree-0001,none-0001"}, ["tree-0001", "cafe-0001"]),
    ({"ids": ["cafe-0001", "tree-0001"]}, ["tree-0001", "cafe-0001"]),
    ({"ids": "priv-0001,gone-0001"}, []),
    ({"q": "trees"}, ["tree-0001", "tree-0002"]),
    ({"q": "street every"}, ["tree-0001"]),
    ({"q": "street parks"}, []),
    ({"names": "Cafés"}, ["cafe-0001"]),
    ({"only": "dataset"}, ["tree-0001", "cafe-0001"]),
    ({"only": "datasets,filters"}, ALL),
    ({"provenance": "community"}, ["tree-0002"]),
    ({"domains": "HERE"}, ALL),
    ({"domains": "data.example.org,HERE", "search_context": "HERE"}, ALL),
    ({"domains": "data.example.org"}, []),
    ({"limit": "2"}, ALL[:2]),
    ({"limit": "2", "offset": "2"}, ALL[2:]),
    ({"scroll_id": ""}, sorted(ALL)),
    ({"scroll_id": "cafe-0001", "limit": "1"}, ["tree-0001"]),
]


@pytest.mark.parametrize(("parameters", "expected"), FOUND, ids=[str(p) for p, _ in FOUND])
def test_the_catalogue_has_what_is_looked_for(
    ask: Ask, socrata: Server, parameters: dict[str, Any], expected: list[str]
) -> None:
    here = json.loads(json.dumps(parameters).replace("HERE", socrata.domain))

    assert ids(ask(CATALOG, here)) == expected


def test_the_number_of_results_is_that_of_all_pages(ask: Ask) -> None:
    assert ask(CATALOG, {"limit": "1"}).json()["resultSetSize"] == 3
    assert ask(CATALOG, {"limit": "1", "scroll_id": "tree-0001"}).json()["resultSetSize"] == 3


REFUSED = [
    ({"search_context": "data.example.org"}, 404, "Domain not found: data.example.org"),
    ({"limit": "many"}, 400, "'limit' must be a number"),
    ({"offset": "9999", "limit": "2"}, 400, "use scroll_id"),
]


@pytest.mark.parametrize(("parameters", "status", "sentence"), REFUSED)
def test_what_the_catalogue_cannot_answer_is_refused(
    ask: Ask, parameters: dict[str, str], status: int, sentence: str
) -> None:
    answer = ask(CATALOG, parameters)

    assert answer.status_code == status
    assert sentence in answer.json()["error"]


def test_a_large_catalogue_is_read_to_its_end_by_scrolling(portal: Portal, ask: Ask) -> None:
    names = ("".join(letters) for letters in itertools.product("bcdfghjk", repeat=4))
    for name in itertools.islice(names, 1200):
        portal.add_dataset(f"many-{name}", [("name", "text")])
    found: list[str] = []
    page = ["-"]
    while page:
        found += page
        page = ids(ask(CATALOG, {"limit": "500", "scroll_id": found[-1].strip("-")}))

    assert len(ids(ask(CATALOG))) == 100
    assert found[1:] == sorted(set(portal.datasets) - {"priv-0001", "gone-0001"})


def fits(ours: object, theirs: object) -> bool:
    """Whether every key of one is a key of the other, with a value of the same type."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(fits(v, theirs[k]) for k, v in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return not (ours and theirs) or fits(ours[0], theirs[0])
    return type(ours) is type(theirs) or ours is None or theirs is None


@pytest.mark.parametrize("name", ["catalog_chicago_ids.json", "catalog_nyc_q.json"])
def test_an_entry_has_the_keys_and_types_of_a_recorded_one(
    portal: Portal, ask: Ask, real_folder: Path | None, name: str
) -> None:
    if real_folder is None:
        pytest.skip(NO_REAL_DATA)
    recorded = json.loads((real_folder / name).read_text())
    made = portal.add_dataset("full-0001", [("day", "calendar_date"), ("at", "multiline")])
    made.category, made.tags = "Transport & Streets", ("bus",)
    answer = ask(CATALOG, {"ids": "full-0001"}).json()

    assert fits(
        {k: v for k, v in answer.items() if k != "results"},
        {k: v for k, v in recorded.items() if k != "results"},
    )
    (entry,) = answer["results"]
    for one in recorded["results"]:
        of_page_only = {"columns_format", "license"}
        for part in ("resource", "classification", "owner", "creator"):
            ours, theirs = entry[part], one[part]
            assert ours.keys() == theirs.keys()
            assert all(fits(ours[k], theirs[k]) for k in ours if k not in of_page_only), part
        assert entry["metadata"].keys() <= one["metadata"].keys()
        assert entry.keys() == one.keys()
    words = {word for one in recorded["results"] for word in one["resource"]["columns_datatype"]}
    assert set(entry["resource"]["columns_datatype"]) <= words
    assert entry["link"].endswith("/Transport-Streets/full-0001/full-0001")


def test_an_entry_tells_whose_a_dataset_is_and_so_does_its_description(
    portal: Portal, ask: Ask
) -> None:
    trees = portal["tree-0001"]
    trees.owner, trees.provenance, trees.category = "Ada", "community", "Nature"
    trees.parents, trees.download_count = ("tree-0002",), 7
    (entry,) = ask(CATALOG, {"ids": "tree-0001"}).json()["results"]
    view = ask("/api/views/tree-0001.json").json()

    assert entry["owner"]["display_name"] == view["owner"]["displayName"] == "Ada"
    assert entry["resource"]["provenance"] == view["provenance"] == "community"
    assert entry["classification"]["domain_category"] == view["category"] == "Nature"
    assert entry["resource"]["description"] == view["description"] == trees.description
    assert (entry["resource"]["parent_fxf"], entry["resource"]["download_count"]) == (
        ["tree-0002"],
        7,
    )
