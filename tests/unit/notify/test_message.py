"""What people read: which sync, what, since when, what to do. The same for all channels."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from tests.news_samples import DATASET, RUN, news, trouble

from socratasync.api.notify import Occasion
from socratasync.contract.news import DatasetNews
from socratasync.notify.message import SENTENCE, Message, compose
from socratasync.notify.occasions import WORDINGS

PAGES = "https://docs.example.org/runbooks/"


def told(**changes: Any) -> Message:
    return compose(news(**changes), PAGES)


def text(message: Message) -> str:
    return "\n".join(f"{p.head}: {p.text} {p.page or ''}".strip() for p in message.paragraphs)


def test_a_failure_says_which_sync_what_since_when_and_what_to_do() -> None:
    message = told(begun=(trouble(),), run=RUN, datasets=(DATASET,))

    assert (message.tone, message.title) == ("bad", "data/la-311: sync does not work")
    assert text(message).splitlines() == [
        "Failure: SourceUnavailable, since 2026-11-30 07:00 UTC: data.lacity.org answered HTTP 503; look at its "
        "page https://docs.example.org/runbooks/SocrataSyncFailed.md",
        "Look: kubectl -n data describe socratasync la-311",
        "Run: la-311-29402880 (Schedule, update): Failed, 2026-11-30 07:00 UTC to 2026-11-30 07:05 UTC",
        "Portal: data.lacity.org",
        "rq3b-xjk8 (2020): 2 new, 1 changed, 0 deleted, 1,491,823 in the table, 1,491,823 at the source",
    ]


def test_a_recovery_says_what_is_over_and_since_when_it_was() -> None:
    message = told(over=(trouble(), trouble("Stale", reason="Stale")))

    assert (message.tone, message.title) == (
        "good",
        "data/la-311: sync works again, data is fresh again",
    )
    assert text(message).splitlines()[:2] == [
        "Over: Failure: SourceUnavailable, since 2026-11-30 07:00 UTC:",
        "Over: Stale, since 2026-11-30 07:00 UTC:",
    ]
    assert "kubectl" not in text(message)


def test_a_success_has_the_counts_of_all_datasets() -> None:
    other = DatasetNews(id="pvft-t768", inserted=1000)

    message = told(succeeded=True, datasets=(DATASET, other))

    assert (message.tone, message.title) == ("good", "data/la-311: new data")
    assert "Rows: 1,002 new, 1 changed, 0 deleted" in text(message)


def test_several_troubles_are_one_message() -> None:
    message = told(begun=(trouble(), trouble("SchemaChanged", reason="SchemaChanged")))

    assert message.title == "data/la-311: sync does not work, columns are not as agreed"


def test_outside_a_cluster_the_command_is_another_and_there_is_no_namespace() -> None:
    message = told(namespace=None, begun=(trouble(),))

    assert message.title == "la-311: sync does not work"
    assert "Look: socratasync status -f FILE" in text(message)


@pytest.mark.parametrize("occasion", sorted(WORDINGS))
def test_every_occasion_has_words_and_a_page(occasion: Occasion) -> None:
    message = told(begun=(trouble(occasion, reason="Some"),))

    assert WORDINGS[occasion].wrong in message.title
    assert message.paragraphs[0].page == f"{PAGES}{WORDINGS[occasion].runbook}.md"
    assert WORDINGS[occasion].over in told(over=(trouble(occasion),)).title


def test_every_occasion_that_begins_and_ends_is_in_the_table() -> None:
    assert {*WORDINGS} == {*get_args(Occasion)} - {"Recovery", "Success"}


def test_datasets_that_failed_come_first_and_many_are_summed_up() -> None:
    datasets = [DatasetNews(id=f"abcd-{n:04}", inserted=n) for n in range(99)]
    failed = DatasetNews(id="gone-gone", error="no such dataset")

    lines = text(told(succeeded=True, datasets=(*datasets, failed))).splitlines()

    assert "gone-gone: no such dataset" in lines
    assert lines[-1] == ": and 80 more datasets"
    assert lines[-2] == "abcd-0018: 18 new"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines", "two; lines"),
        ("\n\nspec.a: x\r\n\tspec.b: y\n", "spec.a: x; spec.b: y"),
        ("bell\x07 and \u202eturned\u202c around\x1b[31m", "bell and turned around [31m"),
        ("x" * 5000, f"{'x' * (SENTENCE - 1)}…"),
    ],
)
def test_words_of_others_are_short_and_in_one_line(said: str, shown: str) -> None:
    message = told(
        begun=(trouble(message=said),), datasets=(DatasetNews(id="abcd-1234", error=said),)
    )

    assert message.paragraphs[0].text == shown
    assert message.paragraphs[-1].text == shown
    assert "\n" not in json.dumps([p.text for p in message.paragraphs])
