"""docs/notifications.md says what is sent: every field, every occasion, an example that is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import TypeAdapter

from socratasync.api.notify import Occasion
from socratasync.contract.news import News
from socratasync.notify.occasions import RUNBOOKS, RUNBOOKS_OF_REASONS, WORDINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")


def tables() -> Iterator[str]:
    """The table of the news, then those of the objects within it, as the page must have them."""
    schema = TypeAdapter(News).json_schema(by_alias=True)
    yield table("", schema)
    for name, title in (
        ("Trouble", "begun[], over[]"),
        ("RunNews", "run"),
        ("DatasetNews", "datasets[]"),
    ):
        yield table(title, schema["$defs"][name])


def table(title: str, schema: dict[str, Any]) -> str:
    head = [f"### `{title}`", "", schema["description"], ""] if title else []
    rows = [f"| `{name}` | {words(f['description'])} |" for name, f in schema["properties"].items()]
    return "\n".join([*head, "| field | meaning |", "|---|---|", *rows])


def words(text: str) -> str:
    return " ".join(text.split())


def test_every_field_is_explained_in_the_codes_own_words() -> None:
    missing = [wanted for wanted in tables() if wanted not in PAGE]

    assert not missing, "docs/notifications.md lacks:\n\n" + "\n\n".join(missing)


def test_the_example_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    assert News.from_json(example).as_dict() == json.loads(example)


def test_every_occasion_is_explained() -> None:
    explained = re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE)

    assert explained == [*get_args(Occasion)]


def test_every_runbook_that_a_message_links_is_there() -> None:
    pages = {wording.runbook for wording in WORDINGS.values()} | {*RUNBOOKS_OF_REASONS.values()}

    assert [p for p in sorted(pages) if not (ROOT / "docs" / "runbooks" / f"{p}.md").exists()] == []


def test_messages_and_alerts_look_for_runbooks_in_one_place() -> None:
    values = yaml.safe_load((ROOT / "helm" / "socrata-sync" / "values.yaml").read_text())

    assert values["prometheusRule"]["runbookBaseUrl"] == RUNBOOKS
