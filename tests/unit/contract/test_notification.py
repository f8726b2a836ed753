from __future__ import annotations

from typing import Any

import pytest
from tests.news_samples import news, trouble

from socratasync.api.notify import NotifySpec
from socratasync.contract.notification import (
    Notification,
    read_notification,
    write_news_environment,
)
from socratasync.errors import InvalidSpec

TOLD = news(begun=(trouble(message="$(SOCRATASYNC_ADDRESS) said: $$"),))
ADDRESS = "https://hooks.slack.example/services/T0AB/B0CD/s3cret"
ORDERS = {
    "SOCRATASYNC_NEWS": TOLD.to_json(),
    "SOCRATASYNC_CHANNEL": "slack",
    "SOCRATASYNC_ADDRESS": ADDRESS,
}


def channel(kind: str) -> NotifySpec:
    return NotifySpec.model_validate({kind: {"secretRef": {"name": "told", "key": "k"}}})


def resolved(env: list[dict[str, Any]]) -> dict[str, str]:
    """The environment as the kubelet makes it of what the operator wrote."""
    return {each["name"]: each.get("value", ADDRESS) for each in env}


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook"])
@pytest.mark.parametrize("runbooks", [None, "https://docs.example.org/runbooks"])
def test_a_notification_is_read_as_it_was_written(kind: Any, runbooks: str | None) -> None:
    env = write_news_environment(TOLD, channel(kind), runbooks)

    assert read_notification(resolved(env)) == Notification(
        news=TOLD, channel=kind, address=ADDRESS, runbooks=runbooks
    )


def test_the_address_is_a_reference_and_nothing_before_it_names_it() -> None:
    *plain, address = write_news_environment(TOLD, channel("teams"))

    assert address == {
        "name": "SOCRATASYNC_ADDRESS",
        "valueFrom": {"secretKeyRef": {"name": "told", "key": "k"}},
    }
    # The kubelet would replace $(NAME), even in the midst of a sentence of others.
    assert not any("$" in each["value"] for each in plain)


@pytest.mark.parametrize("missing", ["SOCRATASYNC_NEWS", "SOCRATASYNC_CHANNEL"])
def test_orders_that_are_missing_are_named(missing: str) -> None:
    with pytest.raises(InvalidSpec, match=f"the environment lacks {missing}"):
        read_notification({**ORDERS, missing: ""})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SOCRATASYNC_NEWS": "good news"}, "the news cannot be read: it: Invalid JSON"),
        ({"SOCRATASYNC_CHANNEL": "fax"}, "must be one of slack, teams, webhook, not 'fax'"),
        ({"SOCRATASYNC_ADDRESS": ""}, "the channel's address is empty"),
        ({"SOCRATASYNC_ADDRESS": " \n"}, "the channel's address is empty"),
        ({"SOCRATASYNC_ADDRESS": "hooks.slack.com/s3cret"}, "the channel's address is none"),
        ({"SOCRATASYNC_ADDRESS": "ftp://hooks.slack.com/s3cret"}, "the channel's address is none"),
        ({"SOCRATASYNC_ADDRESS": "https:///s3cret"}, "the channel's address is none"),
        (
            {"SOCRATASYNC_ADDRESS": "https://a.example/\nhttps://b.example/s3cret"},
            "the channel's address is none",
        ),
        ({"SOCRATASYNC_ADDRESS": "https://a.example/s3cret here"}, "the channel's address is none"),
        ({"SOCRATASYNC_ADDRESS": "https://a.example/s3cret\x00"}, "the channel's address is none"),
    ],
)
def test_orders_that_are_wrong_are_named_without_the_address(
    changes: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        read_notification({**ORDERS, **changes})

    assert said in refused.value.message
    assert "s3cret" not in refused.value.message
    assert refused.value.exit_code == 78


def test_the_end_of_a_secrets_line_is_no_part_of_the_address() -> None:
    read = read_notification({**ORDERS, "SOCRATASYNC_ADDRESS": f"{ADDRESS}\r\n"})

    assert read.address == ADDRESS
    assert ADDRESS not in repr(read)
