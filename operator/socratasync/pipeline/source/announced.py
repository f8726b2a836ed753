"""What a portal announces of an interface's end, in the headers of answers that are good otherwise. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from socratasync.contract.notices import NOTICE_CHARACTERS, Notice
from socratasync.pipeline.source.interface import http_date

_TEXTS = ("Warning", "X-SODA2-Warning")
_ENDS = re.compile(r"deprecat|sunset|retire|discontinu|will (be removed|end)\b", re.IGNORECASE)
_OF_HEADERS = re.compile(r"X-SODA2-(Fields|Types)", re.IGNORECASE)
"""Every answer of SODA3 calls these two headers deprecated. That is nothing to people."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_notice(path: str, headers: Mapping[str, str]) -> Notice | None:
    """What an answer to a query of rows says of its interface's end; None if it says nothing. The day is that of
    ``Sunset`` (RFC 8594), from when on it may be gone; else that of ``Deprecation`` (RFC 9745)."""
    name = _interface(path)
    if name is None:
        return None
    deprecation, sunset = headers.get("Deprecation", "").strip(), headers.get("Sunset", "").strip()
    text = _text(headers)
    if not (text or sunset or _says_yes(deprecation)):
        return None
    date = http_date(sunset) or _moment(deprecation)
    return Notice(name, text or _sentence(name, deprecation, sunset), date)


def _interface(path: str) -> str | None:
    if path.startswith("/resource/"):
        return "SODA2"
    return "SODA3" if path.startswith("/api/v3/") else None


def _text(headers: Mapping[str, str]) -> str:
    """The portal's own words; none that are about something else."""
    for header in _TEXTS:
        said = " ".join(headers.get(header, "").split())
        if _ENDS.search(said) and not _OF_HEADERS.search(said):
            return "".join(c for c in said if c.isprintable())[:NOTICE_CHARACTERS]
    return ""


def _says_yes(deprecation: str) -> bool:
    """``?0`` and ``false`` say no."""
    return deprecation.lower() not in ("", "?0", "false", "0")


def _sentence(name: str, deprecation: str, sunset: str) -> str:
    headers = [
        f"{header}: {value}"
        for header, value in (("Deprecation", deprecation), ("Sunset", sunset))
        if value
    ]
    said = "".join(c for c in ", ".join(headers) if c.isprintable())
    return f"the portal marks {name} as ending ({said})"[:NOTICE_CHARACTERS]


def _moment(deprecation: str) -> datetime | None:
    """``@1767225600`` as RFC 9745 has it, or an HTTP date as drafts of it had."""
    if found := re.fullmatch(r"@([0-9]{1,11})", deprecation):
        return _EPOCH + timedelta(seconds=int(found[1]))
    return http_date(deprecation)
