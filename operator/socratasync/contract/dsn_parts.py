"""The connection in parts: ``spec.target.dsnFrom`` as a Job's variables and files, and the DSN made of them.

A part is a variable. Certificates are files, in one mounted folder; their variables hold the files' names.
``socratasync run`` reads the same variables, where ``SOCRATASYNC_DSN`` is not set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from socratasync.api.dsn import Authorities, DsnFrom, PortPart, SecretPart, TextPart

DSN_FOLDER: Final = "/etc/socratasync/dsn"
"""Where a Job has the certificates."""

VARIABLE: Final = "SOCRATASYNC_DSN_"

_TEXTS: Final = ("host", "port", "user", "password", "dbname", "sslmode")
_FILES: Final = ("sslrootcert", "sslcert", "sslkey")


def write_parts(dsn: DsnFrom) -> Iterator[dict[str, Any]]:
    """``env`` of the worker's container: plain values, references, and the names of mounted files."""
    for name in _TEXTS:
        part: TextPart | PortPart | SecretPart | str | None = getattr(dsn, name)
        if isinstance(part, str):
            yield {"name": _variable(name), "value": part}
        elif part is not None and (reference := part.secret_key_ref):
            source = {"name": reference.name, "key": reference.key}
            yield {"name": _variable(name), "valueFrom": {"secretKeyRef": source}}
        elif isinstance(part, TextPart | PortPart):
            yield {"name": _variable(name), "value": str(part.value)}
    for name in _FILES:
        if getattr(dsn, name):
            yield {"name": _variable(name), "value": f"{DSN_FOLDER}/{name}"}


def certificate_sources(dsn: DsnFrom) -> list[dict[str, Any]]:
    """``sources`` of the projected volume that has the certificates; none if there are none to mount."""
    return [_source(part, name) for name in _FILES if (part := getattr(dsn, name))]


def authorities_source(authorities: Authorities, name: str) -> dict[str, Any]:
    """A source of a projected volume that has the authorities in a file of that name."""
    return _source(authorities, name)


def _source(part: Authorities | SecretPart, name: str) -> dict[str, Any]:
    kind, reference = "secret", part.secret_key_ref
    if isinstance(part, Authorities) and part.config_map_key_ref:
        kind, reference = "configMap", part.config_map_key_ref  # type: ignore[assignment]
    assert reference is not None, "a rule of the manifest"
    return {kind: {"name": reference.name, "items": [{"key": reference.key, "path": name}]}}


def read_parts(environ: Mapping[str, str]) -> str | None:
    """The DSN that the variables make, as libpq's keywords; None if none of them is set. What is wrong with it is
    told where it is used. Blanks may be part of a password; the line's end of a secret file is not."""
    given = {name: environ.get(_variable(name), "") for name in (*_TEXTS, *_FILES)}
    given = {
        name: text.strip("\r\n" if name == "password" else None) for name, text in given.items()
    }
    parts = [f"{name}={_quoted(text)}" for name, text in given.items() if text]
    return " ".join(parts) or None


def _variable(name: str) -> str:
    return VARIABLE + name.upper()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
