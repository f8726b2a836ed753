"""Reads what a request asks for from its target, and from its body where it has one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from socrata_simulator.http import soda3
from socrata_simulator.portal.interfaces import NEITHER, SODA2, SODA3
from socrata_simulator.refusals import Refused
from socrata_simulator.soql.soda3 import Wishes

_RESOURCE = re.compile(r"/resource/([a-z0-9]{4}-[a-z0-9]{4}|[^/.]+)(?:\.(\w+))?")
_VIEW = re.compile(r"/api/views/([^/.]+)(?:\.json)?")
_SODA3 = re.compile(r"/api/v3/views/([^/.]+)/(?:query\.(csv|json)|(export)\.csv)")
_AGGREGATE = re.compile(r"\b(count|min|max|sum|avg)\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for. ``problem`` is why it cannot be answered, as far as its words tell."""

    kind: str
    dataset: str = ""
    extension: str = "json"
    parameters: dict[str, str] = field(default_factory=dict)
    app_token: str | None = None
    interface: str = NEITHER
    for_people: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    problem: Refused | None = None


def read(target: str) -> Asked | None:
    """What a GET of ``target`` (path and query) asks for; None if the portal has no such path."""
    path, pairs = _parts(target)
    options = {k: v for k, v in pairs.items() if k.startswith("$$")}
    parameters = {k: v for k, v in pairs.items() if not k.startswith("$$")}
    token = options.get("$$app_token")
    if path == "/api/catalog/v1":
        return Asked(kind="catalog", parameters=_listed(target), app_token=token)
    if found := _VIEW.fullmatch(path):
        return Asked(kind="metadata", dataset=found[1], parameters=parameters, app_token=token)
    if found := _SODA3.fullmatch(path):
        return _soda3(found, lambda: soda3.in_the_address(pairs), pairs.get("app_token"))
    found = _RESOURCE.fullmatch(path)
    if found is None or found[2] not in (None, "csv", "json"):
        return None
    return Asked(
        kind=_kind(parameters),
        dataset=found[1],
        extension=found[2] or "json",
        parameters=parameters,
        app_token=token,
        interface=SODA2,
    )


def read_post(target: str, body: bytes, content_type: str) -> Asked | None:
    """What a POST to ``target`` asks for; None if nothing can be posted there."""
    path, pairs = _parts(target)
    found = _SODA3.fullmatch(path)
    if found is None:
        return None
    return _soda3(found, lambda: soda3.posted(body, content_type), pairs.get("app_token"))


def _soda3(found: re.Match[str], words: Callable[[], dict[str, Any]], token: str | None) -> Asked:
    """A request of SODA3, be it one that cannot be understood: it is noted and meets faults all the same."""
    dataset, extension, export = found.groups()
    parameters: dict[str, str] = {}
    wishes, problem = Wishes(), None
    try:
        asked = words()
        parameters = soda3.parameters(asked, dataset)
        wishes = soda3.wishes(asked)
    except Refused as refused:
        problem = refused
    return Asked(
        kind=_kind(parameters),
        dataset=dataset,
        extension=extension or "csv",
        parameters=parameters,
        app_token=token,
        interface=SODA3,
        for_people=export is not None,
        wishes=wishes,
        problem=problem,
    )


def _parts(target: str) -> tuple[str, dict[str, str]]:
    url = urlsplit(target)
    return unquote(url.path), dict(parse_qsl(url.query, keep_blank_values=True))


def _listed(target: str) -> dict[str, str]:
    """The parameters; one that comes several times is a list, as one with commas is."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(urlsplit(target).query, keep_blank_values=True):
        if not name.startswith("$$"):
            found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _kind(parameters: dict[str, str]) -> str:
    return "count" if _AGGREGATE.search(parameters.get("$select", "")) else "rows"
