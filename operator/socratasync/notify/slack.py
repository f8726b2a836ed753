"""The form that Slack's incoming webhooks take, and Mattermost's and Rocket.Chat's: one text, in Slack's markup. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from socratasync.notify.message import Message, Paragraph

LONGEST: Final = 3900
"""Characters. Slack cuts a text of more than 4,000 into several messages."""

_MARKS: Final = {"bad": ":red_circle:", "good": ":large_green_circle:"}
_EVERYBODY = re.compile(r"@(?=(?:channel|here|everyone|all|group)\b)", re.IGNORECASE)


def slack_body(message: Message) -> dict[str, Any]:
    """The body to post. What has no room is left out, from the end."""
    text = f"{_MARKS[message.tone]} *{escaped(message.title)}*"
    for paragraph in message.paragraphs:
        added = "\n".join([text, *_lines(paragraph)])
        if len(added) > LONGEST:
            return {"text": f"{text}\n…"}
        text = added
    return {"text": text}


def _lines(paragraph: Paragraph) -> Iterator[str]:
    head, text = escaped(paragraph.head), escaped(paragraph.text)
    if head and text and not paragraph.page:
        yield f"*{head}:* {text}"
    else:
        yield from (line for line in (head and f"*{head}*", text) if line)
    if paragraph.page:
        yield f"<{escaped(paragraph.page).replace('|', '%7C')}|Runbook>"


def escaped(text: str) -> str:
    """Text that others wrote. Slack's markup for links and for calling people begins with ``<``; programs that take
    the same form call everybody at a bare ``@channel``, which a character of no width makes a word."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _EVERYBODY.sub("@\u200b", safe)
