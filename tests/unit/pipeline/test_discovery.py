"""What is asked of the catalogue, and how its pages are walked through, whatever it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    InvalidAppToken,
    InvalidQuery,
    SourceThrottled,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source import discovery
from socratasync.pipeline.source.catalogue import CatalogueEntry, CataloguePage

DOMAIN = "data.example.org"


def made(number: int, domain: str = DOMAIN) -> CatalogueEntry:
    return CatalogueEntry(id=f"data-{number:04}", domain=domain, name="Parks", type="dataset")


class Catalogue:
    """A catalogue of so many entries that gives no more than ``most`` at a time."""

    def __init__(self, entries: Sequence[CatalogueEntry], most: int = 1000) -> None:
        self.entries, self.most = entries, most
        self.asked: list[Mapping[str, str]] = []

    def __call__(self, question: Mapping[str, str]) -> CataloguePage:
        self.asked.append(question)
        start = int(question["offset"])
        found = self.entries
        if "ids" in question:
            found = [e for e in found if e.id in question["ids"].split(",")]
        end = start + min(int(question["limit"]), self.most)
        return CataloguePage(entries=tuple(found[start:end]), found=len(found))


def searched(
    catalogue: Callable[[Mapping[str, str]], CataloguePage], most: int = 10_000
) -> list[str]:
    question = discovery.by_words("parks")
    return [e.id for e in discovery.walk(catalogue, DOMAIN, question, most=most)]


def test_a_question_is_about_the_domain_s_own_datasets() -> None:
    catalogue = Catalogue([made(1)])

    searched(catalogue)

    assert catalogue.asked == [
        {
            "q": "parks",
            "only": "dataset",
            "domains": DOMAIN,
            "search_context": DOMAIN,
            "limit": "100",
            "offset": "0",
        }
    ]


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        (discovery.by_words(" "), {"only": "dataset"}),
        (discovery.by_name("City parks"), {"names": "City parks", "only": "dataset"}),
        (discovery.by_ids(["park-0001", "lake-0001"]), {"ids": "park-0001,lake-0001"}),
    ],
)
def test_there_are_three_kinds_of_questions(
    question: dict[str, str], asked: dict[str, str]
) -> None:
    assert question == asked


@pytest.mark.parametrize(
    ("most", "at_a_time"), [(10_000, 1000), (10_000, 7), (251, 100), (250, 1000)]
)
def test_every_entry_comes_once_and_in_order(most: int, at_a_time: int) -> None:
    catalogue = Catalogue([made(n) for n in range(250)], at_a_time)

    assert searched(catalogue, most) == [made(n).id for n in range(250)]


@pytest.mark.parametrize("most", [0, 1, 99, 100, 101, 249])
def test_no_more_come_than_are_wanted(most: int) -> None:
    catalogue = Catalogue([made(n) for n in range(250)])

    assert searched(catalogue, most) == [made(n).id for n in range(most)]
    assert len(catalogue.asked) == -(-most // 100)
    assert all(int(question["limit"]) <= max(most, 1) for question in catalogue.asked)


def test_a_page_is_not_asked_for_before_it_is_wanted() -> None:
    catalogue = Catalogue([made(n) for n in range(250)])
    entries = discovery.walk(catalogue, DOMAIN, discovery.by_words(""))

    next(entries)

    assert len(catalogue.asked) == 1


def test_further_down_than_the_first_ten_thousand_nobody_looks() -> None:
    catalogue = Catalogue([made(n) for n in range(10_050)])

    assert len(searched(catalogue, 20_000)) == discovery.MOST
    assert catalogue.asked[-1]["offset"] == "9900"


def test_an_entry_that_moved_to_the_next_page_meanwhile_comes_once() -> None:
    pages = [[made(n) for n in range(100)], [made(99), made(99), made(100)]]

    def moving(question: Mapping[str, str]) -> CataloguePage:
        return CataloguePage(entries=tuple(pages.pop(0)), found=103)

    assert searched(moving) == [made(n).id for n in range(101)]


def test_an_entry_of_another_domain_is_left_out_and_costs_no_place() -> None:
    strange = [made(1, "data.elsewhere.org"), made(2, "Data.Example.ORG"), made(3)]

    assert searched(Catalogue(strange), 2) == [made(2).id, made(3).id]


def test_a_page_that_repeats_what_was_there_is_a_circle() -> None:
    same = CataloguePage(entries=(made(1), made(2)), found=500)

    with pytest.raises(
        SourceUnavailable, match=r"catalogue of data\.example\.org lead in a circle"
    ):
        searched(lambda question: same)


def test_pages_that_hold_next_to_nothing_end() -> None:
    catalogue = Catalogue([made(n) for n in range(9000)], 1)

    with pytest.raises(SourceUnavailable, match="do not end"):
        searched(catalogue)

    assert len(catalogue.asked) == discovery.MOST_PAGES


def test_an_empty_page_is_the_end_whatever_was_promised() -> None:
    empty = CataloguePage(entries=(), found=500)

    assert searched(lambda question: empty) == []


def test_many_ids_are_asked_for_in_parts_and_each_once() -> None:
    catalogue = Catalogue([made(n) for n in range(0, 200, 2)], 20)
    ids = [made(n).id for n in range(120)] * 2

    found = [e.id for e in discovery.look_up(catalogue, DOMAIN, ids)]

    assert sorted(found) == [made(n).id for n in range(0, 120, 2)]
    assert len({question["ids"] for question in catalogue.asked}) == 3
    assert all(len(question["ids"]) < 600 for question in catalogue.asked)


def test_what_was_not_asked_for_does_not_come() -> None:
    deaf = CataloguePage(entries=(made(1), made(2)), found=2)

    found = list(discovery.look_up(lambda question: deaf, DOMAIN, [made(2).id, made(3).id]))

    assert found == [made(2)]


@pytest.mark.parametrize("error", [AuthenticationFailed, DatasetNotFound, InvalidQuery])
def test_a_catalogue_that_refuses_is_no_fault_of_the_manifest(error: type[SyncError]) -> None:
    def refuse() -> CataloguePage:
        raise error("HTTP 4xx for /api/catalog/v1: no")

    with pytest.raises(
        SourceUnavailable, match=r"catalogue of data\.example\.org does not answer: "
    ):
        discovery.answered(DOMAIN, refuse)


@pytest.mark.parametrize("error", [InvalidAppToken, SourceThrottled])
def test_what_else_a_portal_says_stays_what_it_is(error: type[SyncError]) -> None:
    def refuse() -> CataloguePage:
        raise error("no")

    with pytest.raises(error):
        discovery.answered(DOMAIN, refuse)
