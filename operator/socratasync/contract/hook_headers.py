"""The headers of hooks: secrets too, one variable for each hook, which names a folder or holds JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from socratasync.api.spec import SyncSpec
from socratasync.errors import InvalidSpec

HEADER_TEXT: Final = re.compile("[\\t\\x20-\\x7e\\x80-\\xff]*")
"""What an HTTP header's value may be: Latin-1 without control characters."""

_HEADER_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOOK = re.compile(r"SOCRATASYNC_HOOK_([0-9]{1,4})_HEADERS")


def hook_folder(number: int) -> str:
    """Where the headers of a hook, counted from 0, are mounted in a Job: a file for each."""
    return f"/etc/socratasync/hooks/{number}"


def headers_variable(number: int) -> str:
    """The variable that says where a hook's headers are."""
    return f"SOCRATASYNC_HOOK_{number}_HEADERS"


def hooks_with_headers(spec: SyncSpec) -> Iterator[int]:
    """The numbers of the hooks that are called with headers."""
    return (number for number, hook in enumerate(spec.hooks) if hook.headers_secret_ref)


def read_headers(environ: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """``SOCRATASYNC_HOOK_<n>_HEADERS`` is either a folder (a mounted secret: a file a header) or a JSON
    object, for hook number ``n`` from 0."""
    found: dict[int, dict[str, str]] = {}
    for name, value in environ.items():
        if match := _HOOK.fullmatch(name):
            found[int(match[1])] = _checked(name, _headers(name, value))
    return found


def _checked(variable: str, headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (_HEADER_NAME.fullmatch(name) and HEADER_TEXT.fullmatch(value)):
            raise InvalidSpec(
                f"{variable}: {name!r} is no HTTP header: a name is letters, digits and hyphens, a value has "
                "no line breaks, no control characters and no letters beyond Latin-1"
            )
    return headers


def _headers(name: str, value: str) -> dict[str, str]:
    folder = Path(value)
    try:
        if not value.lstrip().startswith("{") and folder.is_dir():
            files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
            return {p.name: p.read_text(encoding="utf-8").strip() for p in files}
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSpec(f"{name}: the headers in {folder} cannot be read as text") from exc
    try:
        headers = json.loads(value)
    except ValueError as exc:
        raise InvalidSpec(f"{name} is neither a folder nor a JSON object of headers") from exc
    if not isinstance(headers, dict):
        raise InvalidSpec(f"{name} must be a JSON object of headers")
    return {str(header): str(text).strip() for header, text in headers.items()}
