"""Reads what people paste: the address of a dataset's page, of its API or its widget, or domain and id. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from socratasync.api.names import Domain, portal_of
from socratasync.api.problems import shown
from socratasync.errors import InvalidSpec

_ID = re.compile(r"[a-z0-9]{4}-[a-z0-9]{4}")
_AROUND = " \t\r\n<>\"'`,;()[]"
"""What is copied along with an address from a sentence or a chat."""

_BEFORE_AN_ID = frozenset({"d", "w", "resource", "views", "v4", "id", "s"})
"""Parts of a path after which the id comes: what follows it may look like one, too."""

_DOCUMENTATION = "dev.socrata.com"
"""Its pages (``/foundry/<domain>/<id>``) tell of datasets of all portals."""

_DOMAIN = TypeAdapter(Domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Datasets of one portal, in the order in which they were named."""

    domain: str
    ids: tuple[str, ...]


def read_place(words: Sequence[str]) -> Place:
    """The datasets that the words name: addresses, or a domain and ids. Raises ``InvalidSpec``."""
    domains: dict[str, None] = {}
    ids: dict[str, None] = {}
    for word in words:
        domain, dataset = _read(word)
        domains |= {domain: None} if domain else {}
        ids |= {dataset: None} if dataset else {}
    if len(domains) > 1:
        raise InvalidSpec(
            f"these are datasets of {len(domains)} portals ({', '.join(domains)}), and a manifest has one; "
            "write one for each"
        )
    if not ids:
        raise InvalidSpec(
            f"{shown(' '.join(words))} names no dataset: give the address of its page, which ends with an id such as "
            "4a4x-mna2, or domain and id"
        )
    if not domains:
        raise InvalidSpec(
            f"{', '.join(ids)}: of which portal? Give its domain, too, such as data.lacity.org {next(iter(ids))}"
        )
    return Place(domain=next(iter(domains)), ids=tuple(ids))


def read_domain(word: str) -> str:
    """The portal that a domain, or any address there, names. Raises ``InvalidSpec``."""
    domain, _ = _read(word if _ID.fullmatch(word) is None else f"https://{word}")
    assert domain, "an address has a domain"
    return domain


def _read(word: str) -> tuple[str | None, str | None]:
    """Domain and id, as far as the word says them."""
    text = word.strip(_AROUND)
    if _ID.fullmatch(text):
        return None, text
    host, path = _split(word, text)
    parts = [part for part in path.split("/") if part]
    if host == _DOCUMENTATION and len(parts) > 1 and parts[0] == "foundry":
        host, parts = parts[1], parts[2:]
    return _checked(word, host), _id_in(parts)


def _split(word: str, text: str) -> tuple[str, str]:
    """Host (with its port) and path of an address with or without scheme."""
    try:
        found = urlsplit(text if re.match("(?i)[a-z]+://", text) else f"https://{text}")
        port = found.port
    except ValueError as exc:
        raise InvalidSpec(f"{shown(word)} is no address: {exc}") from exc
    if found.scheme.lower() not in ("http", "https"):
        raise InvalidSpec(f"{shown(word)} is no address of a portal: it begins with https://")
    host = (found.hostname or "").rstrip(".")
    return f"{host}:{port}" if port not in (None, 443, 80) else host, found.path


def _checked(word: str, host: str) -> str:
    try:
        return portal_of(_DOMAIN.validate_python(host))
    except ValidationError as exc:
        raise InvalidSpec(
            f"{shown(word)} names no portal: give its host, such as data.lacity.org, or the address of a page there"
        ) from exc


def _id_in(parts: Sequence[str]) -> str | None:
    """The id in a path: after a part that announces one, else the last. Names of datasets come before it."""
    found = [(before, _stem(part)) for before, part in zip(("", *parts), parts, strict=False)]
    announced = (name for before, name in found if before.lower() in _BEFORE_AN_ID)
    others = (name for _, name in reversed(found))
    return next((name for name in (*announced, *others) if _ID.fullmatch(name)), None)


def _stem(part: str) -> str:
    """A part without the ending that says a format."""
    return part.partition(".")[0]
