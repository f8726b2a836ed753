"""One message to one channel: its form, and the call."""

from __future__ import annotations

from typing import Any, Final

from socratasync.api.notify import ChannelKind
from socratasync.contract.news import News
from socratasync.contract.notification import Notification
from socratasync.notify.http_call import HttpCall, send
from socratasync.notify.message import compose
from socratasync.notify.occasions import RUNBOOKS
from socratasync.notify.slack import slack_body
from socratasync.notify.teams import teams_body

TIMEOUT_S: Final = 15

_SHOWN: Final = {"slack": "Slack", "teams": "Teams", "webhook": "the webhook"}


def tell(notification: Notification) -> None:
    """Send it. Raises ``HookFailed`` unless it was taken; the address is in no sentence of that."""
    send(channel_call(notification))


def channel_call(notification: Notification) -> HttpCall:
    """The call, with the body in the form that the channel takes."""
    return HttpCall(
        method="POST",
        url=notification.address,
        shown=_SHOWN[notification.channel],
        written_in="the secret that the channel's secretRef names",
        body=body(notification.channel, notification.news, notification.runbooks or RUNBOOKS),
        timeout_s=TIMEOUT_S,
    )


def body(channel: ChannelKind, news: News, runbooks: str) -> dict[str, Any]:
    """The JSON that the channel gets; a webhook gets the news itself."""
    if channel == "webhook":
        return news.as_dict()
    message = compose(news, runbooks)
    return slack_body(message) if channel == "slack" else teams_body(message)
