from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.news_samples import DATASET, RUN, news, trouble

from socratasync.api.notify import Occasion
from socratasync.contract.news import DATASETS, DatasetNews, News
from socratasync.errors import InvalidSpec

FAILED = trouble()
STALE = trouble("Stale", reason="Stale")
DRIFTED = trouble("SchemaChanged", reason="SchemaChanged")


def test_news_is_read_as_it_was_written() -> None:
    told = news(
        begun=(FAILED, STALE), over=(DRIFTED,), succeeded=True, run=RUN, datasets=(DATASET,)
    )

    assert News.from_json(told.to_json()) == told


def test_what_is_absent_is_not_written() -> None:
    written = json.loads(news(namespace=None, domain=None).to_json())

    assert written == {
        "v": 1,
        "id": "4f1d",
        "at": "2026-11-30T07:05:00Z",
        "name": "la-311",
        "begun": [],
        "over": [],
        "succeeded": False,
        "datasets": [],
    }


def test_a_field_of_a_newer_release_is_passed_over() -> None:
    written = {**news(begun=(FAILED,)).as_dict(), "successors": ["abcd-1234"]}

    assert News.from_json(json.dumps(written)) == news(begun=(FAILED,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ("{}", "Field required"),
        (news().to_json().replace('"v":1', '"v":2'), "v: Input should be 1"),
        (news().to_json().replace("2026-11-30T07:05:00Z", "yesterday"), "at: "),
    ],
)
def test_what_is_no_news_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InvalidSpec, match="the news cannot be read: ") as refused:
        News.from_json(text)

    assert said in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("on", "begun", "over", "succeeded"),
    [
        (["Failure"], (FAILED,), (), False),
        (["Failure", "Stale"], (FAILED, STALE), (), False),
        (["Failure", "Recovery"], (FAILED,), (), False),
        (["SchemaChanged"], None, None, None),  # told of no recovery that it did not ask for
        (["SchemaChanged", "Recovery"], (), (DRIFTED,), False),
        (["Success"], (), (), True),
        (["Invalid", "SourceFrozen"], None, None, None),
    ],
)
def test_a_channel_is_told_what_it_asked_for(
    on: list[Occasion], begun: Any, over: Any, succeeded: bool | None
) -> None:
    told = news(begun=(FAILED, STALE), over=(DRIFTED,), succeeded=True, run=RUN).for_channel(on)

    found = told and (told.begun, told.over, told.succeeded)
    assert found == (None if begun is None else (begun, over, succeeded))


def test_no_news_is_told_to_nobody() -> None:
    everything: list[Occasion] = ["Failure", "Recovery", "Success"]

    assert news().for_channel(everything) is None


wild = st.text(max_size=4096)
"""Quotes, control characters and letters of four bytes among it."""


@given(
    st.lists(wild, min_size=1, max_size=16), wild, st.sampled_from(["x", "\x00", "$", "\U0001f300"])
)
def test_news_of_any_length_fits_a_variable(messages: list[str], error: str, filling: str) -> None:
    told = news(
        begun=tuple(trouble(message=f"{text}{filling * 4096}"[:4096]) for text in messages),
        over=tuple(trouble(message=filling * 4096) for _ in range(16)),
        datasets=tuple(
            DatasetNews(id=f"abcd-{n:04}", error=f"{error}{filling * 4096}"[:4096])
            for n in range(DATASETS)
        ),
    )

    fitted = told.fitted(120_000)

    written = fitted.to_json()
    assert len(written.encode()) <= 120_000
    assert "$" not in written
    assert News.from_json(written).datasets == fitted.datasets
    assert len(fitted.begun) == len(messages)


def test_short_news_is_not_cut() -> None:
    told = news(begun=(trouble(message="x" * 4096),))

    assert told.fitted(120_000) is told


def test_half_a_character_is_no_end_of_the_news() -> None:
    assert "a?b" in news(begun=(trouble(message="a\ud800b"),)).to_json()
