"""One message to one channel, over real HTTP; and what a notification's Job makes of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.news_samples import news, trouble
from tests.strangers import Script, answer, says, stranger

from socratasync.api.notify import ChannelKind
from socratasync.contract.notification import Notification
from socratasync.errors import HookFailed
from socratasync.notify import job
from socratasync.notify.channel import body, channel_call, tell
from socratasync.notify.occasions import RUNBOOKS

pytestmark = pytest.mark.usefixtures("root_logger")

TOLD = news(begun=(trouble(),))
PATH = "/services/T0AB/B0CD/s3cret?sig=s%2Fgn4ture"
HIDDEN = ("T0AB", "B0CD", "s3cret", "s%2Fgn4ture", "s/gn4ture", "p4ssword")
OK = says(answer(200, b"ok"))


def notification(url: str, kind: ChannelKind = "slack") -> Notification:
    return Notification(news=TOLD, channel=kind, address=url + PATH)


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook"])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_channel_is_told_once_as_json_in_its_form(kind: ChannelKind, status: int) -> None:
    with stranger(says(answer(status))) as known:
        tell(notification(known.url, kind))

    (heard,) = known.heard
    head, _, sent = heard.rpartition("\r\n")
    assert head.startswith(f"POST {PATH} HTTP/1.1")
    assert "Content-Type: application/json" in head
    assert json.loads(sent) == body(kind, TOLD, RUNBOOKS)


def test_the_runbooks_may_be_elsewhere() -> None:
    elsewhere = Notification(
        news=TOLD, channel="slack", address="https://x.example", runbooks="https://wiki.example/r"
    )

    written = channel_call(elsewhere).body

    assert written is not None
    assert "<https://wiki.example/r/SocrataSyncFailed.md|Runbook>" in str(written["text"])


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(404, b"no_service"), "Slack answered HTTP 404: no_service"),
        (
            answer(404, b"Cannot POST /services/T0AB/B0CD/s3cret"),
            "Slack answered HTTP 404: Cannot POST /***/***/***/***",
        ),
        (
            answer(302, Location="/services/T0AB/B0CD/s3cret/"),
            "Slack answered HTTP 302, a redirect to URL/***/***/***/***/, which is not followed: "
            "write the final address in the secret that the channel's secretRef names",
        ),
        (answer(403, b"bad s/gn4ture of s%2Fgn4ture"), "Slack answered HTTP 403: bad *** of ***"),
        (b"", "calling Slack failed: Remote end closed connection without response"),
    ],
)
def test_what_is_said_of_a_channel_never_shows_its_address(reply: bytes, said: str) -> None:
    with stranger(says(reply)) as known, pytest.raises(HookFailed) as caught:
        tell(notification(known.url))

    assert caught.value.message.replace(known.url, "URL") == said


# -- a notification's Job --------------------------------------------------------------------------


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A Job's environment, but for the address."""
    return {
        "SOCRATASYNC_NEWS": TOLD.to_json(),
        "SOCRATASYNC_CHANNEL": "webhook",
        "SOCRATASYNC_TERMINATION_LOG": str(tmp_path / "termination-log"),
    }


def last_words(environ: dict[str, str]) -> str:
    return Path(environ["SOCRATASYNC_TERMINATION_LOG"]).read_text(encoding="utf-8")


ENDS: dict[str, tuple[Script, int]] = {
    "taken": (OK, 0),
    "accepted": (says(answer(202)), 0),
    "too many": (says(answer(429, b"rate_limited")), 75),
    "slow to come": (says(answer(408)), 75),
    "an outage": (says(answer(500)), 75),
    "a gateway's": (says(answer(503)), 75),
    "hung up": (says(b""), 75),
    "gone": (says(answer(410)), 78),
    "no such channel": (says(answer(404)), 78),
    "not like that": (says(answer(400, b"invalid_payload")), 78),
    "not allowed": (says(answer(403, b"Cannot POST /services/T0AB/B0CD/s3cret")), 78),
    "moved": (says(answer(301, Location="https://x.example/T0AB/s3cret")), 78),
}


@pytest.mark.parametrize(("script", "code"), ENDS.values(), ids=ENDS)
def test_the_exit_code_says_whether_another_try_helps(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str], script: Script, code: int
) -> None:
    with stranger(script) as known:
        address = known.url.replace("://", "://me:p4ssword@") + PATH
        assert job.main({**environ, "SOCRATASYNC_ADDRESS": f"{address}\n"}) == code

    said = last_words(environ)
    assert len(known.heard) == 1
    assert said
    assert "\n" not in said
    assert json.loads(capfd.readouterr().err.splitlines()[-1])["msg"] == said
    assert not [secret for secret in HIDDEN if secret in said]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"SOCRATASYNC_ADDRESS": "http://127.0.0.1:1/s3cret"}, 75, "Connection refused"),
        ({"SOCRATASYNC_ADDRESS": "http://no.such.name.invalid/s3cret"}, 75, "calling the webhook"),
        ({"SOCRATASYNC_ADDRESS": ""}, 78, "the channel's address is empty"),
        ({"SOCRATASYNC_ADDRESS": "s3cret"}, 78, "the channel's address is none"),
        ({"SOCRATASYNC_ADDRESS": "https://x.example/a\nb s3cret"}, 78, "address is none"),
        ({"SOCRATASYNC_ADDRESS": "http://[bad/s3cret"}, 78, "calling the webhook failed"),
        (
            {"SOCRATASYNC_ADDRESS": "http://x.example:99999/s3cret"},
            78,
            "calling the webhook failed",
        ),
        ({"SOCRATASYNC_ADDRESS": f"http://{'a' * 70}.example/s3cret"}, 78, "failed: UnicodeError"),
        ({"SOCRATASYNC_NEWS": ""}, 78, "lacks SOCRATASYNC_NEWS"),
        ({"SOCRATASYNC_NEWS": "[1"}, 78, "the news cannot be read"),
        ({"SOCRATASYNC_NEWS": TOLD.to_json().replace('"v":1', '"v":9')}, 78, "of one release"),
        ({"SOCRATASYNC_CHANNEL": "fax"}, 78, "must be one of slack, teams, webhook"),
    ],
)
def test_orders_that_cannot_be_carried_out_are_told_without_the_address(
    environ: dict[str, str], changes: dict[str, str], code: int, said: str
) -> None:
    given = {"SOCRATASYNC_ADDRESS": "http://127.0.0.1:1/s3cret", **environ, **changes}

    assert job.main(given) == code

    assert said in last_words(environ)
    assert "s3cret" not in last_words(environ)
