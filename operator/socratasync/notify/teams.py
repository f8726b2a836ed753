"""The form that a Teams workflow takes: an Adaptive Card in a message's envelope. Pure.

Texts are runs of a ``RichTextBlock``, in which, unlike in a ``TextBlock``, Markdown means nothing: what others wrote
makes no link and calls nobody.
"""

from __future__ import annotations

import json
from typing import Any, Final

from socratasync.notify.message import Message, Paragraph

LONGEST: Final = 26_000
"""Bytes. Teams refuses messages of more than 28 KB, in which it counts an envelope of its own."""

_COLOURS: Final = {"bad": "attention", "good": "good"}
_MOST_BUTTONS: Final = 6


def teams_body(message: Message) -> dict[str, Any]:
    """The body to post. What has no room is left out, from the end."""
    blocks = [_title(message)]
    pages: list[str] = []
    for paragraph in message.paragraphs:
        more = [*pages, paragraph.page] if paragraph.page else pages
        body = _envelope([*blocks, _block(paragraph), _block(_REST)], more)
        if len(json.dumps(body)) > LONGEST:
            return _envelope([*blocks, _block(_REST)], pages)
        blocks, pages = [*blocks, _block(paragraph)], more
    return _envelope(blocks, pages)


_REST: Final = Paragraph(text="…")


def _title(message: Message) -> dict[str, Any]:
    run = {"type": "TextRun", "text": message.title, "weight": "bolder", "size": "large"}
    return {"type": "RichTextBlock", "inlines": [{**run, "color": _COLOURS[message.tone]}]}


def _block(paragraph: Paragraph) -> dict[str, Any]:
    separator = ": " if paragraph.head and paragraph.text else ""
    runs = [
        {"type": "TextRun", "text": paragraph.head + separator, "weight": "bolder"},
        {"type": "TextRun", "text": paragraph.text},
    ]
    return {"type": "RichTextBlock", "inlines": [run for run in runs if run["text"]]}


def _envelope(blocks: list[dict[str, Any]], pages: list[str]) -> dict[str, Any]:
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "body": blocks,
                    "actions": [_button(page) for page in [*dict.fromkeys(pages)][:_MOST_BUTTONS]],
                },
            }
        ],
    }


def _button(page: str) -> dict[str, Any]:
    name = page.rpartition("/")[2].removesuffix(".md")
    return {"type": "Action.OpenUrl", "title": f"Runbook {name}", "url": page}
