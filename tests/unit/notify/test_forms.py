"""The form that each channel takes: what it demands, and what nobody may do to it by words of theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.news_samples import DATASET, RUN, news, trouble

from socratasync.contract.news import DATASETS, DatasetNews, News
from socratasync.notify.channel import body
from socratasync.notify.occasions import RUNBOOKS

FAILED = news(begun=(trouble(),), run=RUN, datasets=(DATASET,))
PAGE = f"{RUNBOOKS}/SocrataSyncFailed.md"


def slack(told: News) -> str:
    written = body("slack", told, RUNBOOKS)
    assert [*written] == ["text"]
    text: str = written["text"]
    return text


def card(told: News) -> dict[str, Any]:
    """The card within the envelope that a workflow of Teams takes."""
    written = body("teams", told, RUNBOOKS)
    (attachment,) = written.pop("attachments")
    assert written == {"type": "message"}
    content: dict[str, Any] = attachment.pop("content")
    assert attachment == {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
    }
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.2")
    return content


def texts(content: dict[str, Any]) -> list[str]:
    """The text of each block. Every run of them is one in which Markdown means nothing."""
    blocks = content["body"]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    assert {run["type"] for block in blocks for run in block["inlines"]} == {"TextRun"}
    return ["".join(run["text"] for run in block["inlines"]) for block in blocks]


# -- a webhook -------------------------------------------------------------------------------------


def test_a_webhook_gets_the_news_itself() -> None:
    assert body("webhook", FAILED, RUNBOOKS) == FAILED.as_dict()


# -- Slack -----------------------------------------------------------------------------------------


def test_slack_gets_one_text_in_its_own_markup() -> None:
    assert slack(FAILED).splitlines() == [
        ":red_circle: *data/la-311: sync does not work*",
        "*Failure: SourceUnavailable, since 2026-11-30 07:00 UTC*",
        "data.lacity.org answered HTTP 503; look at its page",
        f"<{PAGE}|Runbook>",
        "*Look:* kubectl -n data describe socratasync la-311",
        "*Run:* la-311-29402880 (Schedule, update): Failed, 2026-11-30 07:00 UTC to 2026-11-30 07:05 UTC",
        "*Portal:* data.lacity.org",
        "*rq3b-xjk8 (2020):* 2 new, 1 changed, 0 deleted, 1,491,823 in the table, 1,491,823 at the source",
    ]


def test_slack_shows_what_is_over_in_green() -> None:
    assert slack(news(over=(trouble(),))).startswith(
        ":large_green_circle: *data/la-311: sync works again*"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<!channel> a & b", "&lt;!channel&gt; a &amp; b"),
        (
            "<@U123> <https://evil.example|Runbook>",
            "&lt;@U123&gt; &lt;https://evil.example|Runbook&gt;",
        ),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("@channel @Here @all", "@\u200bchannel @\u200bHere @\u200ball"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_words_of_others_call_nobody_in_slack(said: str, shown: str) -> None:
    told = news(begun=(trouble(message=said),), domain=said, name=said)

    text = slack(told)

    assert text.splitlines()[2] == shown
    assert f"*Portal:* {shown}" in text
    assert text.count("<") == 1, "the runbook's link"


def test_an_address_of_runbooks_cannot_break_out_of_its_link() -> None:
    text = body("slack", FAILED, "https://x.example/|a>b")["text"]

    assert "<https://x.example/%7Ca&gt;b/SocrataSyncFailed.md|Runbook>" in text


# -- Teams -----------------------------------------------------------------------------------------


def test_teams_gets_an_adaptive_card_with_a_button_for_the_runbook() -> None:
    content = card(FAILED)

    assert texts(content)[:3] == [
        "data/la-311: sync does not work",
        "Failure: SourceUnavailable, since 2026-11-30 07:00 UTC: data.lacity.org answered HTTP 503; look at its page",
        "Look: kubectl -n data describe socratasync la-311",
    ]
    assert content["body"][0]["inlines"][0]["color"] == "attention"
    assert content["actions"] == [
        {"type": "Action.OpenUrl", "title": "Runbook SocrataSyncFailed", "url": PAGE}
    ]
    assert card(news(over=(trouble(),)))["body"][0]["inlines"][0]["color"] == "good"


def test_a_runbook_is_one_button_however_many_troubles_it_is_for() -> None:
    content = card(news(begun=(trouble(), trouble(reason="TargetUnavailable"))))

    assert len(content["actions"]) == 1


def test_markdown_of_others_stays_as_it_is_in_teams() -> None:
    said = "[Runbook](https://evil.example) **bold** <at>everybody</at>"

    assert any(text.endswith(said) for text in texts(card(news(begun=(trouble(message=said),)))))


# -- length ----------------------------------------------------------------------------------------

fillings = st.sampled_from(["x", "<", "&", "@all ", '"', "\U0001f300"])


@given(st.integers(1, 16), st.integers(0, 16), st.integers(0, DATASETS), fillings)
def test_every_message_is_one_that_its_channel_takes(
    begun: int, over: int, datasets: int, filling: str
) -> None:
    told = news(
        name="n" * 253,
        begun=tuple(trouble(message=filling * 500) for _ in range(begun)),
        over=tuple(trouble(message=filling * 500) for _ in range(over)),
        succeeded=True,
        run=RUN,
        datasets=tuple(
            DatasetNews(id=f"abcd-{n:04}", error=filling * 500) for n in range(datasets)
        ),
    )

    text, content = slack(told), card(told)

    assert len(text) <= 4000
    assert len(json.dumps(body("teams", told, RUNBOOKS))) <= 28 * 1024
    for shown in (text, "\n".join(texts(content))):
        assert "sync does not work" in shown
        assert "SourceUnavailable, since 2026-11-30 07:00 UTC" in shown


def test_what_has_no_room_is_left_out_from_the_end_and_that_shows() -> None:
    datasets = tuple(DatasetNews(id=f"abcd-{n:04}", error="x" * 500) for n in range(DATASETS))
    many = tuple(trouble(message="\U0001f300" * 500) for _ in range(16))

    told = news(begun=many, datasets=datasets)

    assert slack(told).endswith("\n…")
    assert texts(card(told))[-1] == "…"
    assert "…" not in slack(FAILED)
    assert texts(card(FAILED))[-1] != "…"
