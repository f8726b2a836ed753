"""Reads what a request asks for from its target. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_RESOURCE = re.compile(r"/resource/([a-z0-9]{4}-[a-z0-9]{4}|[^/.]+)(?:\.(\w+))?")
_VIEW = re.compile(r"/api/views/([^/.]+)(?:\.json)?")
_AGGREGATE = re.compile(r"\b(count|min|max|sum|avg)\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for."""

    kind: str
    dataset: str
    extension: str
    parameters: dict[str, str]
    options: dict[str, str]


def read(target: str) -> Asked | None:
    """What ``target`` (path and query) asks for; None if the portal has no such path."""
    url = urlsplit(target)
    path = unquote(url.path)
    pairs = dict(parse_qsl(url.query, keep_blank_values=True))
    options = {k: v for k, v in pairs.items() if k.startswith("$$")}
    parameters = {k: v for k, v in pairs.items() if not k.startswith("$$")}
    if path == "/api/catalog/v1":
        return Asked(
            kind="catalog", dataset="", extension="json", parameters=parameters, options=options
        )
    if found := _VIEW.fullmatch(path):
        return Asked(
            kind="metadata",
            dataset=found[1],
            extension="json",
            parameters=parameters,
            options=options,
        )
    found = _RESOURCE.fullmatch(path)
    if found is None or found[2] not in (None, "csv", "json"):
        return None
    kind = "count" if _AGGREGATE.search(parameters.get("$select", "")) else "rows"
    return Asked(
        kind=kind,
        dataset=found[1],
        extension=found[2] or "json",
        parameters=parameters,
        options=options,
    )
