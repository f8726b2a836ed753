"""Keeps secrets out of everything that is printed, logged, reported or stored.

Secrets are known by value (the DSN, its password, tokens, webhook addresses), so whatever text
they end up in, a driver's exception included, they are found there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
SHORTEST = 3
"""Shorter secrets are not looked for: masking them would blot out ordinary words."""

_URL_PASSWORD = re.compile(
    r"(?P<head>[a-z][a-z0-9+.-]*://[^/\s:@]*):(?P<secret>(?!password@)[^/\s]+)@", re.IGNORECASE
)
"""But for the word ``password``, by which messages say what to write."""
_URL_CREDENTIALS = re.compile(r"^\s*[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<secret>.+)@", re.IGNORECASE)
_KEYWORD_PASSWORD = re.compile(
    r"(?P<head>\b\w*password\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE
)

_WHOLE_KEYWORD = re.compile(r"\b\w*password\s*=\s*(?P<secret>\S+)", re.IGNORECASE)
"""In a DSN of keywords, unlike in a query, ``&`` is part of the value."""


class Redactor:
    """Masks the secrets that it was given, and anything that looks like a password in a DSN."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        """Also mask these, in every form that texts quote them in. Longest first, so that none shows
        in part."""
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        known = {*self._secrets, *(form for form in forms if len(form) >= SHORTEST)} - {MASK}
        self._secrets = sorted(known, key=lambda form: (-len(form), form))

    def add_dsn(self, dsn: str | None) -> None:
        """Also mask the DSN as a whole and the password within it."""
        if dsn:
            self.add(dsn, *passwords_in(dsn))

    def __call__(self, text: str) -> str:
        """``text`` with every secret masked, those included that masking another one put together."""
        while (masked := self._once(text)) != text:
            text = masked
        return text

    def _once(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_passwords(text)


def _forms(secret: str) -> set[str]:
    """The secret as it is, percent-encoded, decoded, and escaped as JSON, Python and libpq write it."""
    return {
        secret,
        secret.strip(),
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        unquote(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("\\", "\\\\").replace("'", "\\'"),
    }


def passwords_in(dsn: str) -> list[str]:
    """The passwords in a DSN of either form, as written and decoded.

    A password whose ``@`` or ``/`` was not encoded is taken for a host or a port, and errors then
    name its parts: those count, too.
    """
    found = [m["secret"] for m in _URL_PASSWORD.finditer(dsn)]
    if credentials := _URL_CREDENTIALS.match(dsn):
        found += [credentials["secret"], *re.split("[@/]", credentials["secret"])]
    for match in [*_KEYWORD_PASSWORD.finditer(dsn), *_WHOLE_KEYWORD.finditer(dsn)]:
        value = match["secret"]
        found += [value, re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)]
    return [form for secret in found for form in {secret, unquote(secret)}]


def mask_passwords(text: str) -> str:
    """Mask what looks like a password in a connection string, known or not."""
    text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
    return _KEYWORD_PASSWORD.sub(rf"\g<head>{MASK}", text)


def mask_values(value: object, mask: Callable[[str], str]) -> object:
    """A value on its way to JSON with every text in it masked. Masking the JSON itself would miss
    what JSON escapes, and could swallow a quote that closes a string."""
    match value:
        case str():
            return mask(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {mask(str(key)): mask_values(part, mask) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [mask_values(part, mask) for part in value]
        case _:
            return mask(str(value))
