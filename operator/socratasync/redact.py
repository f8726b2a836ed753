"""Keeps secrets out of everything that is printed, logged, reported or stored.

Secrets are known by value (the DSN, its password, tokens, webhook addresses), so whatever text
they end up in, a driver's exception included, they are found there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

MASK = "***"

_URL_PASSWORD = re.compile(
    r"(?P<head>[a-z][a-z0-9+.-]*://[^/\s:@]*):(?P<secret>[^/\s@]+)@", re.IGNORECASE
)
_KEYWORD_PASSWORD = re.compile(
    r"(?P<head>\bpassword\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE
)


class Redactor:
    """Masks the secrets that it was given, and anything that looks like a password in a DSN."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        """Also mask these, as they are and percent-encoded. Longest first, so none shows in part."""
        for secret in secrets:
            if secret and len(secret) >= 3:  # shorter ones would blot out ordinary words
                self._secrets += {secret, quote(secret, safe=""), unquote(secret)}
        self._secrets.sort(key=len, reverse=True)

    def add_dsn(self, dsn: str | None) -> None:
        """Also mask the DSN as a whole and the password within it."""
        if not dsn:
            return
        self.add(dsn, *passwords_in(dsn))

    def __call__(self, text: str) -> str:
        """``text`` with every secret masked."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return mask_passwords(text)


def passwords_in(dsn: str) -> list[str]:
    """The passwords in a DSN of either form, as written and decoded."""
    found = [m["secret"] for m in _URL_PASSWORD.finditer(dsn)]
    for match in _KEYWORD_PASSWORD.finditer(dsn):
        value = match["secret"]
        found.append(re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith("'") else value)
    return [form for secret in found for form in {secret, unquote(secret)}]


def mask_passwords(text: str) -> str:
    """Mask what looks like a password in a connection string, known or not."""
    text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
    return _KEYWORD_PASSWORD.sub(rf"\g<head>{MASK}", text)
