"""Keeps secrets out of everything that is printed, logged, reported or stored.

Secrets (the DSN, its password, tokens, webhook addresses) are searched for by value, so that they
are found in any text, such as the message of a driver's exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
SHORTEST = 3
"""Shorter secrets are not masked, because that would mask parts of ordinary words."""

_URL_PASSWORD = re.compile(
    r"(?P<head>[a-z][a-z0-9+.-]*://[^/\s:@]*):(?P<secret>(?!password@)[^/\s]+)@", re.IGNORECASE
)
"""Except the literal word ``password``, which our own hints use as a placeholder."""
_URL_CREDENTIALS = re.compile(r"^\s*[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<secret>.+)@", re.IGNORECASE)
_KEYWORD_PASSWORD = re.compile(
    r"(?P<head>\b\w*password\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE
)

_WHOLE_KEYWORD = re.compile(r"\b\w*password\s*=\s*(?P<secret>\S+)", re.IGNORECASE)
"""The same for a whole DSN of keywords, where ``&`` is part of the value, unlike in an address."""


class Redactor:
    """Masks the secrets that it was given, and all that looks like a password in a DSN."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        """Mask these, too, in every form in which texts quote them.

        The longest are masked first: a secret that contains another would be masked in part otherwise.
        """
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        known = {*self._secrets, *(form for form in forms if len(form) >= SHORTEST)} - {MASK}
        self._secrets = sorted(known, key=lambda form: (-len(form), form))

    def add_dsn(self, dsn: str | None) -> None:
        """Mask the whole DSN, too, and the password within it."""
        if dsn:
            self.add(dsn, *passwords_in(dsn))

    def __call__(self, text: str) -> str:
        """``text`` with every secret masked; repeated, because masking one may put another together."""
        while (masked := self._once(text)) != text:
            text = masked
        return text

    def _once(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_passwords(text)


def _forms(secret: str) -> set[str]:
    """The secret as it is, percent-encoded and decoded, and as JSON, Python and libpq escape it."""
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
    """The passwords in a DSN (an address or keywords), as written and decoded.

    A driver takes a part of a password for a host or a port if its ``@`` or ``/`` is not encoded, and
    names that part in errors. So such parts are passwords, too.
    """
    found = [m["secret"] for m in _URL_PASSWORD.finditer(dsn)]
    if credentials := _URL_CREDENTIALS.match(dsn):
        found += [credentials["secret"], *re.split("[@/]", credentials["secret"])]
    for match in [*_KEYWORD_PASSWORD.finditer(dsn), *_WHOLE_KEYWORD.finditer(dsn)]:
        value = match["secret"]
        found += [value, re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith("'") else value)]
    return [form for secret in found for form in {secret, unquote(secret)}]


def mask_passwords(text: str) -> str:
    """Mask what looks like a password in a connection string, whether the secret is known or not."""
    text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
    return _KEYWORD_PASSWORD.sub(rf"\g<head>{MASK}", text)


def mask_values(value: object, mask: Callable[[str], str]) -> object:
    """A copy of the value, for JSON, with every text in it masked.

    Masking the JSON text instead would miss what JSON escapes, and could remove a closing quote.
    """
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
